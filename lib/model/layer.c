/* layer — forward. */
#include "model/layer.h"

#include <string.h>

#include "model/packing.h"
#include "tensor/gemm.h"
#include "tensor/kernels.h"
#include "tensor/rows.h"

enum { PART = 16 };             /* most rows a task takes */

/* What a part of the rows needs to know. */
struct job {
    const struct pass *p;
    const struct acts *a;
    const struct layer_offsets *o;
    const struct kernels *k;
    const real *src, *weight;
    const int *rows;
    real *dst, *dst2, *rstd;
};

int layer_q(const struct config *c) {
    return c->heads * c->head_dim;
}

int layer_qkv(const struct config *c) {
    return (c->heads + 2 * c->kv_heads) * c->head_dim;
}

static void embed_rows(void *ctx, int begin, int end, int part) {
    const struct job *j = ctx;
    size_t C = (size_t)j->p->m->cfg.hidden;

    (void)part;
    for (int r = begin; r < end; r++) {
        if (j->p->m->packing) packed_row(&j->p->m->packing->embed, j->rows[r], j->dst + r * C);
        else memcpy(j->dst + r * C, j->src + (size_t)j->rows[r] * C, C * sizeof *j->dst);
    }
}

/* y[M,N] = x[M,K] w^T; w is at this offset of the block, or packed. */
static void product(const struct pass *p, real *y, const real *x, size_t offset, const struct packed_matrix *w, int M, int N,
                    int K) {
    if (p->m->packing) packed_forward(y, x, w, M, p->scratch, p->pool);
    else p->products->forward(y, x, p->m->p.data + offset, M, N, K, p->pool);
}

/* Not looked at unless the model is packed. */
static const struct packed_layer *packed_of(const struct pass *p, int layer) {
    static const struct packed_layer none;

    return p->m->packing ? &p->m->packing->layers[layer] : &none;
}

void layer_embed(const struct pass *p, const int *tokens, real *x) {
    struct job j = { .p = p, .rows = tokens, .src = p->m->p.data + p->m->embed, .dst = x };

    rows_spread(p->pool, p->T, PART, embed_rows, &j);
}

static void norm_rows(void *ctx, int begin, int end, int part) {
    const struct job *j = ctx;
    const struct config *c = &j->p->m->cfg;
    size_t at = (size_t)begin * c->hidden;

    (void)part;
    j->k->rmsnorm_forward(j->dst + at, j->rstd ? j->rstd + begin : NULL, j->src + at, j->weight, end - begin, c->hidden,
                          (size_t)c->hidden, (real)c->norm_eps);
}

/* qk-norm, when the model has one: each head's query and key by itself. */
static void qk_norm(const struct job *j, const real *raw, real *row) {
    const struct config *c = &j->p->m->cfg;
    const real *data = j->p->m->p.data;
    size_t hs = (size_t)c->head_dim;

    memcpy(row, raw, (size_t)layer_qkv(c) * sizeof *row);
    j->k->rmsnorm_forward(row, NULL, row, data + j->o->q_norm, c->heads, (int)hs, hs, (real)c->norm_eps);
    j->k->rmsnorm_forward(row + c->heads * hs, NULL, row + c->heads * hs, data + j->o->k_norm, c->kv_heads,
                          (int)hs, hs, (real)c->norm_eps);
}

/* Bias, qk-norm, rope on rows of qkv. */
static void qkv_rows(void *ctx, int begin, int end, int part) {
    const struct job *j = ctx;
    const struct config *c = &j->p->m->cfg;
    const struct rope *rope = j->p->rope;
    size_t width = (size_t)layer_qkv(c);

    (void)part;
    for (int r = begin; r < end; r++) {
        real *raw = j->a->raw + r * width, *row = j->a->qkv + r * width;
        size_t at = (size_t)j->p->pos[r] * rope->half;

        if (j->o->bqkv != NO_TENSOR) j->k->add(raw, j->p->m->p.data + j->o->bqkv, width);
        if (c->qk_norm) qk_norm(j, raw, row);
        for (int h = 0; h < c->heads + c->kv_heads; h++)
            j->k->rope(row + (size_t)h * c->head_dim, rope->cosine + at, rope->sine + at, rope->half, 1);
    }
}

void layer_before(const struct pass *p, int layer, const struct acts *a) {
    const struct layer_offsets *o = &p->m->layers[layer];
    const real *data = p->m->p.data;
    struct job j = { .p = p, .a = a, .o = o, .k = kernels_get(), .src = a->x, .dst = a->norm,
                     .rstd = a->rstd1, .weight = data + o->norm1 };

    rows_spread(p->pool, p->T, PART, norm_rows, &j);
    product(p, a->raw, a->norm, o->wqkv, &packed_of(p, layer)->qkv, p->T, layer_qkv(&p->m->cfg), p->m->cfg.hidden);
    rows_spread(p->pool, p->T, PART, qkv_rows, &j);
}

/* Adds the stream to what a projection gave, and norms it when there is a weight. */
static void add_rows(void *ctx, int begin, int end, int part) {
    const struct job *j = ctx;
    size_t C = (size_t)j->p->m->cfg.hidden;

    j->k->add(j->dst2 + begin * C, j->src + begin * C, (size_t)(end - begin) * C);
    if (j->weight) {
        struct job norm = *j;

        norm.src = j->dst2;
        norm_rows(&norm, begin, end, part);
    }
}

static void swiglu_rows(void *ctx, int begin, int end, int part) {
    const struct job *j = ctx;
    size_t F = (size_t)j->p->m->cfg.intermediate;

    (void)part;
    j->k->swiglu_forward(j->a->h + begin * F, j->a->gu + 2 * begin * F, end - begin, (int)F);
}

void layer_middle(const struct pass *p, int layer, const struct acts *a) {
    const struct layer_offsets *o = &p->m->layers[layer];
    const struct config *c = &p->m->cfg;
    const real *data = p->m->p.data;
    struct job j = { .p = p, .a = a, .o = o, .k = kernels_get(), .src = a->x, .dst2 = a->mid,
                     .dst = a->norm, .rstd = a->rstd2, .weight = data + o->norm2 };

    product(p, a->mid, a->att, o->wo, &packed_of(p, layer)->o, p->T, c->hidden, layer_q(c));
    rows_spread(p->pool, p->T, PART, add_rows, &j);
    product(p, a->gu, a->norm, o->w_gate_up, &packed_of(p, layer)->gate_up, p->T, 2 * c->intermediate, c->hidden);
    rows_spread(p->pool, p->T, PART, swiglu_rows, &j);
}

void layer_after(const struct pass *p, int layer, const struct acts *a) {
    const struct config *c = &p->m->cfg;
    struct job j = { .p = p, .k = kernels_get(), .src = a->mid, .dst2 = a->next };

    layer_middle(p, layer, a);
    product(p, a->next, a->h, p->m->layers[layer].w_down, &packed_of(p, layer)->down, p->T, c->hidden, c->intermediate);
    rows_spread(p->pool, p->T, PART, add_rows, &j);
}

static void pick_rows(void *ctx, int begin, int end, int part) {
    const struct job *j = ctx;
    const struct config *c = &j->p->m->cfg;
    size_t C = (size_t)c->hidden, Q = (size_t)layer_q(c);

    (void)part;
    for (int r = begin; r < end; r++) {
        memcpy(j->dst + r * C, j->a->x + (size_t)j->rows[r] * C, C * sizeof *j->dst);
        memcpy(j->dst2 + r * Q, j->a->att + (size_t)j->rows[r] * Q, Q * sizeof *j->dst2);
    }
}

void layer_after_rows(const struct pass *p, int layer, const struct acts *a, const int *rows, int n,
                      const struct acts *some) {
    struct job j = { .p = p, .a = a, .rows = rows, .dst = some->x, .dst2 = some->att };
    struct pass few = *p;

    if (!n) return;
    few.T = n;
    rows_spread(p->pool, n, PART, pick_rows, &j);
    layer_after(&few, layer, some);
}

void layer_logits(const struct pass *p, const real *x, int n, real *rstd, real *norm, real *logits) {
    const struct model *m = p->m;
    struct job j = { .p = p, .k = kernels_get(), .src = x, .dst = norm, .rstd = rstd, .weight = m->p.data + m->norm };

    rows_spread(p->pool, n, PART, norm_rows, &j);
    product(p, logits, norm, m->head, m->packing ? m->packing->head : NULL, n, m->cfg.vocab, m->cfg.hidden);
}
