/* attention_exact — the products of attention in full precision, and the exact kind. */
#include <string.h>

#include "tensor/attention_own.h"

enum { COLUMNS = 16 };

static int width_of(int hs) {
    return (hs + COLUMNS - 1) / COLUMNS * COLUMNS;
}

static size_t block_size(int hs) {
    return (size_t)2 * ATTN_BLOCK * (size_t)width_of(hs);
}

static void store(real *block, int j, const real *k, const real *v, int hs) {
    int width = width_of(hs);
    real *value = block + (size_t)ATTN_BLOCK * width + (size_t)j * width;

    for (int d = 0; d < hs; d++) block[(size_t)d * ATTN_BLOCK + j] = k[d];
    memcpy(value, v, (size_t)hs * sizeof *v);
}

static void block_scores(struct attn_tile *t, const real *block, int b, int begin, int end) {
    size_t width = (size_t)t->width;

    t->ops->tile_mac(t->s + begin * ATTN_KEYS + b % ATTN_TURN * ATTN_BLOCK, ATTN_KEYS, t->q + begin * width, width, 1,
                     block, ATTN_BLOCK, end - begin, ATTN_BLOCK, t->hs, false);
}

static void block_values(struct attn_tile *t, const real *block, int b, int begin, int end, int keys, bool add) {
    size_t width = (size_t)t->width;

    t->ops->tile_mac(t->o + begin * width, width, t->s + begin * ATTN_KEYS + b % ATTN_TURN * ATTN_BLOCK, ATTN_KEYS, 1,
                     block + ATTN_BLOCK * width, width, end - begin, t->width, keys, add);
}

static void load(struct attn_work *w, int base, int end) {
    struct attn_exact_factors *f = &w->of.exact;
    size_t n = (size_t)w->width * ATTN_KEYS * sizeof(real);

    memset(f->kt, 0, n);
    memset(f->vt, 0, n);
    memset(f->k, 0, n);
    for (int j = 0; base + j < end; j++) {
        const real *row = w->a->qkv + attn_row(w->span, base + j) * w->ld;

        for (int d = 0; d < w->hs; d++) {
            f->kt[d * ATTN_KEYS + j] = row[w->key + d];
            f->vt[d * ATTN_KEYS + j] = row[w->value + d];
        }
        memcpy(f->k + (size_t)j * w->width, row + w->key, (size_t)w->hs * sizeof *row);
    }
}

static void scores(struct attn_work *w, int n, int keys) {
    const struct attn_exact_factors *f = &w->of.exact;
    size_t B = ATTN_KEYS, width = (size_t)w->width;

    w->ops->tile_mac(w->s, B, w->q, width, 1, f->kt, B, n, keys, w->hs, false);
    w->ops->tile_mac(w->ds, B, w->dout, width, 1, f->vt, B, n, keys, w->hs, false);
}

static void gradients(struct attn_work *w, int n, int keys) {
    size_t B = ATTN_KEYS, width = (size_t)w->width;

    w->ops->tile_mac(w->dv, width, w->s, 1, B, w->dout, width, keys, w->width, n, true);
    w->ops->tile_mac(w->dk, width, w->ds, 1, B, w->q, width, keys, w->width, n, true);
    w->ops->tile_mac(w->dq, width, w->ds, B, 1, w->of.exact.k, width, n, w->width, keys, false);
}

static const struct attn_forward forward = { COLUMNS, NULL, NULL, block_scores, block_values };
static const struct attn_backward backward = { COLUMNS, load, scores, gradients };
const struct attn_kind attn_exact = { block_size, store, &forward, &backward };
