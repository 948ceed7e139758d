/* toy — small random graphs, the cases of a split with every item as a candidate, and what a case
 * may know as plain tables, from which tests compute everything again, naively. */
#ifndef TESTS_UNIT_TOY_H
#define TESTS_UNIT_TOY_H

#include <string.h>

#include "base/mem.h"
#include "check.h"
#include "graph/cases.h"

enum { TOY_USERS = 64, TOY_ITEMS = 16, TOY_DAY = 86400 };

/* Every user has every item with chance 1/2, and one for sure, at one of few moments, so that many
 * events share one; a rating is missing with chance 1/5. */
static inline struct graph *toy_graph(uint64_t seed, int users, int items) {
    struct graph_builder *b = graph_builder_new();
    struct rng r = rng_start(seed, "toy", NULL);
    char user[16], item[16];

    for (int u = 0; u < users; u++) {
        for (int i = 0; i < items; i++) {
            snprintf(user, sizeof user, "u%d", u);
            snprintf(item, sizeof item, "i%d", i);
            if (i != u % items && rng_below(&r, 2)) continue;
            graph_add_event(b, user, item, rng_below(&r, 5) ? (float)(1 + rng_below(&r, 5)) : NAN,
                            (int64_t)rng_below(&r, 30) * TOY_DAY / 2);
        }
    }
    return graph_build(b, true);
}

/* The case, its candidates all items in random order. Free it with case_free. */
static inline struct rec_case toy_case(const struct split *s, size_t k, enum split_part part) {
    struct rec_case c = { .part = part, .split = s, .at = s->cases[k], .n = s->all->items };
    struct rng r;

    c.id = split_case_id(s, &c.at);
    c.history = split_history(s, &c.at);
    c.candidates = mem_alloc((size_t)c.n, sizeof *c.candidates);
    r = rng_start(1, "toy candidates", c.id);
    rng_permutation(&r, c.candidates, c.n);
    while (c.candidates[c.target] != c.at.item) c.target++;
    return c;
}

/* What a case may know: everybody's events in their order, without the edge to the target. */
struct view {
    int users, u0, history;             /* the first so many events of u0 */
    bool counts[TOY_USERS];             /* not held: his events are among those of items */
    int len[TOY_USERS];
    int item[TOY_USERS][TOY_ITEMS];
    int place[TOY_USERS][TOY_ITEMS];    /* of each item in u's order, -1: he never had it */
    float rating[TOY_USERS][TOY_ITEMS];
    int64_t time[TOY_USERS][TOY_ITEMS], now;
    bool followed[TOY_USERS][TOY_ITEMS];        /* u's event on an item is one of its latest so many */
};

/* Whether fewer than `degree` known events on the item, in the order of time and users, are later than u's. */
static inline bool view_follows(const struct view *v, int u, int item, int degree) {
    int later = 0;

    for (int w = 0; w < v->users; w++) {
        int64_t apart = v->place[w][item] < 0 || !v->counts[w] ? -1 :
                        v->time[w][v->place[w][item]] - v->time[u][v->place[u][item]];

        later += apart > 0 || (apart == 0 && w > u);
    }
    return later < degree;
}

static inline void view_make(struct view *v, const struct rec_case *c, int degree) {
    const struct graph *g = c->split->known;

    CHECK(g->users <= TOY_USERS && g->items <= TOY_ITEMS);
    *v = (struct view){ .users = g->users, .u0 = c->at.user, .history = (int)c->history };
    v->now = c->split->all->edge_time[c->at.event];
    for (int u = 0; u < g->users; u++) v->counts[u] = !c->split->held || !c->split->held[u];
    memset(v->place, -1, sizeof v->place);
    for (size_t e = 0; e < g->edges; e++) {
        int u = g->edge_user[e], k = v->len[u];

        if (g->edge_time[e] >= c->at.before || (u != v->u0 && !v->counts[u])) continue;
        if (u == v->u0 && g->edge_item[e] == c->at.item) continue;
        v->item[u][k] = g->edge_item[e];
        v->rating[u][k] = g->edge_rating[e];
        v->time[u][k] = g->edge_time[e];
        v->place[u][g->edge_item[e]] = v->len[u]++;
    }
    for (int u = 0; u < g->users; u++)
        for (int i = 0; i < g->items; i++)
            v->followed[u][i] = v->place[u][i] >= 0 && view_follows(v, u, i, degree);
}

/* Item of rank r in the history, 0 the latest. */
static inline int view_item(const struct view *v, int r) {
    return v->item[v->u0][v->history - 1 - r];
}

static inline int view_popularity(const struct view *v, int item) {
    int n = 0;

    for (int u = 0; u < v->users; u++) n += v->counts[u] && v->place[u][item] >= 0;
    return n;
}

static inline int view_shared(const struct view *v, int u) {
    int n = 0;

    for (int r = 0; r < v->history; r++) n += v->followed[u][view_item(v, r)];
    return n;
}

/* Sum of ln(1 + users / n_i) exp(-r / decay) over shared items, by sqrt(n_u); decay 0: none. */
static inline double view_overlap(const struct view *v, int u, double decay) {
    int users = 0;
    double sum = 0;

    for (int w = 0; w < v->users; w++) users += v->counts[w] && v->len[w] > 0;
    for (int r = 0; r < v->history; r++)
        if (v->followed[u][view_item(v, r)])
            sum += log(1 + users / (double)view_popularity(v, view_item(v, r))) *
                   (decay > 0 ? exp(-r / decay) : 1);
    return v->len[u] ? sum / sqrt(v->len[u]) : 0;
}

/* A function of a case that is checked for all cases of all parts of all protocols. */
typedef void toy_check(const struct rec_case *c);

static inline void toy_every_case(const struct graph *g, toy_check *check) {
    for (int kind = SPLIT_LOO; kind <= SPLIT_USERS; kind++) {
        struct split_options o = { .kind = kind, .cut = 0.8, .min_history = 0 };

        for (int part = PART_TRAIN; part <= PART_TEST; part++) {
            struct split s;
            struct err err;

            if (split_make(&s, g, &o, (enum split_part)part, &err)) {
                CHECK(kind == SPLIT_USERS && part == PART_VALID);       /* too few users for one */
                continue;
            }
            for (size_t k = 0; k < s.n; k++) {
                struct rec_case c = toy_case(&s, k, (enum split_part)part);

                check(&c);
                case_free(&c);
            }
            split_free(&s);
        }
    }
}

#endif
