/* stats — intervals and the paired test. */
#include "rank/stats.h"

#include <math.h>

void stats_add(struct stats *s, double x) {
    double d = x - s->mean;

    s->mean += d / (double)++s->n;
    s->squares += d * (x - s->mean);
}

void stats_normal(const struct stats *s, double min, double max, double *lo, double *hi) {
    double n = (double)s->n, half = s->n < 2 ? NAN : STATS_Z95 * sqrt(s->squares / (n - 1) / n);

    *lo = isnan(half) ? NAN : fmax(min, s->mean - half);
    *hi = isnan(half) ? NAN : fmin(max, s->mean + half);
}

/* Wilson 1927: the p' whose score test does not reject p, |p - p'| <= z sqrt(p' (1 - p') / n). */
void stats_wilson(double p, size_t n, double *lo, double *hi) {
    double N = (double)n, zz = STATS_Z95 * STATS_Z95 / N;
    double centre = (p + zz / 2) / (1 + zz);
    double half = STATS_Z95 * sqrt(fmax(0, p * (1 - p)) / N + zz / (4 * N)) / (1 + zz);

    *lo = p <= 0 ? 0 : fmax(0, centre - half);      /* the ends are exact, not off by rounding */
    *hi = p >= 1 ? 1 : fmin(1, centre + half);
}

/* 2 P(X <= less), X binomial (n, 1/2): from its largest term, C(n, less) / 2^n, downwards; each
 * term is the one above times k / (n - k + 1). */
double stats_mcnemar(size_t wins, size_t losses) {
    double less = (double)(wins < losses ? wins : losses), n = (double)wins + (double)losses;
    double choose = lgamma(n + 1) - lgamma(less + 1) - lgamma(n - less + 1);
    double term = exp(choose - n * log(2)), sum = term;

    for (double k = less; k > 0 && term > 1e-18 * sum; k--) {
        term *= k / (n - k + 1);
        sum += term;
    }
    return fmin(1, 2 * sum);
}
