/* tree — depth first, so that one block a level is enough. */
#include "train/tree.h"

#include <stdbool.h>
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

/* Where leaves first .. first+leaves-1 begin, are halved, and end. */
struct span {
    int from, half, to;
};

static struct span span_of(int n, int of, int first, int leaves) {
    return (struct span){ tree_first(n, of, first), tree_first(n, of, first + leaves / 2),
                          tree_first(n, of, first + leaves) };
}

/* The gradient of leaves first .. first+leaves-1 into block `level`; deeper levels are scratch. Leaves without
 * items are left out. */
static void run(const struct job *j, int first, int leaves, int level) {
    struct tree *t = j->t;
    struct span s = span_of(j->n, t->leaves, first, leaves);
    bool left = s.from < s.half, right = s.half < s.to;

    if (leaves == 1) {
        if (level == t->n_grads) t->grad[t->n_grads++] = params_block(t->p);
        grad_zero(t->grad[level], t->p->n_block, t->pool);
        if (s.from < s.to) j->leaf(j->ctx, s.from, s.to, t->grad[level]);
        return;
    }
    if (left) run(j, first, leaves / 2, level);
    if (left && !right) return;
    run(j, first + leaves / 2, leaves / 2, level + left);
    if (left) grad_add(t->grad[level], t->grad[level + 1], t->p->n_block, t->pool);
}

const real *tree_run(struct tree *t, int n, tree_leaf *leaf, void *ctx) {
    struct job j = { t, n, leaf, ctx };

    run(&j, 0, t->leaves, 0);
    return t->grad[0];
}

static int blocks(int n, int of, int first, int leaves) {
    struct span s = span_of(n, of, first, leaves);
    int left, right;

    if (leaves == 1) return 1;
    left = s.from < s.half ? blocks(n, of, first, leaves / 2) : 0;
    right = s.half < s.to || !left ? blocks(n, of, first + leaves / 2, leaves / 2) + (left > 0) : 0;
    return left > right ? left : right;
}

int tree_blocks(int leaves, int n) {
    return blocks(n, leaves, 0, leaves);
}

void tree_free(struct tree *t) {
    for (int i = 0; i < t->n_grads; i++) free(t->grad[i]);
    t->n_grads = 0;
}
