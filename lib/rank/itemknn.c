/* itemknn, markov — the user's items vote for the items that occur with them, through counts of
 * pairs. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "rank/family.h"
#include "rank/nearest.h"
#include "rank/pairs.h"

struct votes {
    const struct baseline_options *o;
    struct pairs pairs;
};

static struct votes *make(const struct baseline_options *o, long steps, bool idf,
                          struct pool *pool) {
    struct votes *v = mem_calloc(1, sizeof *v);

    v->o = o;
    pairs_open(&v->pairs, steps, idf, pool);
    return v;
}

static void *make_itemknn(const struct baseline_options *o, struct pool *pool) {
    return make(o, 0, o->similarity == SIMILARITY_BM25, pool);
}

static void *make_markov(const struct baseline_options *o, struct pool *pool) {
    return make(o, o->steps, false, pool);
}

static void drop(void *state) {
    struct votes *v = state;

    pairs_free(&v->pairs);
    free(v);
}

static int score_markov(void *state, const struct rec_case *c, const json_t *rec, double *scores,
                        struct err *err) {
    struct votes *v = state;
    struct owned *own = family_items(c, v->o->recency);

    (void)rec, (void)err;
    pairs_prepare(&v->pairs, c);
    for (int k = 0; k < c->n; k++) {
        double *mine;
        struct pair_column col = pairs_column(&v->pairs, c, c->candidates[k], &mine);

        scores[k] = 0;
        for (size_t r = 0; r < c->history; r++) {
            size_t at = pair_find(&col, own[r].item);

            if (at < col.n) scores[k] += own[r].weight * col.count[at];
        }
        free(mine);
    }
    free(own);
    return 0;
}

/* Mean number of known events on an item, of all items. */
static double mean_count(const struct rec_case *c) {
    const struct graph *g = c->split->known;
    size_t n = g->item_row[g->items];

    if (c->at.before != INT64_MAX) {
        n = 0;
        for (int i = 0; i < g->items; i++) n += case_item_count(c, i);
    } else if (family_target_edge(c) != SIZE_MAX) {
        n--;
    }
    return (double)n / g->items;
}

/* An item's factor in the BM25 weight of an edge. */
static double bm25(const struct baseline_options *o, const struct rec_case *c, int item,
                   double mean) {
    double length = 1 - o->b + o->b * (double)case_item_count(c, item) / mean;

    return (o->k1 + 1) / (o->k1 * length + 1);
}

/* What scoring one candidate after another needs. */
struct ballot {
    const struct votes *v;
    const struct rec_case *c;
    const struct owned *own;
    double mean;                /* for BM25 */
    double *scores;
};

/* Similarity of the candidate to item number k of its column. */
static double similarity(const struct ballot *b, int item, const struct pair_column *col,
                         size_t k) {
    const struct baseline_options *o = b->v->o;
    int i = col->item[k];
    double size;

    if (col->count[k] <= 0) return 0;       /* only the case's own edge made the pair */
    if (o->similarity == SIMILARITY_BM25)
        return col->count[k] * bm25(o, b->c, i, b->mean) * bm25(o, b->c, item, b->mean);
    size = (double)case_item_count(b->c, i) * (double)case_item_count(b->c, item);
    return col->count[k] / (sqrt(size) + o->shrink);
}

/* The similarity from which on an item counts. */
static double bound(const struct ballot *b, int item, const struct pair_column *col) {
    double *all, least;

    if (!b->v->o->neighbours) return 0;
    all = mem_alloc(col->n, sizeof *all);
    for (size_t k = 0; k < col->n; k++) all[k] = similarity(b, item, col, k);
    least = nearest_bound(all, col->n, (size_t)b->v->o->neighbours);
    free(all);
    return least;
}

static void score_candidate(void *ctx, int task, int worker) {
    const struct ballot *b = ctx;
    int item = b->c->candidates[task];
    double *mine, sum = 0, least;
    struct pair_column col = pairs_column(&b->v->pairs, b->c, item, &mine);

    (void)worker;
    least = bound(b, item, &col);
    for (size_t r = 0; r < b->c->history; r++) {
        size_t k = pair_find(&col, b->own[r].item);
        double s = k < col.n ? similarity(b, item, &col, k) : 0;

        if (s >= least) sum += b->own[r].weight * s;
    }
    free(mine);
    b->scores[task] = sum;
}

static int score_itemknn(void *state, const struct rec_case *c, const json_t *rec, double *scores,
                         struct err *err) {
    struct votes *v = state;
    struct owned *own = family_items(c, v->o->recency);
    struct ballot b = { .v = v, .c = c, .own = own, .scores = scores };

    (void)rec, (void)err;
    pairs_prepare(&v->pairs, c);
    if (v->o->similarity == SIMILARITY_BM25) b.mean = mean_count(c);
    pool_run(v->pairs.pool, c->n, score_candidate, &b);
    free(own);
    return 0;
}

const struct family family_itemknn = {
    .name = "itemknn", .options = "similarity k1 b shrink neighbours recency pop-power log-pop",
    .make = make_itemknn, .score = score_itemknn, .drop = drop
};
const struct family family_markov = {
    .name = "markov", .options = "steps recency pop-power log-pop", .make = make_markov,
    .score = score_markov, .drop = drop
};
