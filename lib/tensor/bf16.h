/* bf16 — inner loops of products of pairs: two neighbours along the sum, rounded to bf16 (nearest, ties to even), in
 * 32 bits, the first in the low half. */
#ifndef TENSOR_BF16_H
#define TENSOR_BF16_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/real.h"

enum { BF16_ROWS = 12, BF16_COLUMNS = 32 };     /* of c that stay in registers */

struct bf16_kernels {
    /* Pairs of x[n], n even. */
    void (*along)(uint32_t *to, const real *x, int n);
    /* to[i] = (x[i], y[i]) for i < n; y NULL: zeros. */
    void (*across)(uint32_t *to, const real *x, const real *y, int n);
    /* c[M, 32] = the sum over K pairs k of a[r*am + k*ak] b[k*32 + n]; `add`: added to c. Rows lie ldc apart. */
    void (*mac)(real *c, size_t ldc, const uint32_t *a, size_t am, size_t ak, const uint32_t *b, int M, int K,
                bool add);
};

/* The set for this machine. */
const struct bf16_kernels *bf16_get(void);

/* In plain C, for any machine; with the instructions of AVX512_BF16, where they can be built. */
extern const struct bf16_kernels bf16_base, bf16_avx512;

#endif
