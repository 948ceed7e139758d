/* attention_backward — block by block of keys, tile by tile of queries, weights computed again:
 *   P = e^(S - lse);  dV += P^T dO;  dS = P (dO V^T - D), D = sum(dO O);  dQ += dS K;  dK += dS^T Q
 * (Dao et al. 2022, algorithm 4). Q here is q / sqrt(hs). */
#include <math.h>
#include <string.h>

#include "tensor/attention.h"
#include "tensor/kernels.h"

enum { TILE = 48 };

/* A block of keys, a tile of queries, and their gradients. */
struct work {
    real kt[ATTN_MAX_HEAD * ATTN_BLOCK], vt[ATTN_MAX_HEAD * ATTN_BLOCK], k[ATTN_BLOCK * ATTN_MAX_HEAD];
    real dk[ATTN_BLOCK * ATTN_MAX_HEAD], dv[ATTN_BLOCK * ATTN_MAX_HEAD];
    real q[TILE * ATTN_MAX_HEAD], dout[TILE * ATTN_MAX_HEAD], dq[TILE * ATTN_MAX_HEAD];
    real s[TILE * ATTN_BLOCK], ds[TILE * ATTN_BLOCK];
    const struct attn_grads *a;
    const struct attn_span *span;
    const struct kernels *ops;
    size_t ld, lo;              /* of rows of qkv and of out */
    int heads, hs, width, group;
    int head, key, value;       /* columns: first query head's number, key and value in a row of qkv */
    real scale;
};

static void work_open(struct work *w, const struct attn_grads *a, const struct attn_span *span,
                      const struct attn_shape *shape, int kv) {
    w->a = a;
    w->span = span;
    w->ops = kernels_get();
    w->heads = shape->heads;
    w->hs = shape->hs;
    w->width = (shape->hs + 15) / 16 * 16;
    w->group = shape->heads / shape->kv_heads;
    w->ld = (size_t)(shape->heads + 2 * shape->kv_heads) * shape->hs;
    w->lo = (size_t)shape->heads * shape->hs;
    w->head = kv * w->group;
    w->key = (shape->heads + kv) * shape->hs;
    w->value = (shape->heads + shape->kv_heads + kv) * shape->hs;
    w->scale = (real)(1 / sqrt((double)shape->hs));
    memset(w->q, 0, sizeof w->q);
    memset(w->dout, 0, sizeof w->dout);
}

/* The packed row of position p. */
static int row_of(const struct attn_span *s, int p) {
    return p < s->root_len ? s->root_start + p : s->start + p - s->root_len;
}

/* Keys and values of positions base .. end-1; what is beyond is zero. */
static void load_block(struct work *w, int base, int end) {
    size_t n = (size_t)w->width * ATTN_BLOCK * sizeof(real);

    memset(w->kt, 0, n);
    memset(w->vt, 0, n);
    memset(w->k, 0, n);
    memset(w->dk, 0, n);
    memset(w->dv, 0, n);
    for (int j = 0; base + j < end; j++) {
        const real *row = w->a->qkv + row_of(w->span, base + j) * w->ld;

        for (int d = 0; d < w->hs; d++) {
            w->kt[d * ATTN_BLOCK + j] = row[w->key + d];
            w->vt[d * ATTN_BLOCK + j] = row[w->value + d];
        }
        memcpy(w->k + (size_t)j * w->width, row + w->key, (size_t)w->hs * sizeof *row);
    }
}

/* Queries first .. first+n-1, counted over rows and heads, and the gradients of their results. */
static void load_tile(struct work *w, int first, int n) {
    for (int e = 0; e < n; e++) {
        size_t row = (size_t)w->span->start + (first + e) / w->group;
        int head = w->head + (first + e) % w->group;
        const real *q = w->a->qkv + row * w->ld + (size_t)head * w->hs;
        const real *dout = w->a->dout + row * w->lo + (size_t)head * w->hs;

        memcpy(w->q + (size_t)e * w->width, q, (size_t)w->hs * sizeof *q);
        memcpy(w->dout + (size_t)e * w->width, dout, (size_t)w->hs * sizeof *dout);
    }
    w->ops->scale(w->q, w->scale, (size_t)n * w->width);
}

static void add_queries(struct work *w, int first, int n) {
    for (int e = 0; e < n; e++) {
        size_t row = (size_t)w->span->start + (first + e) / w->group;
        real *dq = w->a->dqkv + row * w->ld + (size_t)(w->head + (first + e) % w->group) * w->hs;

        w->ops->axpy(dq, w->scale, w->dq + (size_t)e * w->width, w->hs);
    }
}

static void tile_backward(struct work *w, int first, int n, int base, int keys) {
    const struct kernels *k = w->ops;
    int B = ATTN_BLOCK, width = w->width;

    load_tile(w, first, n);
    memset(w->s, 0, (size_t)n * B * sizeof *w->s);
    memset(w->ds, 0, (size_t)n * B * sizeof *w->ds);
    memset(w->dq, 0, (size_t)n * width * sizeof *w->dq);
    k->tile_mac(w->s, B, w->q, width, 1, w->kt, B, n, B, w->hs);
    k->tile_mac(w->ds, B, w->dout, width, 1, w->vt, B, n, B, w->hs);
    for (int e = 0; e < n; e++) {
        int row = (first + e) / w->group, valid = w->span->root_len + row + 1 - base;
        size_t at = (size_t)(w->span->start + row) * w->heads + w->head + (first + e) % w->group;

        k->softmax_block_backward(w->s + (size_t)e * B, w->ds + (size_t)e * B, B, valid < B ? valid : B,
                                  w->a->lse[at], w->a->D[at]);
    }
    k->tile_mac(w->dv, width, w->s, 1, B, w->dout, width, keys, width, n);
    k->tile_mac(w->dk, width, w->ds, 1, B, w->q, width, keys, width, n);
    k->tile_mac(w->dq, width, w->ds, B, 1, w->k, width, n, width, keys);
    add_queries(w, first, n);
}

/* What the key and value of position p get. */
static void give_key(struct work *w, int p, const real *dk, const real *dv) {
    if (p < w->span->root_len && w->a->droot) {
        size_t keys = (size_t)w->heads * w->hs;         /* these columns of qkv droot has not */
        real *row = w->a->droot + p * (w->ld - keys);

        memcpy(row + (w->key - keys), dk, (size_t)w->hs * sizeof *dk);
        memcpy(row + (w->value - keys), dv, (size_t)w->hs * sizeof *dv);
    } else {
        real *row = w->a->dqkv + row_of(w->span, p) * w->ld;

        w->ops->add(row + w->key, dk, (size_t)w->hs);
        w->ops->add(row + w->value, dv, (size_t)w->hs);
    }
}

/* D = sum(dO O) of the span's queries. */
static void output_sums(struct work *w) {
    for (int r = w->span->skip; r < w->span->len; r++)
        for (int g = 0; g < w->group; g++) {
            size_t row = (size_t)w->span->start + r;
            size_t at = row * w->lo + (size_t)(w->head + g) * w->hs;

            w->a->D[row * w->heads + w->head + g] = w->ops->dot(w->a->dout + at, w->a->out + at, w->hs);
        }
}

void attn_backward(const struct attn_grads *a, const struct attn_span *span,
                   const struct attn_shape *shape, int kv) {
    int end = span->root_len + span->len;
    struct work w;

    work_open(&w, a, span, shape, kv);
    output_sums(&w);
    for (int base = 0; base < end; base += ATTN_BLOCK) {
        int keys = end - base < ATTN_BLOCK ? end - base : ATTN_BLOCK;
        int n = span->len * w.group;
        int row = base - span->root_len, first = (row > span->skip ? row : span->skip) * w.group;

        load_block(&w, base, base + keys);
        for (; first < n; first += TILE) tile_backward(&w, first, n - first < TILE ? n - first : TILE, base, keys);
        for (int j = 0; j < keys; j++) give_key(&w, base + j, w.dk + (size_t)j * w.width, w.dv + (size_t)j * w.width);
    }
}
