/* kernels — the inner loops, compiled for plain x86-64 (or any machine), AVX2 with FMA, and AVX-512;
 * kernels_get chooses by what the processor can do. All of them work on one thread; who calls cuts the
 * work into parts. Rows are independent: a row's result does not depend on the others in the call. */
#ifndef TENSOR_KERNELS_H
#define TENSOR_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/real.h"

/* What AdamW needs of one step (train/adamw.h). */
struct adamw_coef {
    real lr_decay;              /* lr * weight decay, 0 for tensors that do not decay */
    real clip;                  /* factor on the gradient */
    real beta1, beta2;
    real step;                  /* lr / (1 - beta1^t) */
    real inv_bias2;             /* 1 / (1 - beta2^t) */
    real eps;
};

struct kernels {
    const char *name;

    /* y[n,C] = x * rstd * w, rstd[n] = 1/sqrt(mean(x^2) + eps). rstd may be NULL. x may be y. Rows
     * lie ld apart. */
    void (*rmsnorm_forward)(real *y, real *rstd, const real *x, const real *w, int n, int C, size_t ld,
                            real eps);
    /* y[n,C] of the forward again, from x and the stored rstd. */
    void (*rmsnorm_again)(real *y, const real *x, const real *w, const real *rstd, int n, int C);
    /* Adds to dx[n,C] and dw[C]. */
    void (*rmsnorm_backward)(real *dx, real *dw, const real *dy, const real *x, const real *w,
                             const real *rstd, int n, int C);
    /* dst[n] += src[n]; dst[n] *= a. */
    void (*add)(real *dst, const real *src, size_t n);
    void (*scale)(real *dst, real a, size_t n);
    /* dst[n] += a * src[n]. */
    void (*axpy)(real *dst, real a, const real *src, int n);
    /* h[n,F] = silu(gate) * up of gu[n,2F] = (gate, up). */
    void (*swiglu_forward)(real *h, const real *gu, int n, int F);
    /* dgu[n,2F] from dh[n,F]; writes h again, too. */
    void (*swiglu_backward)(real *dgu, real *h, const real *dh, const real *gu, int n, int F);
    /* Rotates the pairs (x[i], x[i+half]) by the angles whose cosines and sines are given; sign -1
     * rotates back. */
    void (*rope)(real *x, const real *cosine, const real *sine, int half, real sign);
    /* Of one row of logits: log of the sum of exponentials; entropy (unless NULL). */
    real (*logsumexp)(const real *x, int V, real *entropy);
    /* w[n] = exp((x - max) * scale) for x <= max, in double precision; returns their sum. */
    double (*exponentials)(double *w, const real *x, int n, double max, double scale);
    /* In place, logits x[V] to the dense part of their gradient: -p (coef + dent (log p + H)). Who
     * calls adds coef at the token. */
    void (*softmax_backward)(real *x, int V, real lse, real coef, real dent, real H);
    /* C[M,N] = A B for B[K,N], or with `add` C += A B; A's element (m,k) is at m*am + k*ak. N is a multiple of 16.
     * Each element of C takes its K products one after another. */
    void (*tile_mac)(real *c, size_t ldc, const real *a, size_t am, size_t ak, const real *b, size_t ldb,
                     int M, int N, int K, bool add);
    /* One step of online softmax over s[n], n a multiple of 16, of which the first `valid` count: updates
     * the maximum *m and the sum *l, turns s into weights, returns the factor for what was summed before. */
    real (*softmax_block)(real *s, int n, int valid, real *m, real *l);
    /* s[n] = exp(s - lse) for the first `valid`, else 0; ds[n] = s * (ds - D). */
    void (*softmax_block_backward)(real *s, real *ds, int n, int valid, real lse, real D);
    /* y[n,C] = xhat w + b with xhat[n,C] = (x - mean) rstd, rstd[n] = 1/sqrt(variance + eps); x may be
     * either of them. */
    void (*layernorm_forward)(real *y, real *xhat, real *rstd, const real *x, const real *w, const real *b,
                              int n, int C, real eps);
    /* dx[n,C], which may be dy. Those of w and b are column sums of dy xhat and of dy. */
    void (*layernorm_backward)(real *dx, const real *dy, const real *xhat, const real *rstd, const real *w,
                               int n, int C);
    /* sum[C] += a, or a b where b is not NULL, over n rows that lie ld apart. */
    void (*column_sums)(real *sum, const real *a, const real *b, int n, int C, size_t ld);
    /* y[n] = x Phi(x), and dx[n] *= its derivative at x (Hendrycks and Gimpel 2016). */
    void (*gelu_forward)(real *y, const real *x, int n);
    void (*gelu_backward)(real *dx, const real *x, int n);
    /* Sets x[i] of x[n] to 0 where 16 bits, number i % 4 of rng_bits of `key` (rng_key) and first + i / 4,
     * are below `zeros`; the others grow by 65536 / (65536 - zeros). Called again, it is its own backward. */
    void (*dropout)(real *x, int n, uint64_t key, uint64_t first, unsigned zeros);
    /* In place, the gradient ds[n] by a softmax's weights p[n] to that by its arguments. */
    void (*weights_backward)(real *ds, const real *p, int n);
    /* One row of a GRU: gi[3H] from the input, gh from the state `before` [H], in three parts ld apart, for
     * r, z, n: h[H], and gates[4H] = r, z, n, gh_n for backward. h may not be `before`. */
    void (*gru_forward)(real *h, real *gates, const real *gi, const real *gh, int ld, const real *before, int H);
    /* In place, gates to their gradients: of r, z, n before the sigmoids and tanh, and of gh_n; dh[H] to what
     * goes to `before` beside gh. */
    void (*gru_backward)(real *gates, real *dh, const real *before, int H);
    real (*dot)(const real *a, const real *b, int n);
    double (*sum_squares)(const real *x, size_t n);
    void (*adamw)(real *p, real *m, real *v, const real *g, size_t n, const struct adamw_coef *c);
};

/* The set for this machine. Costs nothing to ask. */
const struct kernels *kernels_get(void);

/* By name: "base", "avx2", "avx512"; NULL when unknown or not for this machine. For tests. */
const struct kernels *kernels_named(const char *name);

#endif
