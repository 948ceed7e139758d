/* runs — several models' records of the same cases, read one after another and summed.
 *
 * The first run says which cases there are; every later one must have exactly these, drawn alike
 * (source.hash). Nothing but an identifier's fingerprint and a hit is kept of a case. */
#ifndef RANK_RUNS_H
#define RANK_RUNS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/ids.h"
#include "rank/metrics.h"
#include "rank/stats.h"

struct open_case;

struct run {
    const char *name, *file;        /* borrowed */
    size_t n, records;              /* cases; records, of which the form rate has one a candidate */
    bool has_scores, sampled, rate;
    struct metrics sum;             /* over the cases, if has_scores */
    struct stats ndcg5;
    size_t valid, right;            /* sampled: records whose text has an answer, the right one */
    float *hit;                     /* hr1 of each case by its index in ids; NULL once dropped */
    size_t hit_cap;
    struct open_case **open;        /* rate: cases with some of their candidates, by index */
    size_t open_cap;
};

/* Zero-initialise it but for `keep`. */
struct runs {
    bool keep;                      /* the hits of each case, for runs_pair */
    struct run *run;                /* [n] */
    size_t n, cap;
    struct ids ids;
    struct buf hash;                /* of the first record that has one; from where: */
    const char *hash_file;
    size_t hash_line;
};

/* Reads all records of a file, "-" is stdin, as one more run. Returns 0, or -1 with a sentence and
 * the line it is about, 0 if none. */
int runs_read(struct runs *rs, const char *name, const char *file, size_t *line, struct err *err);

/* The run of that name, or NULL. */
const struct run *runs_find(const struct runs *rs, const char *name);

struct paired {
    struct stats difference;        /* hr1 of a less that of b */
    size_t wins, losses;            /* cases that a ranks better at the first place, and worse */
};

/* Compares two runs with scores, case by case; needs `keep`. */
void runs_pair(struct paired *p, const struct runs *rs, const struct run *a, const struct run *b);

void runs_free(struct runs *rs);

#endif
