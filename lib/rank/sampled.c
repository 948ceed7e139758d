/* sampled — the normal equations of the estimator, summed rank by rank, by Cholesky. */
#include "rank/sampled.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

struct sampled_table {
    size_t items, n;
    double *gain;               /* [n, 2 cuts] */
};

/* P(j|r) for `above` of `others` items above the target and n - 1 draws: fills p[*lo .. *hi-1],
 * outside of which it is below 1e-20 of the greatest; from the mode both ways, each term by the one
 * before. */
static void hypergeometric(double *p, size_t others, size_t above, size_t draws, size_t *lo,
                           size_t *hi) {
    double N = (double)others, K = (double)above, n = (double)draws, sum = 0;
    size_t least = draws + above > others ? draws + above - others : 0;
    size_t most = above < draws ? above : draws;
    size_t mode = (size_t)((n + 1) * (K + 1) / (N + 2));

    mode = mode < least ? least : mode > most ? most : mode;
    p[mode] = 1;
    for (*lo = mode; *lo > least && p[*lo] > 1e-20; --*lo) {
        double j = (double)*lo;

        p[*lo - 1] = p[*lo] * j * (N - K - n + j) / ((K - j + 1) * (n - j + 1));
    }
    for (*hi = mode; *hi < most && p[*hi] > 1e-20; ++*hi) {
        double j = (double)*hi + 1;

        p[*hi + 1] = p[*hi] * (K - j + 1) * (n - j + 1) / (j * (N - K - n + j));
    }
    ++*hi;
    for (size_t j = *lo; j < *hi; j++) sum += p[j];
    for (size_t j = *lo; j < *hi; j++) p[j] /= sum;
}

/* Solves a x = b for each of the `columns` of b[n, columns], in place; a[n,n], of which the lower
 * half is read, is positive definite and becomes its factor. */
static void solve(double *a, double *b, size_t n, size_t columns) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            double x = a[i * n + j];

            for (size_t k = 0; k < j; k++) x -= a[i * n + k] * a[j * n + k];
            a[i * n + j] = i == j ? sqrt(x) : x / a[j * n + j];
        }
    for (size_t c = 0; c < columns; c++) {
        for (size_t i = 0; i < n; i++) {
            for (size_t k = 0; k < i; k++) b[i * columns + c] -= a[i * n + k] * b[k * columns + c];
            b[i * columns + c] /= a[i * n + i];
        }
        for (size_t i = n; i-- > 0;) {
            for (size_t k = i + 1; k < n; k++)
                b[i * columns + c] -= a[k * n + i] * b[k * columns + c];
            b[i * columns + c] /= a[i * n + i];
        }
    }
}

/* Adds true rank r to both sides: p is P(j|r), of weight 1/N. */
static void add_rank(double *a, double *b, const double *p, size_t lo, size_t hi, size_t n,
                     size_t r, double weight, const struct cuts *cuts) {
    for (size_t i = lo; i < hi; i++) {
        for (size_t j = lo; j <= i; j++) a[i * n + j] += (1 - SAMPLED_GAMMA) * weight * p[i] * p[j];
        a[i * n + i] += SAMPLED_GAMMA * weight * p[i];
        for (size_t k = 0; k < cuts->n; k++) {
            if (r > cuts->k[k]) continue;
            b[2 * cuts->n * i + k] += weight * p[i];
            b[2 * cuts->n * i + cuts->n + k] += weight * p[i] / log2(1 + (double)r);
        }
    }
}

static double *make_gains(size_t items, size_t n, const struct cuts *cuts) {
    double *a = mem_calloc(n * n, sizeof *a), *b = mem_calloc(n * 2 * cuts->n, sizeof *b);
    double *p = mem_alloc(n, sizeof *p);
    size_t lo, hi;

    for (size_t r = 1; r <= items; r++) {
        hypergeometric(p, items - 1, r - 1, n - 1, &lo, &hi);
        add_rank(a, b, p, lo, hi, n, r, 1 / (double)items, cuts);
    }
    solve(a, b, n, 2 * cuts->n);
    free(a);
    free(p);
    return b;
}

const double *sampled_gains(struct sampled *s, const struct cuts *cuts, size_t items, size_t n) {
    size_t i = 0;

    if (items <= n || n > SAMPLED_MAX) return NULL;
    while (i < s->n && (s->table[i].items != items || s->table[i].n != n)) i++;
    if (i == s->n) {
        s->table = mem_grow(s->table, s->n, &s->cap, sizeof *s->table);
        s->table[s->n++] = (struct sampled_table){ items, n, make_gains(items, n, cuts) };
    }
    return s->table[i].gain;
}

void sampled_free(struct sampled *s) {
    for (size_t i = 0; i < s->n; i++) free(s->table[i].gain);
    free(s->table);
}
