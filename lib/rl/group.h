/* group — sample groups of completions: the prompt is read once, its branches are decoded together with
 * those of the other prompts of the block. */
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

/* Adds "model" and "samples" to each of n prompt records. A sample depends on the seed, the record's id
 * (its prompt, if it has none) and its number in the group, not on its neighbours. Returns n, or fewer
 * where that record is bad: those in front of it are done. */
int sampler_run(struct sampler *s, json_t *const *recs, int n, struct err *err);

#endif
