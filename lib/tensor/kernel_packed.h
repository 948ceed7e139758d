/* kernel_packed — products with packed weights, included by packed_{avx2,avx512,vnni,bf16}.c after the pragma
 * that chooses the set. A tile of TILE_ROWS rows and two vectors of columns stays in registers. */
#include "tensor/kernel_vec.h"

#include "tensor/packed.h"

#ifndef HAS_VNNI
#define HAS_VNNI 0
#endif
#ifndef HAS_BF16
#define HAS_BF16 0
#endif

typedef int32_t bits __attribute__((vector_size(VECTOR_BYTES)));
typedef int32_t bits_any __attribute__((vector_size(VECTOR_BYTES), aligned(1), may_alias));

INLINE bits bload(const void *p) { return *(const bits_any *)p; }
INLINE bits bset(int32_t x) { return x - (bits){ 0 }; }
INLINE int32_t word(const void *p) {
    int32_t x;

    memcpy(&x, p, sizeof x);
    return x;
}

/* Four bytes of x times four of w, which have no sign, added to every lane. */
INLINE bits mac_bytes(bits acc, bits w, const int8_t *x) {
#if HAS_VNNI
    return (bits)_mm512_dpbusd_epi32((__m512i)acc, (__m512i)w, (__m512i)bset(word(x)));
#else
    bits even = w & 0x00ff00ff, odd = (bits)((w >> 8) & 0x00ff00ff);
    bits x02 = bset((int32_t)((uint32_t)(uint16_t)x[2] << 16 | (uint16_t)x[0]));
    bits x13 = bset((int32_t)((uint32_t)(uint16_t)x[3] << 16 | (uint16_t)x[1]));
#if VECTOR_BYTES == 64
    return acc + (bits)_mm512_madd_epi16((__m512i)even, (__m512i)x02) +
           (bits)_mm512_madd_epi16((__m512i)odd, (__m512i)x13);
#else
    return acc + (bits)_mm256_madd_epi16((__m256i)even, (__m256i)x02) +
           (bits)_mm256_madd_epi16((__m256i)odd, (__m256i)x13);
#endif
#endif
}

/* Rows of a tile, and what there is for each number of them. */
#if VECTOR_BYTES == 64
enum { TILE_ROWS = 12 };
#define EACH_TILE(T) T(1) T(2) T(3) T(4) T(5) T(6) T(7) T(8) T(9) T(10) T(11) T(12)
#define ALL_TILES(T) T##1, T##2, T##3, T##4, T##5, T##6, T##7, T##8, T##9, T##10, T##11, T##12
#else
enum { TILE_ROWS = 4 };
#define EACH_TILE(T) T(1) T(2) T(3) T(4)
#define ALL_TILES(T) T##1, T##2, T##3, T##4
#endif

#if HAS_BF16

/* Inputs and panels are pairs of bf16.h. */
static void bf16_input(void *to, const real *x, int K) {
    bf16_avx512.along(to, x, K & ~1);
    if (K & 1) bf16_avx512.across((uint32_t *)to + K / 2, x + K - 1, NULL, 1);
}

static void bf16_rows(real *y, size_t ldy, const void *x, const uint16_t *panel, int M, int K) {
    int pairs = (K + 1) / 2;

    bf16_avx512.mac(y, ldy, x, (size_t)pairs, 1, (const uint32_t *)panel, M, pairs, false);
}

#else

/* Inputs in bf16, widened again. */
typedef float input16;

INLINE vec mac_pair(vec acc, bits w, const input16 *x) {
    acc = vfma(vset(x[0]), (vec)(w << 16), acc);
    return vfma(vset(x[1]), (vec)(w & (int32_t)0xffff0000), acc);
}

/* A vector of inputs, to nearest, ties to even, what is finite. */
INLINE void to_bf16(input16 *h, bits b) {
    b += 0x7fff + (b >> 16 & 1);
    vstore(h, (vec)(b & (int32_t)0xffff0000));
}

static void bf16_input(void *to, const real *x, int K) {
    input16 *h = to, last[VL];
    int k = 0;

    for (; k + VL <= K; k += VL) to_bf16(h + k, bload(x + k));
    if (k == K) return;
    to_bf16(last, (bits)vload_tail(x + k, K - k, 0));
    memcpy(h + k, last, (size_t)((K + 1) / 2 * 2 - k) * sizeof *h);
}

/* y[R, 2*VL] of inputs ldx apart; panel points at the first of these columns. */
#define BF16_TILE(R) \
    static void bf16_##R(real *y, size_t ldy, const input16 *x, size_t ldx, const uint16_t *w, int pairs) { \
        vec acc[R][2] = { 0 }; \
        for (int k = 0; k < pairs; k++, x += 2, w += 2 * PACKED_COLS) { \
            bits w0 = bload(w), w1 = bload(w + 2 * VL); \
            _Pragma("GCC unroll 12") for (int r = 0; r < R; r++) { \
                acc[r][0] = mac_pair(acc[r][0], w0, x + r * ldx); \
                acc[r][1] = mac_pair(acc[r][1], w1, x + r * ldx); \
            } \
        } \
        _Pragma("GCC unroll 12") for (int r = 0; r < R; r++) { \
            vstore(y + r * ldy, acc[r][0]); \
            vstore(y + r * ldy + VL, acc[r][1]); \
        } \
    }

EACH_TILE(BF16_TILE)

static void bf16_rows(real *y, size_t ldy, const void *x, const uint16_t *panel, int M, int K) {
    typedef void tile(real *, size_t, const input16 *, size_t, const uint16_t *, int);
    static tile *const tiles[] = { ALL_TILES(bf16_) };
    size_t pairs = (size_t)(K + 1) / 2;
    const input16 *h = x;

    for (int m = 0, rows; m < M; m += rows) {
        rows = tile_rows(M - m, TILE_ROWS);
        for (int n = 0; n < PACKED_COLS; n += 2 * VL)
            tiles[rows - 1](y + m * ldy + n, ldy, h + m * 2 * pairs, 2 * pairs, panel + 2 * n, (int)pairs);
    }
}

#endif

/* x in 8 bits: adding 1.5 * 2^23 rounds to an integer, which the last bits hold. */
INLINE bits to_bytes(vec x, float inverse) {
    return ((bits)(x * inverse + 12582912.0f) & 0x7fffff) - 0x400000;
}

#if VECTOR_BYTES == 64
INLINE int32_t sum_of(bits v) { return _mm512_reduce_add_epi32((__m512i)v); }
#else
INLINE int32_t sum_of(bits v) {
    int32_t s = 0;

    for (int i = 0; i < VL; i++) s += v[i];
    return s;
}
#endif

static void int8_group(struct packed_bytes *to, const real *x, int n) {
    typedef int8_t bytes __attribute__((vector_size(VL)));
    real own[PACKED_GROUP] = { 0 };
    vec top = { 0 };
    bits sum = { 0 };
    float most, inverse;

    if (n < PACKED_GROUP) x = memcpy(own, x, (size_t)n * sizeof *x);
    for (int i = 0; i < PACKED_GROUP; i += VL)
        top = vmax(top, (vec)(bload(x + i) & 0x7fffffff));
    most = vmax_lane(top);
    to->scale = most / 127;
    inverse = most > PACKED_LEAST ? 127 / most : 0;
    for (int i = 0; i < PACKED_GROUP; i += VL) {
        bits q = to_bytes(vload(x + i), inverse);
        bytes b = __builtin_convertvector(q, bytes);

        sum += q;
        memcpy(to->q + i, &b, sizeof b);
    }
    to->start = -128 * sum_of(sum);
}

static void int8_input(struct packed_bytes *to, const real *x, int K) {
    for (int k = 0; k < K; k += PACKED_GROUP, to++)
        int8_group(to, x + k, K - k < PACKED_GROUP ? K - k : PACKED_GROUP);
}

/* y[R, 2*VL] of the panel's columns from n on; sums of a group are exact, and added in float with its scales. */
#define INT8_TILE(R) \
    static void int8_##R(real *y, size_t ldy, const struct packed_bytes *x, const struct packed_block *w, int n, \
                         int groups) { \
        vec sum[R][2] = { 0 }; \
        for (int g = 0; g < groups; g++, x++, w++) { \
            vec scale0 = vload(w->scale + n), scale1 = vload(w->scale + n + VL); \
            bits acc[R][2]; \
            _Pragma("GCC unroll 12") for (int r = 0; r < R; r++) \
                acc[r][0] = acc[r][1] = bset(x[(size_t)r * groups].start); \
            for (int k = 0; k < PACKED_GROUP; k += 4) { \
                bits w0 = bload(w->q[k / 4][n]), w1 = bload(w->q[k / 4][n + VL]); \
                _Pragma("GCC unroll 12") for (int r = 0; r < R; r++) { \
                    acc[r][0] = mac_bytes(acc[r][0], w0, x[(size_t)r * groups].q + k); \
                    acc[r][1] = mac_bytes(acc[r][1], w1, x[(size_t)r * groups].q + k); \
                } \
            } \
            _Pragma("GCC unroll 12") for (int r = 0; r < R; r++) { \
                vec s = vset(x[(size_t)r * groups].scale); \
                sum[r][0] = vfma(__builtin_convertvector(acc[r][0], vec), s * scale0, sum[r][0]); \
                sum[r][1] = vfma(__builtin_convertvector(acc[r][1], vec), s * scale1, sum[r][1]); \
            } \
        } \
        _Pragma("GCC unroll 12") for (int r = 0; r < R; r++) { \
            vstore(y + r * ldy, sum[r][0]); \
            vstore(y + r * ldy + VL, sum[r][1]); \
        } \
    }

EACH_TILE(INT8_TILE)

static void int8_rows(real *y, size_t ldy, const struct packed_bytes *x, const struct packed_block *panel, int M,
                      int K) {
    typedef void tile(real *, size_t, const struct packed_bytes *, const struct packed_block *, int, int);
    static tile *const tiles[] = { ALL_TILES(int8_) };
    int groups = (K + PACKED_GROUP - 1) / PACKED_GROUP;

    for (int m = 0, rows; m < M; m += rows) {
        rows = tile_rows(M - m, TILE_ROWS);
        for (int n = 0; n < PACKED_COLS; n += 2 * VL)
            tiles[rows - 1](y + m * ldy + n, ldy, x + (size_t)m * groups, panel, n, groups);
    }
}

extern const struct packed_kernels SET;
const struct packed_kernels SET = { SET_NAME, HAS_BF16 ? 2 : sizeof(float), bf16_input, int8_input, bf16_rows, int8_rows };
