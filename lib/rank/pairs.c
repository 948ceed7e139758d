/* pairs — a column is counted over the postings of its item, densely, and kept sparsely. */
#include "rank/pairs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "rank/family.h"

void pairs_open(struct pairs *p, long steps, bool idf, struct pool *pool) {
    *p = (struct pairs){ .steps = steps, .idf = idf, .pool = pool };
}

static void forget(struct pairs *p) {
    for (int i = 0; i < p->items; i++) {
        free(p->column[i].item);
        free(p->column[i].count);
    }
    free(p->column);
    p->column = NULL;
}

void pairs_free(struct pairs *p) {
    forget(p);
    free(p->scratch);
    free(p->wanted);
}

/* What a pair of a user with n known events counts. */
static double user_weight(const struct pairs *p, size_t n) {
    double idf = log((double)p->items) - log1p((double)n);

    return p->idf ? idf * idf : 1;
}

/* Adds `weight` for every i that an event of item c makes a pair with in [begin, end), the
 * user's known events but the event `skip`. */
struct visit {
    const struct graph *g;
    size_t begin, end, skip;
    long steps;
    double weight;
    double *counts;             /* [items], or by place in col */
    const struct pair_column *col;      /* or NULL */
};

static int by_number(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}

size_t pair_find(const struct pair_column *col, int i) {
    const int *at = bsearch(&i, col->item, col->n, sizeof i, by_number);

    return at ? (size_t)(at - col->item) : col->n;
}

static void add_pair(const struct visit *v, size_t k) {
    int i = v->g->edge_item[k];

    v->counts[v->col ? pair_find(v->col, i) : (size_t)i] += v->weight;
}

static void add_event(const struct visit *v, size_t e) {
    long steps = v->steps;

    if (!steps) {
        for (size_t k = v->begin; k < v->end; k++)
            if (k != e && k != v->skip) add_pair(v, k);
        return;
    }
    for (size_t k = e; k > v->begin && steps > 0; k--) {
        if (k - 1 == v->skip) continue;
        add_pair(v, k - 1);
        steps--;
    }
}

/* Moves the dense counts into a column and leaves zeros behind. */
static void compress(struct pair_column *col, double *counts, int items) {
    size_t n = 0;

    for (int i = 0; i < items; i++) n += counts[i] != 0;
    col->item = mem_alloc(n, sizeof *col->item);
    col->count = mem_alloc(n, sizeof *col->count);
    col->n = 0;
    for (int i = 0; i < items; i++) {
        if (counts[i] == 0) continue;
        col->item[col->n] = i;
        col->count[col->n++] = counts[i];
        counts[i] = 0;
    }
}

static void count_column(void *ctx, int task, int worker) {
    struct pairs *p = ctx;
    const struct graph *g = p->known;
    int item = p->wanted[task];
    struct visit v = { .g = g, .skip = SIZE_MAX, .steps = p->steps,
                       .counts = p->scratch + (size_t)worker * (size_t)p->items };

    for (size_t k = g->item_row[item]; k < g->item_row[item + 1]; k++) {
        size_t e = g->item_edge[k];
        int u = g->edge_user[e];

        if (g->edge_time[e] >= p->before) break;
        v.begin = g->user_row[u];
        v.end = family_row_end(g, u, p->before);
        v.weight = user_weight(p, v.end - v.begin);
        add_event(&v, e);
    }
    compress(&p->column[item], v.counts, p->items);
}

/* Columns of another known graph, or of another moment, are of no use any more. */
static void renew(struct pairs *p, const struct graph *known, int64_t before) {
    if (p->known == known && p->before == before) return;
    forget(p);
    p->known = known;
    p->before = before;
    p->items = known->items;
    p->column = mem_calloc((size_t)p->items, sizeof *p->column);
    free(p->scratch);
    p->scratch = mem_calloc((size_t)p->items * (size_t)pool_threads(p->pool), sizeof *p->scratch);
    p->wanted = mem_realloc(p->wanted, (size_t)p->items, sizeof *p->wanted);
}

void pairs_prepare(struct pairs *p, const struct rec_case *c) {
    bool *asked;

    renew(p, c->split->known, c->at.before);
    asked = mem_calloc((size_t)p->items, sizeof *asked);
    p->wanted_n = 0;
    for (int k = 0; k < c->n; k++) {
        int item = c->candidates[k];

        if (!p->column[item].item && !asked[item]) p->wanted[p->wanted_n++] = item;
        asked[item] = true;
    }
    free(asked);
    pool_run(p->pool, (int)p->wanted_n, count_column, p);
}

/* The event of the user's row that is of `item`, or SIZE_MAX. */
static size_t find_event(const struct visit *v, int item) {
    for (size_t e = v->begin; e < v->end; e++)
        if (v->g->edge_item[e] == item) return e;
    return SIZE_MAX;
}

/* Of the case's user only the rest of his events counts: with them all taken off, without the
 * target put back on. */
struct pair_column pairs_column(const struct pairs *p, const struct rec_case *c, int item,
                                double **own) {
    struct pair_column col = p->column[item];
    const struct graph *g = p->known;
    size_t target = family_target_edge(c), e;
    struct visit v = { .g = g, .begin = g->user_row[c->at.user],
                       .end = family_row_end(g, c->at.user, p->before), .skip = SIZE_MAX, .steps = p->steps, .col = &col };

    *own = NULL;
    e = target == SIZE_MAX ? SIZE_MAX : find_event(&v, item);
    if (e == SIZE_MAX) return col;
    *own = v.counts = mem_alloc(col.n + 1, sizeof **own);   /* the last: pairs that counted 0 */
    memcpy(v.counts, col.count, col.n * sizeof *v.counts);
    v.weight = -user_weight(p, v.end - v.begin);
    add_event(&v, e);
    v.skip = target;
    v.weight = user_weight(p, v.end - v.begin - 1);
    if (e != target) add_event(&v, e);
    col.count = v.counts;
    return col;
}
