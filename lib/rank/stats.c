/* stats — intervals, exact tests, and their correction when there are several. */
#include "rank/stats.h"

#include <math.h>

void stats_add(struct stats *s, double x) {
    double before;

    if (isnan(x)) return;
    before = s->n ? s->sum / (double)s->n : 0;
    s->sum += x;
    s->squares += (x - before) * (x - s->sum / (double)++s->n);
}

double stats_mean(const struct stats *s) {
    return s->n ? s->sum / (double)s->n : NAN;
}

void stats_normal(const struct stats *s, double min, double max, double *lo, double *hi) {
    double n = (double)s->n, half = s->n < 2 ? NAN : STATS_Z95 * sqrt(s->squares / (n - 1) / n);

    *lo = isnan(half) ? NAN : fmax(min, stats_mean(s) - half);
    *hi = isnan(half) ? NAN : fmin(max, stats_mean(s) + half);
}

/* Wilson 1927: the p' whose score test does not reject p, |p - p'| <= z sqrt(p' (1 - p') / n). */
void stats_wilson(double p, size_t n, double *lo, double *hi) {
    double N = (double)n, zz = STATS_Z95 * STATS_Z95 / N;
    double centre = (p + zz / 2) / (1 + zz);
    double half = STATS_Z95 * sqrt(fmax(0, p * (1 - p)) / N + zz / (4 * N)) / (1 + zz);

    *lo = p <= 0 ? 0 : fmax(0, centre - half);      /* the ends are exact, not off by rounding */
    *hi = p >= 1 ? 1 : fmin(1, centre + half);
}

void stats_ratio_add(struct stats_ratio *r, double hits, double parts) {
    r->groups += parts > 0;
    r->hits += hits;
    r->parts += parts;
    r->hh += hits * hits;
    r->hp += hits * parts;
    r->pp += parts * parts;
}

double stats_ratio_share(const struct stats_ratio *r, double *lo, double *hi) {
    double n = r->groups, p = r->hits / r->parts;
    double variance = (r->hh - 2 * p * r->hp + p * p * r->pp) * n / (n - 1) / (r->parts * r->parts);
    double trials = n > 1 && p > 0 && p < 1 ? fmin(p * (1 - p) / variance, r->parts) : n;

    *lo = *hi = NAN;
    if (r->parts > 0) stats_wilson(p, (size_t)fmax(1, trials), lo, hi);
    return p;
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

static double log_binomial(double k, double n, double p) {
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(p) + (n - k) * log1p(-p);
}

/* As scipy's binomtest has it, counts whose probability is above by rounding are alike. */
double stats_binomial(size_t hits, size_t n, double p) {
    double limit = log_binomial((double)hits, (double)n, p) + 1e-7, sum = 0;

    if (p >= 1) return hits == n;
    for (size_t k = 0; k <= n; k++) {
        double term = log_binomial((double)k, (double)n, p);

        if (term <= limit) sum += exp(term);
    }
    return fmin(1, sum);
}

/* How many of p[n] come before number i in their order. */
static size_t place(const double *p, size_t n, size_t i) {
    size_t before = 0;

    for (size_t k = 0; k < n; k++) before += p[k] < p[i] || (p[k] == p[i] && k < i);
    return before;
}

void stats_holm(double *out, const double *p, size_t n) {
    for (size_t i = 0; i < n; i++) {
        size_t end = place(p, n, i);

        out[i] = 0;
        for (size_t k = 0; k < n; k++) {
            size_t before = place(p, n, k);

            if (before <= end) out[i] = fmax(out[i], fmin(1, (double)(n - before) * p[k]));
        }
    }
}
