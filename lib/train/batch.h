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

/* How steps are computed. */
struct batch_options {
    int leaves, rows;           /* of the tree; tokens of one forward */
    bool recompute;             /* decoder_recompute */
    const struct products *products;
};

/* Room for steps over the data. Pointers are borrowed. */
struct batch *batch_new(const struct model *m, struct pool *pool, const struct data *d,
                        const struct batch_options *o);
void batch_free(struct batch *b);

/* Bytes of activations and scratch that a step over these examples will hold. */
size_t batch_bytes(struct batch *b, const size_t *examples, int n);

/* The gradient of the mean cross-entropy over all completion tokens of `n` examples: a block of what is
 * trained, borrowed until the next call. */
const real *batch_gradient(struct batch *b, const size_t *examples, int n, struct batch_stats *stats);

/* The loss alone. */
void batch_loss(struct batch *b, const size_t *examples, int n, struct batch_stats *stats);

#endif
