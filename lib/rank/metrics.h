/* metrics — how high the true candidate of one case stands.
 *
 * Candidates are ranked by score, the greatest first; a candidate without a score (NaN) stands
 * below every number, and the true candidate without one below all others: no answer earns nothing.
 * Where others tie with the true candidate its rank is uniform over their
 * places, and each metric is its expectation over them: two that tie for the first place have a hit
 * of one half. */
#ifndef RANK_METRICS_H
#define RANK_METRICS_H

#include <stddef.h>

#include "base/err.h"

enum { CUTS_MAX = 16 };

/* The k of HR@k and its kin, each once. */
struct cuts {
    size_t n, k[CUTS_MAX];
};

/* Reads "1,5,10". Returns 0 or -1. */
int cuts_parse(struct cuts *c, const char *text, struct err *err);

/* The greatest k. */
size_t cuts_max(const struct cuts *c);

/* A case's metrics are one row of numbers, NaN where one does not apply. Those of the first three
 * kinds come first: they are what may be kept of a case (metrics_kept). From NDCG on but for AUC
 * there is one for each cut. */
enum metric {
    HR1,            /* 1 if rank = 1 */
    MRR,            /* 1 / rank */
    NDCG,           /* 1 / log2(1 + rank) if rank <= k: one item is relevant */
    AUC,            /* share of the other candidates below the true one, half of those that tie */
    HR,             /* 1 if rank <= k */
    MAP,            /* 1 / rank if rank <= k: average precision with one relevant item */
    HR_FULL,        /* estimates of hr and ndcg over all items: rank/sampled */
    NDCG_FULL
};

/* The place of metric m at cut number i in a row; numbers in a row, and those that may be kept. */
size_t metrics_at(const struct cuts *c, enum metric m, size_t i);
size_t metrics_width(const struct cuts *c);
size_t metrics_kept(const struct cuts *c);

/* Ranks above+1 to above+tied of `of` are open to the true candidate. */
struct rank {
    size_t above, tied, of;
};

/* The rank among scores[n] of scores[target]. */
struct rank metrics_rank(const double *scores, size_t n, size_t target);

/* Fills row[metrics_width]. full: for each rank from 1 the estimates of hr at the cuts, then those
 * of ndcg; NULL: they do not apply. */
void metrics_row(double *row, const struct cuts *c, const struct rank *r, const double *full);

/* The two that need no cut. */
struct metrics {
    double hr1, mrr;
};

/* Those of one case with scores[n], of which scores[target] is the true candidate's. */
void metrics_case(struct metrics *m, const double *scores, size_t n, size_t target);

/* Adds each of m to that of `sum`. */
void metrics_add(struct metrics *sum, const struct metrics *m);

#endif
