/* tree — depth first, so that one block a level is enough. */
#include "train/tree.h"

#include <stdlib.h>

#include "train/adamw.h"

struct job {
    struct tree *t;
    int n;
    tree_leaf *leaf;
    void *ctx;
};

int tree_first(int n, int leaves, int leaf) {
    return (int)((long)n * leaf / leaves);
}

/* The gradient of leaves first .. first+leaves-1 into block `level`; deeper levels are scratch. */
static void run(const struct job *j, int first, int leaves, int level) {
    struct tree *t = j->t;
    int from = tree_first(j->n, t->leaves, first), to = tree_first(j->n, t->leaves, first + 1);

    if (level == t->n_grads) t->grad[t->n_grads++] = params_block(t->p);
    if (leaves > 1) {
        run(j, first, leaves / 2, level);
        run(j, first + leaves / 2, leaves / 2, level + 1);
        grad_add(t->grad[level], t->grad[level + 1], t->p->n_block, t->pool);
        return;
    }
    grad_zero(t->grad[level], t->p->n_block, t->pool);
    if (from < to) j->leaf(j->ctx, from, to, t->grad[level]);
}

const real *tree_run(struct tree *t, int n, tree_leaf *leaf, void *ctx) {
    struct job j = { t, n, leaf, ctx };

    run(&j, 0, t->leaves, 0);
    return t->grad[0];
}

int tree_blocks(int leaves) {
    int blocks = 1;

    for (; leaves > 1; leaves /= 2) blocks++;
    return blocks;
}

void tree_free(struct tree *t) {
    for (int i = 0; i < t->n_grads; i++) free(t->grad[i]);
    t->n_grads = 0;
}
