/* attention_bf16 — the products of attention with factors rounded to bf16, and that kind. */
#include <string.h>

#include "tensor/attention_own.h"

enum {
    PAIRS = ATTN_BLOCK / 2,             /* of a block's keys */
    COLUMNS = BF16_COLUMNS
};
typedef uint16_t half __attribute__((may_alias));       /* of a pair: another thread may write the other */
_Static_assert((int)ATTN_BLOCK == (int)COLUMNS, "a block's keys are one panel");

static int smaller(int a, int b) {
    return a < b ? a : b;
}

/* to[pairs of x[n]], `step` apart. */
static void pairs_apart(uint32_t *to, size_t step, const real *x, int n, const struct bf16_kernels *k) {
    uint32_t pairs[ATTN_MAX_HEAD / 2];

    k->along(pairs, x, n);
    for (int i = 0; i < n / 2; i++) to[i * step] = pairs[i];
}

/* The pairs of two rows x[n], y[n] (NULL: zeros): row `pair` of panels of `pairs` rows. */
static void panels_across(uint32_t *to, int pairs, int pair, const real *x, const real *y, int n,
                          const struct bf16_kernels *k) {
    for (int d = 0; d < n; d += COLUMNS)
        k->across(to + (size_t)d * pairs + (size_t)pair * COLUMNS, x + d, y ? y + d : NULL, smaller(COLUMNS, n - d));
}

static size_t block_size(int hs) {
    return (size_t)hs / 2 * ATTN_BLOCK + (size_t)PAIRS * (size_t)((hs + COLUMNS - 1) / COLUMNS * COLUMNS);
}

static void store(real *block, int j, const real *k, const real *v, int hs) {
    const struct bf16_kernels *ops = bf16_get();
    uint32_t *keys = (uint32_t *)block, row[ATTN_MAX_HEAD];
    half *values = (half *)(keys + hs / 2 * ATTN_BLOCK);

    pairs_apart(keys + j, ATTN_BLOCK, k, hs, ops);
    ops->across(row, v, NULL, hs);
    for (int d = 0; d < hs; d++)
        values[((size_t)(d / COLUMNS * PAIRS + j / 2) * COLUMNS + d % COLUMNS) * 2 + j % 2] = (half)row[d];
}

static void round_queries(struct attn_tile *t) {
    for (int e = 0; e < t->n; e++)
        bf16_get()->along(t->q_pairs + (size_t)e * t->hs / 2, t->q + (size_t)e * t->width, t->hs);
}

static void round_weights(struct attn_tile *t, int e, int keys) {
    bf16_get()->along(t->s_pairs + (size_t)e * ATTN_KEYS / 2, t->s + (size_t)e * ATTN_KEYS, keys);
}

static void block_scores(struct attn_tile *t, const real *block, int b, int begin, int end) {
    size_t pairs = (size_t)t->hs / 2;

    bf16_get()->mac(t->s + begin * ATTN_KEYS + b % ATTN_TURN * ATTN_BLOCK, ATTN_KEYS, t->q_pairs + begin * pairs, pairs, 1,
                    (const uint32_t *)block, end - begin, (int)pairs, false);
}

static void block_values(struct attn_tile *t, const real *block, int b, int begin, int end, int keys, bool add) {
    const uint32_t *values = (const uint32_t *)block + (size_t)t->hs / 2 * ATTN_BLOCK;
    const uint32_t *s = t->s_pairs + begin * ATTN_KEYS / 2 + b % ATTN_TURN * PAIRS;

    for (int d = 0; d < t->width; d += COLUMNS)
        bf16_get()->mac(t->o + (size_t)begin * t->width + d, (size_t)t->width, s, ATTN_KEYS / 2, 1,
                        values + (size_t)d * PAIRS, end - begin, (keys + 1) / 2, add);
}

static void load(struct attn_work *w, int base, int end) {
    struct attn_bf16_factors *f = &w->of.bf16;
    size_t halves = (size_t)w->hs / 2, n = ATTN_KEYS / 2 * (size_t)w->width * sizeof *f->k;

    f->ops = bf16_get();
    memset(f->kt, 0, n);
    memset(f->vt, 0, n);
    memset(f->k, 0, n);
    for (int j = 0; base + j < end; j++) {
        const real *row = w->a->qkv + attn_row(w->span, base + j) * w->ld;
        const real *next = base + j + 1 < end ? w->a->qkv + attn_row(w->span, base + j + 1) * w->ld : NULL;
        size_t at = (size_t)(j / COLUMNS) * COLUMNS * halves + j % COLUMNS;

        pairs_apart(f->kt + at, COLUMNS, row + w->key, w->hs, f->ops);
        pairs_apart(f->vt + at, COLUMNS, row + w->value, w->hs, f->ops);
        if (j % 2 == 0)
            panels_across(f->k, ATTN_KEYS / 2, j / 2, row + w->key, next ? next + w->key : NULL, w->hs, f->ops);
    }
}

static void scores(struct attn_work *w, int n, int keys) {
    struct attn_bf16_factors *f = &w->of.bf16;
    int halves = w->hs / 2, width = w->width;

    for (int e = 0; e < n; e++) {
        const real *q = w->q + (size_t)e * width, *dout = w->dout + (size_t)e * width;

        f->ops->along(f->q + (size_t)e * halves, q, w->hs);
        f->ops->along(f->dout + (size_t)e * halves, dout, w->hs);
        if (e % 2) continue;
        panels_across(f->qx, ATTN_TILE / 2, e / 2, q, e + 1 < n ? q + width : NULL, width, f->ops);
        panels_across(f->doutx, ATTN_TILE / 2, e / 2, dout, e + 1 < n ? dout + width : NULL, width, f->ops);
    }
    for (int j = 0; j < keys; j += COLUMNS) {
        f->ops->mac(w->s + j, ATTN_KEYS, f->q, (size_t)halves, 1, f->kt + (size_t)j * halves, n, halves, false);
        f->ops->mac(w->ds + j, ATTN_KEYS, f->dout, (size_t)halves, 1, f->vt + (size_t)j * halves, n, halves, false);
    }
}

static void gradients(struct attn_work *w, int n, int keys) {
    struct attn_bf16_factors *f = &w->of.bf16;
    size_t B = ATTN_KEYS, width = (size_t)w->width;

    for (int e = 0; e < n; e++) {
        const real *p = w->s + e * B, *ds = w->ds + e * B;

        f->ops->along(f->ds + e * B / 2, ds, keys);
        if (e % 2) continue;
        f->ops->across(f->px + e / 2 * B, p, e + 1 < n ? p + B : NULL, keys);
        f->ops->across(f->dsx + e / 2 * B, ds, e + 1 < n ? ds + B : NULL, keys);
    }
    for (size_t d = 0; d < width; d += COLUMNS) {
        f->ops->mac(w->dv + d, width, f->px, 1, B, f->doutx + d * (ATTN_TILE / 2), keys, (n + 1) / 2, true);
        f->ops->mac(w->dk + d, width, f->dsx, 1, B, f->qx + d * (ATTN_TILE / 2), keys, (n + 1) / 2, true);
        f->ops->mac(w->dq + d, width, f->ds, B / 2, 1, f->k + d * (ATTN_KEYS / 2), n, keys / 2, false);
    }
}

static const struct attn_forward forward = { COLUMNS, round_queries, round_weights, block_scores, block_values };
static const struct attn_backward backward = { COLUMNS, load, scores, gradients };
const struct attn_kind attn_bf16 = { block_size, store, &forward, &backward };
