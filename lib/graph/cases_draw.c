/* cases_draw — negatives: by rejection from a pool, by nearness to the target, or as given. */
#include <stdlib.h>

#include "base/mem.h"
#include "graph/cases_own.h"

/* Where the items of the pool have their events. */
static const struct graph *pool_graph(const struct case_set *s, const struct case_cut *cut) {
    return s->o.draw == DRAW_POPULAR ? cut->split.known : cut->split.all;
}

/* Events that a user must not have had on a negative. */
static const struct graph *seen_graph(const struct case_set *s, const struct case_cut *cut) {
    return s->o.part == PART_TRAIN ? cut->split.known : cut->split.all;
}

static bool in_pool(const struct graph *pool, int item) {
    return pool->item_row[item + 1] > pool->item_row[item];
}

static bool is_barred(const struct case_set *s, const struct case_cut *cut,
                      const struct split_case *at, int item) {
    return item == at->item || graph_has(seen_graph(s, cut), at->user, item) ||
           lists_have(&s->excluded, at->user, item);
}

/* The pool of `popular` is the known events' items: an event at random is an item by its count. */
void draw_open(const struct case_set *s, struct case_cut *cut) {
    const struct graph *g = pool_graph(s, cut);
    bool popular = s->o.draw == DRAW_POPULAR, held = popular && cut->split.held;

    for (int c = 0; c < g->items; c++) cut->distinct += in_pool(g, c);
    if (s->o.draw == DRAW_HARD && !(s->o.part == PART_TRAIN && s->o.split.kind == SPLIT_GLOBAL))
        cut->near = mem_calloc((size_t)g->items, sizeof *cut->near);
    cut->pool = g->edge_item;
    cut->pool_n = g->edges;
    if (popular && !held) return;
    cut->pool = cut->items = mem_alloc(popular ? g->edges : (size_t)cut->distinct, sizeof *cut->items);
    cut->pool_n = 0;
    for (size_t e = 0; popular && e < g->edges; e++)
        if (!cut->split.held[g->edge_user[e]]) cut->items[cut->pool_n++] = g->edge_item[e];
    for (int c = 0; !popular && c < g->items; c++)
        if (in_pool(g, c)) cut->items[cut->pool_n++] = c;
}

void draw_close(struct case_cut *cut) {
    for (int c = 0; cut->near && c < cut->split.all->items; c++) free(cut->near[c].item);
    free(cut->near);
    free(cut->items);
}

/* Neither n(target) nor the user's own row decide: what he had is no negative. So the order of nearness is
 * one for all cases of a target, his own edge to it left out or not. */
void draw_prepare(struct case_cut *cut, const struct split_case *at) {
    if (cut->near && !cut->near[at->item].item)
        cut->near[at->item] = near_items(cut->split.known, at->item, INT64_MAX);
}

/* Items of the pool that are no negatives: touched in `seen`, excluded, or the target. */
static int count_barred(const struct case_set *s, const struct case_cut *cut,
                        const struct split_case *at) {
    const struct graph *pool = pool_graph(s, cut), *seen = seen_graph(s, cut);
    const struct lists *x = &s->excluded;
    int n = 0;
    bool target = false;

    for (size_t e = seen->user_row[at->user]; e < seen->user_row[at->user + 1]; e++) {
        target |= seen->edge_item[e] == at->item;
        n += in_pool(pool, seen->edge_item[e]);
    }
    for (size_t k = x->row ? x->row[at->user] : 0; x->row && k < x->row[at->user + 1]; k++) {
        bool again = k > x->row[at->user] && x->item[k] == x->item[k - 1];

        n += !again && x->item[k] != at->item && in_pool(pool, x->item[k]) &&
             !graph_has(seen, at->user, x->item[k]);
    }
    return n + (!target && in_pool(pool, at->item));
}

static bool has(const int *list, int n, int item) {
    for (int k = 0; k < n; k++)
        if (list[k] == item) return true;
    return false;
}

/* Takes items of a list that may be negatives, until there are m; returns how many there are. */
static int take(const struct case_set *s, const struct case_cut *cut, const struct split_case *at,
                const int *list, size_t n, int *negatives, int m) {
    int got = 0;

    for (size_t k = 0; k < n && got < m; k++)
        if (!is_barred(s, cut, at, list[k]) && !has(negatives, got, list[k])) negatives[got++] = list[k];
    return got;
}

static int take_near(const struct case_set *s, const struct case_cut *cut, const struct split_case *at,
                     int *negatives, int m) {
    struct near own = cut->near ? cut->near[at->item] : near_items(cut->split.known, at->item, at->before);
    int got = take(s, cut, at, own.item, own.n, negatives, m);

    if (!cut->near) free(own.item);
    return got;
}

int draw_negatives(const struct case_set *s, const struct case_cut *cut, const struct split_case *at,
                   struct rng *r, int *negatives) {
    int m = (int)s->o.negatives, left, got = 0;

    if (s->o.draw == DRAW_GIVEN) {
        const size_t *row = s->given.row + at->user;

        return take(s, cut, at, s->given.item + row[0], row[1] - row[0], negatives, m);
    }
    if ((left = cut->distinct - count_barred(s, cut, at)) < m) return left;
    if (s->o.draw == DRAW_HARD) got = take_near(s, cut, at, negatives, m);
    while (got < m) {
        int item = cut->pool[rng_below(r, cut->pool_n)];

        if (!is_barred(s, cut, at, item) && !has(negatives, got, item)) negatives[got++] = item;
    }
    return m;
}
