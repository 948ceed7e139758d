/* decoder_backward — forward's lines in reverse. Sums over rows run within parts of SUM_PART rows, then
 * over parts in order: the number of threads changes nothing. */
#include <string.h>

#include "model/decoder_impl.h"
#include "model/lora.h"
#include "tensor/kernels.h"
#include "tensor/rows.h"

enum { PART = 16, COLUMNS = 64, SUM_PART = DECODER_SUM_PART };

struct job {
    struct decoder *d;
    const struct packed *in;
    const struct kernels *k;
    const struct acts *a;
    const struct layer_offsets *o;
    int layer, T;               /* rows of the activations and their gradients */
    real *stream, *datt;        /* gradients of next, then of mid; of att */
    const real *dy, *x, *w, *rstd;
    real *dx, *dst;
    struct attn_grads attn;
    struct attn_shape shape;
};

/* dw[n] += the parts' sums, in order. */
static void add_sums(const struct decoder *d, const struct kernels *k, real *dw, int parts, size_t width,
                     size_t at, size_t n) {
    for (int i = 0; i < parts; i++) k->add(dw, d->back.sums + i * width + at, n);
}

static void norm_back_rows(void *ctx, int begin, int end, int part) {
    const struct job *j = ctx;
    int C = j->d->m->cfg.hidden;
    size_t at = (size_t)begin * C;
    real *dw = j->d->back.sums + (size_t)part * C;

    memset(dw, 0, (size_t)C * sizeof *dw);
    j->k->rmsnorm_backward(j->dx + at, dw, j->dy + at, j->x + at, j->w, j->rstd + begin, end - begin, C);
}

void norm_backward(struct decoder *d, real *dx, real *dw, const real *dy, const real *x, const real *w,
                   const real *rstd, int n) {
    struct job j = { .d = d, .k = kernels_get(), .dy = dy, .x = x, .w = w, .rstd = rstd, .dx = dx };
    size_t C = (size_t)d->m->cfg.hidden;

    rows_run(d->pool, n, SUM_PART, norm_back_rows, &j);
    if (dw) add_sums(d, j.k, dw, rows_parts(n, SUM_PART), C, 0, C);
}

static void norm_again_rows(void *ctx, int begin, int end, int part) {
    const struct job *j = ctx;
    int C = j->d->m->cfg.hidden;
    size_t at = (size_t)begin * C;

    (void)part;
    j->k->rmsnorm_again(j->dst + at, j->x + at, j->w, j->rstd + begin, end - begin, C);
}

static void swiglu_back_rows(void *ctx, int begin, int end, int part) {
    const struct job *j = ctx;
    size_t F = (size_t)j->d->m->cfg.intermediate, at = begin * F;
    const struct back *b = &j->d->back;

    (void)part;
    j->k->swiglu_backward(b->dgu + 2 * at, j->a->h + at, b->dh + at, j->a->gu + 2 * at, end - begin, (int)F);
}

/* Adds dy^T x to the gradient of n joined matrices, the first of which lies at `at`, or what their
 * adapters take of it. dy is [T, N], x [T, K]. */
static void weight_backward(const struct job *j, real *grad, size_t at, enum proj first, int n, const real *dy,
                            int N, const real *x, int K) {
    struct decoder *d = j->d;

    if (!d->m->lora) d->backward->backward_weight(grad + at, dy, N, x, j->T, N, K, d->pool);
    else lora_backward(d->m, j->layer, first, n, grad, dy, N, x, j->T, d->back.lora, d->pool);
}

/* Where the gradient of what has no adapter goes; NULL: nowhere, it is frozen. */
static real *unadapted(const struct decoder *d, real *grad, size_t at) {
    return d->m->lora ? NULL : grad + at;
}

/* The output of a norm again, into the shared buffer. */
static void norm_again(struct job *j, const real *x, const real *w, const real *rstd) {
    j->x = x;
    j->w = w;
    j->rstd = rstd;
    j->dst = j->a->norm;
    rows_run(j->d->pool, j->T, PART, norm_again_rows, j);
}

/* next = mid + down(silu(gate) up),  (gate, up) = norm2(mid) Wgu^T;  mid = x + Wo att */
static void mlp_backward(struct job *j, real *grad) {
    struct decoder *d = j->d;
    const struct back *b = &d->back;
    const struct config *c = &d->m->cfg;
    const real *data = d->m->p.data;
    int T = j->T, C = c->hidden, F = c->intermediate, Q = layer_q(c);

    d->backward->backward_input(b->dh, j->stream, C, data + j->o->w_down, T, C, F, false, d->pool);
    rows_run(d->pool, T, PART, swiglu_back_rows, j);
    weight_backward(j, grad, j->o->w_down, PROJ_DOWN, 1, j->stream, C, j->a->h, F);
    norm_again(j, j->a->mid, data + j->o->norm2, j->a->rstd2);
    weight_backward(j, grad, j->o->w_gate_up, PROJ_GATE, 2, b->dgu, 2 * F, j->a->norm, C);
    d->backward->backward_input(b->dn, b->dgu, 2 * F, data + j->o->w_gate_up, T, 2 * F, C, false, d->pool);
    norm_backward(d, j->stream, unadapted(d, grad, j->o->norm2), b->dn, j->a->mid, data + j->o->norm2, j->a->rstd2, T);
    d->backward->backward_input(j->datt, j->stream, C, data + j->o->wo, T, C, Q, false, d->pool);
    weight_backward(j, grad, j->o->wo, PROJ_O, 1, j->stream, C, j->a->att, Q);
}

/* The same of the last layer, for the head's rows; their gradients then go to where the rows are. */
static void last_mlp_backward(const struct job *j, real *grad) {
    const struct decoder *d = j->d;
    const int *rows = d->head.rows;
    struct job some = *j;
    size_t C = (size_t)d->m->cfg.hidden, Q = (size_t)layer_q(&d->m->cfg), T = (size_t)j->T;

    some.a = &d->some;
    some.T = d->head.n_rows;
    some.stream = d->back.some_dx;
    some.datt = d->back.some_datt;
    if (some.T) mlp_backward(&some, grad);
    memset(j->stream, 0, T * C * sizeof *j->stream);
    memset(j->datt, 0, T * Q * sizeof *j->datt);
    for (int r = 0; r < some.T; r++) {
        j->k->add(j->stream + rows[r] * C, some.stream + r * C, C);
        j->k->add(j->datt + rows[r] * Q, some.datt + r * Q, Q);
    }
}

/* Reals that a row of droot has. */
static size_t root_width(const struct job *j) {
    return (size_t)2 * j->shape.kv_heads * j->shape.hs;
}

/* A sequence and key-value head. A branch leaves what its root gets apart, for add_roots. */
static void attention_task(void *ctx, int task, int worker) {
    const struct job *j = ctx;
    int seq = task / j->shape.kv_heads;
    struct attn_span span = decoder_span(j->d, seq, j->layer);
    struct attn_grads grads = j->attn;

    (void)worker;
    if (j->in->seqs[seq].parent >= 0) grads.droot = j->d->back.droot + j->d->root_at[seq] * root_width(j);
    attn_backward(j->d->backward->attention, &grads, &span, &j->shape, task % j->shape.kv_heads);
}

/* Rows' keys and values get what the branches left for them, in order. */
static void add_roots(void *ctx, int begin, int end, int part) {
    const struct job *j = ctx;
    const struct decoder *d = j->d;
    size_t keys = (size_t)j->shape.heads * j->shape.hs, width = root_width(j);

    (void)part;
    for (int s = 0; s < j->in->n_seqs; s++) {
        const struct attn_span *span = &d->spans[s];
        int from = begin > span->root_start ? begin : span->root_start;
        int to = end < span->root_start + span->root_len ? end : span->root_start + span->root_len;

        for (int r = from; r < to; r++)
            j->k->add(d->back.dqkv + r * (keys + width) + keys,
                      d->back.droot + (d->root_at[s] + r - span->root_start) * width, width);
    }
}

/* One head's q or k through its norm: dy becomes dx. */
static void head_norm_back(const struct job *j, real *dy, real *dw, const real *x, const real *w) {
    real dx[ATTN_MAX_HEAD] = { 0 }, y[ATTN_MAX_HEAD], rstd;
    const struct config *c = &j->d->m->cfg;

    j->k->rmsnorm_forward(y, &rstd, x, w, 1, c->head_dim, 0, (real)c->norm_eps);
    j->k->rmsnorm_backward(dx, dw, dy, x, w, &rstd, 1, c->head_dim);
    memcpy(dy, dx, (size_t)c->head_dim * sizeof *dx);
}

/* Rope, qk-norm and bias of rows of dqkv; sums: [bias | q_norm | k_norm]. */
static void qkv_back_rows(void *ctx, int begin, int end, int part) {
    const struct job *j = ctx;
    const struct config *c = &j->d->m->cfg;
    const struct rope *rope = &j->d->rope;
    const real *data = j->d->m->p.data;
    size_t width = (size_t)layer_qkv(c), hs = (size_t)c->head_dim;
    real *sums = j->d->back.sums + part * (width + 2 * hs);

    memset(sums, 0, (width + 2 * hs) * sizeof *sums);
    for (int r = begin; r < end; r++) {
        real *row = j->d->back.dqkv + r * width;
        size_t at = (size_t)j->d->pos[r] * rope->half;

        for (int h = 0; h < c->heads + c->kv_heads; h++) {
            bool key = h >= c->heads;

            j->k->rope(row + h * hs, rope->cosine + at, rope->sine + at, rope->half, -1);
            if (c->qk_norm)
                head_norm_back(j, row + h * hs, sums + width + (key ? hs : 0), j->a->raw + r * width + h * hs,
                               data + (key ? j->o->k_norm : j->o->q_norm));
        }
        if (j->o->bqkv != NO_TENSOR) j->k->add(sums, row, width);
    }
}

static void qkv_backward(struct job *j, real *grad) {
    struct decoder *d = j->d;
    size_t width = (size_t)layer_qkv(&d->m->cfg), hs = (size_t)d->m->cfg.head_dim, all = width + 2 * hs;
    int parts = rows_parts(j->T, SUM_PART);

    rows_run(d->pool, j->T, SUM_PART, qkv_back_rows, j);
    if (d->m->lora) return;
    if (j->o->bqkv != NO_TENSOR) add_sums(d, j->k, grad + j->o->bqkv, parts, all, 0, width);
    if (!d->m->cfg.qk_norm) return;
    add_sums(d, j->k, grad + j->o->q_norm, parts, all, width, hs);
    add_sums(d, j->k, grad + j->o->k_norm, parts, all, width + hs, hs);
}

/* att = attention(qkv(norm1(x))) */
static void attention_backward(struct job *j, real *grad) {
    struct decoder *d = j->d;
    const struct back *b = &d->back;
    const struct config *c = &d->m->cfg;
    const real *data = d->m->p.data;
    int T = j->T, C = c->hidden, W = layer_qkv(c);

    memset(b->dqkv, 0, (size_t)T * W * sizeof *b->dqkv);
    j->attn = (struct attn_grads){ .dout = b->datt, .out = j->a->att, .qkv = j->a->qkv,
                                   .lse = decoder_lse(d, j->layer), .dqkv = b->dqkv, .D = b->D };
    pool_part(d->pool, POOL_ATTENTION);
    pool_run(d->pool, j->in->n_seqs * c->kv_heads, attention_task, j);
    if (d->root_at[j->in->n_seqs]) rows_run(d->pool, T, PART, add_roots, j);
    pool_part(d->pool, POOL_ROWS);
    qkv_backward(j, grad);
    norm_again(j, j->a->x, data + j->o->norm1, j->a->rstd1);
    weight_backward(j, grad, j->o->wqkv, PROJ_Q, 3, b->dqkv, W, j->a->norm, C);
    d->backward->backward_input(b->dn, b->dqkv, W, data + j->o->wqkv, T, W, C, false, d->pool);
    norm_backward(d, b->dx, unadapted(d, grad, j->o->norm1), b->dn, j->a->x, data + j->o->norm1, j->a->rstd1, T);
}

/* Rows of the embedding: each task takes some columns of all rows, so equal tokens do not collide. The
 * padding token's row gets nothing from its use as input, as in transformers (padding_idx). */
static void embed_columns(void *ctx, int begin, int end, int part) {
    const struct job *j = ctx;
    size_t C = (size_t)j->d->m->cfg.hidden;

    (void)part;
    for (int r = 0; r < j->in->n_tokens; r++)
        if (j->in->tokens[r] != j->d->m->cfg.pad)
            j->k->add(j->dst + j->in->tokens[r] * C + begin, j->d->back.dx + r * C + begin,
                      (size_t)(end - begin));
}

/* The activations of a layer whose place others have taken since, from the stream that entered it. */
static void layer_again(struct decoder *d, const struct packed *in, int layer) {
    layer_before(&d->pass, layer, &d->acts[layer]);
    decoder_attend(d, in, layer);
    layer_middle(&d->pass, layer, &d->acts[layer]);
}

void decoder_backward(struct decoder *d, const struct packed *in, real *grad, const real *dlogprob,
                      const real *dentropy) {
    const struct config *c = &d->m->cfg;
    struct job j = { .d = d, .in = in, .k = kernels_get(), .T = in->n_tokens, .stream = d->back.dx, .datt = d->back.datt,
                     .shape = { .heads = c->heads, .kv_heads = c->kv_heads, .hs = c->head_dim } };
    enum pool_part before = pool_part(d->pool, POOL_LOSS);

    d->head.dlogprob = dlogprob;
    d->head.dentropy = dentropy;
    memset(d->back.some_dx, 0, (size_t)d->head.n_rows * c->hidden * sizeof *d->back.some_dx);
    head_backward(d, in, grad);
    pool_part(d->pool, POOL_ROWS);
    for (j.layer = c->layers - 1; j.layer >= 0; j.layer--) {
        j.a = &d->acts[j.layer];
        j.o = &d->m->layers[j.layer];
        if (j.layer == c->layers - 1) {
            last_mlp_backward(&j, grad);
        } else {
            if (d->recompute) layer_again(d, in, j.layer);
            mlp_backward(&j, grad);
        }
        attention_backward(&j, grad);
    }
    if (!d->m->lora) {
        j.dst = grad + d->m->embed;
        rows_run(d->pool, c->hidden, COLUMNS, embed_columns, &j);
    }
    pool_part(d->pool, before);
}
