/* full — the case with other candidates: all of them, the target the first. */
#include "rank/full.h"

#include <stdlib.h>

#include "base/mem.h"
#include "io/jsonl.h"

struct ranked {
    int item;
    double score;
};

/* The greatest score first, then in the graph's order. */
static int by_score(const void *a, const void *b) {
    const struct ranked *x = a, *y = b;

    if (x->score != y->score) return x->score < y->score ? 1 : -1;
    return x->item - y->item;
}

static void widen(const struct rec_case *c, struct rec_case *wide) {
    const struct graph *all = c->split->all, *seen = c->part == PART_TRAIN ? c->split->known : all;
    bool *touched = mem_calloc((size_t)all->items, sizeof *touched);

    *wide = *c;
    wide->candidates = mem_alloc((size_t)all->items, sizeof *wide->candidates);
    wide->target = 0;
    wide->n = 0;
    wide->candidates[wide->n++] = c->at.item;
    touched[c->at.item] = true;
    for (size_t e = seen->user_row[c->at.user]; e < seen->user_row[c->at.user + 1]; e++)
        touched[seen->edge_item[e]] = true;
    for (int i = 0; i < all->items; i++)
        if (!touched[i] && all->item_row[i] < all->item_row[i + 1]) wide->candidates[wide->n++] = i;
    free(touched);
}

/* Fills the record from the scores of the wide case. */
static void put(json_t *rec, const struct rec_case *wide, const double *scores, long K) {
    struct ranked *r = mem_alloc((size_t)wide->n, sizeof *r);
    json_t *candidates = json_array(), *list = json_array();
    int above = 0, tied = 0;

    for (int k = 0; k < wide->n; k++) {
        r[k] = (struct ranked){ wide->candidates[k], scores[k] };
        above += scores[k] > scores[0];
        tied += scores[k] == scores[0];
    }
    qsort(r, (size_t)wide->n, sizeof *r, by_score);
    for (int k = 0; k < wide->n && k < K; k++) {
        const char *item = graph_item_name(wide->split->all, r[k].item);

        json_array_append_new(candidates, json_pack("{s:s}", "item", item));
        json_array_append_new(list, jsonl_real(r[k].score));
    }
    json_object_del(rec, "target");
    json_object_set_new(rec, "candidates", candidates);
    json_object_set_new(rec, "scores", list);
    json_object_set_new(rec, "full", json_pack("{s:i, s:i, s:i}", "rank", above + 1, "tied", tied,
                                               "of", wide->n));
    free(r);
}

int full_score(struct baseline *b, const struct rec_case *c, long K, json_t *rec, struct err *err) {
    struct rec_case wide;
    double *scores;
    int r;

    widen(c, &wide);
    scores = mem_alloc((size_t)wide.n, sizeof *scores);
    if (!(r = baseline_score(b, &wide, rec, scores, err))) put(rec, &wide, scores, K);
    free(scores);
    free(wide.candidates);
    return r;
}
