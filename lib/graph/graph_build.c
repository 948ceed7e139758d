/* graph_build — events in any order become a graph: sorted by (user, time, order of adding), of
 * repeated pairs the last one kept. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "graph/graph_own.h"

struct event {
    int user, item;
    float rating;
    int64_t time;
    size_t line;
};

struct graph_builder {
    struct graph_own own;
    struct event *events;
    size_t n, cap;
    size_t year_cap;
};

struct graph_builder *graph_builder_new(void) {
    return mem_calloc(1, sizeof(struct graph_builder));
}

/* Index of an item, which is entered, without title, when it is new. */
static int item_index(struct graph_builder *b, const char *item) {
    struct graph_own *o = &b->own;
    int c = name_find(&o->item_name, &o->item_table, item);

    if (c >= 0) return c;
    c = (int)name_add(&o->item_name, item);
    name_enter(&o->item_name, &o->item_table, (size_t)c);
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
    int c = item_index(b, item);

    if (title) rename_at(&b->own.title, c, title);
    if (genres) rename_at(&b->own.genres, c, genres);
    if (year) b->own.year[c] = year;
}

void graph_add_event(struct graph_builder *b, const char *user, const char *item, float rating,
                     int64_t time) {
    struct graph_own *o = &b->own;
    int u = name_find(&o->user_name, &o->user_table, user);

    if (u < 0) {
        u = (int)name_add(&o->user_name, user);
        name_enter(&o->user_name, &o->user_table, (size_t)u);
    }
    b->events = mem_grow(b->events, b->n, &b->cap, sizeof *b->events);
    b->events[b->n] = (struct event){ u, item_index(b, item), rating, time, b->n };
    b->n++;
}

static int by_pair(const void *a, const void *b) {
    const struct event *x = a, *y = b;

    if (x->user != y->user) return x->user - y->user;
    if (x->item != y->item) return x->item - y->item;
    if (x->time != y->time) return x->time < y->time ? -1 : 1;
    return x->line < y->line ? -1 : x->line > y->line;
}

static int by_order(const void *a, const void *b) {
    const struct event *x = a, *y = b;

    if (x->user != y->user) return x->user - y->user;
    if (x->time != y->time) return x->time < y->time ? -1 : 1;
    return x->line < y->line ? -1 : x->line > y->line;
}

/* Keeps the last event of each pair, then sorts by user and time. Returns the number kept. */
static size_t sort_events(struct graph_builder *b) {
    size_t n = 0;

    if (!b->n) return 0;
    qsort(b->events, b->n, sizeof *b->events, by_pair);
    for (size_t i = 0; i < b->n; i++) {
        bool last = i + 1 == b->n || b->events[i + 1].user != b->events[i].user ||
                    b->events[i + 1].item != b->events[i].item;

        if (last) b->events[n++] = b->events[i];
    }
    qsort(b->events, n, sizeof *b->events, by_order);
    return n;
}

static int by_first_line(const void *a, const void *b) {
    const struct event *x = a, *y = b;

    return x->line < y->line ? -1 : x->line > y->line;
}

/* New numbers of the items: in the order in which they first appear in an event, the others last. */
static int *item_order(const struct graph_builder *b) {
    size_t items = b->own.item_name.n;
    struct event *first = mem_alloc(items, sizeof *first);
    int *number = mem_alloc(items, sizeof *number);

    for (size_t c = 0; c < items; c++) first[c] = (struct event){ .item = (int)c, .line = SIZE_MAX - items + c };
    for (size_t i = 0; i < b->n; i++) {
        struct event *f = &first[b->events[i].item];

        if (b->events[i].line < f->line) f->line = b->events[i].line;
    }
    qsort(first, items, sizeof *first, by_first_line);
    for (size_t k = 0; k < items; k++) number[first[k].item] = (int)k;
    free(first);
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

/* Fills the edge arrays from the sorted events. */
static void set_edges(struct graph *g, const struct event *events, size_t n, const int *number) {
    int *user = mem_alloc(n, sizeof *user), *item = mem_alloc(n, sizeof *item);
    float *rating = mem_alloc(n, sizeof *rating);
    int64_t *time = mem_alloc(n, sizeof *time);
    size_t *ordinal = mem_alloc(n, sizeof *ordinal);

    for (size_t e = 0; e < n; e++) {
        user[e] = events[e].user;
        item[e] = number[events[e].item];
        rating[e] = events[e].rating;
        time[e] = events[e].time;
        ordinal[e] = e && user[e] == user[e - 1] ? ordinal[e - 1] + 1 : 1;
    }
    g->edges = n;
    g->edge_user = user;
    g->edge_item = item;
    g->edge_rating = rating;
    g->edge_time = time;
    g->ordinal = ordinal;
}

struct graph *graph_build(struct graph_builder *b, bool has_time) {
    struct graph *g = mem_calloc(1, sizeof *g);
    struct graph_own *own = mem_alloc(1, sizeof *own);
    int *number;
    size_t n;

    for (size_t i = 0; !has_time && i < b->n; i++) b->events[i].time = (int64_t)i + 1;
    number = item_order(b);
    reorder_items(&b->own, number);
    n = sort_events(b);
    *own = b->own;
    g->own = own;
    g->users = (int)own->user_name.n;
    g->items = (int)own->item_name.n;
    g->has_time = has_time;
    set_edges(g, b->events, n, number);
    graph_index(g, NULL);
    g->hash = fingerprint(g);
    free(number);
    free(b->events);
    free(b);
    return g;
}
