/* pairwise — a step: spread x, gather the batch's pulls by row, spread the gradient back, Adam.
 *
 * A row's gradient is summed by one task in the order of the samples, so bits do not depend on
 * threads. */
#include "rank/pairwise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "tensor/kernels.h"
#include "tensor/rows.h"

enum { ROWS = 64, SAMPLES = 128 };      /* of a task; Adam's kernel takes multiples of 16 numbers */
enum kind { USER, ITEM, OTHER };

static real *row_of(const struct pairwise *p, const real *x, int row) {
    return (real *)x + (size_t)row * (size_t)p->o.d;
}

static int by_number(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}

static bool held(const struct pairwise *p, int u) {
    return p->held && p->held[u];
}

/* Who is known to have everything has no other item to compare with. */
static void find_events(struct pairwise *p) {
    const struct graph *g = p->known;

    p->sorted = mem_alloc(g->edges, sizeof *p->sorted);
    p->event = mem_alloc(g->edges, sizeof *p->event);
    memcpy(p->sorted, g->edge_item, g->edges * sizeof *p->sorted);
    for (int u = 0; u < p->users; u++) {
        size_t begin = g->user_row[u], n = g->user_row[u + 1] - begin;

        qsort(p->sorted + begin, n, sizeof *p->sorted, by_number);
        for (size_t e = begin; e < begin + n && !held(p, u) && n < (size_t)p->items; e++)
            p->event[p->n++] = e;
    }
}

static void find_scale(struct pairwise *p) {
    const struct graph *g = p->known;

    for (int r = 0; r < p->rows; r++) {
        size_t n = r < p->users ? g->user_row[r + 1] - g->user_row[r]
                                : g->item_row[r - p->users + 1] - g->item_row[r - p->users];

        p->scale[r] = n && (r >= p->users || !held(p, r)) ? (real)(1 / sqrt((double)n)) : 0;
    }
}

/* Xavier's laws (Glorot and Bengio 2010) of the two tables. */
static void draw(struct pairwise *p) {
    struct rng r = rng_start(p->o.seed, "pairwise vectors", NULL);

    for (int row = 0; row < p->rows; row++) {
        double sum = (row < p->users ? p->users : p->items) + p->o.d;

        for (int k = 0; k < p->o.d; k++)
            row_of(p, p->x, row)[k] = (real)(p->o.uniform ? sqrt(6 / sum) * (2 * rng_real(&r) - 1)
                                                          : sqrt(2 / sum) * rng_normal(&r));
    }
}

/* Numbers in n rows, rounded up for Adam's kernel. */
static size_t numbers(const struct pairwise *p, int n) {
    return ((size_t)n * (size_t)p->o.d + 15) / 16 * 16;
}

static real *new_table(const struct pairwise *p) {
    size_t n = numbers(p, p->rows);
    real *x = mem_aligned(n, sizeof *x);

    memset(x, 0, n * sizeof *x);
    return x;
}

void pairwise_open(struct pairwise *p, const struct split *split, const struct pairwise_options *o,
                   struct pool *pool) {
    const struct graph *g = split->known;

    *p = (struct pairwise){ .o = *o, .known = g, .held = split->held, .pool = pool,
                            .users = g->users, .items = g->items, .rows = g->users + g->items };
    find_events(p);
    p->order = mem_alloc(p->n, sizeof *p->order);
    p->sample = mem_alloc((size_t)o->batch, sizeof *p->sample);
    p->pull = mem_alloc((size_t)o->batch, sizeof *p->pull);
    p->begin = mem_alloc((size_t)p->rows + 2, sizeof *p->begin);
    p->entry = mem_alloc((size_t)o->batch, 3 * sizeof *p->entry);
    p->scale = mem_alloc((size_t)p->rows, sizeof *p->scale);
    p->x = new_table(p);
    p->m = new_table(p);
    p->v = new_table(p);
    p->grad = new_table(p);
    for (int k = 0; k < 2 && o->layers; k++) p->work[k] = new_table(p);
    find_scale(p);
    draw(p);
}

void pairwise_free(struct pairwise *p) {
    free(p->sorted);
    free(p->event);
    free(p->order);
    free(p->sample);
    free(p->pull);
    free(p->begin);
    free(p->entry);
    free(p->scale);
    free(p->x);
    free(p->m);
    free(p->v);
    free(p->grad);
    free(p->work[0]);
    free(p->work[1]);
    *p = (struct pairwise){ 0 };
}

/* One layer: to = (from + S at) times a factor. */
struct layer {
    const struct pairwise *p;
    const real *from, *at;
    real *to;
    real factor;
};

static void layer_rows(void *ctx, int begin, int end, int part) {
    const struct layer *l = ctx;
    const struct pairwise *p = l->p;
    const struct graph *g = p->known;
    const struct kernels *k = kernels_get();

    (void)part;
    for (int r = begin; r < end; r++) {
        bool user = r < p->users;
        const size_t *row = user ? g->user_row + r : g->item_row + (r - p->users);
        real *to = row_of(p, l->to, r);

        memcpy(to, row_of(p, l->from, r), (size_t)p->o.d * sizeof *to);
        for (size_t e = row[0]; e < row[1] && p->scale[r] > 0; e++) {
            int other = user ? p->users + g->edge_item[e] : g->item_user[e];

            k->axpy(to, p->scale[r] * p->scale[other], row_of(p, l->at, other), p->o.d);
        }
        if (l->factor != 1) k->scale(to, l->factor, (size_t)p->o.d);
    }
}

/* (x + S x + ... + S^L x) / (L + 1) by Horner's rule. S is symmetric, so this is its own
 * transpose: what takes vectors forward takes gradients back. */
static const real *spread(struct pairwise *p, const real *x, const real **inner) {
    struct layer l = { .p = p, .from = x, .at = x, .factor = 1 };

    for (int k = 1; k <= p->o.layers; k++) {
        *inner = l.at;
        l.to = p->work[k & 1];
        l.factor = k == p->o.layers ? 1 / (real)(k + 1) : 1;
        rows_run(p->pool, p->rows, ROWS, layer_rows, &l);
        l.at = l.to;
    }
    return l.at;
}

void pairwise_spread(struct pairwise *p) {
    p->inner = p->x;
    p->out = spread(p, p->x, &p->inner);
}

static bool has(const struct pairwise *p, int u, int item) {
    size_t begin = p->known->user_row[u], n = p->known->user_row[u + 1] - begin;

    return bsearch(&item, p->sorted + begin, n, sizeof item, by_number);
}

struct draws {
    struct pairwise *p;
    size_t first;               /* of the batch, in order[] */
};

static void draw_samples(void *ctx, int begin, int end, int part) {
    const struct draws *d = ctx;
    struct pairwise *p = d->p;
    uint64_t stream = rng_stream("pairwise other", NULL);

    (void)part;
    for (int s = begin; s < end; s++) {
        size_t e = p->event[p->order[d->first + (size_t)s]];
        struct rng r = { rng_bits(p->o.seed, stream, (uint64_t)p->epoch), d->first + (size_t)s, 0 };
        struct pairwise_sample *x = &p->sample[s];

        x->user = p->known->edge_user[e];
        x->item = p->known->edge_item[e];
        do x->other = (int)rng_below(&r, (uint64_t)p->items); while (has(p, x->user, x->other));
    }
}

static int row_in(const struct pairwise *p, int s, enum kind kind) {
    const struct pairwise_sample *x = &p->sample[s];

    return kind == USER ? x->user : p->users + (kind == ITEM ? x->item : x->other);
}

/* Sorts the uses of the batch by row. */
static void index_rows(struct pairwise *p, int B) {
    int *next = p->begin + 1;   /* becomes the end of each row, which is the begin of the next */

    memset(p->begin, 0, ((size_t)p->rows + 2) * sizeof *p->begin);
    for (int t = 0; t < 3 * B; t++) next[row_in(p, t / 3, t % 3) + 1]++;
    for (int r = 0; r < p->rows; r++) next[r + 1] += next[r];
    for (int t = 0; t < 3 * B; t++) p->entry[next[row_in(p, t / 3, t % 3)]++] = t;
}

struct pulls {
    struct pairwise *p;
    int B;
    double *loss;               /* [parts] */
};

/* d/dx of -log(g + s(x)), g = 1e-10, is -s (1 - s) / (g + s). */
static void pull_samples(void *ctx, int begin, int end, int part) {
    const struct pulls *j = ctx;
    const struct pairwise *p = j->p;
    const struct kernels *k = kernels_get();

    for (int s = begin; s < end; s++) {
        const real *u = row_of(p, p->out, row_in(p, s, USER));
        double x = k->dot(u, row_of(p, p->out, row_in(p, s, ITEM)), p->o.d) -
                   k->dot(u, row_of(p, p->out, row_in(p, s, OTHER)), p->o.d), y = 1 / (1 + exp(-x));

        j->loss[part] -= log(1e-10 + y);
        p->pull[s] = (real)(-y * (1 - y) / (1e-10 + y) / j->B);
    }
}

/* The gradient by each row of out: of a user it is the sum of pull (item - other), of an item
 * that of +-pull user. */
static void gather_rows(void *ctx, int begin, int end, int part) {
    const struct pairwise *p = ctx;
    const struct kernels *k = kernels_get();

    (void)part;
    for (int r = begin; r < end; r++) {
        real *grad = row_of(p, p->grad, r);

        memset(grad, 0, (size_t)p->o.d * sizeof *grad);
        for (int t = p->begin[r]; t < p->begin[r + 1]; t++) {
            int s = p->entry[t] / 3, kind = p->entry[t] % 3;

            if (kind == USER) {
                k->axpy(grad, p->pull[s], row_of(p, p->out, row_in(p, s, ITEM)), p->o.d);
                k->axpy(grad, -p->pull[s], row_of(p, p->out, row_in(p, s, OTHER)), p->o.d);
            } else {
                k->axpy(grad, kind == ITEM ? p->pull[s] : -p->pull[s],
                        row_of(p, p->out, row_in(p, s, USER)), p->o.d);
            }
        }
    }
}

/* Adds the penalty's gradient, l2 / (B |x_kind|) x for each use of a row; returns the penalty. */
static double shrink(const struct pairwise *p, int B, real *dx) {
    const struct kernels *k = kernels_get();
    double norm[3] = { 0 };

    for (int t = 0; t < 3 * B; t++)
        norm[t % 3] += k->sum_squares(row_of(p, p->x, row_in(p, t / 3, t % 3)), (size_t)p->o.d);
    for (int kind = 0; kind < 3; kind++) norm[kind] = sqrt(norm[kind]);
    for (int r = 0; r < p->rows; r++) {
        double weight = 0;

        for (int t = p->begin[r]; t < p->begin[r + 1]; t++)
            weight += p->o.l2 / (B * norm[p->entry[t] % 3]);
        if (weight > 0) k->axpy(row_of(p, dx, r), (real)weight, row_of(p, p->x, r), p->o.d);
    }
    return p->o.l2 / B * (norm[USER] + norm[ITEM] + norm[OTHER]);
}

double pairwise_gradient(struct pairwise *p, int B, const real **dx) {
    int parts = rows_parts(B, SAMPLES);
    struct pulls pulls = { p, B, mem_calloc((size_t)parts, sizeof *pulls.loss) };
    const real *inner;
    double loss = 0;

    pairwise_spread(p);
    index_rows(p, B);
    rows_run(p->pool, B, SAMPLES, pull_samples, &pulls);
    for (int k = 0; k < parts; k++) loss += pulls.loss[k] / B;
    free(pulls.loss);
    rows_run(p->pool, p->rows, ROWS, gather_rows, p);
    *dx = spread(p, p->grad, &inner);
    if (p->o.l2 > 0) loss += shrink(p, B, (real *)*dx);
    return loss;
}

struct adam {
    struct pairwise *p;
    const real *dx;
    struct adamw_coef coef;
};

static void adam_rows(void *ctx, int begin, int end, int part) {
    const struct adam *a = ctx;
    const struct pairwise *p = a->p;

    (void)part;
    kernels_get()->adamw(row_of(p, p->x, begin), row_of(p, p->m, begin), row_of(p, p->v, begin),
                         row_of(p, a->dx, begin), numbers(p, end - begin), &a->coef);
}

/* Adam (Kingma and Ba 2015) with its usual constants, on all rows: moments fade where nothing
 * pulls. */
static void adam_step(struct pairwise *p, const real *dx) {
    const double beta1 = 0.9, beta2 = 0.999;
    struct adam a = { .p = p, .dx = dx };

    p->step++;
    a.coef = (struct adamw_coef){
        .clip = 1, .beta1 = (real)beta1, .beta2 = (real)beta2, .eps = (real)1e-8,
        .step = (real)(p->o.learning_rate / (1 - pow(beta1, (double)p->step))),
        .inv_bias2 = (real)(1 / (1 - pow(beta2, (double)p->step)))
    };
    rows_run(p->pool, p->rows, ROWS, adam_rows, &a);
}

void pairwise_epoch(struct pairwise *p) {
    uint64_t stream = rng_stream("pairwise order", NULL);
    struct rng r = { rng_bits(p->o.seed, stream, (uint64_t)p->epoch), 0, 0 };
    const real *dx;

    rng_permutation(&r, p->order, (int)p->n);
    for (size_t first = 0; first < p->n; first += (size_t)p->o.batch) {
        int B = p->n - first < (size_t)p->o.batch ? (int)(p->n - first) : p->o.batch;
        struct draws d = { p, first };

        rows_run(p->pool, B, SAMPLES, draw_samples, &d);
        pairwise_gradient(p, B, &dx);
        adam_step(p, dx);
    }
    p->epoch++;
}
