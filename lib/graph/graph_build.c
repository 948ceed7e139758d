/* graph_build — events in any order become a graph: sorted by (user, time, order of adding), of
 * repeated pairs the last one kept. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/sort.h"
#include "graph/graph_own.h"

struct event {
    int user, item;
    float rating;
};

struct graph_builder {
    struct graph_own own;
    struct event *events;       /* in the order of adding */
    int64_t *time;              /* of each */
    size_t n, cap, time_cap;
    size_t year_cap;
};

struct graph_builder *graph_builder_new(void) {
    return mem_calloc(1, sizeof(struct graph_builder));
}

int graph_enter_user(struct graph_builder *b, const char *user) {
    return name_index(&b->own.user_name, &b->own.user_table, user);
}

int graph_enter_item(struct graph_builder *b, const char *item) {
    struct graph_own *o = &b->own;
    size_t known = o->item_name.n;
    int c = name_index(&o->item_name, &o->item_table, item);

    if ((size_t)c < known) return c;
    o->year = mem_grow(o->year, (size_t)c, &b->year_cap, sizeof *o->year);
    o->year[c] = 0;
    name_add(&o->title, "");
    name_add(&o->genres, "");
    return c;
}

/* Puts another string in place i: appended, and the place moved. */
static void rename_at(struct names *names, int i, const char *s) {
    size_t last = name_add(names, s);       /* may move names->at */

    names->at[i] = names->at[last];
    names->n--;
}

void graph_add_item(struct graph_builder *b, const char *item, const char *title, int year,
                    const char *genres) {
    int c = graph_enter_item(b, item);

    if (title) rename_at(&b->own.title, c, title);
    if (genres) rename_at(&b->own.genres, c, genres);
    if (year) b->own.year[c] = year;
}

void graph_put_event(struct graph_builder *b, int user, int item, float rating, int64_t time) {
    b->events = mem_grow(b->events, b->n, &b->cap, sizeof *b->events);
    b->time = mem_grow(b->time, b->n, &b->time_cap, sizeof *b->time);
    b->events[b->n] = (struct event){ user, item, rating };
    b->time[b->n++] = time;
}

void graph_add_event(struct graph_builder *b, const char *user, const char *item, float rating,
                     int64_t time) {
    int u = graph_enter_user(b, user);

    graph_put_event(b, u, graph_enter_item(b, item), rating, time);
}

/* New numbers of the items: in the order in which they first appear in an event, the others last. */
static int *item_order(const struct graph_builder *b) {
    size_t items = b->own.item_name.n;
    int *number = mem_alloc(items, sizeof *number), next = 0;

    for (size_t c = 0; c < items; c++) number[c] = -1;
    for (size_t i = 0; i < b->n; i++)
        if (number[b->events[i].item] < 0) number[b->events[i].item] = next++;
    for (size_t c = 0; c < items; c++)
        if (number[c] < 0) number[c] = next++;
    return number;
}

/* The item strings in the new order. */
static void reorder_items(struct graph_own *o, const int *number) {
    size_t items = o->item_name.n;
    struct names *const tables[] = { &o->item_name, &o->title, &o->genres };
    int *year = mem_alloc(items, sizeof *year);

    for (size_t k = 0; k < 3; k++) {
        size_t *at = mem_alloc(items, sizeof *at);

        for (size_t c = 0; c < items; c++) at[number[c]] = tables[k]->at[c];
        free(tables[k]->at);
        tables[k]->at = at;
    }
    for (size_t c = 0; c < items; c++) year[number[c]] = o->year[c];
    free(o->year);
    o->year = year;
    free(o->item_table.slot);
    o->item_table = (struct name_table){ 0 };
    for (size_t c = 0; c < items; c++) name_enter(&o->item_name, &o->item_table, c);
}

static uint64_t fingerprint(const struct graph *g) {
    struct hash h = hash_start();

    for (int u = 0; u < g->users; u++) hash_string(&h, graph_user_name(g, u));
    for (int c = 0; c < g->items; c++) {
        int year = graph_item_year(g, c);

        hash_string(&h, graph_item_name(g, c));
        hash_string(&h, graph_item_title(g, c));
        hash_string(&h, graph_item_genres(g, c));
        hash_bytes(&h, &year, sizeof year);
    }
    for (size_t e = 0; e < g->edges; e++) {
        hash_bytes(&h, &g->edge_user[e], sizeof g->edge_user[e]);
        hash_bytes(&h, &g->edge_item[e], sizeof g->edge_item[e]);
        hash_bytes(&h, &g->edge_rating[e], sizeof g->edge_rating[e]);
        hash_bytes(&h, &g->edge_time[e], sizeof g->edge_time[e]);
    }
    return hash_value(&h);
}

/* The events by user, then time, then order of adding. */
static size_t *event_order(const struct graph_builder *b, size_t *row) {
    size_t users = b->own.user_name.n, *order = mem_alloc(b->n, sizeof *order);

    for (size_t i = 0; i < b->n; i++) row[b->events[i].user + 2]++;
    for (size_t u = 0; u < users; u++) row[u + 2] += row[u + 1];
    for (size_t i = 0; i < b->n; i++) order[row[b->events[i].user + 1]++] = i;
    for (size_t u = 0; u < users; u++) sort_by(order + row[u], row[u + 1] - row[u], b->time);
    return order;
}

/* Of each pair in a user's row the last one stays. Returns the number that is left. */
static size_t keep_last(const struct graph_builder *b, size_t *row, size_t n, int user, int *seen) {
    size_t kept = n;

    for (size_t k = n; k-- > 0;) {
        int item = b->events[row[k]].item;

        if (seen[item] == user + 1) continue;
        seen[item] = user + 1;
        row[--kept] = row[k];
    }
    memmove(row, row + kept, (n - kept) * sizeof *row);
    return n - kept;
}

/* Fills the edge arrays. */
static void set_edges(struct graph *g, const struct graph_builder *b, const int *number) {
    size_t *row = mem_calloc((size_t)g->users + 2, sizeof *row), *order = event_order(b, row);
    int *seen = mem_calloc((size_t)g->items, sizeof *seen);
    int *user = mem_alloc(b->n, sizeof *user), *item = mem_alloc(b->n, sizeof *item);
    float *rating = mem_alloc(b->n, sizeof *rating);
    int64_t *time = mem_alloc(b->n, sizeof *time);
    size_t *ordinal = mem_alloc(b->n, sizeof *ordinal), n = 0;

    for (int u = 0; u < g->users; u++) {
        const size_t *mine = order + row[u];
        size_t count = keep_last(b, order + row[u], row[u + 1] - row[u], u, seen);

        for (size_t k = 0; k < count; k++, n++) {
            const struct event *e = &b->events[mine[k]];

            user[n] = u;
            item[n] = number[e->item];
            rating[n] = e->rating;
            time[n] = b->time[mine[k]];
            ordinal[n] = k + 1;
        }
    }
    g->edges = n;
    g->edge_user = user;
    g->edge_item = item;
    g->edge_rating = rating;
    g->edge_time = time;
    g->ordinal = ordinal;
    free(row);
    free(order);
    free(seen);
}

struct graph *graph_build(struct graph_builder *b, bool has_time) {
    struct graph *g = mem_calloc(1, sizeof *g);
    struct graph_own *own = mem_alloc(1, sizeof *own);
    int *number = item_order(b);

    for (size_t i = 0; !has_time && i < b->n; i++) b->time[i] = (int64_t)i + 1;
    reorder_items(&b->own, number);
    *own = b->own;
    g->own = own;
    g->users = (int)own->user_name.n;
    g->items = (int)own->item_name.n;
    g->has_time = has_time;
    set_edges(g, b, number);
    graph_index(g, NULL);
    g->hash = fingerprint(g);
    free(number);
    free(b->events);
    free(b->time);
    free(b);
    return g;
}
