/* tree — the gradient of a step as a sum over micro-shards by a fixed binary tree.
 *
 * The items of a step are dealt to leaves in order; each leaf's gradient is computed by itself, and leaves
 * are added pairwise, ((0+1)+(2+3)) + ((4+5)+(6+7)): the same bits, whoever computes them. */
#ifndef TRAIN_TREE_H
#define TRAIN_TREE_H

#include "base/pool.h"
#include "model/params.h"

enum { TREE_LEVELS = 4 };       /* blocks that live at a time in a tree of eight leaves */

struct tree {
    const struct params *p;     /* what is trained; borrowed, as is the pool */
    struct pool *pool;
    int leaves;                 /* 1, 2, 4 or 8 */
    real *grad[TREE_LEVELS];
    int n_grads;                /* blocks made so far */
};

/* Adds the gradient of items from .. to-1 to grad. */
typedef void tree_leaf(void *ctx, int from, int to, real *grad);

/* The gradient of n items: a block of what is trained, borrowed until the next call. */
const real *tree_run(struct tree *t, int n, tree_leaf *leaf, void *ctx);

/* The first of n items that leaf number `leaf` takes; of leaf + 1: the first that it does not. */
int tree_first(int n, int leaves, int leaf);

/* Blocks that a tree of so many leaves needs for n items. */
int tree_blocks(int leaves, int n);

void tree_free(struct tree *t);

#endif
