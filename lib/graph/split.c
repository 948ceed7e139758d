/* split — cases of a part, and the graph that is known to them. */
#define _GNU_SOURCE
#include "graph/split.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { DAY = 86400 };

/* What a protocol divides by. */
struct plan {
    int64_t valid, test;    /* global: events before `valid` train, those before `test` are known to tests */
    int64_t until;          /* global: where test targets end */
    enum split_part *of;    /* users: [users] each one's part */
};

static int by_time(const void *a, const void *b) {
    const int64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

/* The time at index floor(q n) of the n sorted times. */
static int64_t quantile(const int64_t *times, size_t n, double q) {
    size_t k = (size_t)(q * (double)n);

    return times[k < n ? k : n - 1];
}

static void find_cuts(struct plan *p, const struct graph *g, const struct split_options *o) {
    int64_t *times = mem_alloc(g->edges, sizeof *times);
    size_t before = 0;

    memcpy(times, g->edge_time, g->edges * sizeof *times);
    qsort(times, g->edges, sizeof *times, by_time);
    p->test = quantile(times, g->edges, o->cut);
    p->until = o->until > 0 ? quantile(times, g->edges, o->until) : INT64_MAX;
    while (before < g->edges && times[before] < p->test) before++;
    p->valid = before ? quantile(times, before, o->cut) : p->test;
    free(times);
}

struct arrival {
    int64_t time;
    int user;
};

static int by_arrival(const void *a, const void *b) {
    const struct arrival *x = a, *y = b;

    if (x->time != y->time) return x->time < y->time ? -1 : 1;
    return x->user - y->user;
}

static void assign_users(struct plan *p, const struct graph *g) {
    struct arrival *order = mem_alloc((size_t)g->users, sizeof *order);
    size_t n = 0, train, valid;

    p->of = mem_calloc((size_t)g->users, sizeof *p->of);
    for (int u = 0; u < g->users; u++)
        if (g->user_row[u] < g->user_row[u + 1])
            order[n++] = (struct arrival){ g->edge_time[g->user_row[u]], u };
    qsort(order, n, sizeof *order, by_arrival);
    train = 8 * n / 10;
    valid = n / 10;
    for (size_t k = train; k < n; k++) p->of[order[k].user] = k < train + valid ? PART_VALID : PART_TEST;
    free(order);
}

/* Whether event e is known to cases of this part (a case's own time limits a training case further). */
static bool is_known(const struct graph *g, const struct split_options *o, enum split_part part,
                     const struct plan *p, size_t e) {
    int u = g->edge_user[e];
    size_t from_end = g->user_row[u + 1] - 1 - e;

    if (o->kind == SPLIT_GLOBAL) return g->edge_time[e] < (part == PART_TEST ? p->test : p->valid);
    if (o->kind == SPLIT_USERS) return p->of[u] == PART_TRAIN || (p->of[u] == part && from_end);
    return from_end >= (part == PART_TEST ? 1u : 2u);
}

static void set_known(struct split *s, const struct split_options *o, enum split_part part,
                      const struct plan *p) {
    const struct graph *g = s->all;
    bool *keep = mem_alloc(g->edges, sizeof *keep), *held = NULL;

    for (size_t e = 0; e < g->edges; e++) keep[e] = is_known(g, o, part, p, e);
    if (p->of) held = mem_alloc((size_t)g->users, sizeof *held);
    for (int u = 0; held && u < g->users; u++) held[u] = p->of[u] != PART_TRAIN;
    s->held = held;
    s->known = graph_filter(g, keep, held);
    free(keep);
}

/* Number of the user's events strictly before a time. */
static size_t events_before(const struct graph *g, int u, int64_t time) {
    size_t e = g->user_row[u];

    while (e < g->user_row[u + 1] && g->edge_time[e] < time) e++;
    return e - g->user_row[u];
}

/* The user's first event in [from, to); the end of his row where there is none. */
static size_t first_between(const struct graph *g, int u, int64_t from, int64_t to) {
    size_t e = g->user_row[u] + events_before(g, u, from);

    return e < g->user_row[u + 1] && g->edge_time[e] < to ? e : g->user_row[u + 1];
}

/* Events of user u that are targets of the part: [*first, *last). */
static void target_range(const struct graph *g, const struct split_options *o, enum split_part part,
                         const struct plan *p, int u, size_t *first, size_t *last) {
    size_t begin = g->user_row[u], end = g->user_row[u + 1], n = end - begin;

    if (o->kind == SPLIT_LOO) {
        size_t held = part == PART_TEST ? 1 : 2;

        *last = n >= held ? end - held + (part != PART_TRAIN) : begin;
        *first = part == PART_TRAIN || *last == begin ? begin : *last - 1;
    } else if (o->kind == SPLIT_USERS) {
        *last = p->of[u] == part ? end : begin;
        *first = part == PART_TRAIN || *last == begin ? begin : end - 1;
    } else if (part == PART_TRAIN) {
        *first = begin;
        *last = begin + events_before(g, u, p->valid);
    } else {
        bool test = part == PART_TEST;

        *first = first_between(g, u, test ? p->test : p->valid, test ? p->until : p->test);
        *last = *first + (*first < end);
    }
}

/* Whether event e of user u is a case: enough history, and, while training, a pause before it. */
static bool eligible(const struct graph *g, const struct split_options *o, enum split_part part, int u,
                     size_t e) {
    size_t begin = g->user_row[u];
    bool train = part == PART_TRAIN;
    size_t history = train && o->kind == SPLIT_GLOBAL ? events_before(g, u, g->edge_time[e]) : e - begin;

    if (history < (size_t)o->min_history) return false;
    if (!train || o->min_gap <= 0 || !history) return true;
    return (double)(g->edge_time[e] - g->edge_time[begin + history - 1]) >= o->min_gap * DAY;
}

static void add_cases(struct split *s, size_t *cap, const struct split_options *o, enum split_part part,
                      int u, size_t first, size_t last) {
    const struct graph *g = s->all;
    bool limited = part == PART_TRAIN && o->kind == SPLIT_GLOBAL;
    size_t from = s->n, extra;

    for (size_t e = first; e < last; e++) {
        if (!eligible(g, o, part, u, e)) continue;
        s->cases = mem_grow(s->cases, s->n, cap, sizeof *s->cases);
        s->cases[s->n++] = (struct split_case){ u, g->edge_item[e], e, limited ? g->edge_time[e] : INT64_MAX };
    }
    if (part != PART_TRAIN || !o->max_per_user || s->n - from <= (size_t)o->max_per_user) return;
    extra = s->n - from - (size_t)o->max_per_user;
    memmove(s->cases + from, s->cases + from + extra, (s->n - from - extra) * sizeof *s->cases);
    s->n -= extra;
}

int split_make(struct split *s, const struct graph *g, const struct split_options *o,
               enum split_part part, struct err *err) {
    struct plan p = { 0 };
    size_t cap = 0;

    *s = (struct split){ .all = g };
    if (!g->edges) return err_set(err, "the graph has no events");
    if (o->kind == SPLIT_GLOBAL && !g->has_time) return err_set(err, "a split in time needs events with times");
    if (part == PART_TRAIN && o->min_gap > 0 && !g->has_time)
        return err_set(err, "a pause before a target needs events with times");
    if (o->kind == SPLIT_GLOBAL) find_cuts(&p, g, o);
    if (o->kind == SPLIT_USERS) assign_users(&p, g);
    set_known(s, o, part, &p);
    for (int u = 0; u < g->users; u++) {
        size_t first, last;

        target_range(g, o, part, &p, u, &first, &last);
        add_cases(s, &cap, o, part, u, first, last);
    }
    free(p.of);
    if (s->n) return 0;
    split_free(s);
    return err_set(err, "no user has enough events for a case");
}

size_t split_history(const struct split *s, const struct split_case *c) {
    const struct graph *k = s->known;
    size_t begin = k->user_row[c->user], n = 0;

    while (begin + n < k->user_row[c->user + 1] && k->ordinal[begin + n] < s->all->ordinal[c->event] &&
           k->edge_time[begin + n] < c->before)
        n++;
    return n;
}

void split_free(struct split *s) {
    graph_free(s->known);
    free((void *)s->held);
    free(s->cases);
    *s = (struct split){ 0 };
}

char *split_case_id(const struct split *s, const struct split_case *c) {
    char *id;

    if (asprintf(&id, "%s#%zu", graph_user_name(s->all, c->user), s->all->ordinal[c->event]) < 0) abort();
    return id;
}
