/* bpr, lightgcn — the families over rank/pairwise: a case's score is the product of two vectors. */
#include <limits.h>
#include <stdlib.h>

#include "base/mem.h"
#include "rank/family.h"
#include "rank/pairwise.h"
#include "tensor/kernels.h"

struct bpr {
    const struct baseline_options *o;
    const char *name;
    bool uniform;               /* law of the first vectors */
    struct pool *pool;
    struct pairwise model;
    const struct graph *known;  /* what the vectors are of; NULL: there are none */
};

static void *make_bpr(const struct baseline_options *o, struct pool *pool) {
    struct bpr *s = mem_calloc(1, sizeof *s);

    s->o = o;
    s->name = "bpr";
    s->pool = pool;
    return s;
}

static void *make_lightgcn(const struct baseline_options *o, struct pool *pool) {
    struct bpr *s = make_bpr(o, pool);

    s->name = "lightgcn";
    s->uniform = true;
    return s;
}

static void forget(struct bpr *s) {
    if (s->known) pairwise_free(&s->model);
    s->known = NULL;
}

static void drop(void *state) {
    forget(state);
    free(state);
}

static int fit(struct bpr *s, const struct split *split, struct err *err) {
    const struct graph *g = split->known;
    const struct fit_options *fit = &s->o->fit;
    struct pairwise_options p = { .d = (int)fit->dim, .layers = (int)fit->layers,
                                  .batch = (int)fit->batch, .uniform = s->uniform,
                                  .learning_rate = fit->learning_rate, .l2 = fit->l2,
                                  .seed = s->o->seed };

    if (s->known == g && s->model.epoch == fit->epochs) return 0;
    if (s->known != g || s->model.epoch > fit->epochs) {
        forget(s);
        if (g->edges > INT_MAX || g->users > INT_MAX - g->items)
            return err_set(err, "%s learns from at most %d events, users and items", s->name,
                           INT_MAX);
        pairwise_open(&s->model, split, &p, s->pool);
        s->known = g;
    }
    while (s->model.epoch < fit->epochs) pairwise_epoch(&s->model);
    pairwise_spread(&s->model);
    return 0;
}

static const real *vector(const struct pairwise *p, const real *table, int row) {
    return table + (size_t)row * (size_t)p->o.d;
}

/* The vector of a user nobody learned from: what his items would send to it. For BPR their sum. */
static void fold_in(const struct bpr *s, const struct rec_case *c, real *u) {
    const struct pairwise *p = &s->model;
    const int *row = p->known->edge_item + p->known->user_row[c->at.user];

    for (int k = 0; k < p->o.d; k++) u[k] = 0;
    for (size_t r = 0; r < c->history; r++)
        kernels_get()->axpy(u, p->o.layers ? p->scale[p->users + row[r]] : 1,
                            vector(p, p->inner, p->users + row[r]), p->o.d);
}

static int score(void *state, const struct rec_case *c, const json_t *rec, double *scores,
                 struct err *err) {
    struct bpr *s = state;
    const struct pairwise *p = &s->model;
    const real *u;
    real *own = NULL;

    (void)rec;
    if (fit(s, c->split, err)) return -1;
    if (c->split->held && c->split->held[c->at.user]) {
        u = own = mem_alloc((size_t)p->o.d, sizeof *own);
        fold_in(s, c, own);
    } else {
        u = vector(p, p->out, c->at.user);
    }
    for (int k = 0; k < c->n; k++)
        scores[k] = kernels_get()->dot(u, vector(p, p->out, p->users + c->candidates[k]), p->o.d);
    free(own);
    return 0;
}

const struct family family_bpr = {
    .name = "bpr", .options = "dim epochs batch learning-rate reg log-pop", .trained = true,
    .own = { .dim = 64, .epochs = 100, .batch = 2048, .learning_rate = 1e-3 },
    .make = make_bpr, .score = score, .drop = drop
};
const struct family family_lightgcn = {
    .name = "lightgcn", .options = "dim layers epochs batch learning-rate reg log-pop",
    .trained = true,
    .own = { .dim = 64, .layers = 2, .epochs = 200, .batch = 2048, .learning_rate = 1e-3,
             .l2 = 1e-5 },
    .make = make_lightgcn, .score = score, .drop = drop
};
