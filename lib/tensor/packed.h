/* packed — weights laid out for products that do nothing else: panels of PACKED_COLS rows of w that a kernel
 * reads in order, in full precision, in bfloat16, or in 8 bits with a scale for each PACKED_GROUP of a row.
 *
 * PACKED_FP32 gives the bits of gemm_forward. With PACKED_BF16 the inputs are rounded to bfloat16 as well,
 * with PACKED_INT8 to 8 bits in groups of their own; sums are in float, those of a group of bytes exact. A row of a
 * product depends on that row of the input and on w alone, to the bit. */
#ifndef TENSOR_PACKED_H
#define TENSOR_PACKED_H

#include <stddef.h>
#include <stdint.h>

#include "base/pool.h"
#include "tensor/gemm.h"
#include "tensor/real.h"

enum packed_type { PACKED_FP32, PACKED_BF16, PACKED_INT8, PACKED_TYPES };

/* For a table of options; the order is that of packed_type. And one of them. */
#define PACKED_NAMES "fp32|bf16|int8"
const char *packed_name(int type);

enum { PACKED_COLS = GEMM_PANEL, PACKED_GROUP = 32 };
#define PACKED_LEAST 1e-30f          /* inputs that are all smaller count as zero */

/* w[N,K]. Rows beyond N and columns beyond K, up to whole panels and groups, are zero. Panels are
 * fp32: [K][32]; bf16: [K/2][32][2]; int8: packed_block[K/32]. */
struct packed_matrix {
    enum packed_type type;
    int N, K;
    void *panels;
};

/* A group of weights of all rows of a panel: w = (q - 128) * scale. */
struct packed_block {
    float scale[PACKED_COLS];
    uint8_t q[PACKED_GROUP / 4][PACKED_COLS][4];
};

/* A group of inputs: x = q * scale. */
struct packed_bytes {
    int8_t q[PACKED_GROUP];
    float scale;
    int32_t start;              /* -128 times the sum of q: what weights that are 128 too large give too much */
};

/* Bytes of the panels of w[N,K], a multiple of 64. */
size_t packed_size(enum packed_type type, int N, int K);

/* Packs w into panels[packed_size], aligned to 64 bytes, which are borrowed. */
void packed_make(struct packed_matrix *p, enum packed_type type, const real *w, int N, int K, void *panels,
                 struct pool *pool);

/* Row n of w, as it is held. */
void packed_row(const struct packed_matrix *p, int n, real *row);

/* Bytes of scratch for a product of M rows. */
size_t packed_scratch(enum packed_type type, int M, int K);

/* y[M,N] = x[M,K] w^T. */
void packed_forward(real *y, const real *x, const struct packed_matrix *w, int M, void *scratch, struct pool *pool);

/* Inner loops of one instruction set. Inputs are rounded a row at a time, into packed_scratch(type, 1, K)
 * bytes; then y[M,PACKED_COLS], rows ldy apart, is the product of M such rows with one panel. */
struct packed_kernels {
    const char *name;
    int bf16_width;             /* bytes of a rounded input: 2 or, widened again, 4 */
    void (*bf16_input)(void *to, const real *x, int K);
    void (*int8_input)(struct packed_bytes *to, const real *x, int K);
    void (*bf16_rows)(real *y, size_t ldy, const void *x, const uint16_t *panel, int M, int K);
    void (*int8_rows)(real *y, size_t ldy, const struct packed_bytes *x, const struct packed_block *panel, int M,
                      int K);
};

/* The set for this machine; by name, "base", "avx2", "avx512", "vnni" or "bf16", NULL when it is unknown or not
 * for this machine. For tests. */
const struct packed_kernels *packed_kernels_get(void);
const struct packed_kernels *packed_kernels_named(const char *name);

#endif
