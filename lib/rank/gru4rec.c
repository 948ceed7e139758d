/* gru4rec — a gated recurrent unit over a window of items (Tan, Xu and Liu 2016, in the form of
 * RecBole's):
 *   x = drop(item);  each layer, h_0 = 0:
 *     r, z = sigmoid(x W_i' + h W_h');  n = tanh(x W_i' + r (h W_h'));  h = (1 - z) n + z h
 *   state = h W' + b
 * Groups of windows go through time by themselves, so that threads never wait for one another. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "rank/seq.h"
#include "tensor/gemm.h"
#include "tensor/kernels.h"
#include "tensor/rows.h"

enum {
    GROUP = 24,                 /* windows of a task: four register tiles of six */
    PART = 64,                  /* rows of a task */
    OTHER_TENSORS = 3
};

struct layer {
    size_t wi, wh;              /* [3 hidden, in], [3 hidden, hidden] */
    int in;
    real *gi, *gates;           /* [rows, 3 hidden], [rows, 4 hidden] */
    real *before, *h;           /* [rows, hidden]: the state before and after a row */
};

struct gru {
    struct seq_net net;
    size_t w, b;                /* [dim, hidden], [dim] */
    struct layer *layers;
    int width;                  /* hidden rounded up to 16 */

    real *block;                /* all of these */
    real *x, *last, *out;       /* [rows, dim], [n, hidden], [n, dim] */
    real *dx, *dh, *din;        /* [rows, dim], [rows, hidden] twice: from above, and to below */
    real *packed;               /* [hidden, 3 width] (forward) or [3 hidden, width]: W_h */
    real *scratch;              /* [threads, GROUP, 3 width] */
};

static int check(const struct seq_shape *s, struct err *err) {
    (void)s, (void)err;
    return 0;
}

static struct seq_net *make(const struct seq_shape *shape, struct pool *pool) {
    struct gru *g = mem_calloc(1, sizeof *g);
    int H = shape->hidden;

    seq_net_make(&g->net, &seq_gru4rec, shape, pool, 2 * shape->layers + OTHER_TENSORS);
    g->layers = mem_calloc((size_t)shape->layers, sizeof *g->layers);
    for (int i = 0; i < shape->layers; i++) {
        struct layer *l = &g->layers[i];

        l->in = i ? H : shape->dim;
        l->wi = seq_tensor(&g->net, "input", i + 1, 3 * H, l->in);
        l->wh = seq_tensor(&g->net, "state", i + 1, 3 * H, H);
    }
    g->w = seq_tensor(&g->net, "dense", 0, shape->dim, H);
    g->b = seq_tensor(&g->net, "dense.bias", 0, 0, shape->dim);
    params_finish(&g->net.p);
    g->width = (H + 15) / 16 * 16;
    return &g->net;
}

/* Points into the block, or counts its reals where there is none. */
static size_t lay(struct gru *g, real *base) {
    size_t n = 0, rows = (size_t)g->net.room, C = (size_t)g->net.shape.dim,
           H = (size_t)g->net.shape.hidden;
    size_t width = (size_t)g->width;

    g->x = seq_piece(base, &n, rows * C);
    g->last = seq_piece(base, &n, rows * H);
    g->out = seq_piece(base, &n, rows * C);
    for (int i = 0; i < g->net.shape.layers; i++) {
        struct layer *l = &g->layers[i];

        l->gi = seq_piece(base, &n, rows * 3 * H);
        l->gates = seq_piece(base, &n, rows * 4 * H);
        l->before = seq_piece(base, &n, rows * H);
        l->h = seq_piece(base, &n, rows * H);
    }
    g->dx = seq_piece(base, &n, rows * C);
    g->dh = seq_piece(base, &n, rows * H);
    g->din = seq_piece(base, &n, rows * H);
    g->packed = seq_piece(base, &n, 3 * width * width);
    g->scratch = seq_piece(base, &n, (size_t)pool_threads(g->net.pool) * GROUP * 3 * width);
    return n;
}

static size_t size(const struct seq_net *net) {
    struct gru counted = *(const struct gru *)net;
    size_t n;

    counted.layers = mem_calloc((size_t)net->shape.layers, sizeof *counted.layers);
    n = lay(&counted, NULL);
    free(counted.layers);
    return n;
}

/* Glorot and Bengio 2010 for items (normal) and gates (uniform); PyTorch's start of a linear
 * map. */
static void start(struct seq_net *net, uint64_t seed) {
    struct gru *g = (struct gru *)net;
    const struct tensor *t = net->p.tensors, *end = t + net->p.n_tensors;
    double bound = 1 / sqrt(net->shape.hidden);

    seq_normal(net, t++, sqrt(2.0 / (net->shape.items + net->shape.dim)), seed);
    for (; t < end - 2; t++) seq_uniform(net, t, sqrt(6.0 / (t->rows + t->cols)), seed);
    seq_uniform(net, t++, bound, seed);
    seq_uniform(net, t, bound, seed);
    g->block = mem_aligned(lay(g, NULL), sizeof *g->block);
    lay(g, g->block);
}

static void drop(struct seq_net *net) {
    struct gru *g = (struct gru *)net;

    seq_net_free(net);
    free(g->layers);
    free(g->block);
    free(g);
}

struct job {
    struct gru *g;
    const struct layer *l;
    const struct seq_batch *b;
    const struct seq_drop *drop;
    const struct kernels *k;
    real *x;
};

static void drop_rows(void *ctx, int begin, int end, int part) {
    const struct job *j = ctx;
    size_t C = (size_t)j->g->net.shape.dim, draws = (C + 3) / 4;
    uint64_t key = seq_site(j->drop, 0);

    (void)part;
    for (int r = begin; r < end; r++)
        j->k->dropout(j->x + r * C, (int)C, key, (uint64_t)r * draws, j->drop->zeros);
}

/* packed[hidden, 3 width] = W_h', each of its three parts filled up by zeros. */
static void pack_turned(const struct gru *g, const struct layer *l) {
    const real *w = g->net.p.data + l->wh;
    size_t H = (size_t)g->net.shape.hidden, width = (size_t)g->width;

    memset(g->packed, 0, H * 3 * width * sizeof *g->packed);
    for (size_t row = 0; row < 3 * H; row++)
        for (size_t i = 0; i < H; i++)
            g->packed[i * 3 * width + row / H * width + row % H] = w[row * H + i];
}

/* packed[3 hidden, width] = W_h, filled up by zeros. */
static void pack(const struct gru *g, const struct layer *l) {
    const real *w = g->net.p.data + l->wh;
    size_t H = (size_t)g->net.shape.hidden, width = (size_t)g->width;

    memset(g->packed, 0, 3 * H * width * sizeof *g->packed);
    for (size_t row = 0; row < 3 * H; row++)
        memcpy(g->packed + row * width, w + row * H, H * sizeof *w);
}

/* Windows of group `group` at step t; *row is their first row. */
static int group_rows(const struct seq_batch *b, int group, int t, int *row) {
    int n = t < b->steps ? b->first[t + 1] - b->first[t] - group * GROUP : 0;

    if (n > 0) *row = b->first[t] + group * GROUP;
    return n < 0 ? 0 : n > GROUP ? GROUP : n;
}

/* One group of windows through time. */
static void group_forward(void *ctx, int group, int worker) {
    const struct job *j = ctx;
    const struct layer *l = j->l;
    size_t H = (size_t)j->g->net.shape.hidden, width = (size_t)j->g->width;
    real *gh = j->g->scratch + (size_t)worker * GROUP * 3 * width;

    for (int t = 0, row, past = 0, n; (n = group_rows(j->b, group, t, &row)) > 0; t++, past = row) {
        real *before = l->before + row * H;

        if (t) memcpy(before, l->h + past * H, (size_t)n * H * sizeof *before);
        else memset(before, 0, (size_t)n * H * sizeof *before);
        j->k->tile_mac(gh, 3 * width, before, H, 1, j->g->packed, 3 * width, n, (int)(3 * width),
                       (int)H, false);
        for (int i = 0; i < n; i++) {
            size_t r = (size_t)(row + i);

            j->k->gru_forward(l->h + r * H, l->gates + r * 4 * H, l->gi + r * 3 * H,
                              gh + i * 3 * width, (int)width, before + i * H, (int)H);
        }
    }
}

/* ... and back: gates become their gradients. dh[GROUP, width] comes from later steps. */
static void group_backward(void *ctx, int group, int worker) {
    const struct job *j = ctx;
    const struct layer *l = j->l;
    size_t H = (size_t)j->g->net.shape.hidden, width = (size_t)j->g->width;
    real *dh = j->g->scratch + (size_t)worker * GROUP * 3 * width;

    memset(dh, 0, GROUP * width * sizeof *dh);
    for (int t = j->b->steps - 1; t >= 0; t--) {
        int row = 0, n = group_rows(j->b, group, t, &row);
        real *gates = l->gates + row * 4 * H;

        for (int i = 0; i < n; i++) {
            j->k->add(dh + i * width, j->g->dh + (row + i) * H, H);
            j->k->gru_backward(gates + i * 4 * H, dh + i * width, l->before + (row + i) * H,
                               (int)H);
        }
        j->k->tile_mac(dh, width, gates, 4 * H, 1, j->g->packed, width, n, (int)width,
                       (int)(2 * H), true);
        j->k->tile_mac(dh, width, gates + 3 * H, 4 * H, 1, j->g->packed + 2 * H * width, width, n,
                       (int)width, (int)H, true);
    }
}

static int groups(const struct seq_batch *b) {
    return (b->windows + GROUP - 1) / GROUP;
}

static void add_bias(void *ctx, int begin, int end, int part) {
    const struct job *j = ctx;
    size_t C = (size_t)j->g->net.shape.dim;

    (void)part;
    for (int r = begin; r < end; r++) j->k->add(j->x + r * C, j->g->net.p.data + j->g->b, C);
}

static real *forward(struct seq_net *net, const struct seq_batch *b,
                     const struct seq_drop *dropped) {
    struct gru *g = (struct gru *)net;
    struct job j = { .g = g, .b = b, .drop = dropped, .k = kernels_get(), .x = g->x };
    const real *x = g->x;
    int H = net->shape.hidden;

    seq_embed(net, b, g->x);
    if (dropped) rows_run(net->pool, b->rows, PART, drop_rows, &j);
    for (int i = 0; i < net->shape.layers; i++) {
        j.l = &g->layers[i];
        gemm_forward(j.l->gi, x, net->p.data + j.l->wi, b->rows, 3 * H, j.l->in, net->pool);
        pack_turned(g, j.l);
        pool_run(net->pool, groups(b), group_forward, &j);
        x = j.l->h;
    }
    seq_gather(b, g->last, x, H);
    gemm_forward(g->out, g->last, net->p.data + g->w, b->n, net->shape.dim, H, net->pool);
    j.x = g->out;
    rows_run(net->pool, b->n, PART, add_bias, &j);
    return g->out;
}

/* From g->dh, the gradient of the layer's states, to dx, that of its input x. */
static void layer_backward(const struct job *j, const real *x, real *dx, real *grad) {
    const struct layer *l = j->l;
    struct pool *pool = j->g->net.pool;
    int H = j->g->net.shape.hidden, rows = j->b->rows;
    size_t two = 2 * (size_t)H * (size_t)H;

    pack(j->g, l);
    pool_run(pool, groups(j->b), group_backward, (void *)j);
    gemm_backward_weight(grad + l->wi, l->gates, 4 * H, x, rows, 3 * H, l->in, pool);
    gemm_backward_weight(grad + l->wh, l->gates, 4 * H, l->before, rows, 2 * H, H, pool);
    gemm_backward_weight(grad + l->wh + two, l->gates + 3 * H, 4 * H, l->before, rows, H, H, pool);
    gemm_backward_input(dx, l->gates, 4 * H, j->g->net.p.data + l->wi, rows, 3 * H, l->in, false,
                        pool);
}

static void backward(struct seq_net *net, const struct seq_batch *b, const struct seq_drop *dropped,
                     real *dout, real *grad) {
    struct gru *g = (struct gru *)net;
    struct job j = { .g = g, .b = b, .drop = dropped, .k = kernels_get(), .x = g->dx };
    int C = net->shape.dim, H = net->shape.hidden;

    gemm_backward_weight(grad + g->w, dout, C, g->last, b->n, C, H, net->pool);
    seq_column_sums(net, grad + g->b, dout, NULL, b->n, C);
    gemm_backward_input(g->last, dout, C, net->p.data + g->w, b->n, C, H, false, net->pool);
    seq_spread(b, g->dh, g->last, H);
    for (int i = net->shape.layers - 1; i >= 0; i--) {
        real *below = g->din;

        j.l = &g->layers[i];
        layer_backward(&j, i ? g->layers[i - 1].h : g->x, i ? below : g->dx, grad);
        if (i) g->din = g->dh, g->dh = below;
    }
    if (dropped) rows_run(net->pool, b->rows, PART, drop_rows, &j);
    seq_embed_backward(net, b, g->dx, grad);
}

const struct seq_kind seq_gru4rec = {
    .name = "gru4rec", .check = check, .make = make, .size = size, .start = start,
    .forward = forward, .backward = backward, .drop = drop
};
