/* graph_check — arrays that come from a file: nothing that follows an index of theirs may leave
 * the graph, and everything that graph.h promises about order is so. */
#include <stdlib.h>

#include "base/mem.h"
#include "graph/graph_own.h"

/* row[0] is 0, row[n] is `edges`, and none goes back. */
static int check_rows(const size_t *row, int n, size_t edges, const char *what, struct err *err) {
    for (int i = 0; i < n; i++)
        if (row[i] > row[i + 1])
            return err_set(err, "the rows of %s go back at %s %d", what, what, i);
    if (row[0] || row[n] != edges)
        return err_set(err, "the rows of %s do not cover the events", what);
    return 0;
}

/* Event e of user u; last[c] is one more than the user last seen on item c. */
static int check_event(const struct graph *g, size_t e, int u, int *last, struct err *err) {
    int c = g->edge_item[e];
    bool first = e == g->user_row[u];

    if (g->edge_user[e] != u) return err_set(err, "event %zu is in the row of another user", e);
    if (c < 0 || c >= g->items) return err_set(err, "event %zu: item %d is out of range", e, c);
    if (last[c] == u + 1) return err_set(err, "event %zu: user and item occur twice", e);
    last[c] = u + 1;
    if (g->edge_time[e] < -GRAPH_TIME_MAX || g->edge_time[e] > GRAPH_TIME_MAX)
        return err_set(err, "event %zu: the time is out of range", e);
    if (!first && g->edge_time[e] < g->edge_time[e - 1])
        return err_set(err, "event %zu is not in the order of time", e);
    if (g->ordinal[e] <= (first ? 0 : g->ordinal[e - 1]))
        return err_set(err, "event %zu: the ordinals do not rise", e);
    return 0;
}

static int check_events(const struct graph *g, struct err *err) {
    int *last = mem_calloc((size_t)g->items, sizeof *last), r = 0;

    for (int u = 0; u < g->users && !r; u++)
        for (size_t e = g->user_row[u]; e < g->user_row[u + 1] && !r; e++)
            r = check_event(g, e, u, last, err);
    free(last);
    return r;
}

/* Postings rise by (time, event) within an item, so none is there twice: with as many postings as
 * events, each event has one. */
static int check_posting(const struct graph *g, size_t k, int c, struct err *err) {
    size_t e = g->item_edge[k], before;

    if (e >= g->edges || g->edge_item[e] != c || g->item_user[k] != g->edge_user[e])
        return err_set(err, "posting %zu does not agree with the events", k);
    if (k == g->item_row[c]) return 0;
    before = g->item_edge[k - 1];
    if (g->edge_time[before] > g->edge_time[e] ||
        (g->edge_time[before] == g->edge_time[e] && before >= e))
        return err_set(err, "posting %zu is not in the order of time", k);
    return 0;
}

int graph_check(const struct graph *g, struct err *err) {
    if (check_rows(g->user_row, g->users, g->edges, "user", err) ||
        check_rows(g->item_row, g->items, g->edges, "item", err) || check_events(g, err))
        return -1;
    for (int c = 0; c < g->items; c++)
        for (size_t k = g->item_row[c]; k < g->item_row[c + 1]; k++)
            if (check_posting(g, k, c, err)) return -1;
    return 0;
}
