/* attention_backward — block by block of keys, tile by tile of queries, weights computed again:
 *   P = e^(S - lse);  dV += P^T dO;  dS = P (dO V^T - D), D = sum(dO O);  dQ += dS K;  dK += dS^T Q
 * (Dao et al. 2022, algorithm 4). Q here is q / sqrt(hs). */
#include <math.h>
#include <string.h>

#include "tensor/attention_own.h"

static void work_open(struct attn_work *w, const struct attn_backward *kind, const struct attn_grads *a,
                      const struct attn_span *span, const struct attn_shape *shape, int kv) {
    w->a = a;
    w->span = span;
    w->ops = kernels_get();
    w->heads = shape->heads;
    w->hs = shape->hs;
    w->width = (shape->hs + kind->columns - 1) / kind->columns * kind->columns;
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

/* Queries first .. first+n-1, counted over rows and heads, and the gradients of their results. */
static void load_tile(struct attn_work *w, int first, int n) {
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

static void add_queries(struct attn_work *w, int first, int n) {
    for (int e = 0; e < n; e++) {
        size_t row = (size_t)w->span->start + (first + e) / w->group;
        real *dq = w->a->dqkv + row * w->ld + (size_t)(w->head + (first + e) % w->group) * w->hs;

        w->ops->axpy(dq, w->scale, w->dq + (size_t)e * w->width, w->hs);
    }
}

/* Queries first .. first+n-1 and the block from position `base` on, of which all up to `end` are there. */
static void tile_backward(struct attn_work *w, const struct attn_backward *kind, int first, int n, int base, int end) {
    int last = w->span->root_len + (first + n - 1) / w->group + 1, keys = (last < end ? last : end) - base;

    keys = (keys + ATTN_BLOCK - 1) / ATTN_BLOCK * ATTN_BLOCK;
    load_tile(w, first, n);
    kind->scores(w, n, keys);
    for (int e = 0; e < n; e++) {
        int row = (first + e) / w->group, valid = w->span->root_len + row + 1 - base;
        size_t at = (size_t)(w->span->start + row) * w->heads + w->head + (first + e) % w->group;

        w->ops->softmax_block_backward(w->s + (size_t)e * ATTN_KEYS, w->ds + (size_t)e * ATTN_KEYS, keys,
                                       valid < keys ? valid : keys, w->a->lse[at], w->a->D[at]);
    }
    kind->gradients(w, n, keys);
    add_queries(w, first, n);
}

/* What the key and value of position p get. */
static void give_key(struct attn_work *w, int p, const real *dk, const real *dv) {
    if (p < w->span->root_len && w->a->droot) {
        size_t keys = (size_t)w->heads * w->hs;         /* these columns of qkv droot has not */
        real *row = w->a->droot + p * (w->ld - keys);

        memcpy(row + (w->key - keys), dk, (size_t)w->hs * sizeof *dk);
        memcpy(row + (w->value - keys), dv, (size_t)w->hs * sizeof *dv);
    } else {
        real *row = w->a->dqkv + attn_row(w->span, p) * w->ld;

        w->ops->add(row + w->key, dk, (size_t)w->hs);
        w->ops->add(row + w->value, dv, (size_t)w->hs);
    }
}

/* D = sum(dO O) of the span's queries. */
static void output_sums(struct attn_work *w) {
    for (int r = w->span->skip; r < w->span->len; r++)
        for (int g = 0; g < w->group; g++) {
            size_t row = (size_t)w->span->start + r;
            size_t at = row * w->lo + (size_t)(w->head + g) * w->hs;

            w->a->D[row * w->heads + w->head + g] = w->ops->dot(w->a->dout + at, w->a->out + at, w->hs);
        }
}

void attn_backward(const struct attn_kind *kind, const struct attn_grads *a, const struct attn_span *span,
                   const struct attn_shape *shape, int kv) {
    const struct attn_backward *of = kind->backward;
    int all = span->root_len + span->len;
    struct attn_work w;

    work_open(&w, of, a, span, shape, kv);
    output_sums(&w);
    for (int base = 0; base < all; base += ATTN_KEYS) {
        int end = all - base < ATTN_KEYS ? all : base + ATTN_KEYS, n = span->len * w.group;
        int row = base - span->root_len, first = (row > span->skip ? row : span->skip) * w.group;

        of->load(&w, base, end);
        memset(w.dk, 0, (size_t)w.width * ATTN_KEYS * sizeof *w.dk);
        memset(w.dv, 0, (size_t)w.width * ATTN_KEYS * sizeof *w.dv);
        for (; first < n; first += ATTN_TILE)
            tile_backward(&w, of, first, n - first < ATTN_TILE ? n - first : ATTN_TILE, base, end);
        for (int p = base; p < end; p++)
            give_key(&w, p, w.dk + (size_t)(p - base) * w.width, w.dv + (size_t)(p - base) * w.width);
    }
}
