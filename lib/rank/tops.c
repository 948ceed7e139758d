/* tops — counts per item and cut. */
#include "rank/tops.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

int catalogue_take(struct catalogue *c, const struct scored *s, struct err *err) {
    c->records++;
    for (size_t k = 0; k < s->n; k++) {
        size_t known = c->items.n, item = ids_enter(&c->items, s->item[k]);

        c->seen = mem_grow(c->seen, item, &c->cap, sizeof *c->seen);
        if (item == known) c->seen[item] = 0;
        if (c->seen[item] == c->records)
            return err_set(err, "candidate %zu is an item that an earlier one is, too", k);
        c->seen[item] = c->records;
        c->of = mem_grow(c->of, k, &c->of_cap, sizeof *c->of);
        c->of[k] = item;
    }
    return 0;
}

void catalogue_free(struct catalogue *c) {
    ids_free(&c->items);
    free(c->seen);
    free(c->of);
}

/* Leaves the best candidates in l->top. Returns how many, at most max. */
static size_t find_top(struct tops *l, const double *scores, size_t n, size_t max) {
    size_t found = 0;

    for (size_t k = 0; k < n; k++) {
        size_t at = found;

        if (isnan(scores[k])) continue;
        while (at > 0 && scores[k] > scores[l->top[at - 1]]) at--;
        if (at == max) continue;
        if (found < max) found++;
        for (size_t i = found - 1; i > at; i--) l->top[i] = l->top[i - 1];
        l->top[at] = k;
    }
    return found;
}

static void make_room(struct tops *l, size_t items, const struct cuts *cuts) {
    size_t rows = l->rows;

    if (!l->top) l->top = mem_alloc(cuts_max(cuts), sizeof *l->top);
    if (items <= rows) return;
    l->rows = 2 * items;
    l->count = mem_realloc(l->count, l->rows * cuts->n, sizeof *l->count);
    for (size_t i = rows * cuts->n; i < l->rows * cuts->n; i++) l->count[i] = 0;
}

size_t tops_take(struct tops *l, const struct catalogue *c, const struct cuts *cuts,
                  const double *scores, const double *bits, size_t n, size_t of) {
    size_t found, best = SIZE_MAX;

    make_room(l, c->items.n, cuts);
    found = find_top(l, scores, n, cuts_max(cuts));
    for (size_t i = 0; i < cuts->n; i++) {
        l->cut_short[i] = l->cut_short[i] || (n < cuts->k[i] && n < of);
        for (size_t k = 0; k < found && k < cuts->k[i]; k++) {
            l->count[c->of[l->top[k]] * cuts->n + i]++;
            l->entries[i]++;
            if (bits) l->novelty[i] += bits[l->top[k]];
        }
    }
    for (size_t k = 0; found && k < n; k++)
        if (scores[k] == scores[l->top[0]] && c->of[k] < best) best = c->of[k];
    return best;
}

static int ascending(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

/* The counts at cut i that are not 0, in ascending order; free() them. */
static uint32_t *counts(const struct tops *l, const struct cuts *cuts, size_t i, size_t *n) {
    uint32_t *list = mem_alloc(l->rows, sizeof *list);

    *n = 0;
    for (size_t item = 0; item < l->rows; item++)
        if (l->count[item * cuts->n + i]) list[(*n)++] = l->count[item * cuts->n + i];
    qsort(list, *n, sizeof *list, ascending);
    return list;
}

double tops_coverage(const struct tops *l, const struct cuts *cuts, size_t i, size_t items) {
    size_t n;

    free(counts(l, cuts, i, &n));
    return n && !l->cut_short[i] ? (double)n / (double)items : NAN;
}

/* Sum over the items, the r-th rarest of which has count P(r), of (2 r - items - 1) P(r), over
 * items times the sum of P. */
double tops_gini(const struct tops *l, const struct cuts *cuts, size_t i, size_t items) {
    size_t n;
    uint32_t *list = counts(l, cuts, i, &n);
    double sum = 0;

    for (size_t k = 0; k < n; k++)
        sum += (2 * (double)(items - n + k + 1) - (double)items - 1) * list[k];
    free(list);
    return n && !l->cut_short[i] ? sum / l->entries[i] / (double)items : NAN;
}

double tops_novelty(const struct tops *l, size_t i) {
    return l->entries[i] > 0 && !l->cut_short[i] ? l->novelty[i] / l->entries[i] : NAN;
}

void tops_free(struct tops *l) {
    free(l->count);
    free(l->top);
}
