/* gemm — matrix products. Our pool works on tiles, and results have the same bits with any number of
 * threads.
 *
 * Products of backward go through OpenBLAS with one thread of its own, on tiles whose borders depend
 * on shapes alone. Forward must give a row the same bits in a batch of one and of a thousand (kvcache rests on
 * it), and OpenBLAS does not: with its AVX2 kernels (0.3.21) a row's bits depend on its place among
 * twelve, with its AVX-512 kernels on the number of rows. So forward is ours: every element is one
 * chain of fused multiply-adds along K, in registers, whatever the tile. */
#ifndef TENSOR_GEMM_H
#define TENSOR_GEMM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/pool.h"
#include "tensor/real.h"

/* Tells OpenBLAS to use the calling thread only. Before the first product. */
void gemm_start(void);

/* y[M,N] = x[M,K] w[N,K]^T. A row of y depends on that row of x and on w alone, to the bit. */
void gemm_forward(real *y, const real *x, const real *w, int M, int N, int K, struct pool *pool);

/* Columns of y that a panel of w is for: two registers of AVX-512, two tiles of AVX2. */
enum { GEMM_PANEL = 32 };

/* to[K,GEMM_PANEL] = the transpose of w[rows,K], rows ldw apart; columns beyond `rows` are zero. */
void gemm_panel(real *to, const real *w, size_t ldw, int rows, int K);

/* dx[M,K] = dy[M,N] w[N,K]; `add`: adds to dx. Rows of dy lie ldy apart, here and below. */
void gemm_backward_input(real *dx, const real *dy, int ldy, const real *w, int M, int N, int K, bool add,
                         struct pool *pool);

/* dw[N,K] += dy[M,N]^T x[M,K]. */
void gemm_backward_weight(real *dw, const real *dy, int ldy, const real *x, int M, int N, int K,
                          struct pool *pool);

/* c[M,N] += the sum over K of a(m,k) b[K,N], where a(m,k) is at m*am + k*ak, for a small N, a multiple of 16. */
void gemm_narrow(real *c, const real *a, size_t am, size_t ak, const real *b, int M, int N, int K,
                 struct pool *pool);

/* The first three of factors rounded to bf16 (products.h). */
void gemm_bf16_forward(real *y, const real *x, const real *w, int M, int N, int K, struct pool *pool);
void gemm_bf16_backward_input(real *dx, const real *dy, int ldy, const real *w, int M, int N, int K, bool add,
                              struct pool *pool);
void gemm_bf16_backward_weight(real *dw, const real *dy, int ldy, const real *x, int M, int N, int K,
                               struct pool *pool);

/* OpenBLAS's name of the core it works for: "Haswell", "SkylakeX", "Zen" ... */
const char *gemm_core(void);

#endif
