/* adamw — one pass over the block, in pieces that depend on the table alone. */
#include "train/adamw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tensor/kernels.h"

enum { PIECE = 1 << 14 };       /* reals a task takes, a multiple of 16 */

struct job {
    const struct kernels *k;
    struct adamw *a;
    struct params *params;
    const real *src;
    real *dst;
    double *sums;
    size_t n;
    struct adamw_coef coef;
    double lr_decay;
};

struct adamw adamw_new(const struct params *p) {
    return (struct adamw){ .m = params_block(p), .v = params_block(p) };
}

void adamw_free(struct adamw *a) {
    free(a->m);
    free(a->v);
    *a = (struct adamw){ 0 };
}

static int pieces(size_t n) {
    return (int)((n + PIECE - 1) / PIECE);
}

/* Bounds of a task's piece. */
static size_t piece_of(const struct job *j, int task, size_t *begin) {
    *begin = (size_t)task * PIECE;
    return j->n - *begin < PIECE ? j->n - *begin : PIECE;
}

static void run_pieces(struct job *j, pool_task *task, struct pool *pool) {
    enum pool_part before = pool_part(pool, POOL_OPTIMIZER);

    pool_run(pool, pieces(j->n), task, j);
    pool_part(pool, before);
}

static void square_piece(void *ctx, int task, int worker) {
    const struct job *j = ctx;
    size_t begin, n = piece_of(j, task, &begin);

    (void)worker;
    j->sums[task] = j->k->sum_squares(j->src + begin, n);
}

double grad_norm(const real *grad, size_t n, struct pool *pool) {
    struct job j = { .k = kernels_get(), .src = grad, .n = n };
    double sum = 0;

    j.sums = mem_alloc((size_t)pieces(n), sizeof *j.sums);
    run_pieces(&j, square_piece, pool);
    for (int i = 0; i < pieces(n); i++) sum += j.sums[i];
    free(j.sums);
    return sqrt(sum);
}

static void add_piece(void *ctx, int task, int worker) {
    const struct job *j = ctx;
    size_t begin, n = piece_of(j, task, &begin);

    (void)worker;
    if (j->src) j->k->add(j->dst + begin, j->src + begin, n);
    else memset(j->dst + begin, 0, n * sizeof *j->dst);
}

void grad_add(real *dst, const real *src, size_t n, struct pool *pool) {
    struct job j = { .k = kernels_get(), .dst = dst, .src = src, .n = n };

    run_pieces(&j, add_piece, pool);
}

void grad_zero(real *dst, size_t n, struct pool *pool) {
    struct job j = { .dst = dst, .n = n };

    run_pieces(&j, add_piece, pool);
}

static void step_part(const struct job *j, size_t begin, size_t end, bool decay) {
    struct adamw_coef c = j->coef;

    c.lr_decay = decay ? (real)j->lr_decay : 0;
    j->k->adamw(j->params->data + begin, j->a->m + begin, j->a->v + begin, j->src + begin, end - begin, &c);
}

/* The parts of a piece that lie in tensors of one kind: all borders between kinds are multiples of 16, since
 * only tensors of the same kind follow one another without a gap. */
static void step_piece(void *ctx, int task, int worker) {
    const struct job *j = ctx;
    const struct params *p = j->params;
    size_t begin, end;

    (void)worker;
    end = piece_of(j, task, &begin);
    end += begin;
    for (int i = 0; i < p->n_tensors && begin < end; i++) {
        size_t stop = i + 1 < p->n_tensors ? p->tensors[i + 1].offset : p->n_block;

        if (i + 1 < p->n_tensors && p->tensors[i + 1].decay == p->tensors[i].decay) continue;
        if (stop <= begin) continue;
        if (stop > end) stop = end;
        step_part(j, begin, stop, p->tensors[i].decay);
        begin = stop;
    }
}

double adamw_step(struct adamw *a, struct params *params, const real *grad, double lr,
                  const struct adamw_options *o, struct pool *pool) {
    struct job j = { .k = kernels_get(), .a = a, .params = params, .src = grad, .n = params->n_block,
                     .lr_decay = lr * o->weight_decay };
    double norm = grad_norm(grad, params->n_block, pool), clip = 1;

    if (!isfinite(norm)) return norm;
    if (o->max_grad_norm > 0 && norm + 1e-6 > o->max_grad_norm) clip = o->max_grad_norm / (norm + 1e-6);
    a->step++;
    j.coef = (struct adamw_coef){ .clip = (real)clip, .beta1 = (real)o->beta1, .beta2 = (real)o->beta2,
                                  .step = (real)(lr / (1 - pow(o->beta1, (double)a->step))),
                                  .inv_bias2 = (real)(1 / (1 - pow(o->beta2, (double)a->step))),
                                  .eps = (real)o->eps };
    run_pieces(&j, step_piece, pool);
    return norm;
}
