/* load — the table of items and events that the readers fill, and what comes out of it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/load_own.h"
#include "io/jsonl.h"

struct load *load_new(const struct load_options *o) {
    struct load *l = mem_calloc(1, sizeof *l);

    l->o = o;
    return l;
}

static const char *user_text(const struct load *l, int u) {
    return l->user_name.text + l->user_name.at[u];
}

static const char *item_text(const struct load *l, int i) {
    return l->item_name.text + l->item_name.at[i];
}

int load_item(struct load *l, const char *name) {
    size_t known = l->item_name.n;
    int i = name_index(&l->item_name, &l->item_table, name);

    if ((size_t)i < known) return i;
    l->items = mem_grow(l->items, (size_t)i, &l->item_cap, sizeof *l->items);
    l->items[i] = (struct load_item){ 0 };
    return i;
}

static const char *keep_text(struct load *l, const char *s) {
    size_t n = strlen(s) + 1;

    return memcpy(arena_alloc(&l->text, n, 1), s, n);
}

void load_item_fields(struct load *l, int item, const char *title, const char *genres, int year) {
    struct load_item *it = &l->items[item];

    it->known = true;
    if (title && (!it->title || strcmp(it->title, title))) it->title = keep_text(l, title);
    if (genres && (!it->genres || strcmp(it->genres, genres))) it->genres = keep_text(l, genres);
    if (year) it->year = year;
}

struct load_event *load_event(struct load *l, const char *user, int item, float rating,
                              int64_t time) {
    int u = l->n ? l->events[l->n - 1].user : -1;       /* most files have a user's events together */

    if (u < 0 || strcmp(user, user_text(l, u))) u = name_index(&l->user_name, &l->user_table, user);
    l->events = mem_grow(l->events, l->n, &l->cap, sizeof *l->events);
    l->events[l->n] =
        (struct load_event){ .user = u, .item = item, .rating = rating, .time = time };
    if (time == LOAD_NO_TIME) l->counts.untimed++;
    return &l->events[l->n++];
}

static json_t *genre_array(const char *genres) {
    json_t *a = json_array();

    while (*genres) {
        size_t n = strcspn(genres, "|");

        if (n) json_array_append_new(a, json_stringn(genres, n));
        genres += n + (genres[n] == '|');
    }
    return a;
}

static json_t *item_json(const struct load *l, int i) {
    const struct load_item *it = &l->items[i];
    json_t *j = json_pack("{s:s}", "item", item_text(l, i));

    if (it->title) json_object_set_new(j, "title", json_string(it->title));
    if (it->year) json_object_set_new(j, "year", json_integer(it->year));
    if (it->genres && *it->genres) json_object_set_new(j, "genres", genre_array(it->genres));
    if (it->extra) json_object_update_missing(j, it->extra);
    return j;
}

/* A whole rating is written as a whole number, as data sets have it. */
static json_t *rating_json(float x) {
    return x == floorf(x) && fabsf(x) < 1e6f ? json_integer((json_int_t)x) : jsonl_float(x);
}

static json_t *event_json(const struct load *l, const struct load_event *e) {
    json_t *j =
        json_pack("{s:s, s:s}", "user", user_text(l, e->user), "item", item_text(l, e->item));

    if (!isnan(e->rating)) json_object_set_new(j, "rating", rating_json(e->rating));
    if (!l->counts.untimed) json_object_set_new(j, "time", json_integer(e->time));
    if (e->extra) json_object_update_missing(j, e->extra);
    return j;
}

static void write_json(FILE *f, json_t *j) {
    jsonl_write(f, j);
    json_decref(j);
}

static bool written(const struct load_item *it) {
    return it->known && it->kept;
}

void load_write(const struct load *l, FILE *f) {
    for (size_t i = 0; i < l->item_name.n && !ferror(f); i++)
        if (written(&l->items[i])) write_json(f, item_json(l, (int)i));
    for (size_t e = 0; e < l->n && !ferror(f); e++)
        if (l->events[e].kept) write_json(f, event_json(l, &l->events[e]));
}

struct graph *load_graph(const struct load *l) {
    struct graph_builder *b = graph_builder_new();
    int *user = mem_calloc(l->user_name.n, sizeof *user);       /* the builder's numbers, plus one; 0: none yet */
    int *item = mem_calloc(l->item_name.n, sizeof *item);

    for (size_t i = 0; i < l->item_name.n; i++) {
        const struct load_item *it = &l->items[i];

        if (written(it))
            graph_add_item(b, item_text(l, (int)i), it->title, it->year,
                           it->genres ? it->genres : "");
    }
    for (size_t k = 0; k < l->n; k++) {
        const struct load_event *e = &l->events[k];

        if (!e->kept) continue;
        if (!user[e->user]) user[e->user] = graph_enter_user(b, user_text(l, e->user)) + 1;
        if (!item[e->item]) item[e->item] = graph_enter_item(b, item_text(l, e->item)) + 1;
        graph_put_event(b, user[e->user] - 1, item[e->item] - 1, e->rating, e->time);
    }
    free(user);
    free(item);
    return graph_build(b, !l->counts.untimed);
}

struct load_counts load_count(const struct load *l) {
    struct load_counts c = l->counts;

    c.latin1 = l->latin1.n ? l->latin1.s : NULL;
    c.skipped = l->skipped.n ? l->skipped.s : NULL;
    return c;
}

void load_free(struct load *l) {
    for (size_t i = 0; i < l->item_name.n; i++) json_decref(l->items[i].extra);
    for (size_t e = 0; e < l->n; e++) json_decref(l->events[e].extra);
    free(l->user_name.text);
    free(l->user_name.at);
    free(l->item_name.text);
    free(l->item_name.at);
    free(l->user_table.slot);
    free(l->item_table.slot);
    free(l->items);
    free(l->events);
    buf_free(&l->latin1);
    buf_free(&l->skipped);
    buf_free(&l->clean);
    arena_free(&l->text);
    free(l);
}
