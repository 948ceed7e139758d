/* cases — drawing: split → order of cases → negatives by rejection from a pool → record. */
#include "graph/cases.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "io/jsonl.h"

/* Fingerprint of the graph and of every option that decides what a case holds. The options that only
 * choose among cases or decorate them (history, limit, shuffle) stay out. */
static uint64_t fingerprint(const struct graph *g, const struct case_options *o) {
    const struct split_options *s = &o->split;
    struct hash h = hash_start();
    double reals[] = { s->kind == SPLIT_GLOBAL ? s->cut : 0, s->min_gap };
    int64_t ints[] = { s->kind, o->part, s->min_history, s->max_per_user, o->draw, o->negatives };

    hash_bytes(&h, &g->hash, sizeof g->hash);
    hash_bytes(&h, reals, sizeof reals);
    hash_bytes(&h, ints, sizeof ints);
    hash_bytes(&h, &o->seed, sizeof o->seed);
    return hash_value(&h);
}

static json_t *make_source(const struct graph *g, const struct case_options *o) {
    char graph[17], hash[17];
    json_t *src;

    hash_hex(graph, g->hash);
    hash_hex(hash, fingerprint(g, o));
    src = json_pack("{s:s, s:s}", "graph", graph, "split", o->split.kind == SPLIT_LOO ? "loo" : "global");
    if (o->split.kind == SPLIT_GLOBAL) json_object_set_new(src, "cut", json_real(o->split.cut));
    json_object_set_new(src, "hash", json_string(hash));
    return src;
}

/* The pool of `popular` is the known events' items: an event at random is an item by its count. */
static void make_pool(struct case_set *s) {
    const struct graph *g = s->o.draw == DRAW_UNIFORM ? s->split.all : s->split.known;

    for (int c = 0; c < g->items; c++) s->distinct += g->item_row[c + 1] > g->item_row[c];
    s->pool = g->edge_item;
    s->pool_n = g->edges;
    if (s->o.draw == DRAW_POPULAR) return;
    s->items = mem_alloc((size_t)s->distinct, sizeof *s->items);
    s->pool = s->items;
    s->pool_n = 0;
    for (int c = 0; c < g->items; c++)
        if (g->item_row[c + 1] > g->item_row[c]) s->items[s->pool_n++] = c;
}

static void make_order(struct case_set *s) {
    struct rng r = rng_start(s->o.seed, "case order", NULL);

    s->order = mem_alloc(s->n, sizeof *s->order);
    for (size_t i = 0; i < s->n; i++) {
        size_t k = s->o.shuffle ? (size_t)rng_below(&r, i + 1) : i;

        s->order[i] = s->order[k];
        s->order[k] = i;
    }
    if (s->o.limit && (size_t)s->o.limit < s->n) s->n = (size_t)s->o.limit;
}

int case_set_make(struct case_set *s, const struct graph *g, const struct case_options *o,
                  struct err *err) {
    *s = (struct case_set){ .o = *o };
    if (split_make(&s->split, g, &o->split, (enum split_part)o->part, err)) return -1;
    s->n = s->split.n;
    make_order(s);
    make_pool(s);
    s->source = make_source(g, o);
    return 0;
}

void case_set_free(struct case_set *s) {
    split_free(&s->split);
    free(s->order);
    free(s->items);
    json_decref(s->source);
    *s = (struct case_set){ 0 };
}

static bool is_candidate(const struct rec_case *c, int item) {
    for (int k = 0; k < c->n; k++)
        if (c->candidates[k] == item) return true;
    return false;
}

/* Items of the pool that the user touched in `seen`, or that are the target. */
static int spoiled(const struct case_set *s, const struct graph *seen, const struct split_case *at) {
    const struct graph *pool = s->o.draw == DRAW_UNIFORM ? s->split.all : s->split.known;
    int n = 0;
    bool target = false;

    for (size_t e = seen->user_row[at->user]; e < seen->user_row[at->user + 1]; e++) {
        int item = seen->edge_item[e];

        target |= item == at->item;
        n += pool->item_row[item + 1] > pool->item_row[item];
    }
    return n + (!target && pool->item_row[at->item + 1] > pool->item_row[at->item]);
}

int case_set_draw(const struct case_set *s, size_t i, struct rec_case *c, struct err *err) {
    const struct split_case *at = &s->split.cases[s->order[i]];
    const struct graph *seen = s->o.part == PART_TRAIN ? s->split.known : s->split.all;
    int m = (int)s->o.negatives, left = s->distinct - spoiled(s, seen, at), *order, *drawn;
    struct rng r;

    *c = (struct rec_case){ .part = (enum split_part)s->o.part, .split = &s->split, .at = *at };
    if (left < m)
        return err_set(err, "user %s leaves %d items to draw %d negatives from",
                       graph_user_name(s->split.all, at->user), left, m);
    c->id = split_case_id(&s->split, at);
    c->history = split_history(&s->split, at);
    c->candidates = drawn = mem_alloc((size_t)m + 1, sizeof *drawn);
    drawn[c->n++] = at->item;
    r = rng_start(s->o.seed, "candidates", c->id);
    while (c->n <= m) {
        int item = s->pool[rng_below(&r, s->pool_n)];

        if (!is_candidate(c, item) && !graph_has(seen, at->user, item)) drawn[c->n++] = item;
    }
    order = mem_alloc((size_t)c->n, sizeof *order);
    rng_permutation(&r, order, c->n);
    c->candidates = mem_alloc((size_t)c->n, sizeof *c->candidates);
    for (int k = 0; k < c->n; k++) {
        c->candidates[k] = drawn[order[k]];
        if (!order[k]) c->target = k;
    }
    free(order);
    free(drawn);
    return 0;
}

void case_free(struct rec_case *c) {
    free(c->id);
    free(c->candidates);
    *c = (struct rec_case){ 0 };
}

static json_t *genre_array(const char *genres) {
    json_t *a = json_array();

    while (*genres) {
        size_t n = strcspn(genres, "|");

        json_array_append_new(a, json_stringn(genres, n));
        genres += n + (genres[n] == '|');
    }
    return a;
}

static json_t *candidate_json(const struct graph *g, int item) {
    json_t *j = json_pack("{s:s, s:s}", "item", graph_item_name(g, item), "title", graph_item_title(g, item));
    int year = graph_item_year(g, item);
    const char *genres = graph_item_genres(g, item);

    if (year) json_object_set_new(j, "year", json_integer(year));
    if (*genres) json_object_set_new(j, "genres", genre_array(genres));
    return j;
}

static json_t *event_json(const struct graph *g, size_t e) {
    int item = g->edge_item[e];
    json_t *j = json_pack("{s:s, s:s}", "item", graph_item_name(g, item), "title", graph_item_title(g, item));

    if (!isnan(g->edge_rating[e])) json_object_set_new(j, "rating", jsonl_float(g->edge_rating[e]));
    if (g->has_time) json_object_set_new(j, "time", json_integer(g->edge_time[e]));
    return j;
}

json_t *case_json(const struct case_set *s, const struct rec_case *c) {
    static const char *const parts[] = { "train", "valid", "test" };
    const struct graph *g = s->split.all, *known = s->split.known;
    size_t end = known->user_row[c->at.user] + c->history, shown = c->history;
    json_t *j = json_pack("{s:s, s:s, s:O, s:s}", "id", c->id, "split", parts[c->part], "source", s->source,
                          "user", graph_user_name(g, c->at.user)), *history = json_array(),
           *candidates = json_array();

    if (shown > (size_t)s->o.history) shown = (size_t)s->o.history;
    for (size_t e = end - shown; e < end; e++) json_array_append_new(history, event_json(known, e));
    for (int k = 0; k < c->n; k++) json_array_append_new(candidates, candidate_json(g, c->candidates[k]));
    if (g->has_time) json_object_set_new(j, "time", json_integer(g->edge_time[c->at.event]));
    json_object_set_new(j, "history", history);
    json_object_set_new(j, "candidates", candidates);
    json_object_set_new(j, "target", json_integer(c->target));
    if (!isnan(g->edge_rating[c->at.event]))
        json_object_set_new(j, "target_rating", jsonl_float(g->edge_rating[c->at.event]));
    return j;
}
