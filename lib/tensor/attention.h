/* attention — causal attention with online softmax over blocks of keys; the [T,T] matrix never exists. Of two kinds: exact,
 * and with factors rounded to bf16 (nearest, ties to even), whose sums and softmax are reals.
 *
 * Keys and values of one key-value head lie in blocks of ATTN_BLOCK tokens, cut at absolute positions,
 * whoever holds them: training packs them for a step, kvcache keeps them. A query meets the same
 * blocks in the same order in both, alone or among others, so its result has the same bits.
 * A block of the exact kind is [width][ATTN_BLOCK] keys, transposed, then [ATTN_BLOCK][width] values; width is the head
 * size rounded up to 16 and the rest is zero. One of bf16 has its keys as pairs (bf16.h) along the head,
 * [hs/2][ATTN_BLOCK], then its values as pairs of keys, in panels of 32 columns, [ATTN_BLOCK/2][32]. */
#ifndef TENSOR_ATTENTION_H
#define TENSOR_ATTENTION_H

#include <stddef.h>

#include "tensor/real.h"

enum { ATTN_BLOCK = 32, ATTN_MAX_HEAD = 256 };

/* Blocks that hold positions begin .. end-1, where begin's block counts from its start. */
int attn_blocks(int begin, int end);

/* Blocks of a sequence: the first `root_blocks` are another's, shared; the rest its own. */
struct attn_keys {
    const real *root;
    int root_blocks;
    const real *own;
};

/* Queries of `n` consecutive positions from `pos` on, `group` heads each, that share these keys: the
 * query of row r and head g is q[r*ldq + g*hs], its result out[r*ldo + g*hs], and the log of its sum
 * lse[r*ldl + g] (lse may be NULL). */
struct attn_queries {
    const real *q;
    real *out, *lse;
    size_t ldq, ldo, ldl;
    int pos, n, group, hs;
};

/* Where row r of some queries belongs to another branch of one root, own blocks and position of that branch. */
struct attn_branch {
    const real *own;
    int pos;
};

/* Packed rows: qkv[T, (heads + 2 kv_heads) * hs] holds each row's queries, keys, values. A sequence of
 * `len` rows from `start` on goes on after `root_len` rows from `root_start` on (0: none). Results of its first `skip`
 * rows are not wanted. */
struct attn_span {
    int start, len, root_start, root_len, skip;
};
struct attn_shape {
    int heads, kv_heads, hs;
};

/* What backward of a span's queries reads, and adds to dqkv, which has the rows of qkv: the gradient of the queries,
 * their keys and values. The root's keys and values have theirs added, too, or, where droot is not NULL,
 * written there. out, lse are the forward's; D[T,heads] is scratch. */
struct attn_grads {
    const real *dout, *out, *qkv, *lse;     /* [T, heads*hs] twice, qkv, [T, heads] */
    real *dqkv, *D;
    real *droot;                            /* [root_len, 2*kv_heads*hs] */
};

/* A kind. Head sizes are even. Blocks that one kind has stored only the same kind reads. */
struct attn_kind {
    /* Reals of one block, which is all zero at first. */
    size_t (*block_size)(int hs);
    /* Puts the key and value [hs] of one token at place j of a block, in order of j. */
    void (*store)(real *block, int j, const real *k, const real *v, int hs);
    /* Its products (attention_own.h). */
    const struct attn_forward *forward;
    const struct attn_backward *backward;
};
extern const struct attn_kind attn_exact, attn_bf16;

void attn_forward(const struct attn_kind *kind, const struct attn_queries *a, const struct attn_keys *keys);

/* The same bits for rows of which each belongs to another branch: row r has position branches[r].pos, not
 * a->pos + r. The root's blocks are read once for many. */
void attn_forward_branches(const struct attn_kind *kind, const struct attn_queries *a, const real *root,
                           int root_blocks, const struct attn_branch *branches);

/* Of key-value head `kv`. */
void attn_backward(const struct attn_kind *kind, const struct attn_grads *a, const struct attn_span *span,
                   const struct attn_shape *shape, int kv);

/* Packs the span's own blocks of key-value head `kv`: attn_blocks(root_len, root_len + len) of them. */
void attn_pack(const struct attn_kind *kind, real *blocks, const real *qkv, const struct attn_span *span,
               const struct attn_shape *shape, int kv);

#endif
