/* bootstrap — means over cases drawn again with replacement, the same draws for all runs (Efron and
 * Tibshirani, An Introduction to the Bootstrap, 1993). */
#ifndef RANK_BOOTSTRAP_H
#define RANK_BOOTSTRAP_H

#include <stdint.h>

#include "rank/runs.h"

struct bootstrap {
    size_t draws;               /* B */
    size_t kept;                /* metrics_kept */
    double *mean;               /* [runs, kept, B] */
};

/* All draws are of one sequence, (seed, "bootstrap"): as many of each as there are cases, which are
 * counted in the order of the first run. Needs rs->keep. Free it with bootstrap_free. */
void bootstrap_make(struct bootstrap *b, const struct runs *rs, size_t draws, uint64_t seed);
void bootstrap_free(struct bootstrap *b);

/* The means of number m of the kept metrics, and, unless `against` is NULL, less those of another
 * run, x[B]. */
void bootstrap_of(const struct bootstrap *b, const struct runs *rs, const struct run *run,
                  const struct run *against, size_t m, double *x);

/* The 2.5 % and 97.5 % percentiles of x[n], which is sorted by it, linear between neighbours. */
void bootstrap_interval(double *x, size_t n, double *lo, double *hi);

/* Two-sided p of the difference d of which x[n] are draws: (1 + draws with |x - d| >= |d|) / (1 +
 * n), the spread of the draws taken for that of a difference of 0. */
double bootstrap_p(const double *x, size_t n, double d);

#endif
