/* metrics — expectations over the places that a tie leaves open. */
#include "rank/metrics.h"

#include <math.h>
#include <stdbool.h>

/* Sums a rank's metrics, each weighted by w. */
static void add_rank(struct metrics *m, size_t rank, double w) {
    double gain = w / log2(1 + (double)rank);

    m->mrr += w / (double)rank;
    if (rank <= 10) {
        m->hr10 += w;
        m->ndcg10 += gain;
    }
    if (rank <= 5) {
        m->hr5 += w;
        m->ndcg5 += gain;
    }
    if (rank == 1) m->hr1 += w;
}

void metrics_case(struct metrics *m, const double *scores, size_t n, size_t target) {
    double truth = scores[target];
    size_t above = 0, tied = 0;         /* tied: the target among them */

    for (size_t k = 0; k < n; k++) {
        bool equal = scores[k] == truth || (isnan(scores[k]) && isnan(truth));

        tied += equal;
        above += !equal && !isnan(scores[k]) && (isnan(truth) || scores[k] > truth);
    }
    *m = (struct metrics){ 0 };
    for (size_t k = 1; k <= tied; k++) add_rank(m, above + k, 1 / (double)tied);
}

void metrics_add(struct metrics *sum, const struct metrics *m) {
    sum->hr1 += m->hr1;
    sum->hr5 += m->hr5;
    sum->hr10 += m->hr10;
    sum->ndcg5 += m->ndcg5;
    sum->ndcg10 += m->ndcg10;
    sum->mrr += m->mrr;
}
