/* sasrec — self-attention over a window of items, norms after the sums:
 *   x = norm(item + position) → drop;  each layer:
 *   x → qkv + b → attention → wo + b → drop → (+ x) → norm → a → w1 + b → gelu → w2 + b → drop
 *     → (+ a) → norm
 * Behind the last attention there are the rows of targets alone. Norms, gelu and starting values
 * are those of RecBole's SASRec. */
#include "rank/sasrec.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tensor/gemm.h"
#include "tensor/rows.h"

enum { LAYER_TENSORS = 12, OTHER_TENSORS = 4 };

static const double EPS = 1e-12, START = 0.02;  /* of norms; of matrices at the start */

static int check(const struct seq_shape *s, struct err *err) {
    if (s->dim % s->heads == 0) return 0;
    return err_set(err, "--dim %d is not a multiple of --heads %d", s->dim, s->heads);
}

static struct sasrec_norm norm_tensors(struct seq_net *net, int layer, const char *weight,
                                       const char *bias) {
    size_t w = seq_tensor(net, weight, layer, 0, net->shape.dim);

    return (struct sasrec_norm){ w, seq_tensor(net, bias, layer, 0, net->shape.dim) };
}

static void layer_tensors(struct seq_net *net, struct sasrec_layer *l, int layer) {
    int C = net->shape.dim, F = net->shape.hidden;

    l->wqkv = seq_tensor(net, "qkv", layer, 3 * C, C);
    l->bqkv = seq_tensor(net, "qkv.bias", layer, 0, 3 * C);
    l->wo = seq_tensor(net, "out", layer, C, C);
    l->bo = seq_tensor(net, "out.bias", layer, 0, C);
    l->norm1 = norm_tensors(net, layer, "norm.weight", "norm.bias");
    l->w1 = seq_tensor(net, "up", layer, F, C);
    l->b1 = seq_tensor(net, "up.bias", layer, 0, F);
    l->w2 = seq_tensor(net, "down", layer, C, F);
    l->b2 = seq_tensor(net, "down.bias", layer, 0, C);
    l->norm2 = norm_tensors(net, layer, "mlp norm.weight", "mlp norm.bias");
}

static struct seq_net *make(const struct seq_shape *shape, struct pool *pool) {
    struct sasrec *s = mem_calloc(1, sizeof *s);

    seq_net_make(&s->net, &seq_sasrec, shape, pool, shape->layers * LAYER_TENSORS + OTHER_TENSORS);
    s->position = seq_tensor(&s->net, "positions", 0, shape->length, shape->dim);
    s->norm = norm_tensors(&s->net, 0, "norm.weight", "norm.bias");
    s->layers = mem_calloc((size_t)shape->layers, sizeof *s->layers);
    s->acts = mem_calloc((size_t)shape->layers, sizeof *s->acts);
    for (int i = 0; i < shape->layers; i++) layer_tensors(&s->net, &s->layers[i], i + 1);
    params_finish(&s->net.p);
    s->keys = (shape->length + 15) / 16 * 16;
    return &s->net;
}

static struct sasrec_normed lay_normed(real *base, size_t *used, size_t rows, size_t C) {
    struct sasrec_normed n = { .xhat = seq_piece(base, used, rows * C) };

    n.rstd = seq_piece(base, used, rows);
    n.y = seq_piece(base, used, rows * C);
    return n;
}

/* Points into the block, or counts its reals where there is none. */
static size_t lay(struct sasrec *s, real *base) {
    const struct seq_shape *h = &s->net.shape;
    size_t n = 0, rows = (size_t)s->net.room, C = (size_t)h->dim, F = (size_t)h->hidden;

    s->in = lay_normed(base, &n, rows, C);
    for (int i = 0; i < h->layers; i++) {
        struct sasrec_acts *a = &s->acts[i];

        a->qkv = seq_piece(base, &n, rows * 3 * C);
        a->weights = seq_piece(base, &n, (size_t)h->heads * rows * (size_t)s->keys);
        a->att = seq_piece(base, &n, rows * C);
        a->mid = lay_normed(base, &n, rows, C);
        a->f = seq_piece(base, &n, rows * F);
        a->g = seq_piece(base, &n, rows * F);
        a->out = lay_normed(base, &n, rows, C);
    }
    s->last_x = seq_piece(base, &n, rows * C);
    s->last_att = seq_piece(base, &n, rows * C);
    s->dx = seq_piece(base, &n, rows * C);
    s->dy = seq_piece(base, &n, rows * C);
    s->datt = seq_piece(base, &n, rows * C);
    s->dqkv = seq_piece(base, &n, rows * 3 * C);
    s->df = seq_piece(base, &n, rows * F);
    s->scratch = seq_piece(base, &n,
                           (size_t)pool_threads(s->net.pool) * sasrec_attention_scratch(h));
    return n;
}

static size_t size(const struct seq_net *net) {
    struct sasrec counted = *(const struct sasrec *)net;
    size_t n;

    counted.acts = mem_calloc((size_t)net->shape.layers, sizeof *counted.acts);
    n = lay(&counted, NULL);
    free(counted.acts);
    return n;
}

static void start(struct seq_net *net, uint64_t seed) {
    struct sasrec *s = (struct sasrec *)net;

    for (int i = 0; i < net->p.n_tensors; i++)
        if (net->p.tensors[i].rows) seq_normal(net, &net->p.tensors[i], START, seed);
    s->block = mem_aligned(lay(s, NULL), sizeof *s->block);
    lay(s, s->block);
    s->start = mem_alloc((size_t)net->room + 1, sizeof *s->start);
}

static void drop(struct seq_net *net) {
    struct sasrec *s = (struct sasrec *)net;

    seq_net_free(net);
    free(s->layers);
    free(s->acts);
    free(s->block);
    free(s->start);
    free(s);
}

void sasrec_drop_rows(const struct sasrec_pass *p, real *x, int site, int begin, int end) {
    size_t C = (size_t)p->s->net.shape.dim, draws = (C + 3) / 4;
    uint64_t key = p->drop ? seq_site(p->drop, site) : 0;

    for (int r = begin; p->drop && r < end; r++)
        p->k->dropout(x + r * C, (int)C, key, (uint64_t)r * draws, p->drop->zeros);
}

/* What rows of one product become. */
struct job {
    const struct sasrec_pass *p;
    real *x, *y;                /* the product, in place; gelu of it */
    const real *bias, *add;
    int width, site;
    struct sasrec_norm norm;
    struct sasrec_normed *to;
};

static void bias_rows(void *ctx, int begin, int end, int part) {
    const struct job *j = ctx;
    size_t N = (size_t)j->width;

    (void)part;
    for (int r = begin; r < end; r++) j->p->k->add(j->x + r * N, j->bias, N);
    if (j->y)
        j->p->k->gelu_forward(j->y + begin * N, j->x + begin * N, (int)((size_t)(end - begin) * N));
}

static void norm_rows(const struct job *j, int begin, int end) {
    size_t C = (size_t)j->p->s->net.shape.dim, at = (size_t)begin * C;

    j->p->k->layernorm_forward(j->to->y + at, j->to->xhat + at, j->to->rstd + begin, j->to->y + at,
                               j->p->data + j->norm.w, j->p->data + j->norm.b, end - begin, (int)C,
                               (real)EPS);
}

/* y + bias → drop → (+ add) → norm. */
static void sum_rows(void *ctx, int begin, int end, int part) {
    const struct job *j = ctx;
    size_t C = (size_t)j->p->s->net.shape.dim;

    (void)part;
    for (int r = begin; r < end; r++) j->p->k->add(j->to->y + r * C, j->bias, C);
    sasrec_drop_rows(j->p, j->to->y, j->site, begin, end);
    j->p->k->add(j->to->y + begin * C, j->add + begin * C, (size_t)(end - begin) * C);
    norm_rows(j, begin, end);
}

/* item + position → norm → drop. The rows are of step number `part`. */
static void step_rows(void *ctx, int step, int worker) {
    const struct job *j = ctx;
    const struct sasrec_pass *p = j->p;
    size_t C = (size_t)p->s->net.shape.dim;
    int begin = p->b->first[step], end = p->b->first[step + 1];

    (void)worker;
    for (int r = begin; r < end; r++)
        p->k->add(j->to->y + r * C, p->data + p->s->position + step * C, C);
    norm_rows(j, begin, end);
    sasrec_drop_rows(p, j->to->y, 0, begin, end);
}

/* From the result of attention att[rows, dim] and the layer's input x. */
static void behind_attention(const struct sasrec_pass *p, int layer, const real *x, const real *att,
                             int rows) {
    const struct sasrec_layer *o = &p->s->layers[layer];
    struct sasrec_acts *a = &p->s->acts[layer];
    struct pool *pool = p->s->net.pool;
    int C = p->s->net.shape.dim, F = p->s->net.shape.hidden, site = 1 + layer * SASREC_DROPS;
    struct job mid = { .p = p, .bias = p->data + o->bo, .add = x, .site = site + SASREC_DROP_ATT,
                       .norm = o->norm1, .to = &a->mid };
    struct job up = { .p = p, .x = a->f, .y = a->g, .bias = p->data + o->b1, .width = F };
    struct job out = { .p = p, .bias = p->data + o->b2, .add = a->mid.y,
                       .site = site + SASREC_DROP_MLP, .norm = o->norm2, .to = &a->out };

    gemm_forward(a->mid.y, att, p->data + o->wo, rows, C, C, pool);
    rows_run(pool, rows, SASREC_PART, sum_rows, &mid);
    gemm_forward(a->f, a->mid.y, p->data + o->w1, rows, F, C, pool);
    rows_run(pool, rows, SASREC_PART, bias_rows, &up);
    gemm_forward(a->out.y, a->g, p->data + o->w2, rows, C, F, pool);
    rows_run(pool, rows, SASREC_PART, sum_rows, &out);
}

static void layer_forward(const struct sasrec_pass *p, int layer, const real *x) {
    struct sasrec *s = p->s;
    const struct sasrec_layer *o = &s->layers[layer];
    struct sasrec_acts *a = &s->acts[layer];
    int rows = p->b->rows, C = s->net.shape.dim;
    struct job qkv = { .p = p, .x = a->qkv, .bias = p->data + o->bqkv, .width = 3 * C };

    gemm_forward(a->qkv, x, p->data + o->wqkv, rows, 3 * C, C, s->net.pool);
    rows_run(s->net.pool, rows, SASREC_PART, bias_rows, &qkv);
    sasrec_attend(p, layer);
    if (layer < s->net.shape.layers - 1) {
        behind_attention(p, layer, x, a->att, rows);
    } else {
        seq_gather(p->b, s->last_x, x, C);
        seq_gather(p->b, s->last_att, a->att, C);
        behind_attention(p, layer, s->last_x, s->last_att, p->b->n);
    }
}

/* Where windows would begin, lay they one after another. */
static void find_starts(struct sasrec *s, const struct seq_batch *b) {
    int t = b->steps;

    s->start[0] = 0;
    for (int w = 0; w < b->windows; w++) {
        while (b->first[t] - b->first[t - 1] <= w) t--;
        s->start[w + 1] = s->start[w] + t;
    }
}

static real *forward(struct seq_net *net, const struct seq_batch *b,
                     const struct seq_drop *dropped) {
    struct sasrec *s = (struct sasrec *)net;
    struct sasrec_pass p = { s, b, dropped, kernels_get(), net->p.data };
    struct job in = { .p = &p, .norm = s->norm, .to = &s->in };
    real *x = s->in.y;

    find_starts(s, b);
    seq_embed(net, b, x);
    pool_run(net->pool, b->steps, step_rows, &in);
    for (int i = 0; i < net->shape.layers; i++) {
        layer_forward(&p, i, x);
        x = s->acts[i].out.y;
    }
    return x;
}

const struct seq_kind seq_sasrec = {
    .name = "sasrec", .check = check, .make = make, .size = size, .start = start,
    .forward = forward, .backward = sasrec_backward, .drop = drop
};
