/* pairwise — vectors of users and items that put a user's known items above others: BPR (Rendle
 * et al. 2009, "BPR: Bayesian Personalized Ranking from Implicit Feedback") and, with layers,
 * LightGCN (He et al. 2020, "LightGCN: Simplifying and Powering Graph Convolution Network for
 * Recommendation"). Laws, order of work and defaults are those of RecBole 1.2.1. Private to
 * lib/rank.
 *
 * With x the table of vectors, users first, A the matrix of known events, D its row sums:
 *
 *     out  = (x + S x + ... + S^L x) / (L + 1)       S = D^-1/2 A D^-1/2, L layers; BPR: L = 0
 *     loss = mean of -log(1e-10 + sigmoid(out_u . (out_i - out_j)))
 *            + l2 / B (|x_u| + |x_i| + |x_j|)        norms over the B rows of each kind
 *
 * over a batch of known events (u, i), each with one item j that u is not known to have. */
#ifndef RANK_PAIRWISE_H
#define RANK_PAIRWISE_H

#include <stdint.h>

#include "base/pool.h"
#include "graph/split.h"
#include "tensor/real.h"

struct pairwise_options {
    int d, layers, batch;
    bool uniform;               /* law of the first vectors: Xavier's uniform or normal one */
    double learning_rate, l2;
    uint64_t seed;
};

struct pairwise_sample {
    int user, item, other;
};

struct pairwise {
    struct pairwise_options o;
    const struct graph *known;
    const bool *held;           /* [users], or NULL: of nobody */
    struct pool *pool;
    int users, items, rows;     /* rows = users + items */
    int *sorted;                /* [edges] items of each user in ascending order */
    size_t n;
    size_t *event;              /* [n] events to learn from */
    int *order;                 /* [n] */
    struct pairwise_sample *sample;     /* [batch] */
    real *pull;                 /* [batch] derivative of the loss by the difference of scores */
    int *begin, *entry;         /* [rows + 2], [3 batch]: uses of a row, 3 s + kind, in order */
    real *scale;                /* [rows] D^-1/2, 0 for an empty row */
    real *x, *m, *v, *grad;     /* [rows, d]: vectors, moments, gradient by `out` */
    real *work[2];              /* [rows, d] results of spread */
    const real *out, *inner;    /* x spread over L layers; the same sum over L - 1, not divided */
    long step, epoch;
};

/* Draws the first vectors. Split and pool are borrowed. Free it with pairwise_free. */
void pairwise_open(struct pairwise *p, const struct split *split, const struct pairwise_options *o,
                   struct pool *pool);
void pairwise_free(struct pairwise *p);

/* One pass over the events in a random order. out is not of the new x until pairwise_spread. */
void pairwise_epoch(struct pairwise *p);

/* Makes out and inner from x. */
void pairwise_spread(struct pairwise *p);

/* The loss of sample[B] and its gradient by x, [rows, d], borrowed until the next call. */
double pairwise_gradient(struct pairwise *p, int B, const real **dx);

#endif
