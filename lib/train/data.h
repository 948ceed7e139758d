/* data — tokenized examples in a file that is mapped: the spool of a run.
 *
 * A spool is written once while records are read, complete or absent, and lives in the run's folder. Its
 * hash tells whether the records of a later call are the same. */
#ifndef TRAIN_DATA_H
#define TRAIN_DATA_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "io/jsonl.h"
#include "text/bpe.h"
#include "text/chat.h"

/* Example i: tokens id[at[i]] .. id[at[i+1]-1]; those from start[i] on (counted within the example) are
 * to be learned. */
struct data {
    size_t n;
    const uint64_t *at;         /* [n+1] */
    const uint32_t *start;      /* [n] */
    const int32_t *id;
    uint64_t hash;
    void *map;                  /* private */
    size_t bytes;
};

/* What turns records into examples. */
struct data_reader {
    struct bpe *bpe;
    const struct chat *chat;
    long max_tokens;            /* longer examples are left out */
    long vocab;                 /* of the model: a token beyond it is an error */
    size_t skipped;             /* examples left out */
};

/* Tokenizes all records and writes them to the spool `path`; where that exists already, only compares:
 * other records are an error. A record is {"prompt","completion"}, as messages or strings, or
 * {"messages"}, the last of which is the completion. Returns 0 or -1. */
int data_spool(struct data_reader *r, struct jsonl *in, const char *path, struct err *err);

/* Maps a spool and checks it: sizes, hash, and that each token is one of the model's `vocab`. Returns 0 or
 * -1; data_close. */
int data_open(struct data *d, const char *path, long vocab, struct err *err);
void data_close(struct data *d);

/* The example at place i of the endless sequence that runs through all examples, in another order in
 * each epoch. `order` holds the permutation of *epoch (-1: none yet), n long, and is kept up to date. */
size_t data_example(const struct data *d, uint64_t seed, uint64_t i, int *order, long *epoch);

#endif
