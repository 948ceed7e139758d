/* world — items of a synthetic world: genres, vectors, leads, popularity, release; its graph. */
#include "graph/world.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "graph/world_words.h"

/* Time begins on 2020-01-01; items that were there before have the years 1960 to 2019. */
enum { FIRST_YEAR = 1960, BEGIN_YEAR = 2020 };
static const double YEAR_DAYS = 365.25;

static const double TWO_GENRES = 0.4;       /* share of the items */
static const double ZIPF_SHIFT = 10;        /* flattens the head, as in films: Mandelbrot's form */

/* Adds scale · a vector of expected length 1. */
static void add_normal(double *v, long D, double scale, struct rng *r) {
    for (long d = 0; d < D; d++) v[d] += scale * rng_normal(r) / sqrt((double)D);
}

static void add(double *v, const double *x, long D, double scale) {
    for (long d = 0; d < D; d++) v[d] += scale * x[d];
}

/* Genres' centres have mean 0: else all tastes share a direction, a popularity beside the law's. */
static void draw_centres(struct world *w) {
    struct rng r = rng_start(w->o.seed, "world genres", NULL);
    long D = w->o.dims, G = w->o.genres;
    double *mean = mem_calloc((size_t)D, sizeof *mean);

    for (long g = 0; g < G; g++) {
        add_normal(w->centre + g * D, D, 1, &r);
        add(mean, w->centre + g * D, D, 1 / (double)G);
    }
    for (long g = 0; g < G; g++) add(w->centre + g * D, mean, D, -1);
    free(mean);
}

static void draw_vector(struct world *w, int i, struct rng *r) {
    const struct world_options *o = &w->o;
    const int *genre = w->item[i].genre;
    double *v = w->vector + (size_t)i * (size_t)o->dims;
    double *lead = w->lead + (size_t)i * (size_t)o->dims;
    int genres = genre[1] < 0 ? 1 : 2;

    for (int k = 0; k < genres; k++)
        add(v, w->centre + (size_t)genre[k] * (size_t)o->dims, o->dims, sqrt(o->cluster / genres));
    add_normal(v, o->dims, sqrt(1 - o->cluster), r);
    add(lead, v, o->dims, sqrt(1 - o->turn));
    add_normal(lead, o->dims, sqrt(o->turn), r);
}

/* At most half the items are new, so that no user ever runs out of items. */
static void draw_release(struct world *w, int i, struct rng *r) {
    struct world_item *it = &w->item[i];
    double day = rng_real(r) * (double)w->o.days;

    if (rng_real(r) < w->o.new_items && w->fresh < w->o.items / 2) {
        w->fresh++;
        it->released = WORLD_BEGIN + (int64_t)(day * WORLD_DAY);
        it->year = BEGIN_YEAR + (int)(day / YEAR_DAYS);
    } else {
        it->released = INT64_MIN;
        it->year = FIRST_YEAR + (int)rng_below(r, BEGIN_YEAR - FIRST_YEAR);
    }
}

static void draw_item(struct world *w, int i) {
    char name[WORLD_NAME];
    struct rng r;
    int G = (int)w->o.genres, *genre = w->item[i].genre;

    world_item_name(name, i);
    r = rng_start(w->o.seed, "world item", name);
    genre[0] = (int)rng_below(&r, (uint64_t)G);
    genre[1] = (genre[0] + 1 + (int)rng_below(&r, (uint64_t)G - 1)) % G;
    if (rng_real(&r) >= TWO_GENRES) genre[1] = -1;
    draw_vector(w, i, &r);
    draw_release(w, i, &r);
}

static void draw_popularity(struct world *w) {
    struct rng r = rng_start(w->o.seed, "world popularity", NULL);
    int *rank = mem_alloc((size_t)w->o.items, sizeof *rank);

    rng_permutation(&r, rank, (int)w->o.items);
    for (int i = 0; i < w->o.items; i++) w->base[i] = -w->o.popularity * log(rank[i] + ZIPF_SHIFT);
    free(rank);
}

struct world *world_new(const struct world_options *o) {
    struct world *w = mem_calloc(1, sizeof *w);
    size_t items = (size_t)o->items, D = (size_t)o->dims, G = (size_t)o->genres;

    w->o = *o;
    w->item = mem_calloc(items, sizeof *w->item);
    w->centre = mem_calloc(G * D, sizeof *w->centre);
    w->vector = mem_calloc(items * D, sizeof *w->vector);
    w->lead = mem_calloc(items * D, sizeof *w->lead);
    w->base = mem_calloc(items, sizeof *w->base);
    draw_centres(w);
    for (int i = 0; i < o->items; i++) draw_item(w, i);
    draw_popularity(w);
    world_titles(w);
    return w;
}

static void add_item_record(struct graph_builder *b, const struct world *w, int i) {
    const struct world_item *it = &w->item[i];
    char name[WORLD_NAME], genres[WORLD_NAME * 2];
    bool two = it->genre[1] >= 0;

    world_item_name(name, i);
    snprintf(genres, sizeof genres, "%s%s%s", world_genre(it->genre[0]), two ? "|" : "",
             two ? world_genre(it->genre[1]) : "");
    graph_add_item(b, name, it->title, it->year, genres);
}

struct graph *world_graph(const struct world *w) {
    struct graph_builder *b = graph_builder_new();
    char user[WORLD_NAME], item[WORLD_NAME];
    struct walk k;

    walk_open(&k, w);
    for (int i = 0; i < w->o.items; i++) add_item_record(b, w, i);
    for (int u = 0; u < w->o.users; u++) {
        world_user_name(user, u);
        walk_begin(&k, u);
        while (walk_moment(&k)) {
            struct world_event e = walk_choose(&k);

            world_item_name(item, e.item);
            graph_add_event(b, user, item, (float)e.rating, e.time);
        }
    }
    walk_free(&k);
    return graph_build(b, true);
}

void world_free(struct world *w) {
    if (!w) return;
    free(w->item);
    free(w->centre);
    free(w->vector);
    free(w->lead);
    free(w->base);
    free(w);
}
