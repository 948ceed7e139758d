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

void case_reader_next(struct case_reader *r) {
    ids_free(&r->ids);
    r->ids = (struct ids){ 0 };
}

void case_reader_close(struct case_reader *r) {
    while (r->known) {
        struct case_known *next = r->known->next;

        split_free(&r->known->split);
        free(r->known);
        r->known = next;
    }
    case_reader_next(r);
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

/* The index of the word that is the field's value, or -1 with a sentence. */
static int parse_word(const json_t *obj, const char *field, const char *const *words, const char *said,
                      struct err *err) {
    const char *word;

    if (jsonl_string(obj, field, &word, err)) return -1;
    for (int k = 0; words[k]; k++)
        if (!strcmp(word, words[k])) return k;
    return err_set(err, "\"%s\" is not %s", field, said);
}

/* Reads "split" and "source", and finds or makes what they describe. */
static int parse_source(struct case_reader *r, const json_t *rec, struct rec_case *c, struct err *err) {
    static const char *const parts[] = { "train", "valid", "test", NULL },
                      *const protocols[] = { "loo", "global", "users", NULL };
    const char *graph;
    double cut = 0;
    char hex[17];
    json_t *src;
    int part, kind;

    if ((part = parse_word(rec, "split", parts, "train, valid or test", err)) < 0) return -1;
    if (jsonl_object(rec, "source", &src, err)) return -1;
    if (jsonl_string(src, "graph", &graph, err)) return err_prefix(err, "\"source\"");
    hash_hex(hex, r->all->hash);
    if (strcmp(graph, hex)) return err_set(err, "the case is of graph %s, not of this one, %s", graph, hex);
    kind = parse_word(src, "split", protocols, "loo, global or users", err);
    if (kind < 0 || (kind == SPLIT_GLOBAL && jsonl_number(src, "cut", &cut, err)))
        return err_prefix(err, "\"source\"");
    if (!(cut >= 0 && cut <= 1)) return err_set(err, "\"source\": \"cut\" is not from 0 to 1");
    c->part = (enum split_part)part;
    c->split = find_known(r, kind, cut, c->part, err);
    return c->split ? 0 : -1;
}

static int by_event(const void *a, const void *b) {
    const struct split_case *x = a, *y = b;

    return x->event < y->event ? -1 : x->event > y->event;
}

/* The ordinal in "user#ordinal" or "user#ordinal~permutation", or 0. */
static size_t find_ordinal(const char *id) {
    const char *mark = strrchr(id, '#');
    unsigned long long k;
    char *end;

    if (!mark || mark[1] < '1' || mark[1] > '9') return 0;
    k = strtoull(mark + 1, &end, 10);
    if (*end == '~' && end[1] >= '1' && end[1] <= '9' && strcmp(end, "~1")) strtoull(end + 1, &end, 10);
    return *end ? 0 : (size_t)k;
}

/* Finds the case that "user" and the ordinal in "id" name. */
static int parse_target(const json_t *rec, struct rec_case *c, struct err *err) {
    const struct graph *g = c->split->all;
    const struct split_case *found = NULL;
    const char *id, *name;
    struct split_case key = { 0 };
    size_t k;
    int u;

    if (jsonl_string(rec, "id", &id, err) || jsonl_string(rec, "user", &name, err)) return -1;
    if ((u = graph_find_user(g, name)) < 0) return err_set(err, "user %s is not in the graph", name);
    k = find_ordinal(id);
    key.event = g->user_row[u] + k - 1;
    if (k && k <= g->user_row[u + 1] - g->user_row[u])
        found = bsearch(&key, c->split->cases, c->split->n, sizeof key, by_event);
    if (!found) return err_set(err, "case %s of user %s does not exist in this split of the graph", id, name);
    c->id = mem_strdup(id);
    c->at = *found;
    c->history = split_history(c->split, found);
    return 0;
}

static int by_index(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}

/* Each stands once, and the user never had a negative. */
static int check_candidates(const struct rec_case *c, struct err *err) {
    const struct graph *g = c->split->all, *seen = c->part == PART_TRAIN ? c->split->known : g;
    int *sorted = mem_alloc((size_t)c->n, sizeof *sorted), r = 0;

    memcpy(sorted, c->candidates, (size_t)c->n * sizeof *sorted);
    qsort(sorted, (size_t)c->n, sizeof *sorted, by_index);
    for (int k = 0; k < c->n && !r; k++) {
        const char *name = graph_item_name(g, sorted[k]);

        if (k && sorted[k] == sorted[k - 1])
            r = err_set(err, "case %s has item %s twice among its candidates", c->id, name);
        else if (sorted[k] != c->at.item && graph_has(seen, c->at.user, sorted[k]))
            r = err_set(err, "candidate %s of case %s is an item that the user had", name, c->id);
    }
    free(sorted);
    return r;
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
    if (c->candidates[c->target] == c->at.item) return check_candidates(c, err);
    return err_set(err, "the target of case %s is item %s in the graph, not %s", c->id,
                   graph_item_name(g, c->at.item), graph_item_name(g, c->candidates[c->target]));
}

int case_find(struct case_reader *r, const json_t *rec, struct rec_case *c, struct err *err) {
    *c = (struct rec_case){ 0 };
    return parse_source(r, rec, c, err) || parse_target(rec, c, err) ? -1 : 0;
}

/* Notes that the case was read. */
static int note_id(struct case_reader *r, const char *id, struct err *err) {
    size_t n = r->ids.n;

    if (n == IDS_MAX) return err_set(err, "more than %zu cases", IDS_MAX);
    return ids_add(&r->ids, id, strlen(id)) == n ? 0 : err_set(err, "case %s was read before", id);
}

int case_parse(struct case_reader *r, const json_t *rec, struct rec_case *c, struct err *err) {
    if (!case_find(r, rec, c, err) && !parse_candidates(rec, c, err) && !note_id(r, c->id, err)) return 0;
    case_free(c);
    return -1;
}

size_t case_item_count(const struct rec_case *c, int item) {
    bool own = item == c->at.item && c->part == PART_TRAIN && c->at.before == INT64_MAX;

    return graph_posted(c->split->known, item, c->at.before) - own;
}
