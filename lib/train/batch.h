/* batch — the gradient of one optimizer step over examples: packed without padding, the loss on
 * completions only, summed by a fixed tree (train/tree.h). */
#ifndef TRAIN_BATCH_H
#define TRAIN_BATCH_H

#include "base/pool.h"
#include "model/decoder.h"
#include "train/data.h"

/* Sums over the completion tokens of a step. */
struct batch_stats {
    double loss;                /* summed -log p */
    double entropy;             /* summed */
    double hits;                /* tokens that were the most probable one */
    double targets, tokens;     /* completion tokens; all tokens */
};

struct batch;

/* Room for steps over the data; `leaves` is that of the tree, and rows the tokens of one forward. Pointers are
 * borrowed. */
struct batch *batch_new(const struct model *m, struct pool *pool, const struct data *d, int leaves, int rows);
void batch_free(struct batch *b);

/* The gradient of the mean cross-entropy over all completion tokens of `n` examples: a block of the model,
 * borrowed until the next call. */
const real *batch_gradient(struct batch *b, const size_t *examples, int n, struct batch_stats *stats);

/* The loss alone. */
void batch_loss(struct batch *b, const size_t *examples, int n, struct batch_stats *stats);

#endif
