/* stats — how sure a mean over cases is, and whether two runs differ on the same cases. */
#ifndef RANK_STATS_H
#define RANK_STATS_H

#include <stddef.h>

/* The 0.975 quantile of the standard normal: every interval here is a two-sided 95 % one. */
#define STATS_Z95 1.959963984540054

/* Mean and spread of numbers that come one by one (Welford 1962). Zero-initialise it. */
struct stats {
    size_t n;
    double sum, squares;        /* squares: sum of (x - mean)^2 */
};

/* NaN is passed over. */
void stats_add(struct stats *s, double x);

/* NaN if there was no number. */
double stats_mean(const struct stats *s);

/* Normal interval of the mean, mean -+ z sd / sqrt(n) with the sample's sd (n - 1), cut to
 * [min, max]. NaN if n < 2. */
void stats_normal(const struct stats *s, double min, double max, double *lo, double *hi);

/* Wilson's score interval of a share p of n trials; n > 0. p n need not be whole. */
void stats_wilson(double p, size_t n, double *lo, double *hi);

/* A share of parts that come in groups, such as citations by record: the sums over the groups. Zero-initialise it. */
struct stats_ratio {
    double groups, hits, parts;
    double hh, hp, pp;          /* of hits^2, hits * parts, parts^2 */
};

void stats_ratio_add(struct stats_ratio *r, double hits, double parts);

/* The share, NaN without parts, and its interval: Wilson's, of as many single trials as say no less than these groups,
 * the share's binomial variance over the variance of a ratio of two sums (Cochran, Sampling Techniques, 1977, 6.4).
 * Where all or no parts hit, or there is one group, a group with parts is one trial. */
double stats_ratio_share(const struct stats_ratio *r, double *lo, double *hi);

/* Exact McNemar test: the two-sided p of a fair coin that fell `wins` times on one side and
 * `losses` times on the other. 1 if it was never thrown. */
double stats_mcnemar(size_t wins, size_t losses);

/* Exact binomial test: the probability of all counts of n trials that are no likelier than `hits`,
 * where a trial hits with probability p > 0. */
double stats_binomial(size_t hits, size_t n, double p);

/* Holm's correction (1979) of n tests: out[i] is the greatest, over the p up to p[i] in their
 * order, of p times the number of those from it on, at most 1. */
void stats_holm(double *out, const double *p, size_t n);

#endif
