/* pairs — a column is counted over the postings of its item, densely, and kept sparsely. */
#include "rank/pairs.h"

#include <stdlib.h>

#include "base/mem.h"
#include "rank/family.h"

void pairs_open(struct pairs *p, long steps, struct pool *pool) {
    *p = (struct pairs){ .steps = steps, .pool = pool };
}

static void forget(struct pairs *p) {
    for (int i = 0; i < p->items; i++) free(p->column[i].pair);
    free(p->column);
    p->column = NULL;
}

void pairs_free(struct pairs *p) {
    forget(p);
    free(p->scratch);
    free(p->wanted);
}

/* Event e is of item c: adds `sign` for every i that it makes a pair with in [begin, end), the user's
 * known events but the event `skip`. */
static void add_event(int *counts, const struct graph *g, size_t begin, size_t end, size_t e,
                      size_t skip, long steps, int sign) {
    if (!steps) {
        for (size_t k = begin; k < end; k++)
            if (k != e && k != skip) counts[g->edge_item[k]] += sign;
        return;
    }
    for (size_t k = e; k > begin && steps > 0; k--) {
        if (k - 1 == skip) continue;
        counts[g->edge_item[k - 1]] += sign;
        steps--;
    }
}

/* Moves the dense counts into a column and leaves zeros behind. */
static void compress(struct pair_column *col, int *counts, int items) {
    size_t n = 0;

    for (int i = 0; i < items; i++) n += counts[i] != 0;
    col->pair = mem_alloc(n, sizeof *col->pair);
    col->n = 0;
    for (int i = 0; i < items; i++) {
        if (!counts[i]) continue;
        col->pair[col->n++] = (struct pair){ i, counts[i] };
        counts[i] = 0;
    }
}

static void count_column(void *ctx, int task, int worker) {
    struct pairs *p = ctx;
    const struct graph *g = p->known;
    int *counts = p->scratch + (size_t)worker * (size_t)p->items, item = p->wanted[task];

    for (size_t k = g->item_row[item]; k < g->item_row[item + 1]; k++) {
        size_t e = g->item_edge[k];
        int u = g->edge_user[e];

        if (g->edge_time[e] >= p->before) break;
        add_event(counts, g, g->user_row[u], family_row_end(g, u, p->before), e, SIZE_MAX, p->steps,
                  1);
    }
    compress(&p->column[item], counts, p->items);
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

        if (!p->column[item].pair && !asked[item]) p->wanted[p->wanted_n++] = item;
        asked[item] = true;
    }
    free(asked);
    pool_run(p->pool, (int)p->wanted_n, count_column, p);
}

/* What the case's user adds to the column of `item`, without his target edge in place of with it. */
static void correct_own(const struct pairs *p, const struct rec_case *c, int item, size_t target,
                        int sign, int *counts) {
    const struct graph *g = p->known;
    size_t begin = g->user_row[c->at.user], end = family_row_end(g, c->at.user, p->before);

    for (size_t e = begin; e < end; e++) {
        if (g->edge_item[e] != item) continue;
        add_event(counts, g, begin, end, e, SIZE_MAX, p->steps, -sign);
        if (e != target) add_event(counts, g, begin, end, e, target, p->steps, sign);
    }
}

void pairs_add(const struct pairs *p, const struct rec_case *c, int item, int sign, int *counts) {
    const struct pair_column *col = &p->column[item];
    size_t target = family_target_edge(c);

    for (size_t k = 0; k < col->n; k++) counts[col->pair[k].item] += sign * col->pair[k].count;
    if (target != SIZE_MAX) correct_own(p, c, item, target, sign, counts);
}
