/* products — the matrix products of a layer and its attention, of one kind: exact are those of gemm.h; bf16 are of factors
 * rounded to bf16 (nearest, ties to even), whose sums are reals: twice as fast where the processor has AVX512_BF16, and
 * slow where it has not. */
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
    const struct attn_kind *attention;
};
extern const struct products products_exact, products_bf16;

#endif
