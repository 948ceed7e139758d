/* ease — a linear autoencoder in closed form (Steck 2019, "Embarrassingly Shallow Autoencoders for
 * Sparse Data", eq. 8): with X the binary users x items matrix of what is known,
 *
 *     P = (X'X + lambda 1)^-1        B[i,c] = -P[i,c] / P[c,c], B[c,c] = 0
 *     score(c) = sum over the user's items i of weight(i) B[i,c]
 *
 * A training case's own target edge t of user u is in X. Taking it out replaces his row x by
 * x' = x - e_t, an update of rank two, P' = P - P U (C^-1 + U'P U)^-1 U'P with U = [x, x'] and
 * C = diag(-1, 1) (Woodbury): exact, without another inverse. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "rank/family.h"
#include "tensor/gemm.h"

/* LAPACK inside OpenBLAS; the last argument is Fortran's length of `uplo`. Info: 0, or what failed. */
void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info, size_t length);
void dpotri_(const char *uplo, const int *n, double *a, const int *lda, int *info, size_t length);

enum { MAX_ITEMS = 65536 };     /* 32 GiB */

struct ease {
    const struct baseline_options *o;
    struct pool *pool;
    const struct graph *known;  /* what P is of */
    int64_t before;
    int *place;                 /* [items] row of an item in P, or -1: nobody is known to have it */
    int *item;                  /* [n] item of a row */
    int n;
    double *p;                  /* [n, n] */
};

/* The case's own edge, taken out: the columns of P U and the inverse of the 2 x 2 matrix between. */
struct update {
    double *px, *pxt;           /* [n] P x and P x' */
    double m00, m01, m11;
};

static void *make(const struct baseline_options *o, struct pool *pool) {
    struct ease *s = mem_calloc(1, sizeof *s);

    gemm_start();
    s->o = o;
    s->pool = pool;
    return s;
}

static void forget(struct ease *s) {
    free(s->place);
    free(s->item);
    free(s->p);
    s->known = NULL;
    s->place = s->item = NULL;
    s->p = NULL;
    s->n = 0;
}

static void drop(void *state) {
    forget(state);
    free(state);
}

/* Row of X'X + lambda: whole numbers, so the order of adding does not matter. */
static void gram_row(void *ctx, int task, int worker) {
    struct ease *s = ctx;
    const struct graph *g = s->known;
    double *row = s->p + (size_t)task * (size_t)s->n;
    int c = s->item[task];

    (void)worker;
    for (int j = 0; j < s->n; j++) row[j] = 0;
    for (size_t k = g->item_row[c]; k < g->item_row[c + 1]; k++) {
        size_t e = g->item_edge[k], end;

        if (g->edge_time[e] >= s->before) break;
        end = family_row_end(g, g->edge_user[e], s->before);
        for (size_t other = g->user_row[g->edge_user[e]]; other < end; other++)
            row[s->place[g->edge_item[other]]]++;
    }
    row[task] += s->o->lambda;
}

static void find_places(struct ease *s) {
    const struct graph *g = s->known;

    s->place = mem_alloc((size_t)g->items, sizeof *s->place);
    s->item = mem_alloc((size_t)g->items, sizeof *s->item);
    for (int c = 0; c < g->items; c++) {
        bool any = g->item_row[c] < g->item_row[c + 1] &&
                   g->edge_time[g->item_edge[g->item_row[c]]] < s->before;

        s->place[c] = any ? s->n : -1;
        if (any) s->item[s->n++] = c;
    }
}

static int invert(struct ease *s, struct err *err) {
    size_t n = (size_t)s->n;
    int info = 0;

    dpotrf_("L", &s->n, s->p, &s->n, &info, 1);
    if (!info) dpotri_("L", &s->n, s->p, &s->n, &info, 1);
    if (info)
        return err_set(err, "the matrix of %d items cannot be inverted: --lambda is too small",
                       s->n);
    for (size_t i = 0; i < n; i++)      /* LAPACK's lower triangle is our upper one */
        for (size_t j = i + 1; j < n; j++) s->p[j * n + i] = s->p[i * n + j];
    return 0;
}

static int fit(struct ease *s, const struct rec_case *c, struct err *err) {
    if (s->known == c->split->known && s->before == c->at.before) return 0;
    forget(s);
    s->known = c->split->known;
    s->before = c->at.before;
    find_places(s);
    if (s->n > MAX_ITEMS) {
        err_set(err, "ease holds a matrix of at most %d items, not of %d", MAX_ITEMS, s->n);
    } else {
        s->p = mem_aligned((size_t)s->n * (size_t)s->n + 1, sizeof *s->p);
        pool_run(s->pool, s->n, gram_row, s);
        if (!s->n || !invert(s, err)) return 0;
    }
    forget(s);
    return -1;
}

/* Fills u for the target edge `target`. */
static struct update *take_out(const struct ease *s, const struct rec_case *c, size_t target) {
    const struct graph *g = s->known;
    size_t n = (size_t)s->n, begin = g->user_row[c->at.user],
           end = family_row_end(g, c->at.user, s->before);
    const double *pt = s->p + (size_t)s->place[g->edge_item[target]] * n;
    struct update *u = mem_calloc(1, sizeof *u);
    double xx = 0, xxt = 0, xtxt = 0, det;

    u->px = mem_calloc(n, sizeof *u->px);
    u->pxt = mem_calloc(n, sizeof *u->pxt);
    for (size_t e = begin; e < end; e++)
        for (size_t i = 0; i < n; i++) u->px[i] += s->p[(size_t)s->place[g->edge_item[e]] * n + i];
    for (size_t i = 0; i < n; i++) u->pxt[i] = u->px[i] - pt[i];
    for (size_t e = begin; e < end; e++) {
        size_t i = (size_t)s->place[g->edge_item[e]];

        xx += u->px[i];
        xxt += u->pxt[i];
        if (e != target) xtxt += u->pxt[i];
    }
    det = (xx - 1) * (1 + xtxt) - xxt * xxt;
    u->m00 = (1 + xtxt) / det;
    u->m01 = -xxt / det;
    u->m11 = (xx - 1) / det;
    return u;
}

static void update_free(struct update *u) {
    if (!u) return;
    free(u->px);
    free(u->pxt);
    free(u);
}

/* P[i,j] of what the case knows. */
static double entry(const struct ease *s, const struct update *u, size_t i, size_t j) {
    double p = s->p[i * (size_t)s->n + j];

    if (!u) return p;
    return p - u->px[i] * (u->m00 * u->px[j] + u->m01 * u->pxt[j]) -
           u->pxt[i] * (u->m01 * u->px[j] + u->m11 * u->pxt[j]);
}

static double score_item(const struct ease *s, const struct update *u, const struct rec_case *c,
                         int item, const struct owned *own) {
    size_t row = (size_t)s->place[item];
    double sum = 0;

    if (s->place[item] < 0) return 0;
    for (size_t r = 0; r < c->history; r++)
        if (own[r].item != item && s->place[own[r].item] >= 0)
            sum -= own[r].weight * entry(s, u, row, (size_t)s->place[own[r].item]);
    return sum / entry(s, u, row, row);
}

static int score(void *state, const struct rec_case *c, const json_t *rec, double *scores,
                 struct err *err) {
    struct ease *s = state;
    size_t target = family_target_edge(c);
    struct update *u;
    struct owned *own;

    (void)rec;
    if (fit(s, c, err)) return -1;
    u = target == SIZE_MAX ? NULL : take_out(s, c, target);
    own = family_items(c, s->o->recency);
    for (int k = 0; k < c->n; k++) scores[k] = score_item(s, u, c, c->candidates[k], own);
    free(own);
    update_free(u);
    return 0;
}

const struct family family_ease = {
    .name = "ease", .options = "lambda recency pop-power log-pop", .make = make, .score = score, .drop = drop
};
