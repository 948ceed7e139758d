/* places — one small entry a record, sorted by place and case. */
#include "rank/places.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "rank/stats.h"

struct place_hit {
    uint32_t place, base;
    float hr1;
};

static void widen(struct places *p, size_t n) {
    for (; p->width < n; p->width++) {
        p->picked = mem_grow(p->picked, p->width, &p->picked_cap, sizeof *p->picked);
        p->offered = mem_grow(p->offered, p->width, &p->offered_cap, sizeof *p->offered);
        p->picked[p->width] = 0;
        p->offered[p->width] = 0;
    }
}

void places_take(struct places *p, uint32_t base, const double *scores, size_t n, size_t target,
                 double hr1) {
    double best = NAN;
    size_t tied = 0;

    widen(p, n);
    p->hit = mem_grow(p->hit, p->n, &p->cap, sizeof *p->hit);
    p->hit[p->n++] = (struct place_hit){ (uint32_t)target, base, (float)hr1 };
    for (size_t k = 0; k < n; k++) best = fmax(best, scores[k]);
    for (size_t k = 0; k < n; k++) tied += scores[k] == best;
    for (size_t k = 0; k < n; k++) {
        p->offered[k]++;
        if (scores[k] == best) p->picked[k] += 1 / (double)tied;
    }
}

static int by_place(const void *a, const void *b) {
    const struct place_hit *x = a, *y = b;

    if (x->place != y->place) return x->place < y->place ? -1 : 1;
    return x->base < y->base ? -1 : x->base > y->base;
}

void places_end(struct places *p) {
    if (p->n) qsort(p->hit, p->n, sizeof *p->hit, by_place);
}

/* The first record at the place or behind it. */
static size_t first_at(const struct places *p, size_t place) {
    size_t lo = 0, hi = p->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (p->hit[mid].place < place) lo = mid + 1;
        else hi = mid;
    }
    return lo;
}

void places_at(const struct places *p, size_t place, size_t *n, double *hr1) {
    struct stats cases = { 0 };
    size_t i = first_at(p, place), end = first_at(p, place + 1);

    while (i < end) {
        struct stats one = { 0 };
        uint32_t base = p->hit[i].base;

        for (; i < end && p->hit[i].base == base; i++) stats_add(&one, p->hit[i].hr1);
        stats_add(&cases, stats_mean(&one));
    }
    *n = cases.n;
    *hr1 = stats_mean(&cases);
}

void places_free(struct places *p) {
    free(p->hit);
    free(p->picked);
    free(p->offered);
}
