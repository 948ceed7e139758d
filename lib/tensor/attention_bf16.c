/* attention_bf16 — attention.c and attention_backward.c with factors rounded to bf16; softmax is in full precision.
 * A block has its keys as pairs along the head, [hs/2][ATTN_BLOCK], then its values as pairs of keys, in panels of
 * BF16_COLUMNS columns, [ATTN_BLOCK/2][BF16_COLUMNS]. */
#include <math.h>
#include <string.h>

#include "tensor/attention_own.h"

enum {
    TILE = 24,                          /* queries at a time */
    TURN = ATTN_KEYS / ATTN_BLOCK,      /* blocks that their softmax takes at a time */
    PAIRS = ATTN_BLOCK / 2,             /* of a block's keys */
    COLUMNS = BF16_COLUMNS
};
_Static_assert((int)ATTN_BLOCK == (int)COLUMNS, "a block's keys are one panel");

static int width_of(int hs) {
    return (hs + COLUMNS - 1) / COLUMNS * COLUMNS;
}

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

void attn_bf16_pack(real *blocks, const real *qkv, const struct attn_span *span,
                    const struct attn_shape *shape, int kv) {
    size_t ld = (size_t)(shape->heads + 2 * shape->kv_heads) * shape->hs, size = attn_block_size(shape->hs);
    size_t key = (size_t)(shape->heads + kv) * shape->hs, value = key + (size_t)shape->kv_heads * shape->hs;
    int first = span->root_len / ATTN_BLOCK * ATTN_BLOCK, end = span->root_len + span->len, hs = shape->hs;
    const struct bf16_kernels *k = bf16_get();

    memset(blocks, 0, attn_blocks(span->root_len, end) * size * sizeof *blocks);
    for (int p = first; p < end; p++) {
        const real *row = qkv + attn_row(span, p) * ld, *next = p + 1 < end ? qkv + attn_row(span, p + 1) * ld : NULL;
        uint32_t *keys = (uint32_t *)(blocks + (size_t)(p - first) / ATTN_BLOCK * size);
        uint32_t *values = keys + hs / 2 * ATTN_BLOCK;

        pairs_apart(keys + p % ATTN_BLOCK, ATTN_BLOCK, row + key, hs, k);
        if (p % 2 == 0)
            panels_across(values, PAIRS, p % ATTN_BLOCK / 2, row + value, next ? next + value : NULL, hs, k);
    }
}

struct tile {
    uint32_t q[TILE * ATTN_MAX_HEAD / 2], p[TILE * ATTN_KEYS / 2];
    real o[TILE * ATTN_MAX_HEAD], s[TILE * ATTN_KEYS];
    real m[TILE], l[TILE];
    int n, hs, width, first, pos;       /* the first query's number, counted over rows and heads; position of row 0 */
    int group;
    const struct kernels *ops;
    const struct bf16_kernels *k;
};

static int pos_of(const struct tile *t, int e) {
    return t->pos + (t->first + e) / t->group;
}

static void tile_open(struct tile *t, const struct attn_queries *a, int first) {
    real scale = (real)(1 / sqrt((double)a->hs)), scaled[ATTN_MAX_HEAD];

    t->first = first;
    t->n = smaller(TILE, a->n * a->group - first);
    for (int e = 0; e < t->n; e++) {
        int row = (first + e) / a->group, head = (first + e) % a->group;

        memcpy(scaled, a->q + row * a->ldq + (size_t)head * a->hs, (size_t)a->hs * sizeof *scaled);
        t->ops->scale(scaled, scale, (size_t)a->hs);
        t->k->along(t->q + (size_t)e * a->hs / 2, scaled, a->hs);
        t->m[e] = -INFINITY;
        t->l[e] = 0;
    }
}

/* The weights of `n` blocks' keys, the first at position `base`, from their scores. */
static void tile_weights(struct tile *t, int base, int n) {
    int keys = n * ATTN_BLOCK;

    for (int e = 0; e < t->n; e++) {
        real *s = t->s + (size_t)e * ATTN_KEYS, factor = 1;
        int valid = pos_of(t, e) + 1 - base;

        if (valid > 0) factor = t->ops->softmax_block(s, keys, smaller(valid, keys), &t->m[e], &t->l[e]);
        else memset(s, 0, (size_t)keys * sizeof *s);
        if (base && factor != 1) t->ops->scale(t->o + (size_t)e * t->width, factor, (size_t)t->width);
        t->k->along(t->p + (size_t)e * ATTN_KEYS / 2, s, keys);
    }
}

static void tile_blocks(struct tile *t, const uint32_t *const blocks[TURN], int n, int base) {
    size_t pairs = (size_t)t->hs / 2;

    for (int b = 0; b < n; b++)
        t->k->mac(t->s + b * ATTN_BLOCK, ATTN_KEYS, t->q, pairs, 1, blocks[b], t->n, (int)pairs, false);
    tile_weights(t, base, n);
    for (int b = 0; b < n; b++)
        for (int d = 0; d < t->width; d += COLUMNS)
            t->k->mac(t->o + d, (size_t)t->width, t->p + b * PAIRS, ATTN_KEYS / 2, 1,
                      blocks[b] + pairs * ATTN_BLOCK + (size_t)d * PAIRS, t->n, PAIRS, base || b);
}

static void tile_close(const struct tile *t, const struct attn_queries *a) {
    for (int e = 0; e < t->n; e++) {
        int row = (t->first + e) / a->group, head = (t->first + e) % a->group;
        real *out = a->out + row * a->ldo + (size_t)head * a->hs;

        memcpy(out, t->o + (size_t)e * t->width, (size_t)a->hs * sizeof *out);
        t->ops->scale(out, 1 / t->l[e], (size_t)a->hs);
        if (a->lse) a->lse[row * a->ldl + head] = (real)(t->m[e] + log((double)t->l[e]));
    }
}

void attn_bf16_forward(const struct attn_queries *a, const struct attn_keys *keys) {
    size_t size = attn_block_size(a->hs);
    const uint32_t *blocks[TURN];
    struct tile t;

    t.ops = kernels_get();
    t.k = bf16_get();
    t.hs = a->hs;
    t.width = width_of(a->hs);
    t.group = a->group;
    t.pos = a->pos;
    for (int first = 0; first < a->n * a->group; first += TILE) {
        int all;

        tile_open(&t, a, first);
        all = pos_of(&t, t.n - 1) / ATTN_BLOCK + 1;
        for (int b = 0; b < all; b += TURN) {
            int n = smaller(TURN, all - b);

            for (int i = b; i < b + n; i++)
                blocks[i - b] = (const uint32_t *)(i < keys->root_blocks ? keys->root + i * size
                                                                         : keys->own + (i - keys->root_blocks) * size);
            tile_blocks(&t, blocks, n, b * ATTN_BLOCK);
        }
        tile_close(&t, a);
    }
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

void attn_bf16_backward(const struct attn_grads *a, const struct attn_span *span,
                        const struct attn_shape *shape, int kv) {
    static const struct attn_products bf16 = { COLUMNS, load, scores, gradients };

    attn_backward_with(&bf16, a, span, shape, kv);
}
