/* kernel_vec — vectors of one instruction set: included by kernels_{base,avx2,avx512}.c after the
 * pragma that chooses the set, and nowhere else. Loads and stores need no alignment.
 *
 * vfma is the only operation whose rounding differs between sets. Sums over lanes have a fixed
 * order, so that a row's result does not depend on what is computed beside it. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "tensor/kernels.h"

#ifdef REAL_DOUBLE
typedef int64_t lane_int;
#else
typedef int32_t lane_int;
#endif

enum { VL = VECTOR_BYTES / sizeof(real) };
typedef real vec __attribute__((vector_size(VECTOR_BYTES)));
typedef real vec_any __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));
typedef lane_int ivec __attribute__((vector_size(VECTOR_BYTES)));
#define INLINE static inline __attribute__((always_inline, unused))

INLINE vec vload(const real *p) { return *(const vec_any *)p; }
INLINE void vstore(real *p, vec v) { *(vec_any *)p = v; }
INLINE vec vset(real x) { return x - (vec){ 0 }; }       /* x - 0 is x: folded to a broadcast */

/* The last n < VL elements of a row, the other lanes `fill`. */
INLINE vec vload_tail(const real *p, int n, real fill) {
    vec v = vset(fill);

    memcpy(&v, p, (size_t)n * sizeof *p);
    return v;
}

INLINE void vstore_tail(real *p, vec v, int n) { memcpy(p, &v, (size_t)n * sizeof *p); }

INLINE vec vfma(vec a, vec b, vec c) {
#if defined(REAL_DOUBLE)
    return a * b + c;
#elif VECTOR_BYTES == 64
    return (vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif VECTOR_BYTES == 32
    return (vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    return a * b + c;
#endif
}

/* Lanes of a where the mask is set, else of b. */
INLINE vec vselect(ivec mask, vec a, vec b) { return (vec)((mask & (ivec)a) | (~mask & (ivec)b)); }

INLINE vec vmax(vec a, vec b) { return vselect(a > b, a, b); }

/* v with the lanes of its halves, quarters ... exchanged: lane i has what lane i ^ n had. */
INLINE vec vswap(vec v, int n) {
    ivec from;

    for (int i = 0; i < VL; i++) from[i] = i ^ n;
    return __builtin_shuffle(v, from);
}

INLINE real vsum(vec v) {
    _Pragma("GCC unroll 4") for (int n = VL / 2; n; n /= 2) v += vswap(v, n);
    return v[0];
}

INLINE real vmax_lane(vec v) {
    _Pragma("GCC unroll 4") for (int n = VL / 2; n; n /= 2) v = vmax(v, vswap(v, n));
    return v[0];
}

/* Rows of the next register tile, of at most `most`, where so many are left: none is much smaller than the
 * others, since one row alone would wait for each of its sums. */
INLINE int tile_rows(int left, int most) {
    int tiles = (left + most - 1) / most;

    return (left + tiles - 1) / tiles;
}

/* e^x within 2 ulp; 0 below -87.3, where floats lose precision; NaN stays NaN. x is cut at 88.3, so the
 * result is finite. Polynomial of Cephes' expf (Moshier). */
INLINE vec vexp(vec x) {
#ifdef REAL_DOUBLE
    vec y;

    for (int i = 0; i < VL; i++) y[i] = exp(x[i]);
    return y;
#else
    const float magic = 12582912;           /* 1.5 * 2^23: adding it rounds to an integer */
    typedef unsigned uvec __attribute__((vector_size(VECTOR_BYTES)));
    ivec tiny = x < vset(-87.3f);
    vec t, n, r, p;

    x = vselect(x > vset(88.3f), vset(88.3f), x);
    t = vfma(x, vset(1.44269504f), vset(magic));
    n = t - magic;
    r = vfma(n, vset(-0.693359375f), x);
    r = vfma(n, vset(2.12194440e-4f), r);
    p = vfma(vset(1.9875691500e-4f), r, vset(1.3981999507e-3f));
    p = vfma(p, r, vset(8.3334519073e-3f));
    p = vfma(p, r, vset(4.1665795894e-2f));
    p = vfma(p, r, vset(1.6666665459e-1f));
    p = vfma(p, r, vset(5.0000001201e-1f));
    p = vfma(p, r * r, r) + 1;
    p = p * (vec)(((uvec)t << 23) + 0x3f800000);    /* unsigned: what is far too small wraps, and is cut */
    return (vec)((ivec)p & ~tiny);
#endif
}

/* The same width in doubles, and as many reals. */
enum { DL = VECTOR_BYTES / sizeof(double) };
typedef double dvec __attribute__((vector_size(VECTOR_BYTES)));
typedef int64_t livec __attribute__((vector_size(VECTOR_BYTES)));
typedef real dvec_reals __attribute__((vector_size(DL * sizeof(real)), aligned(sizeof(real)), may_alias));

INLINE dvec dvload(const real *p) { return __builtin_convertvector(*(const dvec_reals *)p, dvec); }

/* e^x within 2 ulp for x <= 0, below 2.2e-308 as near as doubles are there; NaN stays NaN. With k = x / ln 2
 * rounded, e^x = 2^k e^r, |r| < 0.35: Taylor's series to r^13. ln 2 is in two parts, so that k times the
 * first is exact (Cody and Waite 1980), 2^k in two factors, so that neither is out of range. Nothing is
 * fused: the bits are the same with every instruction set. */
INLINE dvec dexp(dvec x) {
    static const double coef[] = { 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880,
                                   1.0 / 40320, 1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6,
                                   0.5, 1, 1 };
    const double magic = 0x1.8p52;          /* adding it rounds to an integer, which its last bits hold */
    livec tiny = x < -746, k, half;
    dvec t, r, p = 1.0 / 6227020800 - (dvec){ 0 };

    x = (dvec)((livec)x & ~tiny);
    t = x * 0x1.71547652b82fep0 + magic;
    r = x - (t - magic) * 0x1.62e42fee00000p-1;
    r = r - (t - magic) * 0x1.a39ef35793c76p-33;
    for (size_t i = 0; i < sizeof coef / sizeof *coef; i++) p = p * r + coef[i];
    k = (livec)t - (livec)(magic - (dvec){ 0 });
    half = k >> 1;
    p = p * (dvec)((half + 1023) << 52) * (dvec)((k - half + 1023) << 52);
    return (dvec)((livec)p & ~tiny);
}
