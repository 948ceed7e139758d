/* attention_own — backward of either kind: a block of keys, and one tile of queries after another. */
#ifndef TENSOR_ATTENTION_OWN_H
#define TENSOR_ATTENTION_OWN_H

#include <stdint.h>

#include "tensor/attention.h"
#include "tensor/bf16.h"
#include "tensor/kernels.h"

enum { ATTN_KEYS = 128, ATTN_TILE = 48 };       /* of the block and of the tile: whole register tiles */

/* Factors of products as they are read: keys and values [width][ATTN_KEYS], keys [ATTN_KEYS][width]. */
struct attn_exact_factors {
    real kt[ATTN_MAX_HEAD * ATTN_KEYS], vt[ATTN_MAX_HEAD * ATTN_KEYS], k[ATTN_KEYS * ATTN_MAX_HEAD];
};

/* Pairs of bf16.h, in panels of BF16_COLUMNS columns: keys and values, pairs along the head; keys, pairs of keys. Of a
 * tile's queries and the gradients of their results, rows of pairs along the head, and panels of pairs of queries. Of
 * weights and their gradients, pairs of queries, and rows of pairs of keys. */
struct attn_bf16_factors {
    const struct bf16_kernels *ops;
    uint32_t kt[ATTN_KEYS * ATTN_MAX_HEAD / 2], vt[ATTN_KEYS * ATTN_MAX_HEAD / 2], k[ATTN_KEYS / 2 * ATTN_MAX_HEAD];
    uint32_t q[ATTN_TILE * ATTN_MAX_HEAD / 2], dout[ATTN_TILE * ATTN_MAX_HEAD / 2];
    uint32_t qx[ATTN_TILE / 2 * ATTN_MAX_HEAD], doutx[ATTN_TILE / 2 * ATTN_MAX_HEAD];
    uint32_t px[ATTN_TILE / 2 * ATTN_KEYS], dsx[ATTN_TILE / 2 * ATTN_KEYS], ds[ATTN_TILE * ATTN_KEYS / 2];
};

struct attn_work {
    const struct attn_grads *a;
    const struct attn_span *span;
    const struct kernels *ops;
    size_t ld, lo;              /* of rows of qkv and of out */
    int heads, hs, width, group;        /* width: hs up to whole columns, the rest zero */
    int head, key, value;       /* first query head's number; columns of key and value in a row of qkv */
    real scale;
    real q[ATTN_TILE * ATTN_MAX_HEAD], dout[ATTN_TILE * ATTN_MAX_HEAD], dq[ATTN_TILE * ATTN_MAX_HEAD];
    real s[ATTN_TILE * ATTN_KEYS], ds[ATTN_TILE * ATTN_KEYS];
    real dk[ATTN_KEYS * ATTN_MAX_HEAD], dv[ATTN_KEYS * ATTN_MAX_HEAD];
    union {
        struct attn_exact_factors exact;
        struct attn_bf16_factors bf16;
    } of;
};

/* The products of one kind. Of keys, those that count are whole multiples of ATTN_BLOCK. */
struct attn_products {
    int columns;                /* width is a multiple */
    /* Takes in the keys and values of positions base .. end-1. */
    void (*load)(struct attn_work *w, int base, int end);
    /* s[n,keys] = q k^T, ds = dout v^T of the tile's n queries. */
    void (*scores)(struct attn_work *w, int n, int keys);
    /* With s the weights: dv += s^T dout, dk += ds^T q, dq = ds k. */
    void (*gradients)(struct attn_work *w, int n, int keys);
};

/* attn_backward with products of that kind. */
void attn_backward_with(const struct attn_products *kind, const struct attn_grads *a, const struct attn_span *span,
                        const struct attn_shape *shape, int kv);

/* The packed row of position p. */
int attn_row(const struct attn_span *s, int p);

#endif
