/* bf16 — the choice of the instruction set, and plain C. */
#include "tensor/bf16.h"

#include <string.h>

#include "io/half.h"

static void along(uint32_t *to, const real *x, int n) {
    for (int i = 0; i < n; i += 2) to[i / 2] = bf16_narrow((float)x[i]) | (uint32_t)bf16_narrow((float)x[i + 1]) << 16;
}

static void across(uint32_t *to, const real *x, const real *y, int n) {
    for (int i = 0; i < n; i++)
        to[i] = bf16_narrow((float)x[i]) | (y ? (uint32_t)bf16_narrow((float)y[i]) << 16 : 0);
}

static real low(uint32_t pair) { return (real)bf16_widen((uint16_t)pair); }
static real high(uint32_t pair) { return (real)bf16_widen((uint16_t)(pair >> 16)); }

static void mac(real *c, size_t ldc, const uint32_t *a, size_t am, size_t ak, const uint32_t *b, int M, int K,
                bool add) {
    for (int r = 0; r < M; r++, c += ldc, a += am) {
        if (!add) memset(c, 0, BF16_COLUMNS * sizeof *c);
        for (int k = 0; k < K; k++) {
            real first = low(a[k * ak]), second = high(a[k * ak]);
            const uint32_t *pairs = b + (size_t)k * BF16_COLUMNS;

            for (int n = 0; n < BF16_COLUMNS; n++) c[n] += first * low(pairs[n]) + second * high(pairs[n]);
        }
    }
}

const struct bf16_kernels bf16_base = { along, across, mac };

#if defined(__x86_64__) && !defined(REAL_DOUBLE)

const struct bf16_kernels *bf16_get(void) {
    return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") ? &bf16_avx512 : &bf16_base;
}

#else

const struct bf16_kernels *bf16_get(void) {
    return &bf16_base;
}

#endif
