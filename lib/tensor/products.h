/* products — the matrix products of a layer and its attention, of one kind: exact are those of gemm.h and
 * attention.h; bf16 are of factors rounded to bf16 (nearest, ties to even), whose sums are reals: twice as fast where
 * the processor has AVX512_BF16, and slow where it has not. */
#ifndef TENSOR_PRODUCTS_H
#define TENSOR_PRODUCTS_H

#include "tensor/attention.h"
#include "tensor/gemm.h"

struct products {
    void (*forward)(real *y, const real *x, const real *w, int M, int N, int K, struct pool *pool);
    void (*backward_input)(real *dx, const real *dy, int ldy, const real *w, int M, int N, int K, bool add,
                           struct pool *pool);
    void (*backward_weight)(real *dw, const real *dy, int ldy, const real *x, int M, int N, int K,
                            struct pool *pool);
    /* Blocks that one kind has packed only the same kind reads. */
    void (*attend_pack)(real *blocks, const real *qkv, const struct attn_span *span, const struct attn_shape *shape,
                        int kv);
    void (*attend)(const struct attn_queries *a, const struct attn_keys *keys);
    void (*attend_backward)(const struct attn_grads *a, const struct attn_span *span, const struct attn_shape *shape,
                            int kv);
};
extern const struct products products_exact, products_bf16;

#endif
