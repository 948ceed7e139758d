/* stats — how sure a mean over cases is, and whether two runs differ on the same cases. */
#ifndef RANK_STATS_H
#define RANK_STATS_H

#include <stddef.h>

/* The 0.975 quantile of the standard normal: every interval here is a two-sided 95 % one. */
#define STATS_Z95 1.959963984540054

/* Mean and spread of numbers that come one by one (Welford 1962). Zero-initialise it. */
struct stats {
    size_t n;
    double mean, squares;       /* squares: sum of (x - mean)^2 */
};

void stats_add(struct stats *s, double x);

/* Normal interval of the mean, mean -+ z sd / sqrt(n) with the sample's sd (n - 1), cut to
 * [min, max]. NaN if n < 2. */
void stats_normal(const struct stats *s, double min, double max, double *lo, double *hi);

/* Wilson's score interval of a share p of n trials; n > 0. p n need not be whole. */
void stats_wilson(double p, size_t n, double *lo, double *hi);

/* Exact McNemar test: the two-sided p of a fair coin that fell `wins` times on one side and
 * `losses` times on the other. 1 if it was never thrown. */
double stats_mcnemar(size_t wins, size_t losses);

#endif
