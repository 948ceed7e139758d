/* itemknn, markov — the user's items vote for the items that occur with them, through counts of pairs. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "rank/family.h"
#include "rank/pairs.h"

struct votes {
    const struct baseline_options *o;
    struct pairs pairs;
    int *counts;                /* [items] column of one candidate, zero between uses */
    int items;
};

static void *make_itemknn(const struct baseline_options *o, struct pool *pool) {
    struct votes *v = mem_calloc(1, sizeof *v);

    v->o = o;
    pairs_open(&v->pairs, 0, pool);
    return v;
}

static void *make_markov(const struct baseline_options *o, struct pool *pool) {
    struct votes *v = make_itemknn(o, pool);

    v->pairs.steps = o->steps;
    return v;
}

static void drop(void *state) {
    struct votes *v = state;

    pairs_free(&v->pairs);
    free(v->counts);
    free(v);
}

/* Gets ready for the case; returns the user's items. */
static struct owned *prepare(struct votes *v, const struct rec_case *c) {
    pairs_prepare(&v->pairs, c);
    if (v->items != v->pairs.items) {
        free(v->counts);
        v->items = v->pairs.items;
        v->counts = mem_calloc((size_t)v->items, sizeof *v->counts);
    }
    return family_items(c, v->o->recency);
}

static int score_markov(void *state, const struct rec_case *c, const json_t *rec, double *scores,
                        struct err *err) {
    struct votes *v = state;
    struct owned *own = prepare(v, c);

    (void)rec, (void)err;
    for (int k = 0; k < c->n; k++) {
        scores[k] = 0;
        pairs_add(&v->pairs, c, c->candidates[k], 1, v->counts);
        for (size_t r = 0; r < c->history; r++) scores[k] += own[r].weight * v->counts[own[r].item];
        pairs_add(&v->pairs, c, c->candidates[k], -1, v->counts);
    }
    free(own);
    return 0;
}

/* sizes[r]: known events on the user's item r. */
static double cosines(const struct votes *v, const struct rec_case *c, int item,
                      const struct owned *own, const double *sizes) {
    double size = (double)case_item_count(c, item), sum = 0;

    for (size_t r = 0; r < c->history; r++) {
        int both = v->counts[own[r].item];

        if (both) sum += own[r].weight * both / (sqrt(sizes[r] * size) + v->o->shrink);
    }
    return sum;
}

static int score_itemknn(void *state, const struct rec_case *c, const json_t *rec, double *scores,
                         struct err *err) {
    struct votes *v = state;
    struct owned *own = prepare(v, c);
    double *sizes = mem_alloc(c->history, sizeof *sizes);

    (void)rec, (void)err;
    for (size_t r = 0; r < c->history; r++) sizes[r] = (double)case_item_count(c, own[r].item);
    for (int k = 0; k < c->n; k++) {
        pairs_add(&v->pairs, c, c->candidates[k], 1, v->counts);
        scores[k] = cosines(v, c, c->candidates[k], own, sizes);
        pairs_add(&v->pairs, c, c->candidates[k], -1, v->counts);
    }
    free(own);
    free(sizes);
    return 0;
}

const struct family family_itemknn = {
    .name = "itemknn", .options = "similarity k1 b shrink neighbours recency pop-power log-pop",
    .make = make_itemknn, .score = score_itemknn, .drop = drop
};
const struct family family_markov = {
    .name = "markov", .options = "steps recency pop-power log-pop", .make = make_markov, .score = score_markov, .drop = drop
};
