/* world — the probabilities are those of the law that world.h states, the draws follow them, and a
 * world on the edge of its options still goes on to its end. */
#include "check.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "graph/world.h"

static const struct world_options defaults = WORLD_DEFAULTS;

/* sqrt(D) <a, b> */
static double match(const double *a, const double *b, long D) {
    double sum = 0;

    for (long d = 0; d < D; d++) sum += a[d] * b[d];
    return sqrt((double)D) * sum;
}

/* q of world.h, written again. */
static void pull(const struct walk *k, double *q) {
    const struct world *w = k->world;
    long D = w->o.dims;
    double length;

    for (long d = 0; d < D; d++) {
        q[d] = 0;
        for (int j = 0; j < 5 && k->last[j] >= 0; j++)
            q[d] += exp(-0.5 * j) * w->lead[k->last[j] * D + d];
    }
    length = sqrt(match(q, q, D) / sqrt((double)D));
    for (long d = 0; length > 0 && d < D; d++) q[d] /= length;
}

/* Differences of utilities are what the law says, whatever constant is added to all. */
static void check_law(const struct walk *k) {
    const struct world *w = k->world;
    const struct world_options *o = &w->o;
    double q[WORLD_DIMS], first = NAN, sum = 0;

    pull(k, q);
    for (int i = 0; i < o->items; i++) {
        const double *v = w->vector + i * o->dims;
        double u = o->taste * match(k->taste, v, o->dims) + o->sequence * match(q, v, o->dims);

        sum += exp(k->logprob[i]);
        if (k->taken[i] || w->item[i].released > k->time) {
            CHECK(k->logprob[i] == -INFINITY);
            continue;
        }
        u = (u + w->base[i]) / o->noise - k->logprob[i];
        if (isnan(first)) first = u;
        CHECK_NEAR(u, first, 1e-9);
    }
    CHECK_NEAR(sum, 1, 1e-9);
}

/* The surprise of the drawn items is the entropy of the law, within four standard errors. */
static void check_draws(void) {
    struct world_options o = defaults;
    struct world *w;
    struct walk k;
    double sum = 0, squares = 0;
    long n = 0;

    o.noise = 1.5;
    w = world_new(&o);
    walk_open(&k, w);
    for (int u = 0; u < 100; u++) {
        walk_begin(&k, u);
        while (walk_moment(&k)) {
            double entropy = 0, surprise;

            if (u < 5) check_law(&k);
            for (int i = 0; i < o.items; i++)
                if (k.logprob[i] > -INFINITY) entropy -= exp(k.logprob[i]) * k.logprob[i];
            surprise = -k.logprob[walk_choose(&k).item];
            sum += surprise - entropy;
            squares += (surprise - entropy) * (surprise - entropy);
            n++;
        }
    }
    CHECK(n > 3000);
    CHECK(fabs(sum) < 4 * sqrt(squares));
    walk_free(&k);
    world_free(w);
}

/* A walk alone is the walk among others; nothing happens twice, nor before its time. */
static void check_walk(const struct world *w, int user) {
    struct walk k, again;
    struct world_event e = { 0 };
    bool *had = mem_calloc((size_t)w->o.items, sizeof *had);

    walk_open(&k, w);
    walk_open(&again, w);
    walk_begin(&again, user);
    for (int u = user > 1 ? user - 1 : 0; u <= user; u++) {
        walk_begin(&k, u);
        while (u < user && walk_moment(&k)) walk_choose(&k);
    }
    while (walk_moment(&k)) {
        int64_t before = e.time;

        CHECK(walk_moment(&again));
        e = walk_choose(&k);
        CHECK(e.item == walk_choose(&again).item && k.time == again.time);
        CHECK(e.rating >= 1 && e.rating <= 5);
        CHECK(e.time > before && e.time >= WORLD_BEGIN && w->item[e.item].released <= e.time);
        CHECK(!had[e.item]);
        had[e.item] = true;
    }
    CHECK(!walk_moment(&again) && k.step == k.n);
    free(had);
    walk_free(&k);
    walk_free(&again);
}

/* Half the items are new, half of all are taken, and the strengths are as large as they may be. */
static void check_edge(void) {
    struct world_options o = defaults;
    struct world *w;

    o.items = 20;
    o.events = 10;
    o.new_items = 0.5;
    o.dims = WORLD_DIMS;
    o.taste = o.sequence = 100;
    o.noise = 0.01;
    for (o.seed = 0; o.seed < 20; o.seed++) {
        w = world_new(&o);
        for (int u = 0; u < 20; u++) check_walk(w, u);
        world_free(w);
    }
}

static int by_title(const void *a, const void *b) {
    return strcmp(((const struct world_item *)a)->title, ((const struct world_item *)b)->title);
}

static void check_titles(void) {
    struct world_options o = defaults;
    struct world *w;

    o.items = WORLD_ITEMS;
    w = world_new(&o);
    qsort(w->item, WORLD_ITEMS, sizeof *w->item, by_title);
    for (int i = 1; i < WORLD_ITEMS; i++) CHECK(by_title(&w->item[i - 1], &w->item[i]) < 0);
    world_free(w);
}

static void check_names(void) {
    struct world *w = world_new(&defaults);

    CHECK(world_find_user(w, "u1") == 0 && world_find_user(w, "u1200") == 1199);
    CHECK(world_find_item(w, "i600") == 599);
    CHECK(world_find_user(w, "u1201") < 0 && world_find_user(w, "u0") < 0);
    CHECK(world_find_user(w, "u01") < 0 && world_find_user(w, "u1x") < 0);
    CHECK(world_find_user(w, "i1") < 0 && world_find_user(w, "u") < 0);
    CHECK(world_find_user(w, "") < 0);
    CHECK(world_find_item(w, "i99999999999999999999") < 0);
    for (int u = 0; u < 20; u++) check_walk(w, u);
    world_free(w);
}

int main(void) {
    check_draws();
    check_edge();
    check_titles();
    check_names();
    return 0;
}
