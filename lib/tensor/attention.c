/* attention — forward: for a tile of queries, block by block of keys
 *   S = Q K^T / sqrt(hs);  m' = max(m, max S);  P = e^(S - m');  l = l e^(m - m') + sum P;
 *   O = O e^(m - m') + P V;  in the end O / l and lse = m + log l
 * (Milakov and Gimelshein 2018; Dao et al. 2022). */
#include "tensor/attention.h"

#include <math.h>
#include <string.h>

#include "tensor/kernels.h"

enum { TILE = 24 };             /* queries at a time: four register tiles of six */

struct tile {
    real q[TILE * ATTN_MAX_HEAD], o[TILE * ATTN_MAX_HEAD], s[TILE * ATTN_BLOCK];
    real m[TILE], l[TILE];
    int pos[TILE];
    int n, width;
};

static int width_of(int hs) {
    return (hs + 15) / 16 * 16;
}

size_t attn_block_size(int hs) {
    return (size_t)2 * ATTN_BLOCK * (size_t)width_of(hs);
}

int attn_blocks(int begin, int end) {
    return (end + ATTN_BLOCK - 1) / ATTN_BLOCK - begin / ATTN_BLOCK;
}

void attn_store(real *block, int j, const real *k, const real *v, int hs) {
    int width = width_of(hs);
    real *value = block + (size_t)ATTN_BLOCK * width + (size_t)j * width;

    for (int d = 0; d < hs; d++) block[(size_t)d * ATTN_BLOCK + j] = k[d];
    memcpy(value, v, (size_t)hs * sizeof *v);
}

void attn_pack(real *blocks, const real *qkv, const struct attn_span *span,
               const struct attn_shape *shape, int kv) {
    size_t ld = (size_t)(shape->heads + 2 * shape->kv_heads) * shape->hs, size = attn_block_size(shape->hs);
    const real *k = qkv + (size_t)(shape->heads + kv) * shape->hs;
    int first = span->root_len / ATTN_BLOCK * ATTN_BLOCK, end = span->root_len + span->len;

    memset(blocks, 0, attn_blocks(span->root_len, end) * size * sizeof *blocks);
    for (int p = first; p < end; p++) {
        int row = p < span->root_len ? span->root_start + p : span->start + p - span->root_len;
        const real *kr = k + row * ld;

        attn_store(blocks + (size_t)(p - first) / ATTN_BLOCK * size, p % ATTN_BLOCK, kr,
                   kr + (size_t)shape->kv_heads * shape->hs, shape->hs);
    }
}

/* Queries from `first` on, counted over rows and heads, scaled, into the tile. */
static void tile_open(struct tile *t, const struct attn_queries *a, const struct attn_branch *branches,
                      int first, const struct kernels *k) {
    real scale = (real)(1 / sqrt((double)a->hs));
    int n = a->n * a->group - first;

    t->n = n = n < TILE ? n : TILE;
    t->width = width_of(a->hs);
    memset(t->o, 0, (size_t)n * t->width * sizeof *t->o);
    for (int e = 0; e < n; e++) {
        int row = (first + e) / a->group, head = (first + e) % a->group;
        const real *q = a->q + row * a->ldq + (size_t)head * a->hs;
        real *to = t->q + (size_t)e * t->width;

        memcpy(to, q, (size_t)a->hs * sizeof *to);
        t->pos[e] = branches ? branches[row].pos : a->pos + row;
        t->m[e] = -INFINITY;
        t->l[e] = 0;
    }
    k->scale(t->q, scale, (size_t)n * t->width);
}

/* One block of keys, whose first has position `base`, for queries begin .. end-1. */
static void tile_block(struct tile *t, int begin, int end, const real *block, int base, int hs,
                       const struct kernels *k) {
    const real *values = block + (size_t)ATTN_BLOCK * t->width;
    real *of_begin = t->s + (size_t)begin * ATTN_BLOCK;
    size_t at = (size_t)begin * t->width;
    int keys = t->pos[end - 1] + 1 - base, n = end - begin;

    if (keys > ATTN_BLOCK) keys = ATTN_BLOCK;
    memset(of_begin, 0, (size_t)n * ATTN_BLOCK * sizeof *t->s);
    k->tile_mac(of_begin, ATTN_BLOCK, t->q + at, t->width, 1, block, ATTN_BLOCK, n, ATTN_BLOCK, hs);
    for (int e = begin; e < end; e++) {
        real *s = t->s + (size_t)e * ATTN_BLOCK, factor;
        int valid = t->pos[e] + 1 - base;

        if (valid <= 0) {
            memset(s, 0, ATTN_BLOCK * sizeof *s);
            continue;
        }
        factor = k->softmax_block(s, ATTN_BLOCK, valid < ATTN_BLOCK ? valid : ATTN_BLOCK, &t->m[e], &t->l[e]);
        if (base && factor != 1) k->scale(t->o + (size_t)e * t->width, factor, t->width);
    }
    k->tile_mac(t->o + at, t->width, of_begin, ATTN_BLOCK, 1, values, t->width, n, t->width, keys);
}

static void tile_close(const struct tile *t, const struct attn_queries *a, int first, const struct kernels *k) {
    for (int e = 0; e < t->n; e++) {
        int row = (first + e) / a->group, head = (first + e) % a->group;
        const real *o = t->o + (size_t)e * t->width;
        real *out = a->out + row * a->ldo + (size_t)head * a->hs;

        memcpy(out, o, (size_t)a->hs * sizeof *out);
        k->scale(out, 1 / t->l[e], (size_t)a->hs);
        if (a->lse) a->lse[row * a->ldl + head] = (real)(t->m[e] + log((double)t->l[e]));
    }
}

void attn_forward(const struct attn_queries *a, const struct attn_keys *keys) {
    const struct kernels *k = kernels_get();
    size_t size = attn_block_size(a->hs);
    struct tile t;

    for (int first = 0; first < a->n * a->group; first += TILE) {
        tile_open(&t, a, NULL, first, k);
        for (int b = 0; b * ATTN_BLOCK <= t.pos[t.n - 1]; b++) {
            const real *block = b < keys->root_blocks ? keys->root + b * size
                                                      : keys->own + (b - keys->root_blocks) * size;

            tile_block(&t, 0, t.n, block, b * ATTN_BLOCK, a->hs, k);
        }
        tile_close(&t, a, first, k);
    }
}

void attn_forward_branches(const struct attn_queries *a, const real *root, int root_blocks,
                           const struct attn_branch *branches) {
    const struct kernels *k = kernels_get();
    size_t size = attn_block_size(a->hs);
    struct tile t;

    for (int first = 0; first < a->n * a->group; first += TILE) {
        tile_open(&t, a, branches, first, k);
        for (int b = 0; b < root_blocks; b++)
            tile_block(&t, 0, t.n, root + b * size, b * ATTN_BLOCK, a->hs, k);
        for (int e = 0, end; e < t.n; e = end) {
            int row = (first + e) / a->group, next = (row + 1) * a->group - first;

            end = next < t.n ? next : t.n;
            for (int b = root_blocks; b * ATTN_BLOCK <= t.pos[e]; b++)
                tile_block(&t, e, end, branches[row].own + (b - root_blocks) * size, b * ATTN_BLOCK, a->hs, k);
        }
        tile_close(&t, a, first, k);
    }
}
