/* sasrec_attention — causal attention within a window, one head at a time, whose weights are kept
 * and may be dropped:
 *   S = Q K' / sqrt(hs);  P = softmax(S);  A = drop(P);  O = A V
 *   dV = A' dO;  dP = drop(dO V');  dS = P (dP - sum(dP P));  dQ = dS K / sqrt(hs);
 *   dK = dS' Q / sqrt(hs)
 * Queries go in blocks, each with the keys up to its last row. */
#include <math.h>
#include <string.h>

#include "rank/sasrec.h"

enum { BLOCK = 48 };            /* queries at a time: eight register tiles of six */

struct head {
    const struct sasrec_pass *p;
    const struct kernels *k;
    real *weights;              /* [T, keys] */
    uint64_t key, draw;         /* of dropout; the first draw of the first row */
    int window, T, hs, width;   /* width: hs rounded up to 16 */
    size_t keys;
    real scale;
    real *turned;               /* [hs, keys] keys (forward) or values (backward) */
    real *q, *k_v, *dout;       /* [T, width] queries / sqrt(hs); values (forward) or keys; dO */
    real *dq, *dk, *dv;         /* [T, width] */
    real *a, *ds;               /* [BLOCK, keys] */
};

static int width_of(const struct seq_shape *s) {
    return (s->dim / s->heads + 15) / 16 * 16;
}

static size_t keys_of(const struct seq_shape *s) {
    return ((size_t)s->length + 15) / 16 * 16;
}

size_t sasrec_attention_scratch(const struct seq_shape *s) {
    size_t rows = (size_t)s->length * (size_t)width_of(s);

    return (size_t)width_of(s) * keys_of(s) + 6 * rows + 2 * BLOCK * keys_of(s);
}

/* Head `task` / windows of window `task` % windows. */
static struct head open_head(const struct sasrec_pass *p, int layer, int task, int worker) {
    const struct sasrec *s = p->s;
    const struct seq_shape *shape = &s->net.shape;
    int number = task / p->b->windows, window = task % p->b->windows;
    size_t place = (size_t)number * (size_t)s->net.room + (size_t)s->start[window], used = 0, rows;
    real *base = s->scratch + (size_t)worker * sasrec_attention_scratch(shape);
    struct head h = { .p = p, .k = p->k, .window = window,
                      .T = s->start[window + 1] - s->start[window],
                      .hs = shape->dim / shape->heads, .width = width_of(shape),
                      .keys = keys_of(shape) };

    h.weights = s->acts[layer].weights + place * h.keys;
    h.draw = place * h.keys / 4;
    if (p->drop) h.key = seq_site(p->drop, 1 + layer * SASREC_DROPS + SASREC_DROP_WEIGHTS);
    h.scale = (real)(1 / sqrt((double)h.hs));
    rows = (size_t)h.T * (size_t)h.width;
    h.turned = seq_piece(base, &used, (size_t)h.hs * h.keys);
    h.q = seq_piece(base, &used, rows);
    h.k_v = seq_piece(base, &used, rows);
    h.dout = seq_piece(base, &used, rows);
    h.dq = seq_piece(base, &used, rows);
    h.dk = seq_piece(base, &used, rows);
    h.dv = seq_piece(base, &used, rows);
    h.a = seq_piece(base, &used, BLOCK * h.keys);
    h.ds = seq_piece(base, &used, BLOCK * h.keys);
    return h;
}

/* Row t of the window in an array whose rows are ld long. */
static size_t row_of(const struct head *h, int t, size_t ld) {
    return (size_t)(h->p->b->first[t] + h->window) * ld;
}

/* to[T, width] = factor * the head's columns of x[rows, ld] from `column` on; zeros fill up. */
static void gather(const struct head *h, real *to, const real *x, size_t ld, int column,
                   real factor) {
    memset(to, 0, (size_t)h->T * (size_t)h->width * sizeof *to);
    for (int t = 0; t < h->T; t++)
        h->k->axpy(to + (size_t)t * (size_t)h->width, factor, x + row_of(h, t, ld) + column, h->hs);
}

static void scatter(const struct head *h, real *x, const real *from, size_t ld, int column,
                    real factor) {
    for (int t = 0; t < h->T; t++) {
        real *to = x + row_of(h, t, ld) + column;

        for (int d = 0; d < h->hs; d++)
            to[d] = factor * from[(size_t)t * (size_t)h->width + (size_t)d];
    }
}

/* The same as gather, transposed. */
static void turn(const struct head *h, const real *x, size_t ld, int column) {
    memset(h->turned, 0, (size_t)h->hs * h->keys * sizeof *h->turned);
    for (int t = 0; t < h->T; t++) {
        const real *from = x + row_of(h, t, ld) + column;

        for (int d = 0; d < h->hs; d++) h->turned[(size_t)d * h->keys + (size_t)t] = from[d];
    }
}

/* The weights of queries begin .. begin+n-1 as they are used, into a. N keys, of 16 a multiple. */
static void used_weights(const struct head *h, int begin, int n, int N) {
    for (int i = 0; i < n; i++) {
        real *a = h->a + (size_t)i * h->keys;

        memcpy(a, h->weights + (size_t)(begin + i) * h->keys, (size_t)N * sizeof *a);
        if (h->p->drop)
            h->k->dropout(a, N, h->key, h->draw + (size_t)(begin + i) * h->keys / 4,
                          h->p->drop->zeros);
    }
}

static void block_forward(const struct head *h, int begin, int n) {
    int N = (begin + n + 15) / 16 * 16;
    real *s = h->weights + (size_t)begin * h->keys;
    size_t at = (size_t)begin * (size_t)h->width;

    h->k->tile_mac(s, h->keys, h->q + at, (size_t)h->width, 1, h->turned, h->keys, n, N, h->hs, false);
    for (int i = 0; i < n; i++) {
        real max = -INFINITY, sum = 0;

        h->k->softmax_block(s + (size_t)i * h->keys, N, begin + i + 1, &max, &sum);
        h->k->scale(s + (size_t)i * h->keys, 1 / sum, (size_t)N);
    }
    used_weights(h, begin, n, N);
    h->k->tile_mac(h->dout + at, (size_t)h->width, h->a, h->keys, 1, h->k_v, (size_t)h->width, n,
                   h->width, begin + n, false);
}

struct job {
    const struct sasrec_pass *p;
    const real *datt;
    int layer;
};

static void head_forward(void *ctx, int task, int worker) {
    const struct job *j = ctx;
    struct head h = open_head(j->p, j->layer, task, worker);
    const struct sasrec_acts *a = &j->p->s->acts[j->layer];
    int C = j->p->s->net.shape.dim, column = task / j->p->b->windows * h.hs;

    gather(&h, h.q, a->qkv, 3 * (size_t)C, column, h.scale);
    turn(&h, a->qkv, 3 * (size_t)C, C + column);
    gather(&h, h.k_v, a->qkv, 3 * (size_t)C, 2 * C + column, 1);
    for (int t = 0; t < h.T; t += BLOCK) block_forward(&h, t, h.T - t < BLOCK ? h.T - t : BLOCK);
    scatter(&h, a->att, h.dout, (size_t)C, column, 1);
}

void sasrec_attend(const struct sasrec_pass *p, int layer) {
    struct job j = { .p = p, .layer = layer };

    pool_run(p->s->net.pool, p->b->windows * p->s->net.shape.heads, head_forward, &j);
}

static void block_backward(const struct head *h, int begin, int n) {
    const struct kernels *k = h->k;
    int N = (begin + n + 15) / 16 * 16, end = begin + n;
    size_t width = (size_t)h->width, at = (size_t)begin * width;

    used_weights(h, begin, n, N);
    k->tile_mac(h->dv, width, h->a, 1, h->keys, h->dout + at, width, end, h->width, n, true);
    k->tile_mac(h->ds, h->keys, h->dout + at, width, 1, h->turned, h->keys, n, N, h->hs, false);
    for (int i = 0; i < n; i++) {
        size_t row = (size_t)(begin + i) * h->keys;

        if (h->p->drop)
            k->dropout(h->ds + (size_t)i * h->keys, N, h->key, h->draw + row / 4,
                       h->p->drop->zeros);
        k->weights_backward(h->ds + (size_t)i * h->keys, h->weights + row, N);
    }
    k->tile_mac(h->dk, width, h->ds, 1, h->keys, h->q + at, width, end, h->width, n, true);
    k->tile_mac(h->dq + at, width, h->ds, h->keys, 1, h->k_v, width, n, h->width, end, true);
}

static void head_backward(void *ctx, int task, int worker) {
    const struct job *j = ctx;
    struct head h = open_head(j->p, j->layer, task, worker);
    const struct sasrec_acts *a = &j->p->s->acts[j->layer];
    int C = j->p->s->net.shape.dim, column = task / j->p->b->windows * h.hs;
    size_t ld = 3 * (size_t)C, bytes = (size_t)h.T * (size_t)h.width * sizeof(real);
    real *dqkv = j->p->s->dqkv;

    gather(&h, h.q, a->qkv, ld, column, h.scale);
    gather(&h, h.k_v, a->qkv, ld, C + column, 1);
    turn(&h, a->qkv, ld, 2 * C + column);
    gather(&h, h.dout, j->datt, (size_t)C, column, 1);
    memset(h.dq, 0, bytes);
    memset(h.dk, 0, bytes);
    memset(h.dv, 0, bytes);
    for (int t = 0; t < h.T; t += BLOCK) block_backward(&h, t, h.T - t < BLOCK ? h.T - t : BLOCK);
    scatter(&h, dqkv, h.dq, ld, column, h.scale);
    scatter(&h, dqkv, h.dk, ld, C + column, 1);
    scatter(&h, dqkv, h.dv, ld, 2 * C + column, 1);
}

void sasrec_attend_backward(const struct sasrec_pass *p, int layer, const real *datt) {
    struct job j = { .p = p, .datt = datt, .layer = layer };

    pool_run(p->s->net.pool, p->b->windows * p->s->net.shape.heads, head_backward, &j);
}
