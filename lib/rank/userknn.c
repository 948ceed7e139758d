/* userknn — the users nearest by the cosine of what they have vote for what they have. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "rank/family.h"
#include "rank/nearest.h"

struct userknn {
    const struct baseline_options *o;
    double *near;               /* [users] similarity to the case's user; zero between uses */
    int *met;                   /* [met_n] users who share an item with him */
    size_t met_n;
    int users;
};

static void *make(const struct baseline_options *o, struct pool *pool) {
    struct userknn *s = mem_calloc(1, sizeof *s);

    (void)pool;
    s->o = o;
    return s;
}

static void drop(void *state) {
    struct userknn *s = state;

    free(s->near);
    free(s->met);
    free(s);
}

/* Sums the weights of what others share with him; returns the sum of the squares of all weights. */
static double meet(struct userknn *s, const struct rec_case *c) {
    const struct graph *g = c->split->known;
    struct owned *own = family_items(c, s->o->recency);
    double squares = 0;

    for (size_t r = 0; r < c->history; r++) {
        squares += own[r].weight * own[r].weight;
        for (size_t k = g->item_row[own[r].item]; k < g->item_row[own[r].item + 1]; k++) {
            int v = g->item_user[k];

            if (g->edge_time[g->item_edge[k]] >= c->at.before) break;
            if (v == c->at.user) continue;
            if (s->near[v] == 0) s->met[s->met_n++] = v;
            s->near[v] += own[r].weight;
        }
    }
    free(own);
    return squares;
}

/* Makes the sums similarities, and drops those beyond the K nearest. */
static void keep_nearest(struct userknn *s, const struct rec_case *c, double squares) {
    const struct graph *g = c->split->known;
    double *sorted = mem_alloc(s->met_n, sizeof *sorted), bound;

    for (size_t k = 0; k < s->met_n; k++) {
        int v = s->met[k];
        double n = (double)(family_row_end(g, v, c->at.before) - g->user_row[v]);

        sorted[k] = s->near[v] /= sqrt(squares * n) + s->o->shrink;
    }
    bound = nearest_bound(sorted, s->met_n, (size_t)s->o->neighbours);
    for (size_t k = 0; k < s->met_n; k++)
        if (s->near[s->met[k]] < bound) s->near[s->met[k]] = 0;
    free(sorted);
}

static int score(void *state, const struct rec_case *c, const json_t *rec, double *scores,
                 struct err *err) {
    struct userknn *s = state;
    const struct graph *g = c->split->known;

    (void)rec, (void)err;
    if (s->users != g->users) {
        s->users = g->users;
        s->near = mem_calloc((size_t)s->users, sizeof *s->near);
        s->met = mem_alloc((size_t)s->users, sizeof *s->met);
    }
    keep_nearest(s, c, meet(s, c));
    for (int k = 0; k < c->n; k++) {
        const size_t *row = g->item_row + c->candidates[k];

        scores[k] = 0;
        for (size_t p = row[0]; p < row[1] && g->edge_time[g->item_edge[p]] < c->at.before; p++)
            scores[k] += s->near[g->item_user[p]];
    }
    while (s->met_n) s->near[s->met[--s->met_n]] = 0;
    return 0;
}

const struct family family_userknn = {
    .name = "userknn", .options = "shrink neighbours recency pop-power log-pop", .make = make,
    .score = score, .drop = drop
};
