/* load_filter — which events stay: the last of each pair, those rated well enough, the k-core. */
#include <stdlib.h>

#include "graph/load_own.h"

/* The events by user, in the order of reading; row[u] .. row[u + 1] - 1 are user u's. */
static size_t *by_user(const struct load *l, size_t *row) {
    size_t *order = mem_alloc(l->n, sizeof *order);

    for (size_t e = 0; e < l->n; e++) row[l->events[e].user + 2]++;
    for (size_t u = 0; u < l->user_name.n; u++) row[u + 2] += row[u + 1];
    for (size_t e = 0; e < l->n; e++) order[row[l->events[e].user + 1]++] = e;
    return order;
}

static void drop_repeated(struct load *l) {
    size_t *row = mem_calloc(l->user_name.n + 2, sizeof *row), *order = by_user(l, row);
    struct load_event **last = mem_calloc(l->item_name.n, sizeof *last);    /* the latest of the user's on an item */
    bool timed = !l->counts.untimed;

    for (size_t k = 0; k < l->n; k++) {
        struct load_event *e = &l->events[order[k]], **before = &last[e->item];
        bool repeated = *before && (*before)->user == e->user, later = true;

        if (repeated) {
            later = !timed || e->time >= (*before)->time;
            if (later) (*before)->kept = false;
            l->counts.repeated++;
        }
        e->kept = later;
        if (later) *before = e;
    }
    free(row);
    free(order);
    free(last);
}

static void drop_low(struct load *l) {
    for (size_t e = 0; e < l->n; e++) {
        struct load_event *ev = &l->events[e];

        if (!ev->kept || ev->rating >= l->o->min_rating) continue;      /* false for NaN */
        ev->kept = false;
        l->counts.low++;
    }
}

/* Events of each user and item that are kept. */
static void count_events(const struct load *l, size_t *users, size_t *items) {
    for (size_t e = 0; e < l->n; e++) {
        if (!l->events[e].kept) continue;
        users[l->events[e].user]++;
        items[l->events[e].item]++;
    }
}

/* Drops events of users and items with fewer than k until none falls any more. */
static void drop_outside(struct load *l, size_t *users, size_t *items) {
    size_t k = (size_t)l->o->k_core, before;

    do {
        before = l->counts.outside;
        for (size_t e = 0; e < l->n; e++) {
            struct load_event *ev = &l->events[e];

            if (!ev->kept || (users[ev->user] >= k && items[ev->item] >= k)) continue;
            ev->kept = false;
            users[ev->user]--;
            items[ev->item]--;
            l->counts.outside++;
        }
    } while (l->counts.outside > before);
}

/* A column that is asked for is in some table. */
static int check_columns(const struct load *l, struct err *err) {
    for (int c = 0; c < LOAD_COLUMNS; c++)
        if (l->o->column[c] && !l->found[c])
            return err_set(err, "no table has the column \"%s\"", l->o->column[c]);
    return 0;
}

static int apply(struct load *l, struct err *err) {
    size_t *users = mem_calloc(l->user_name.n, sizeof *users);
    size_t *items = mem_calloc(l->item_name.n, sizeof *items);
    struct load_counts *c = &l->counts;

    drop_repeated(l);
    if (l->o->min_rating > 0) drop_low(l);
    count_events(l, users, items);
    drop_outside(l, users, items);
    for (size_t u = 0; u < l->user_name.n; u++) c->users += users[u] > 0;
    for (size_t i = 0; i < l->item_name.n; i++) {
        l->items[i].kept = items[i] || l->o->all_items;
        c->items += l->items[i].kept;
    }
    c->events = l->n - c->repeated - c->low - c->outside;
    free(users);
    free(items);
    return c->events ? 0 : err_set(err, "no event is left of %zu", l->n);
}

int load_filter(struct load *l, struct err *err) {
    if (check_columns(l, err)) return -1;
    return l->n ? apply(l, err) : err_set(err, "no events");
}
