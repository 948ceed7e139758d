/* lora — pairs, merging, gradients. */
#include "model/lora.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "io/half.h"
#include "model/lora_impl.h"
#include "tensor/gemm.h"
#include "tensor/kernels.h"

const struct lora_module lora_modules[N_PROJ] = {
    [PROJ_Q] = { "self_attn", "q_proj" },  [PROJ_K] = { "self_attn", "k_proj" },
    [PROJ_V] = { "self_attn", "v_proj" },  [PROJ_O] = { "self_attn", "o_proj" },
    [PROJ_GATE] = { "mlp", "gate_proj" },  [PROJ_UP] = { "mlp", "up_proj" },
    [PROJ_DOWN] = { "mlp", "down_proj" },
};

/* Shape and place of a matrix in the model's block. */
static struct lora_pair place(const struct model *m, int layer, enum proj p) {
    const struct config *c = &m->cfg;
    const struct layer_offsets *o = &m->layers[layer];
    int q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim, C = c->hidden, F = c->intermediate;

    switch (p) {
    case PROJ_Q: return (struct lora_pair){ .w = o->wqkv, .rows = q, .cols = C };
    case PROJ_K: return (struct lora_pair){ .w = o->wqkv + (size_t)q * C, .rows = kv, .cols = C };
    case PROJ_V: return (struct lora_pair){ .w = o->wqkv + (size_t)(q + kv) * C, .rows = kv, .cols = C };
    case PROJ_O: return (struct lora_pair){ .w = o->wo, .rows = C, .cols = q };
    case PROJ_GATE: return (struct lora_pair){ .w = o->w_gate_up, .rows = F, .cols = C };
    case PROJ_UP: return (struct lora_pair){ .w = o->w_gate_up + (size_t)F * C, .rows = F, .cols = C };
    default: return (struct lora_pair){ .w = o->w_down, .rows = C, .cols = F };
    }
}

static void append(struct lora *l, struct lora_pair *pair, int layer, enum proj p) {
    const struct lora_module *mod = &lora_modules[p];
    struct tensor *a = params_append(&l->p, l->rank, pair->cols, false), *b;

    snprintf(a->name, sizeof a->name, LORA_PREFIX "model.layers.%d.%s.%s.lora_A.weight", layer, mod->block, mod->name);
    pair->a = a->offset;
    b = params_append(&l->p, pair->rows, l->rank, false);
    snprintf(b->name, sizeof b->name, LORA_PREFIX "model.layers.%d.%s.%s.lora_B.weight", layer, mod->block, mod->name);
    pair->b = b->offset;
}

struct lora *lora_new(const struct model *m, int rank, double alpha, double scale, unsigned targets) {
    struct lora *l = mem_calloc(1, sizeof *l);
    int n = m->cfg.layers * N_PROJ;

    *l = (struct lora){ .rank = rank, .alpha = alpha, .scale = scale, .targets = targets };
    l->pairs = mem_calloc((size_t)n, sizeof *l->pairs);
    l->p.tensors = mem_calloc(2 * (size_t)n, sizeof *l->p.tensors);
    for (int i = 0; i < n; i++) {
        struct lora_pair *pair = &l->pairs[i];

        if (!(targets >> i % N_PROJ & 1)) continue;
        *pair = place(m, i / N_PROJ, i % N_PROJ);
        pair->present = true;
        pair->frozen = l->n_frozen;
        l->n_frozen += (size_t)pair->rows * pair->cols;
        append(l, pair, i / N_PROJ, i % N_PROJ);
    }
    params_finish(&l->p);
    return l;
}

void lora_free(struct lora *l) {
    if (!l) return;
    params_free(&l->p);
    free(l->pairs);
    free(l->half);
    free(l->full);
    free(l->base);
    free(l);
}

/* Keeps one matrix in bf16. Returns whether that is exact. */
static bool keep_half(struct lora *l, const struct lora_pair *pair, const real *w) {
    size_t n = (size_t)pair->rows * pair->cols;

    for (size_t i = 0; i < n; i++) {
        uint16_t half = bf16_narrow((float)w[i]);

        if ((real)bf16_widen(half) != w[i]) return false;
        l->half[pair->frozen + i] = half;
    }
    return true;
}

/* Keeps W0 of all pairs. */
void lora_freeze(struct lora *l, const struct model *m) {
    int n = m->cfg.layers * N_PROJ, kept = 0;

    l->half = mem_alloc(l->n_frozen, sizeof *l->half);
    while (kept < n && (!l->pairs[kept].present || keep_half(l, &l->pairs[kept], m->p.data + l->pairs[kept].w))) kept++;
    if (kept == n) return;
    free(l->half);
    l->half = NULL;
    l->full = mem_alloc(l->n_frozen, sizeof *l->full);
    for (int i = 0; i < n; i++) {
        const struct lora_pair *pair = &l->pairs[i];

        if (pair->present)
            memcpy(l->full + pair->frozen, m->p.data + pair->w, (size_t)pair->rows * pair->cols * sizeof *l->full);
    }
}

size_t lora_frozen_bytes(const struct lora *l) {
    return l->n_frozen * (l->half ? sizeof *l->half : sizeof *l->full);
}

void lora_init(struct model *m, const struct lora_options *o, const char *base, uint64_t seed) {
    struct lora *l = lora_new(m, (int)o->rank, o->alpha, o->alpha / (double)o->rank, o->targets);

    l->p.data = params_block(&l->p);
    for (int i = 0; i < l->p.n_tensors; i += 2) {       /* A; B stays zero */
        const struct tensor *t = &l->p.tensors[i];
        struct rng r = rng_start(seed, "lora-init", t->name);

        for (size_t j = 0; j < t->n; j++)
            l->p.data[t->offset + j] = (real)(float)((2 * rng_real(&r) - 1) / sqrt((double)t->cols));
    }
    l->base = mem_strdup(base);
    lora_freeze(l, m);
    m->lora = l;
}

enum { MERGE_ROWS = 64 };       /* rows of W a task makes */

struct merge {
    struct model *m;
    const struct kernels *k;
    const struct lora_pair *pair;
    int tiles;
};

/* n numbers of W0 from `at` on; where W0 is not kept, w holds it still. */
static void read_frozen(const struct lora *l, size_t at, int n, real *w) {
    float part[256];

    if (l->full) memcpy(w, l->full + at, (size_t)n * sizeof *w);
    for (int i = 0; l->half && i < n; i += 256) {
        int some = n - i < 256 ? n - i : 256;

        bf16_read(part, l->half + at + i, (size_t)some);
        for (int k = 0; k < some; k++) w[i + k] = (real)part[k];
    }
}

/* W = W0 + (scale B) A: row by row, each a sum over the rank in order. */
static void merge_task(void *ctx, int task, int worker) {
    const struct merge *j = ctx;
    const struct lora *l = j->m->lora;
    const struct lora_pair *p = j->pair;
    int begin = task * MERGE_ROWS, end = begin + MERGE_ROWS < p->rows ? begin + MERGE_ROWS : p->rows;
    const real *a = l->p.data + p->a;

    (void)worker;
    for (int r = begin; r < end; r++) {
        size_t at = p->frozen + (size_t)r * p->cols;
        real *w = j->m->p.data + p->w + (size_t)r * p->cols;
        const real *b = l->p.data + p->b + (size_t)r * l->rank;

        read_frozen(l, at, p->cols, w);
        for (int i = 0; i < l->rank; i++) j->k->axpy(w, (real)l->scale * b[i], a + (size_t)i * p->cols, p->cols);
    }
}

void lora_merge(struct model *m, struct pool *pool) {
    struct merge j = { .m = m, .k = kernels_get() };
    enum pool_part before = pool_part(pool, POOL_OPTIMIZER);

    m->p.hash = 0;
    for (int i = 0; m->lora && i < m->cfg.layers * N_PROJ; i++) {
        j.pair = &m->lora->pairs[i];
        if (j.pair->present) pool_run(pool, (j.pair->rows + MERGE_ROWS - 1) / MERGE_ROWS, merge_task, &j);
    }
    pool_part(pool, before);
}

void lora_switch_off(struct model *m, struct pool *pool) {
    double scale = m->lora->scale;

    m->lora->scale = 0;         /* W0 + 0 A */
    lora_merge(m, pool);
    m->lora->scale = scale;
}

/* The rank as products take it, the rest being zeros. */
static size_t padded(const struct lora *l) {
    return (size_t)(l->rank + 15) / 16 * 16;
}

/* A as [in, padded], or B: element (i, k) of to is x[i*xi + k*xk], times scale. */
static void pad(real *to, const struct lora *l, const real *x, int n, size_t xi, size_t xk) {
    size_t R = padded(l);

    memset(to, 0, n * R * sizeof *to);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < l->rank; k++) to[i * R + k] = (real)l->scale * x[i * xi + k * xk];
}

static void add_padded(real *x, const struct lora *l, const real *from, int n, size_t xi, size_t xk) {
    size_t R = padded(l);

    for (int k = 0; k < l->rank; k++)
        for (int i = 0; i < n; i++) x[i * xi + k * xk] += from[i * R + k];
}

/* y[M,R] = a b for a(m,k) at m*am + k*ak. */
static void multiply(const struct lora *l, real *y, const real *a, size_t am, size_t ak, const real *b, int M, int K,
                     struct pool *pool) {
    memset(y, 0, M * padded(l) * sizeof *y);
    gemm_narrow(y, a, am, ak, b, M, (int)padded(l), K, pool);
}

size_t lora_scratch(const struct model *m, int T) {
    const struct config *c = &m->cfg;
    size_t most = (size_t)(c->hidden > c->intermediate ? c->hidden : c->intermediate);

    if ((size_t)c->heads * c->head_dim > most) most = (size_t)c->heads * c->head_dim;
    return m->lora ? 2 * ((size_t)T + most) * padded(m->lora) : 0;
}

/* One pair: dy [T, ld], x [T, cols]. */
static void pair_backward(const struct lora *l, const struct lora_pair *p, real *grad, const real *dy, int ld,
                          const real *x, int T, real *scratch, struct pool *pool) {
    size_t R = padded(l), r = (size_t)l->rank, in = (size_t)p->cols;
    real *u = scratch, *du = u + T * R, *small = du + T * R, *sum = small + (p->rows > p->cols ? p->rows : p->cols) * R;

    pad(small, l, l->p.data + p->a, p->cols, 1, in);
    multiply(l, u, x, in, 1, small, T, p->cols, pool);          /* u = scale x A^T */
    pad(small, l, l->p.data + p->b, p->rows, r, 1);
    multiply(l, du, dy, (size_t)ld, 1, small, T, p->rows, pool);        /* du = scale dy B */
    multiply(l, sum, dy, 1, (size_t)ld, u, p->rows, T, pool);   /* dB = dy^T u */
    add_padded(grad + p->b, l, sum, p->rows, r, 1);
    multiply(l, sum, x, 1, in, du, p->cols, T, pool);           /* dA^T = x^T du */
    add_padded(grad + p->a, l, sum, p->cols, 1, in);
}

void lora_backward(const struct model *m, int layer, enum proj first, int n, real *grad, const real *dy, int ld,
                   const real *x, int T, real *scratch, struct pool *pool) {
    for (int i = 0; i < n; i++) {
        const struct lora_pair *p = &m->lora->pairs[layer * N_PROJ + first + i];

        if (p->present) pair_backward(m->lora, p, grad, dy, ld, x, T, scratch, pool);
        dy += place(m, layer, first + i).rows;
    }
}
