/* cases — drawing: cuts → a split for each → order of cases → negatives → order of candidates → record. */
#define _GNU_SOURCE
#include "graph/cases.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "graph/cases_own.h"
#include "io/jsonl.h"

enum { MAX_CUTS = 64 };

static const char *const kinds[] = { "loo", "global", "users" };

/* Reads the cuts; returns their number, or -1. */
static int parse_cuts(double cuts[MAX_CUTS], const char *text, struct err *err) {
    const char *s = text;
    char *end;

    for (int n = 0; n < MAX_CUTS; s = end + 1) {
        cuts[n] = strtod(s, &end);
        if (end == s || !(cuts[n] >= 0.01 && cuts[n] <= 0.99) || (n && cuts[n] <= cuts[n - 1])) break;
        n++;
        if (!*end) return n;
        if (*end != ',') break;
    }
    return err_set(err, "--cut takes at most %d rising numbers from 0.01 to 0.99, joined by commas, not '%s'",
                   MAX_CUTS, text);
}

int case_options_check(const struct case_options *o, struct err *err) {
    double cuts[MAX_CUTS];

    if (parse_cuts(cuts, o->cuts, err) < 0) return -1;
    if ((o->draw == DRAW_GIVEN) == (o->given != NULL)) return 0;
    return err_set(err, "--draw given and --given need each other");
}

const char *case_options_leak(const struct case_options *o) {
    if (o->split.kind == SPLIT_LOO)
        return "loo shows every model other users' later events; --protocol global does not";
    if (o->split.kind == SPLIT_USERS && o->part == PART_TRAIN)
        return "users shows training cases other training users' later events; --protocol global does not";
    return NULL;
}

/* Fingerprint of the graph and of every option that decides what a case holds. The options that only
 * choose among cases or decorate them (history, limit, shuffle, permutations) stay out. */
static uint64_t fingerprint(const struct case_set *s, const struct graph *g, const double *cuts) {
    const struct case_options *o = &s->o;
    const struct split_options *p = &o->split;
    struct hash h = hash_start();
    double reals[] = { p->kind == SPLIT_GLOBAL ? cuts[0] : 0, p->min_gap };
    int64_t ints[] = { p->kind, o->part, p->min_history, p->max_per_user, o->draw, o->negatives };
    uint64_t files[] = { hash_value(&s->given.hash), hash_value(&s->excluded.hash) };

    hash_bytes(&h, &g->hash, sizeof g->hash);
    hash_bytes(&h, reals, sizeof reals);
    hash_bytes(&h, ints, sizeof ints);
    hash_bytes(&h, &o->seed, sizeof o->seed);
    if (s->n_cuts > 1) hash_bytes(&h, cuts, (size_t)s->n_cuts * sizeof *cuts);
    if (o->given || o->exclude.n) hash_bytes(&h, files, sizeof files);
    return hash_value(&h);
}

/* The law of the negatives is named unless it is uniform. */
static json_t *make_source(const struct graph *g, const struct case_options *o, double cut, uint64_t hash) {
    static const char *const draws[] = { "uniform", "popular", "hard", "given" };
    char graph[17], hex[17];
    json_t *src;

    hash_hex(graph, g->hash);
    hash_hex(hex, hash);
    src = json_pack("{s:s, s:s}", "graph", graph, "split", kinds[o->split.kind]);
    if (o->split.kind == SPLIT_GLOBAL) json_object_set_new(src, "cut", json_real(cut));
    if (o->draw != DRAW_UNIFORM) json_object_set_new(src, "draw", json_string(draws[o->draw]));
    json_object_set_new(src, "hash", json_string(hex));
    return src;
}

/* The split of each cut. Training and validation cases all lie before the first one. */
static int make_cuts(struct case_set *s, const struct graph *g, struct err *err) {
    double cuts[MAX_CUTS] = { 0 };
    int n = parse_cuts(cuts, s->o.cuts, err);

    if (n < 0) return -1;
    s->n_cuts = s->o.split.kind == SPLIT_GLOBAL ? n : 1;
    s->cuts = mem_calloc((size_t)s->n_cuts, sizeof *s->cuts);
    for (int k = 0; k < s->n_cuts && (!k || s->o.part == PART_TEST); k++) {
        struct case_cut *cut = &s->cuts[k];
        struct split_options o = s->o.split;

        o.cut = cuts[k];
        o.until = k + 1 < s->n_cuts ? cuts[k + 1] : 0;
        if (split_make(&cut->split, g, &o, (enum split_part)s->o.part, err))
            return s->n_cuts > 1 ? err_prefix(err, "cut %g", cuts[k]) : -1;
        cut->source = make_source(g, &s->o, cuts[k], fingerprint(s, g, cuts));
        draw_open(s, cut);
        s->n += cut->split.n;
    }
    return 0;
}

/* The place of the case with this number in all cuts. */
static const struct split_case *find_case(const struct case_set *s, size_t number, struct case_cut **cut) {
    for (*cut = s->cuts; number >= (*cut)->split.n; ++*cut) number -= (*cut)->split.n;
    return &(*cut)->split.cases[number];
}

static void make_order(struct case_set *s) {
    struct rng r = rng_start(s->o.seed, "case order", NULL);

    s->order = mem_alloc(s->n, sizeof *s->order);
    for (size_t i = 0; i < s->n; i++) {
        size_t k = s->o.shuffle ? (size_t)rng_below(&r, i + 1) : i;

        s->order[i] = s->order[k];
        s->order[k] = i;
    }
}

/* Leaves out the cases for which too few candidates are given. */
static int drop_short(struct case_set *s, struct err *err) {
    int *negatives = mem_alloc((size_t)s->o.negatives, sizeof *negatives);
    size_t n = 0, unnamed = 0;

    for (size_t i = 0; i < s->n; i++) {
        struct case_cut *cut;
        const struct split_case *at = find_case(s, s->order[i], &cut);

        unnamed += !s->given.named[at->user];
        if (draw_negatives(s, cut, at, NULL, negatives) == s->o.negatives) s->order[n++] = s->order[i];
    }
    free(negatives);
    if (n < s->n || s->given.unknown)
        buf_printf(&s->note, "%zu cases left out whose users have no given candidates, "
                   "%zu that have too few; %zu given items are not in the graph", unnamed,
                   s->n - n - unnamed, s->given.unknown);
    s->n = n;
    return n ? 0 : err_set(err, "no user has %ld given candidates that can be taken", s->o.negatives);
}

static int prepare(struct case_set *s, const struct graph *g, struct err *err) {
    if (s->o.given && lists_read_rows(&s->given, g, s->o.given, err)) return -1;
    if (s->o.exclude.n && lists_read_pairs(&s->excluded, g, &s->o.exclude, err)) return -1;
    if (make_cuts(s, g, err)) return -1;
    make_order(s);
    if (s->o.given && drop_short(s, err)) return -1;
    if (s->o.limit && (size_t)s->o.limit < s->n) s->n = (size_t)s->o.limit;
    for (size_t i = 0; i < s->n; i++) {
        struct case_cut *cut;
        const struct split_case *at = find_case(s, s->order[i], &cut);

        draw_prepare(cut, at);
    }
    s->n *= (size_t)s->o.permutations;
    return 0;
}

int case_set_make(struct case_set *s, const struct graph *g, const struct case_options *o,
                  struct err *err) {
    *s = (struct case_set){ .o = *o };
    if (!prepare(s, g, err)) return 0;
    case_set_free(s);
    return -1;
}

void case_set_free(struct case_set *s) {
    for (int k = 0; k < s->n_cuts; k++) {
        draw_close(&s->cuts[k]);
        split_free(&s->cuts[k].split);
        json_decref(s->cuts[k].source);
    }
    free(s->cuts);
    free(s->order);
    lists_free(&s->given);
    lists_free(&s->excluded);
    buf_free(&s->note);
    *s = (struct case_set){ 0 };
}

/* Puts the target, candidate 0, and the negatives in a random order. */
static void mix(struct rec_case *c, struct rng *r) {
    int *order = mem_alloc((size_t)c->n, sizeof *order), *mixed = mem_alloc((size_t)c->n, sizeof *mixed);

    rng_permutation(r, order, c->n);
    for (int k = 0; k < c->n; k++) {
        mixed[k] = c->candidates[order[k]];
        if (!order[k]) c->target = k;
    }
    free(order);
    free(c->candidates);
    c->candidates = mixed;
}

/* Names the permutation, from 2 on, and returns the numbers for its order. */
static struct rng name_permutation(const struct case_set *s, struct rec_case *c) {
    char *id;

    if (asprintf(&id, "%s~%d", c->id, c->permutation) < 0) abort();
    free(c->id);
    c->id = id;
    return rng_start(s->o.seed, "permutation", id);
}

int case_set_draw(const struct case_set *s, size_t i, struct rec_case *c, struct err *err) {
    size_t p = (size_t)s->o.permutations;
    struct case_cut *cut;
    const struct split_case *at = find_case(s, s->order[i / p], &cut);
    int m = (int)s->o.negatives, got;
    struct rng r;

    *c = (struct rec_case){ .part = (enum split_part)s->o.part, .split = &cut->split, .at = *at };
    c->id = split_case_id(&cut->split, at);
    c->permutation = (int)(i % p) + 1;
    c->history = split_history(&cut->split, at);
    c->candidates = mem_alloc((size_t)m + 1, sizeof *c->candidates);
    c->candidates[0] = at->item;
    r = rng_start(s->o.seed, "candidates", c->id);
    if ((got = draw_negatives(s, cut, at, &r, c->candidates + 1)) < m) {
        case_free(c);
        return err_set(err, "user %s leaves %d items to draw %d negatives from",
                       graph_user_name(cut->split.all, at->user), got, m);
    }
    c->n = m + 1;
    if (c->permutation > 1) r = name_permutation(s, c);
    mix(c, &r);
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

static json_t *source_of(const struct case_set *s, const struct rec_case *c) {
    const struct case_cut *cut = s->cuts;

    while (&cut->split != c->split) cut++;
    return cut->source;
}

json_t *case_json(const struct case_set *s, const struct rec_case *c) {
    static const char *const parts[] = { "train", "valid", "test" };
    const struct graph *g = c->split->all, *known = c->split->known;
    size_t end = known->user_row[c->at.user] + c->history, shown = c->history;
    json_t *j = json_pack("{s:s, s:s, s:O, s:s}", "id", c->id, "split", parts[c->part], "source",
                          source_of(s, c), "user", graph_user_name(g, c->at.user)), *history = json_array(),
           *candidates = json_array();

    if (shown > (size_t)s->o.history) shown = (size_t)s->o.history;
    for (size_t e = end - shown; e < end; e++) json_array_append_new(history, event_json(known, e));
    for (int k = 0; k < c->n; k++) json_array_append_new(candidates, candidate_json(g, c->candidates[k]));
    if (s->o.permutations > 1) json_object_set_new(j, "permutation", json_integer(c->permutation));
    if (g->has_time) json_object_set_new(j, "time", json_integer(g->edge_time[c->at.event]));
    json_object_set_new(j, "history", history);
    json_object_set_new(j, "candidates", candidates);
    json_object_set_new(j, "target", json_integer(c->target));
    if (!isnan(g->edge_rating[c->at.event]))
        json_object_set_new(j, "target_rating", jsonl_float(g->edge_rating[c->at.event]));
    return j;
}
