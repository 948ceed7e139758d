/* sampled — what a rank among few drawn candidates says about the rank among all items: the
 * bias-variance estimator of Krichene and Rendle (On Sampled Metrics for Item Recommendation, KDD
 * 2020).
 *
 * A true rank r among N items leaves the rank j + 1 among n candidates, 1 target and n - 1 items
 * drawn without replacement, with the hypergeometric probability P(j|r). The estimate m[j] of a
 * metric M(r) minimises, over r that are equally likely, the squared bias plus SAMPLED_GAMMA times
 * the variance: with A the square root of 1/N times P and c[j] the mean of P(j|r), m = ((1 - gamma)
 * A'A + gamma diag(c))^-1 A' sqrt(1/N) M. */
#ifndef RANK_SAMPLED_H
#define RANK_SAMPLED_H

#include <stddef.h>

#include "rank/metrics.h"

#define SAMPLED_GAMMA 0.01
#define SAMPLED_MAX 2000        /* the equations have a square of n */

/* Tables by (N, n), each made once. Zero-initialise it. */
struct sampled {
    struct sampled_table *table;    /* [n] */
    size_t n, cap;
};

/* For each rank from 1 to n, the estimates of hr at the cuts, then those of ndcg. Borrowed until
 * the next call. NULL where `items` <= n, and beyond SAMPLED_MAX candidates. */
const double *sampled_gains(struct sampled *s, const struct cuts *cuts, size_t items, size_t n);

void sampled_free(struct sampled *s);

#endif
