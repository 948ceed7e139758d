/* cases — reading back: a record's names → indices of the graph, its source → what was known. */
#include "graph/cases.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "io/jsonl.h"

/* The split of one protocol, cut and part, with every event as a case that can be one. */
struct case_known {
    struct case_known *next;
    int kind;
    double cut;
    enum split_part part;
    struct split split;
};

void case_reader_open(struct case_reader *r, const struct graph *g) {
    *r = (struct case_reader){ .all = g };
}

void case_reader_close(struct case_reader *r) {
    while (r->known) {
        struct case_known *next = r->known->next;

        split_free(&r->known->split);
        free(r->known);
        r->known = next;
    }
}

static const struct split *find_known(struct case_reader *r, int kind, double cut, enum split_part part,
                                      struct err *err) {
    struct split_options o = { .kind = kind, .cut = cut, .min_history = 0 };
    struct case_known *k;

    for (k = r->known; k; k = k->next)
        if (k->kind == kind && k->cut == cut && k->part == part) return &k->split;
    k = mem_calloc(1, sizeof *k);
    if (split_make(&k->split, r->all, &o, part, err)) {
        free(k);
        return NULL;
    }
    k->kind = kind;
    k->cut = cut;
    k->part = part;
    k->next = r->known;
    r->known = k;
    return &k->split;
}

/* Reads "split" and "source", and finds or makes what they describe. */
static int parse_source(struct case_reader *r, const json_t *rec, struct rec_case *c, struct err *err) {
    const char *part, *graph, *kind;
    double cut = 0;
    bool global;
    char hex[17];
    json_t *src;

    if (jsonl_string(rec, "split", &part, err) || jsonl_object(rec, "source", &src, err)) return -1;
    if (jsonl_string(src, "graph", &graph, err) || jsonl_string(src, "split", &kind, err))
        return err_prefix(err, "\"source\"");
    hash_hex(hex, r->all->hash);
    if (strcmp(graph, hex)) return err_set(err, "the case is of graph %s, not of this one, %s", graph, hex);
    global = !strcmp(kind, "global");
    if (!global && strcmp(kind, "loo")) return err_set(err, "\"source\": \"split\" is not loo or global");
    if (global && jsonl_number(src, "cut", &cut, err)) return err_prefix(err, "\"source\"");
    if (!(cut >= 0 && cut <= 1)) return err_set(err, "\"source\": \"cut\" is not from 0 to 1");
    c->part = !strcmp(part, "train") ? PART_TRAIN : !strcmp(part, "valid") ? PART_VALID : PART_TEST;
    if (c->part == PART_TEST && strcmp(part, "test"))
        return err_set(err, "\"split\" is not train, valid or test");
    c->split = find_known(r, global ? SPLIT_GLOBAL : SPLIT_LOO, cut, c->part, err);
    return c->split ? 0 : -1;
}

static int by_event(const void *a, const void *b) {
    const struct split_case *x = a, *y = b;

    return x->event < y->event ? -1 : x->event > y->event;
}

/* Finds the case that "user" and the ordinal in "id" name. */
static int parse_target(const json_t *rec, struct rec_case *c, struct err *err) {
    const struct graph *g = c->split->all;
    const struct split_case *found = NULL;
    const char *id, *name, *mark;
    struct split_case key = { 0 };
    char *end;
    int u;

    if (jsonl_string(rec, "id", &id, err) || jsonl_string(rec, "user", &name, err)) return -1;
    if ((u = graph_find_user(g, name)) < 0) return err_set(err, "user %s is not in the graph", name);
    mark = strrchr(id, '#');
    if (mark && mark[1] >= '1' && mark[1] <= '9') {
        unsigned long long k = strtoull(mark + 1, &end, 10);

        key.event = g->user_row[u] + (size_t)k - 1;
        if (!*end && k <= g->user_row[u + 1] - g->user_row[u])
            found = bsearch(&key, c->split->cases, c->split->n, sizeof key, by_event);
    }
    if (!found) return err_set(err, "case %s of user %s does not exist in this split of the graph", id, name);
    c->id = mem_strdup(id);
    c->at = *found;
    c->history = split_history(c->split, found);
    return 0;
}

static int parse_candidates(const json_t *rec, struct rec_case *c, struct err *err) {
    const struct graph *g = c->split->all;
    json_t *list;
    int64_t target;

    if (jsonl_array(rec, "candidates", &list, err)) return -1;
    if (!json_array_size(list)) return err_set(err, "\"candidates\" is empty");
    if (jsonl_int(rec, "target", 0, (int64_t)json_array_size(list) - 1, &target, err)) return -1;
    c->candidates = mem_alloc(json_array_size(list), sizeof *c->candidates);
    c->target = (int)target;
    for (size_t k = 0; k < json_array_size(list); k++) {
        const char *name;
        int item;

        if (jsonl_string(json_array_get(list, k), "item", &name, err))
            return err_prefix(err, "candidate %zu", k);
        if ((item = graph_find_item(g, name)) < 0) return err_set(err, "item %s is not in the graph", name);
        c->candidates[c->n++] = item;
    }
    if (c->candidates[c->target] == c->at.item) return 0;
    return err_set(err, "the target of case %s is item %s in the graph, not %s", c->id,
                   graph_item_name(g, c->at.item), graph_item_name(g, c->candidates[c->target]));
}

int case_find(struct case_reader *r, const json_t *rec, struct rec_case *c, struct err *err) {
    *c = (struct rec_case){ 0 };
    return parse_source(r, rec, c, err) || parse_target(rec, c, err) ? -1 : 0;
}

int case_parse(struct case_reader *r, const json_t *rec, struct rec_case *c, struct err *err) {
    if (!case_find(r, rec, c, err) && !parse_candidates(rec, c, err)) return 0;
    case_free(c);
    return -1;
}

/* Postings of an item are in order of time: those before a time are the first ones. */
size_t case_item_count(const struct rec_case *c, int item) {
    const struct graph *k = c->split->known;
    size_t lo = k->item_row[item], hi = k->item_row[item + 1], begin = lo;
    bool own = item == c->at.item && c->part == PART_TRAIN && c->at.before == INT64_MAX;

    if (c->at.before == INT64_MAX) lo = hi;         /* all of them */
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (k->edge_time[k->item_edge[mid]] < c->at.before) lo = mid + 1;
        else hi = mid;
    }
    return lo - begin - own;
}
