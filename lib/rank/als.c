/* als — factors of implicit feedback by alternating least squares (Hu, Koren, Volinsky 2008,
 * "Collaborative Filtering for Implicit Feedback Datasets"): with p = 1 and confidence 1 + alpha
 * on known events, p = 0 and confidence 1 on all other pairs,
 *
 *     x_u = (Y'Y + alpha sum y_i y_i' + reg 1)^-1 (1 + alpha) sum y_i     i over the items of u
 *
 * and likewise for items, in turn. A case's user is solved from the items of his history: one of
 * weight w counts as w parts of a known event and 1 - w parts of none, which puts w before both
 * sums' terms. */
#include <cblas.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "rank/family.h"
#include "tensor/gemm.h"
#include "tensor/rows.h"

/* LAPACK inside OpenBLAS; the last argument is Fortran's length of `uplo`. Info: 0, or what
 * failed. */
void dposv_(const char *uplo, const int *n, const int *nrhs, double *a, const int *lda, double *b,
            const int *ldb, int *info, size_t length);

enum { ROWS = 32, GATHER = 256 };       /* rows of a task; factors gathered for one product */

struct als {
    const struct baseline_options *o;
    struct pool *pool;
    const struct split *split;
    const struct graph *known;  /* what the factors are of */
    int d;
    long epoch;
    double *user, *item;        /* [users, d], [items, d] */
    double *gram;               /* [d, d] Y'Y + reg of the side that is fixed */
    atomic_bool failed;
};

static void *make(const struct baseline_options *o, struct pool *pool) {
    struct als *s = mem_calloc(1, sizeof *s);

    gemm_start();
    s->o = o;
    s->pool = pool;
    s->d = (int)o->fit.dim;
    return s;
}

static void forget(struct als *s) {
    free(s->user);
    free(s->item);
    free(s->gram);
    s->user = s->item = s->gram = NULL;
    s->known = NULL;
}

static void drop(void *state) {
    forget(state);
    free(state);
}

/* gram = y'y + reg: the upper triangle. */
static void make_gram(struct als *s, const double *y, int n) {
    memset(s->gram, 0, (size_t)s->d * (size_t)s->d * sizeof *s->gram);
    for (int k = 0; k < s->d; k++) s->gram[k * s->d + k] = s->o->fit.l2;
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, s->d, n, 1, y, s->d, 1, s->gram, s->d);
}

/* What one row is solved from: n factors of the fixed side, and the weight of each (NULL: 1). */
struct terms {
    const double *y;
    const int *row;
    const double *weight;
    size_t n;
};

/* Solves for x[d]; room[d * d + GATHER * d]. Returns LAPACK's info. */
static int solve(const struct als *s, double *x, const struct terms *t, double *room) {
    double *a = room, *part = room + (size_t)s->d * (size_t)s->d;
    size_t d = (size_t)s->d;
    int one = 1, info, n = 0;

    memcpy(a, s->gram, d * d * sizeof *a);
    memset(x, 0, d * sizeof *x);
    for (size_t k = 0; k < t->n; k++) {
        double w = t->weight ? t->weight[k] : 1, root = sqrt(w * s->o->alpha);
        const double *y = t->y + (size_t)t->row[k] * d;

        for (size_t j = 0; j < d; j++) {
            x[j] += w * (1 + s->o->alpha) * y[j];
            part[(size_t)n * d + j] = root * y[j];
        }
        if (++n < GATHER && k + 1 < t->n) continue;
        cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, s->d, n, 1, part, s->d, 1, a, s->d);
        n = 0;
    }
    /* Our upper triangle is LAPACK's lower one. */
    dposv_("L", &s->d, &one, a, &s->d, x, &s->d, &info, 1);
    return info;
}

static double *make_room(const struct als *s) {
    return mem_aligned(((size_t)s->d + GATHER) * (size_t)s->d, sizeof(double));
}

struct side {
    struct als *s;
    bool users;                 /* are solved, from the items */
};

static void solve_rows(void *ctx, int begin, int end, int part) {
    const struct side *side = ctx;
    struct als *s = side->s;
    const struct graph *g = s->known;
    double *room = make_room(s), *x = side->users ? s->user : s->item;

    (void)part;
    for (int r = begin; r < end; r++) {
        const size_t *row = (side->users ? g->user_row : g->item_row) + r;
        struct terms t = { .y = side->users ? s->item : s->user, .n = row[1] - row[0],
                           .row = (side->users ? g->edge_item : g->item_user) + row[0] };

        if (side->users && s->split->held && s->split->held[r]) t.n = 0;
        if (solve(s, x + (size_t)r * (size_t)s->d, &t, room)) s->failed = true;
    }
    free(room);
}

static void solve_side(struct als *s, bool users) {
    struct side side = { s, users };

    if (users) make_gram(s, s->item, s->known->items);
    else make_gram(s, s->user, s->known->users);
    rows_run(s->pool, users ? s->known->users : s->known->items, ROWS, solve_rows, &side);
}

static void start(struct als *s, const struct split *split) {
    const struct graph *g = split->known;
    size_t d = (size_t)s->d, n = (size_t)g->items * d;
    struct rng r = rng_start(s->o->seed, "als", NULL);

    forget(s);
    s->split = split;
    s->known = g;
    s->epoch = 0;
    s->user = mem_aligned((size_t)g->users * d, sizeof *s->user);
    s->item = mem_aligned(n, sizeof *s->item);
    s->gram = mem_alloc(d * d, sizeof *s->gram);
    for (size_t k = 0; k < n; k++) s->item[k] = 0.01 * rng_normal(&r);
}

static int check(const struct als *s, struct err *err) {
    if (!s->failed) return 0;
    return err_set(err, "als: a system of equations has no solution: --reg is too small");
}

static int fit(struct als *s, const struct split *split, struct err *err) {
    long epochs = s->o->fit.epochs;

    if (s->known == split->known && s->epoch == epochs) return 0;
    if (s->known != split->known || s->epoch > epochs) start(s, split);
    for (; s->epoch < epochs && !s->failed; s->epoch++) {
        solve_side(s, true);
        solve_side(s, false);
    }
    make_gram(s, s->item, s->known->items);
    return check(s, err);
}

static int score(void *state, const struct rec_case *c, const json_t *rec, double *scores,
                 struct err *err) {
    struct als *s = state;
    struct terms t = { .n = c->history };
    struct owned *own;
    double *weight, *x, *room;

    (void)rec;
    if (fit(s, c->split, err)) return -1;
    own = family_items(c, s->o->recency);
    weight = mem_alloc(c->history, sizeof *weight);
    for (size_t r = 0; r < c->history; r++) weight[c->history - 1 - r] = own[r].weight;
    t.y = s->item;
    t.row = s->known->edge_item + s->known->user_row[c->at.user];
    t.weight = weight;
    x = mem_alloc((size_t)s->d, sizeof *x);
    room = make_room(s);
    if (solve(s, x, &t, room)) s->failed = true;
    for (int k = 0; k < c->n; k++)
        scores[k] = cblas_ddot(s->d, x, 1, s->item + (size_t)c->candidates[k] * (size_t)s->d, 1);
    free(own);
    free(weight);
    free(x);
    free(room);
    return check(s, err);
}

const struct family family_als = {
    .name = "als", .options = "dim epochs alpha reg recency pop-power log-pop", .trained = true,
    .own = { .dim = 64, .epochs = 15, .l2 = 0.01 }, .make = make, .score = score, .drop = drop
};
