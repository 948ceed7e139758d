/* simple — models that need no fit: chance, the number of events, and the vote of the drawn chains. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "rank/family.h"

enum { DAY = 86400 };

struct simple {
    const struct baseline_options *o;
    const struct graph *known;      /* whose latest event is `latest` */
    int64_t latest;
};

static void *make(const struct baseline_options *o, struct pool *pool) {
    struct simple *s = mem_calloc(1, sizeof *s);

    (void)pool;
    s->o = o;
    return s;
}

static int score_random(void *state, const struct rec_case *c, const json_t *rec, double *scores,
                        struct err *err) {
    const struct simple *s = state;
    struct rng r = rng_start(s->o->seed, "random", c->id);

    (void)rec, (void)err;
    for (int k = 0; k < c->n; k++) scores[k] = rng_real(&r);
    return 0;
}

/* The moment at which the case's knowledge ends: its own time, or just after the latest known event. */
static int64_t known_end(struct simple *s, const struct rec_case *c) {
    const struct graph *g = c->split->known;

    if (c->at.before != INT64_MAX) return c->at.before;
    if (s->known != g) {
        s->known = g;
        s->latest = INT64_MIN;
        for (int i = 0; i < g->items; i++) {        /* postings: the events of users who are not held */
            size_t end = g->item_row[i + 1];
            int64_t last = end > g->item_row[i] ? g->edge_time[g->item_edge[end - 1]] : INT64_MIN;

            if (last > s->latest) s->latest = last;
        }
    }
    return s->latest + 1;
}

/* Events on the item in [from, end), the case's own edge left out. Postings are in order of time. */
static size_t recent_count(const struct rec_case *c, int item, double from) {
    const struct graph *g = c->split->known;
    size_t own = family_target_edge(c), first = g->item_row[item],
           end = first + case_item_count(c, item), n = 0;

    if (own != SIZE_MAX && item == c->at.item) end++;
    while (end > first && (double)g->edge_time[g->item_edge[end - 1]] >= from)
        n += g->item_edge[--end] != own;
    return n;
}

static int score_pop(void *state, const struct rec_case *c, const json_t *rec, double *scores,
                     struct err *err) {
    (void)state, (void)rec, (void)err;
    for (int k = 0; k < c->n; k++) scores[k] = (double)case_item_count(c, c->candidates[k]);
    return 0;
}

static int score_recent_pop(void *state, const struct rec_case *c, const json_t *rec, double *scores,
                            struct err *err) {
    struct simple *s = state;
    double from;

    if (s->o->days <= 0) return score_pop(state, c, rec, scores, err);
    if (!c->split->all->has_time) return err_set(err, "recent-pop needs events with times");
    from = (double)known_end(s, c) - s->o->days * DAY;
    for (int k = 0; k < c->n; k++) scores[k] = (double)recent_count(c, c->candidates[k], from);
    return 0;
}

static int score_chainvote(void *state, const struct rec_case *c, const json_t *rec, double *scores,
                           struct err *err) {
    (void)state;
    return family_numbers(rec, "counts", c->n, scores, 1, err);
}

const struct family family_random = {
    .name = "random", .options = "", .make = make, .score = score_random, .drop = free
};
const struct family family_pop = {
    .name = "pop", .options = "pop-power log-pop", .make = make, .score = score_pop, .drop = free
};
const struct family family_recent_pop = {
    .name = "recent-pop", .options = "days pop-power log-pop", .make = make,
    .score = score_recent_pop, .drop = free
};
const struct family family_chainvote = {
    .name = "chainvote", .options = "pop-power log-pop", .make = make, .score = score_chainvote,
    .drop = free
};
