/* gemm — matrix products, through OpenBLAS with one thread of its own: our pool works on tiles whose
 * borders depend on shapes alone, so results have the same bits with any number of threads.
 *
 * OpenBLAS gives a row of the result other bits when the number of rows in the call changes (0.3.21:
 * AVX2 kernels for rows beyond a multiple of 12, AVX-512 kernels below 8 rows). gemm_forward therefore
 * works on whole units of GEMM_UNIT rows, and a row's bits depend on that row and on w alone. */
#ifndef TENSOR_GEMM_H
#define TENSOR_GEMM_H

#include <stdbool.h>

#include "base/pool.h"
#include "tensor/real.h"

enum { GEMM_UNIT = 12 };

/* M rounded up to whole units: rows that x and y of gemm_forward must have room for. */
int gemm_rows(int M);

/* Tells OpenBLAS to use the calling thread only. Before the first product. */
void gemm_start(void);

/* y[M,N] = x[M,K] w[N,K]^T. Rows M .. gemm_rows(M)-1 of x are read, finite or not, and of y overwritten. */
void gemm_forward(real *y, const real *x, const real *w, int M, int N, int K, struct pool *pool);

/* dx[M,K] = dy[M,N] w[N,K]; `add`: adds to dx. */
void gemm_backward_input(real *dx, const real *dy, const real *w, int M, int N, int K, bool add,
                         struct pool *pool);

/* dw[N,K] += dy[M,N]^T x[M,K]. */
void gemm_backward_weight(real *dw, const real *dy, const real *x, int M, int N, int K,
                          struct pool *pool);

/* Whether rows keep their bits in calls of other sizes on this machine, tried on a few shapes
 * (a millisecond): what kvcache promises rests on it. */
bool gemm_rows_stable(void);

/* OpenBLAS's name of the core it works for: "Haswell", "SkylakeX", "Zen" ... */
const char *gemm_core(void);

#endif
