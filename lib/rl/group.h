/* group — sample groups of completions: a prompt is read once, what it shares with the beginning of the one
 * before it not at all, and its branches are decoded together with those of other prompts. */
#ifndef RL_GROUP_H
#define RL_GROUP_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cli.h"
#include "base/err.h"
#include "base/pool.h"
#include "model/sample.h"
#include "tensor/packed.h"

struct group_options {
    long samples;               /* completions of a prompt */
    long limit;                 /* tokens of a completion */
    long batch;                 /* sequences decoded at a time */
    bool no_scores;
    int weights;                /* enum packed_type */
    struct sample_options sampling;
    struct cli_list stops;      /* texts, none empty */
    struct cli_list stop_tokens;        /* ids or spellings */
    uint64_t seed;              /* of records without one */
};

/* A model with its tokenizer and cache. */
struct sampler;

/* Loads the model directory (or the last step of a run directory). NULL on failure, with a sentence.
 * Options and pool are borrowed. */
struct sampler *sampler_new(const char *dir, const struct group_options *o, struct pool *pool,
                            struct err *err);
void sampler_free(struct sampler *s);

/* Prompt records go in and come out in the same order, with "model" and "samples". A sample depends on the
 * seed, the record's id (its prompt, if it has none) and its number in the group, not on its neighbours.
 *
 *   while (more || busy) { while (more && sampler_wants(s)) sampler_add(...);  busy = sampler_step(s);
 *                          while ((rec = sampler_next(s))) ...; } */

/* Whether another record is needed to keep `batch` sequences busy. Not so while one slow group holds up many. */
bool sampler_wants(const struct sampler *s);

/* Takes the record over. 0, or -1 if it is bad; those before it are not touched. Only if one is wanted. */
int sampler_add(struct sampler *s, json_t *rec, struct err *err);

/* One round: prompts that are new are read, and each sequence reads a token. False: nothing was to do. */
bool sampler_step(struct sampler *s);

/* The next record, the caller's, if it is finished; else NULL. */
json_t *sampler_next(struct sampler *s);

#endif
