/* known — a record tied to its graph, and counts. */
#include "rank/known.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "io/jsonl.h"

void known_open(struct known *k, const struct graph *g) {
    *k = (struct known){ .g = g };
    case_reader_open(&k->reader, g);
    for (int c = 0; c < g->items; c++) k->items += g->item_row[c + 1] > g->item_row[c];
}

/* Users in the postings of g, which are what counts count. */
static void count_users(struct known *k, const struct graph *g) {
    bool *there = mem_calloc((size_t)g->users, sizeof *there);

    k->users = 0;
    k->counted = g;
    for (size_t e = 0; e < g->item_row[g->items]; e++) {
        k->users += !there[g->item_user[e]];
        there[g->item_user[e]] = true;
    }
    free(there);
}

/* Negatives are items that the user never touched in the known graph (train) or the whole one. */
static size_t count_ranked(const struct known *k, const struct rec_case *c) {
    const struct graph *seen = c->part == PART_TRAIN ? c->split->known : c->split->all;
    size_t touched = seen->user_row[c->at.user + 1] - seen->user_row[c->at.user];

    return k->items - touched + graph_has(seen, c->at.user, c->at.item);
}

static void take_candidate(struct known *k, const struct rec_case *c, size_t i, int item) {
    size_t count = case_item_count(c, item);

    k->bits = mem_grow(k->bits, i, &k->cap, sizeof *k->bits);
    k->bits[i] = log2((double)k->users) - log2(count ? (double)count : 1);
}

/* Takes the items of a record that is not the only one of its case, or has no target. */
static int take_listed(struct known *k, const struct rec_case *c, const json_t *rec,
                       const struct scored *s, struct err *err) {
    json_t *list;

    if (jsonl_array(rec, "candidates", &list, err)) return -1;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name;
        int item;

        if (jsonl_string(json_array_get(list, i), "item", &name, err))
            return err_prefix(err, "candidate %zu", i);
        if ((item = graph_find_item(k->g, name)) < 0)
            return err_set(err, "item %s is not in the graph", name);
        if (!s->full && i == s->target && item != c->at.item)
            return err_set(err, "the target of case %s is item %s in the graph, not %s", c->id,
                           graph_item_name(k->g, c->at.item), name);
        take_candidate(k, c, i, item);
    }
    return 0;
}

int known_read(struct known *k, const char *line, size_t n, const struct scored *s,
               struct err *err) {
    json_t *rec = jsonl_parse(line, n, err);
    struct rec_case c = { 0 };
    bool listed = s->full || s->rate;
    int r = -1;

    if (!rec) return -1;
    if (s->rate) json_object_set(rec, "id", json_object_get(rec, "case"));
    if (!(listed ? case_find : case_parse)(&k->reader, rec, &c, err)) {
        if (k->counted != c.split->known) count_users(k, c.split->known);
        k->target_count = case_item_count(&c, c.at.item);
        k->ranked = count_ranked(k, &c);
        for (int i = 0; i < c.n; i++) take_candidate(k, &c, (size_t)i, c.candidates[i]);
        r = listed ? take_listed(k, &c, rec, s, err) : 0;
    }
    case_free(&c);
    json_decref(rec);
    return r;
}

void known_close(struct known *k) {
    case_reader_close(&k->reader);
    free(k->bits);
}
