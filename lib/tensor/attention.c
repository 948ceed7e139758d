/* attention — forward: for a tile of queries, turn by turn of some blocks of keys
 *   S = Q K^T / sqrt(hs);  m' = max(m, max S);  P = e^(S - m');  l = l e^(m - m') + sum P;
 *   O = O e^(m - m') + P V;  in the end O / l and lse = m + log l
 * (Milakov and Gimelshein 2018; Dao et al. 2022). Turns are cut at absolute positions, as blocks are. */
#include "tensor/attention.h"

#include <math.h>
#include <string.h>

#include "tensor/attention_own.h"

int attn_blocks(int begin, int end) {
    return (end + ATTN_BLOCK - 1) / ATTN_BLOCK - begin / ATTN_BLOCK;
}

int attn_row(const struct attn_span *s, int p) {
    return p < s->root_len ? s->root_start + p : s->start + p - s->root_len;
}

void attn_pack(const struct attn_kind *kind, real *blocks, const real *qkv, const struct attn_span *span,
               const struct attn_shape *shape, int kv) {
    size_t ld = (size_t)(shape->heads + 2 * shape->kv_heads) * shape->hs, size = kind->block_size(shape->hs);
    const real *k = qkv + (size_t)(shape->heads + kv) * shape->hs;
    int first = span->root_len / ATTN_BLOCK * ATTN_BLOCK, end = span->root_len + span->len;

    memset(blocks, 0, attn_blocks(span->root_len, end) * size * sizeof *blocks);
    for (int p = first; p < end; p++) {
        const real *kr = k + attn_row(span, p) * ld;

        kind->store(blocks + (size_t)(p - first) / ATTN_BLOCK * size, p % ATTN_BLOCK, kr,
                    kr + (size_t)shape->kv_heads * shape->hs, shape->hs);
    }
}

/* Queries from `first` on, counted over rows and heads, scaled, into the tile. */
static void tile_open(struct attn_tile *t, const struct attn_queries *a, const struct attn_branch *branches, int first) {
    real scale = (real)(1 / sqrt((double)a->hs));
    int n = a->n * a->group - first;

    t->n = n = n < ATTN_QUERIES ? n : ATTN_QUERIES;
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
    t->ops->scale(t->q, scale, (size_t)n * t->width);
}

/* Block b of the part, NULL where all of its keys are after its queries. */
static const real *block_of(const struct attn_tile *t, size_t size, int part, int b) {
    if (b * ATTN_BLOCK > t->pos[t->ends[part] - 1]) return NULL;
    return b < t->root_blocks ? t->root + b * size : t->own[part] + (b - t->root_blocks) * size;
}

/* Block b's part in the scores, or in the results. All queries read a block of the root at once. */
static void each_part(struct attn_tile *t, const struct attn_kind *kind, int b, bool scores) {
    const struct attn_forward *f = kind->forward;
    size_t size = kind->block_size(t->hs);

    for (int i = b < t->root_blocks ? t->parts - 1 : 0, begin = 0; i < t->parts; begin = t->ends[i++]) {
        const real *block = block_of(t, size, i, b);
        int end = t->ends[i], keys = t->pos[end - 1] + 1 - b * ATTN_BLOCK;

        if (!block) continue;
        if (scores) f->scores(t, block, b, begin, end);
        else f->values(t, block, b, begin, end, keys < ATTN_BLOCK ? keys : ATTN_BLOCK, b);
    }
}

/* Scores of keys from position `base` on become weights; those of keys after a query are zero. */
static void weights(struct attn_tile *t, const struct attn_forward *f, int base, int keys) {
    for (int e = 0; e < t->n; e++) {
        real *s = t->s + (size_t)e * ATTN_KEYS, factor = 1;
        int valid = t->pos[e] + 1 - base, some;

        valid = valid < 0 ? 0 : valid < keys ? valid : keys;
        some = (valid + ATTN_BLOCK - 1) / ATTN_BLOCK * ATTN_BLOCK;
        if (valid) factor = t->ops->softmax_block(s, some, valid, &t->m[e], &t->l[e]);
        memset(s + some, 0, (size_t)(keys - some) * sizeof *s);
        if (base && factor != 1) t->ops->scale(t->o + (size_t)e * t->width, factor, t->width);
        if (f->round_weights) f->round_weights(t, e, keys);
    }
}

static void tile_attend(struct attn_tile *t, const struct attn_kind *kind) {
    int all = t->most / ATTN_BLOCK + 1;

    if (kind->forward->round_queries) kind->forward->round_queries(t);
    for (int first = 0; first < all; first += ATTN_TURN) {
        int end = all < first + ATTN_TURN ? all : first + ATTN_TURN;

        for (int b = first; b < end; b++) each_part(t, kind, b, true);
        weights(t, kind->forward, first * ATTN_BLOCK, (end - first) * ATTN_BLOCK);
        for (int b = first; b < end; b++) each_part(t, kind, b, false);
    }
}

static void tile_close(const struct attn_tile *t, const struct attn_queries *a, int first) {
    for (int e = 0; e < t->n; e++) {
        int row = (first + e) / a->group, head = (first + e) % a->group;
        real *out = a->out + row * a->ldo + (size_t)head * a->hs;

        memcpy(out, t->o + (size_t)e * t->width, (size_t)a->hs * sizeof *out);
        t->ops->scale(out, 1 / t->l[e], (size_t)a->hs);
        if (a->lse) a->lse[row * a->ldl + head] = (real)(t->m[e] + log((double)t->l[e]));
    }
}

static void attend(const struct attn_kind *kind, const struct attn_queries *a, const struct attn_keys *keys,
                   const struct attn_branch *branches) {
    int columns = kind->forward->columns;
    struct attn_tile t;

    t.ops = kernels_get();
    t.hs = a->hs;
    t.width = (a->hs + columns - 1) / columns * columns;
    t.root = keys->root;
    t.root_blocks = keys->root_blocks;
    for (int first = 0; first < a->n * a->group; first += ATTN_QUERIES) {
        tile_open(&t, a, branches, first);
        if (!branches) t.parts = 1, t.own[0] = keys->own, t.ends[0] = t.n;
        tile_attend(&t, kind);
        tile_close(&t, a, first);
    }
}

void attn_forward(const struct attn_kind *kind, const struct attn_queries *a, const struct attn_keys *keys) {
    attend(kind, a, keys, NULL);
}

void attn_forward_branches(const struct attn_kind *kind, const struct attn_queries *a, const real *root,
                           int root_blocks, const struct attn_branch *branches) {
    attend(kind, a, &(struct attn_keys){ .root = root, .root_blocks = root_blocks }, branches);
}
