/* attention_own — what attention.c and attention_backward.c, which are of either kind, ask of the kinds' products. */
#ifndef TENSOR_ATTENTION_OWN_H
#define TENSOR_ATTENTION_OWN_H

#include <stdbool.h>
#include <stdint.h>

#include "tensor/attention.h"
#include "tensor/bf16.h"
#include "tensor/kernels.h"

enum {
    ATTN_TURN = 4, ATTN_KEYS = ATTN_TURN * ATTN_BLOCK,  /* blocks, and keys, at a time */
    ATTN_QUERIES = 24,          /* of forward, and */
    ATTN_TILE = 48              /* of backward at a time: whole register tiles */
};

/* Queries, their results so far, and the scores or weights of a turn's keys. */
struct attn_tile {
    real q[ATTN_QUERIES * ATTN_MAX_HEAD], o[ATTN_QUERIES * ATTN_MAX_HEAD], s[ATTN_QUERIES * ATTN_KEYS];
    uint32_t q_pairs[ATTN_QUERIES * ATTN_MAX_HEAD / 2], s_pairs[ATTN_QUERIES * ATTN_KEYS / 2];  /* rounded */
    real m[ATTN_QUERIES], l[ATTN_QUERIES];
    int pos[ATTN_QUERIES];
    int n, hs, width, most;             /* width: hs up to whole columns; most: of pos */
    int parts, ends[ATTN_QUERIES];      /* queries whose own blocks are the same: up to ends[0], ends[1] ... */
    const real *own[ATTN_QUERIES];      /* of each part */
    const real *root;
    int root_blocks;
    const struct kernels *ops;
};

/* Products of forward. */
struct attn_forward {
    int columns;                /* width is a multiple */
    /* Rounds q of all queries; s of query e for so many keys. NULL where nothing is rounded. */
    void (*round_queries)(struct attn_tile *t);
    void (*round_weights)(struct attn_tile *t, int e, int keys);
    /* Of queries begin .. end-1 and block b, whose scores and weights are from s[.][b % ATTN_TURN * ATTN_BLOCK] on:
     * s = q k^T; o = s v of the first `keys`, or added to o. */
    void (*scores)(struct attn_tile *t, const real *block, int b, int begin, int end);
    void (*values)(struct attn_tile *t, const real *block, int b, int begin, int end, int keys, bool add);
};

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

/* Products of backward. Of keys, those that count are whole multiples of ATTN_BLOCK. */
struct attn_backward {
    int columns;                /* width is a multiple */
    /* Takes in the keys and values of positions base .. end-1. */
    void (*load)(struct attn_work *w, int base, int end);
    /* s[n,keys] = q k^T, ds = dout v^T of the tile's n queries. */
    void (*scores)(struct attn_work *w, int n, int keys);
    /* With s the weights: dv += s^T dout, dk += ds^T q, dq = ds k. */
    void (*gradients)(struct attn_work *w, int n, int keys);
};

/* The packed row of position p. */
int attn_row(const struct attn_span *s, int p);

#endif
