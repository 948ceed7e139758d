/* load_graph — the events of a graph file, put back into an order of reading.
 *
 * The file has them by user and time, while users and items are numbered as they first appeared.
 * Any order gives the same graph in which user u's first event comes after u-1's, item c's after
 * c-1's, and events of a user at one moment keep their order. Such runs of a user's events at one
 * moment wait for the user or the item whose turn has not come, and are woken when it has. */
#include <math.h>
#include <stdlib.h>

#include "base/sort.h"
#include "graph/load_own.h"

struct replay {
    struct load *l;
    const struct graph *g;
    int user, item;             /* the next to appear */
    size_t *user_waits;         /* for each user, the first of those who wait for him, plus one */
    size_t *item_waits;
    size_t *link;               /* the next of those who wait for the same, plus one */
    size_t *ready, n;           /* runs that can go on, as a stack of events */
    bool *done;
};

static void emit(struct replay *r, size_t e) {
    const struct graph *g = r->g;

    load_event(r->l, graph_user_name(g, g->edge_user[e]),
               load_item(r->l, graph_item_name(g, g->edge_item[e])), g->edge_rating[e],
               g->has_time ? g->edge_time[e] : LOAD_NO_TIME);
    r->done[e] = true;
}

static void wait_for(struct replay *r, size_t *head, size_t e) {
    r->link[e] = *head;
    *head = e + 1;
}

static void wake(struct replay *r, const size_t *head) {
    for (size_t e = *head; e; e = r->link[e - 1]) r->ready[r->n++] = e - 1;
}

static bool same_run(const struct graph *g, size_t a, size_t b) {
    return b < g->edges && g->edge_user[a] == g->edge_user[b] && g->edge_time[a] == g->edge_time[b];
}

/* Adds the events of a run from e on until it has to wait. */
static void run_on(struct replay *r, size_t e) {
    const struct graph *g = r->g;

    do {
        int u = g->edge_user[e], c = g->edge_item[e];

        if (u > r->user) {
            wait_for(r, &r->user_waits[u], e);
            return;
        }
        if (c > r->item) {
            wait_for(r, &r->item_waits[c], e);
            return;
        }
        emit(r, e);
        if (u == r->user && ++r->user < g->users) wake(r, &r->user_waits[r->user]);
        if (c == r->item && ++r->item < g->items) wake(r, &r->item_waits[r->item]);
    } while (same_run(g, e, e + 1) && (e++, true));
}

/* Without times the place in the input is the time. */
static void replay_lines(struct replay *r) {
    size_t *order = mem_alloc(r->g->edges, sizeof *order);

    for (size_t e = 0; e < r->g->edges; e++) order[e] = e;
    sort_by(order, r->g->edges, r->g->edge_time);
    for (size_t k = 0; k < r->g->edges; k++) emit(r, order[k]);
    free(order);
}

static void replay_runs(struct replay *r) {
    const struct graph *g = r->g;

    for (size_t e = 0; e < g->edges; e++) {
        if (e && same_run(g, e - 1, e)) continue;
        run_on(r, e);
        while (r->n) run_on(r, r->ready[--r->n]);
    }
}

static void replay(struct load *l, const struct graph *g) {
    struct replay r = { .l = l,
                        .g = g,
                        .user_waits = mem_calloc((size_t)g->users, sizeof *r.user_waits),
                        .item_waits = mem_calloc((size_t)g->items, sizeof *r.item_waits),
                        .link = mem_calloc(g->edges, sizeof *r.link),
                        .ready = mem_alloc(g->edges, sizeof *r.ready),
                        .done = mem_calloc(g->edges, sizeof *r.done) };

    if (g->has_time) replay_runs(&r);
    else replay_lines(&r);
    /* What still waits: the graph was numbered by events that are not in it. */
    for (size_t e = 0; e < g->edges; e++)
        if (!r.done[e]) emit(&r, e);
    free(r.user_waits);
    free(r.item_waits);
    free(r.link);
    free(r.ready);
    free(r.done);
}

int load_graph_file(struct load *l, const char *path, struct err *err) {
    struct graph *g = graph_file_map(path, err);

    if (!g) return -1;
    for (int c = 0; c < g->items; c++) {
        const struct names *titles = &graph_strings(g)->title;
        const char *title = titles->text + titles->at[c], *genres = graph_item_genres(g, c);
        int item = load_item(l, graph_item_name(g, c)), year = graph_item_year(g, c);

        if (*title || *genres || year)
            load_item_fields(l, item, *title ? title : NULL, genres, year);
    }
    replay(l, g);
    graph_free(g);
    return 0;
}
