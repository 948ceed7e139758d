/* load_filter — which events stay: the last of each pair, those rated well enough, the k-core. */
#include <stdlib.h>

#include "graph/load_own.h"

/* An event as it is sorted: the pair, then time and place in the input. */
struct order {
    int user, item;
    int64_t time;
    size_t event;
};

static int by_pair(const void *a, const void *b) {
    const struct order *x = a, *y = b;

    if (x->user != y->user) return x->user < y->user ? -1 : 1;
    if (x->item != y->item) return x->item < y->item ? -1 : 1;
    if (x->time != y->time) return x->time < y->time ? -1 : 1;
    return x->event < y->event ? -1 : x->event > y->event;
}

static void drop_repeated(struct load *l) {
    struct order *order = mem_alloc(l->n, sizeof *order);
    bool timed = !l->counts.untimed;

    for (size_t e = 0; e < l->n; e++)
        order[e] = (struct order){ l->events[e].user, l->events[e].item,
                                   timed ? l->events[e].time : 0, e };
    qsort(order, l->n, sizeof *order, by_pair);
    for (size_t k = 0; k < l->n; k++) {
        bool last = k + 1 == l->n || order[k + 1].user != order[k].user ||
                    order[k + 1].item != order[k].item;

        l->events[order[k].event].kept = last;
        l->counts.repeated += !last;
    }
    free(order);
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
