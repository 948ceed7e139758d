/* bootstrap — one pass over all runs for each draw. */
#include "rank/bootstrap.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"

static void add_case(double *sum, const struct runs *rs, size_t kept, size_t i) {
    for (size_t r = 0; r < rs->n; r++)
        for (size_t m = 0; m < kept; m++) sum[r * kept + m] += rs->run[r].kept[i * kept + m];
}

void bootstrap_make(struct bootstrap *b, const struct runs *rs, size_t draws, uint64_t seed) {
    size_t cases = runs_cases(rs), kept = metrics_kept(&rs->cuts), rows = rs->n * kept;
    double *sum = mem_alloc(rows, sizeof *sum);
    struct rng r = rng_start(seed, "bootstrap", NULL);

    *b = (struct bootstrap){ .draws = draws, .kept = kept };
    b->mean = mem_alloc(rows * draws, sizeof *b->mean);
    for (size_t d = 0; d < draws; d++) {
        for (size_t k = 0; k < rows; k++) sum[k] = 0;
        for (size_t i = 0; i < cases; i++) add_case(sum, rs, kept, (size_t)rng_below(&r, cases));
        for (size_t k = 0; k < rows; k++) b->mean[k * draws + d] = sum[k] / (double)cases;
    }
    free(sum);
}

void bootstrap_of(const struct bootstrap *b, const struct runs *rs, const struct run *run,
                  const struct run *against, size_t m, double *x) {
    const double *mean = &b->mean[((size_t)(run - rs->run) * b->kept + m) * b->draws], *less = NULL;

    if (against) less = &b->mean[((size_t)(against - rs->run) * b->kept + m) * b->draws];
    for (size_t d = 0; d < b->draws; d++) x[d] = mean[d] - (less ? less[d] : 0);
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double percentile(const double *x, size_t n, double share) {
    double at = share * (double)(n - 1);
    size_t i = (size_t)at;

    return i + 1 < n ? x[i] + (at - (double)i) * (x[i + 1] - x[i]) : x[i];
}

void bootstrap_interval(double *x, size_t n, double *lo, double *hi) {
    qsort(x, n, sizeof *x, ascending);
    *lo = percentile(x, n, 0.025);
    *hi = percentile(x, n, 0.975);
}

/* What differs by rounding is equal. */
double bootstrap_p(const double *x, size_t n, double d) {
    size_t beyond = 0;

    for (size_t i = 0; i < n; i++) beyond += fabs(x[i] - d) >= fabs(d) - 1e-7;
    return (double)(1 + beyond) / (double)(1 + n);
}

void bootstrap_free(struct bootstrap *b) {
    free(b->mean);
}
