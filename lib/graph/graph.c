/* graph — names, look-ups and filtering. Building is in graph_build.c. */
#include "graph/graph.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/mem.h"
#include "base/sort.h"
#include "graph/graph_own.h"

const struct graph_own *graph_strings(const struct graph *g) {
    const struct graph_own *own = g->own;

    return own->parent ? graph_strings(own->parent) : own;
}

static const char *name(const struct names *names, int i) {
    return names->text + names->at[i];
}

const char *graph_user_name(const struct graph *g, int u) {
    return name(&graph_strings(g)->user_name, u);
}

const char *graph_item_name(const struct graph *g, int c) {
    return name(&graph_strings(g)->item_name, c);
}

const char *graph_item_title(const struct graph *g, int c) {
    const char *title = name(&graph_strings(g)->title, c);

    return *title ? title : graph_item_name(g, c);
}

int graph_item_year(const struct graph *g, int c) {
    return graph_strings(g)->year[c];
}

const char *graph_item_genres(const struct graph *g, int c) {
    return name(&graph_strings(g)->genres, c);
}

int graph_find_user(const struct graph *g, const char *user) {
    return name_find(&graph_strings(g)->user_name, &graph_strings(g)->user_table, user);
}

int graph_find_item(const struct graph *g, const char *item) {
    return name_find(&graph_strings(g)->item_name, &graph_strings(g)->item_table, item);
}

/* Walks the shorter of the two rows. */
bool graph_has(const struct graph *g, int u, int c) {
    if (g->user_row[u + 1] - g->user_row[u] <= g->item_row[c + 1] - g->item_row[c]) {
        for (size_t e = g->user_row[u]; e < g->user_row[u + 1]; e++)
            if (g->edge_item[e] == c) return true;
    } else {
        for (size_t k = g->item_row[c]; k < g->item_row[c + 1]; k++)
            if (g->edge_user[g->item_edge[k]] == u) return true;
    }
    return false;
}

size_t graph_posted(const struct graph *g, int c, int64_t before) {
    size_t lo = g->item_row[c], hi = g->item_row[c + 1], begin = lo;

    if (before == INT64_MAX) return hi - lo;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (g->edge_time[g->item_edge[mid]] < before) lo = mid + 1;
        else hi = mid;
    }
    return lo - begin;
}

/* Events in user order are dealt out to their items, then put in the order of time. */
void graph_index(struct graph *g, const bool *held) {
    size_t *user_row = mem_calloc((size_t)g->users + 1, sizeof *user_row);
    size_t *item_row = mem_calloc((size_t)g->items + 2, sizeof *item_row);
    size_t *item_edge = mem_alloc(g->edges, sizeof *item_edge);
    int *item_user = mem_alloc(g->edges, sizeof *item_user);

    for (size_t e = 0; e < g->edges; e++) {
        user_row[g->edge_user[e] + 1]++;
        if (!held || !held[g->edge_user[e]]) item_row[g->edge_item[e] + 2]++;
    }
    for (int u = 0; u < g->users; u++) user_row[u + 1] += user_row[u];
    for (int c = 0; c < g->items; c++) item_row[c + 2] += item_row[c + 1];
    for (size_t e = 0; e < g->edges; e++)
        if (!held || !held[g->edge_user[e]]) item_edge[item_row[g->edge_item[e] + 1]++] = e;
    for (int c = 0; c < g->items; c++) sort_by(item_edge + item_row[c], item_row[c + 1] - item_row[c], g->edge_time);
    for (size_t k = 0; k < item_row[g->items]; k++) item_user[k] = g->edge_user[item_edge[k]];
    g->item_user = item_user;
    g->user_row = user_row;
    g->item_row = item_row;
    g->item_edge = item_edge;
}

struct graph *graph_filter(const struct graph *g, const bool *keep, const bool *held) {
    struct graph *f = mem_alloc(1, sizeof *f);
    struct graph_own *own = mem_calloc(1, sizeof *own);
    int *user = mem_alloc(g->edges, sizeof *user), *item = mem_alloc(g->edges, sizeof *item);
    float *rating = mem_alloc(g->edges, sizeof *rating);
    int64_t *time = mem_alloc(g->edges, sizeof *time);
    size_t *ordinal = mem_alloc(g->edges, sizeof *ordinal), n = 0;

    for (size_t e = 0; e < g->edges; e++) {
        if (!keep[e]) continue;
        user[n] = g->edge_user[e];
        item[n] = g->edge_item[e];
        rating[n] = g->edge_rating[e];
        time[n] = g->edge_time[e];
        ordinal[n++] = g->ordinal[e];
    }
    own->parent = g;
    *f = *g;
    f->edges = n;
    f->edge_user = user;
    f->edge_item = item;
    f->edge_rating = rating;
    f->edge_time = time;
    f->ordinal = ordinal;
    f->own = own;
    graph_index(f, held);
    return f;
}

static void free_names(struct names *names) {
    free(names->text);
    free(names->at);
}

static void free_arrays(struct graph *g, struct graph_own *own) {
    free((void *)g->user_row);
    free((void *)g->item_row);
    free((void *)g->item_edge);
    free((void *)g->item_user);
    free((void *)g->edge_user);
    free((void *)g->edge_item);
    free((void *)g->edge_rating);
    free((void *)g->edge_time);
    free((void *)g->ordinal);
    free_names(&own->user_name);
    free_names(&own->item_name);
    free_names(&own->title);
    free_names(&own->genres);
    free(own->year);
}

void graph_free(struct graph *g) {
    struct graph_own *own;

    if (!g) return;
    own = g->own;
    if (own->map) munmap(own->map, own->map_bytes);
    else free_arrays(g, own);
    free(own->user_table.slot);
    free(own->item_table.slot);
    free(own);
    free(g);
}
