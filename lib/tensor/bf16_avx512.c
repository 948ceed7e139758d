/* bf16_avx512 — inner loops with the instructions of AVX512_BF16. */
#if defined(__x86_64__) && !defined(REAL_DOUBLE)
#include <immintrin.h>

#pragma GCC target("avx512f,avx512bw,avx512vl,avx512bf16,prefer-vector-width=512")
#include "tensor/bf16.h"

static void along(uint32_t *to, const real *x, int n) {
    int i = 0;

    for (; i + 32 <= n; i += 32)
        _mm512_storeu_si512(to + i / 2, (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(x + i + 16),
                                                                     _mm512_loadu_ps(x + i)));
    if (i < n) bf16_base.along(to + i / 2, x + i, n - i);
}

static void across(uint32_t *to, const real *x, const real *y, int n) {
    const __m512i zip = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8,
                                         23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    int i = 0;

    for (; i + 16 <= n; i += 16) {
        __m512 second = y ? _mm512_loadu_ps(y + i) : _mm512_setzero_ps();

        _mm512_storeu_si512(to + i, _mm512_permutexvar_epi16(zip, (__m512i)_mm512_cvtne2ps_pbh(second,
                                                                                          _mm512_loadu_ps(x + i))));
    }
    if (i < n) bf16_base.across(to + i, x + i, y ? y + i : NULL, n - i);
}

#define MAC(R) \
    static void mac_##R(real *c, size_t ldc, const uint32_t *a, size_t am, size_t ak, const uint32_t *b, int K, \
                        bool add) { \
        __m512 acc[R][2]; \
        _Pragma("GCC unroll 12") for (int r = 0; r < R; r++) \
            for (int w = 0; w < 2; w++) acc[r][w] = add ? _mm512_loadu_ps(c + r * ldc + 16 * w) : _mm512_setzero_ps(); \
        for (int k = 0; k < K; k++, a += ak, b += BF16_COLUMNS) { \
            __m512bh first = (__m512bh)_mm512_loadu_si512(b), second = (__m512bh)_mm512_loadu_si512(b + 16); \
            _Pragma("GCC unroll 12") for (int r = 0; r < R; r++) { \
                __m512bh pair = (__m512bh)_mm512_set1_epi32((int)a[r * am]); \
                acc[r][0] = _mm512_dpbf16_ps(acc[r][0], pair, first); \
                acc[r][1] = _mm512_dpbf16_ps(acc[r][1], pair, second); \
            } \
        } \
        _Pragma("GCC unroll 12") for (int r = 0; r < R; r++) \
            for (int w = 0; w < 2; w++) _mm512_storeu_ps(c + r * ldc + 16 * w, acc[r][w]); \
    }

MAC(1) MAC(2) MAC(3) MAC(4) MAC(5) MAC(6) MAC(7) MAC(8) MAC(9) MAC(10) MAC(11) MAC(12)

static void mac(real *c, size_t ldc, const uint32_t *a, size_t am, size_t ak, const uint32_t *b, int M, int K,
                bool add) {
    typedef void tile(real *, size_t, const uint32_t *, size_t, size_t, const uint32_t *, int, bool);
    static tile *const tiles[BF16_ROWS] = { mac_1, mac_2, mac_3, mac_4, mac_5, mac_6,
                                            mac_7, mac_8, mac_9, mac_10, mac_11, mac_12 };

    for (int rows; M > 0; M -= rows) {
        rows = M <= BF16_ROWS ? M : M < 2 * BF16_ROWS ? (M + 1) / 2 : BF16_ROWS;     /* none much smaller than others */
        tiles[rows - 1](c, ldc, a, am, ak, b, K, add);
        c += rows * ldc;
        a += rows * am;
    }
}

const struct bf16_kernels bf16_avx512 = { along, across, mac };

#else
typedef int bf16_avx512_not_built;
#endif
