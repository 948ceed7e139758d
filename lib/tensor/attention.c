/* attention — forward: for a tile of queries, block by block of keys
 *   S = Q K^T / sqrt(hs);  m' = max(m, max S);  P = e^(S - m');  l = l e^(m - m') + sum P;
 *   O = O e^(m - m') + P V;  in the end O / l and lse = m + log l
 * (Milakov and Gimelshein 2018; Dao et al. 2022). */
#include "tensor/attention.h"

#include <math.h>
#include <string.h>

#include "tensor/kernels.h"

enum {
    TILE = 24,                          /* queries at a time: two register tiles */
    TURN = 4, KEYS = TURN * ATTN_BLOCK  /* blocks whose scores softmax takes at a time */
};

struct tile {
    real q[TILE * ATTN_MAX_HEAD], o[TILE * ATTN_MAX_HEAD], s[TILE * KEYS];
    real m[TILE], l[TILE];
    int pos[TILE];
    int n, width, hs, most;             /* most: of pos */
    int parts, ends[TILE];              /* queries whose own blocks are the same: up to ends[0], ends[1] ... */
    const real *own[TILE];              /* of each part */
    const real *root;
    int root_blocks;
    const struct kernels *k;
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
static void tile_open(struct tile *t, const struct attn_queries *a, const struct attn_branch *branches, int first) {
    real scale = (real)(1 / sqrt((double)a->hs));
    int n = a->n * a->group - first;

    t->n = n = n < TILE ? n : TILE;
    t->most = t->parts = 0;
    for (int e = 0; e < n; e++) {
        int row = (first + e) / a->group, head = (first + e) % a->group;
        real *to = t->q + (size_t)e * t->width;

        memcpy(to, a->q + row * a->ldq + (size_t)head * a->hs, (size_t)a->hs * sizeof *to);
        t->pos[e] = branches ? branches[row].pos : a->pos + row;
        t->most = t->pos[e] > t->most ? t->pos[e] : t->most;
        t->m[e] = -INFINITY;
        t->l[e] = 0;
        if (branches && (!e || !head)) t->own[t->parts++] = branches[row].own;
        if (branches) t->ends[t->parts - 1] = e + 1;
    }
    t->k->scale(t->q, scale, (size_t)n * t->width);
}

/* Block b of the part, NULL where all of its keys are after its queries. */
static const real *block_of(const struct tile *t, int part, int b) {
    size_t size = attn_block_size(t->hs);

    if (b * ATTN_BLOCK > t->pos[t->ends[part] - 1]) return NULL;
    return b < t->root_blocks ? t->root + b * size : t->own[part] + (b - t->root_blocks) * size;
}

/* A product of a block and the queries begin .. end-1. */
typedef void tile_product(struct tile *t, const real *block, int b, int begin, int end);

/* All read a block of the root at once. */
static void each_part(struct tile *t, int b, tile_product *product) {
    int from = b < t->root_blocks ? t->parts - 1 : 0;

    for (int i = from, begin = 0; i < t->parts; begin = t->ends[i++]) {
        const real *block = block_of(t, i, b);

        if (block) product(t, block, b, begin, t->ends[i]);
    }
}

static void scores(struct tile *t, const real *block, int b, int begin, int end) {
    t->k->tile_mac(t->s + (size_t)begin * KEYS + b % TURN * ATTN_BLOCK, KEYS, t->q + (size_t)begin * t->width, t->width, 1,
                   block, ATTN_BLOCK, end - begin, ATTN_BLOCK, t->hs, false);
}

static void values(struct tile *t, const real *block, int b, int begin, int end) {
    int keys = t->pos[end - 1] + 1 - b * ATTN_BLOCK;

    t->k->tile_mac(t->o + (size_t)begin * t->width, t->width, t->s + (size_t)begin * KEYS + b % TURN * ATTN_BLOCK, KEYS, 1,
                   block + (size_t)ATTN_BLOCK * t->width, t->width, end - begin, t->width,
                   keys < ATTN_BLOCK ? keys : ATTN_BLOCK, b);
}

/* Scores of keys from position `base` on become weights; those of keys after a query are zero. */
static void weights(struct tile *t, int base, int keys) {
    for (int e = 0; e < t->n; e++) {
        real *s = t->s + (size_t)e * KEYS, factor = 1;
        int valid = t->pos[e] + 1 - base, some;

        valid = valid < 0 ? 0 : valid < keys ? valid : keys;
        some = (valid + ATTN_BLOCK - 1) / ATTN_BLOCK * ATTN_BLOCK;
        if (valid) factor = t->k->softmax_block(s, some, valid, &t->m[e], &t->l[e]);
        memset(s + some, 0, (size_t)(keys - some) * sizeof *s);
        if (base && factor != 1) t->k->scale(t->o + (size_t)e * t->width, factor, t->width);
    }
}

/* Turns are cut at absolute positions, as blocks are. */
static void tile_attend(struct tile *t) {
    int all = t->most / ATTN_BLOCK + 1;

    for (int first = 0; first < all; first += TURN) {
        int end = all < first + TURN ? all : first + TURN;

        for (int b = first; b < end; b++) each_part(t, b, scores);
        weights(t, first * ATTN_BLOCK, (end - first) * ATTN_BLOCK);
        for (int b = first; b < end; b++) each_part(t, b, values);
    }
}

static void tile_close(const struct tile *t, const struct attn_queries *a, int first) {
    for (int e = 0; e < t->n; e++) {
        int row = (first + e) / a->group, head = (first + e) % a->group;
        real *out = a->out + row * a->ldo + (size_t)head * a->hs;

        memcpy(out, t->o + (size_t)e * t->width, (size_t)a->hs * sizeof *out);
        t->k->scale(out, 1 / t->l[e], (size_t)a->hs);
        if (a->lse) a->lse[row * a->ldl + head] = (real)(t->m[e] + log((double)t->l[e]));
    }
}

static void attend(const struct attn_queries *a, const struct attn_keys *keys, const struct attn_branch *branches) {
    struct tile t;

    t.k = kernels_get();
    t.hs = a->hs;
    t.width = width_of(a->hs);
    t.root = keys->root;
    t.root_blocks = keys->root_blocks;
    for (int first = 0; first < a->n * a->group; first += TILE) {
        tile_open(&t, a, branches, first);
        if (!branches) t.parts = 1, t.own[0] = keys->own, t.ends[0] = t.n;
        tile_attend(&t);
        tile_close(&t, a, first);
    }
}

void attn_forward(const struct attn_queries *a, const struct attn_keys *keys) {
    attend(a, keys, NULL);
}

void attn_forward_branches(const struct attn_queries *a, const real *root, int root_blocks,
                           const struct attn_branch *branches) {
    attend(a, &(struct attn_keys){ .root = root, .root_blocks = root_blocks }, branches);
}
