/* metrics — how high the true candidate of one case stands.
 *
 * Candidates are ranked by score, the greatest first; a candidate without a score (NaN) stands
 * below every number. Where others tie with the true candidate its rank is uniform over their
 * places, and each metric is its expectation over them: two that tie for the first place have a hit
 * of one half. */
#ifndef RANK_METRICS_H
#define RANK_METRICS_H

#include <stddef.h>

/* Hit rate: 1 if rank <= k. NDCG with one relevant item: 1 / log2(1 + rank) if rank <= k.
 * MRR: 1 / rank. */
struct metrics {
    double hr1, hr5, hr10, ndcg5, ndcg10, mrr;
};

/* Metrics of one case with scores[n], of which scores[target] is the true candidate's. */
void metrics_case(struct metrics *m, const double *scores, size_t n, size_t target);

/* Adds each of m to that of `sum`. */
void metrics_add(struct metrics *sum, const struct metrics *m);

#endif
