/* kernel_attention — small products in registers and online softmax over a block of keys. Included
 * after kernel_vec.h. */

/* c[R, W*VL] = a b over k, or added to c; R rows and W vectors of c stay in registers. */
#define MAC(R, W) \
    static void mac_##R##x##W(real *c, size_t ldc, const real *a, size_t am, size_t ak, const real *b, \
                              size_t ldb, int K, bool add) { \
        vec acc[R][W]; \
        _Pragma("GCC unroll 12") for (int r = 0; r < R; r++) \
            _Pragma("GCC unroll 12") for (int w = 0; w < W; w++) \
                acc[r][w] = add ? vload(c + r * ldc + w * VL) : (vec){ 0 }; \
        for (int k = 0; k < K; k++, a += ak, b += ldb) { \
            vec bk[W]; \
            _Pragma("GCC unroll 12") for (int w = 0; w < W; w++) bk[w] = vload(b + w * VL); \
            _Pragma("GCC unroll 12") for (int r = 0; r < R; r++) { \
                vec ar = vset(a[r * am]); \
                _Pragma("GCC unroll 12") for (int w = 0; w < W; w++) \
                    acc[r][w] = vfma(ar, bk[w], acc[r][w]); \
            } \
        } \
        _Pragma("GCC unroll 12") for (int r = 0; r < R; r++) \
            _Pragma("GCC unroll 12") for (int w = 0; w < W; w++) vstore(c + r * ldc + w * VL, acc[r][w]); \
    }

#define MACS(R) MAC(R, 1) MAC(R, 2)
MACS(1) MACS(2) MACS(3) MACS(4) MACS(5) MACS(6)
#if VECTOR_BYTES == 64          /* 32 registers */
MACS(7) MACS(8) MACS(9) MACS(10) MACS(11) MACS(12)
#define ALL_MACS(W) mac_1x##W, mac_2x##W, mac_3x##W, mac_4x##W, mac_5x##W, mac_6x##W, mac_7x##W, mac_8x##W, \
                    mac_9x##W, mac_10x##W, mac_11x##W, mac_12x##W
enum { MAC_ROWS = 12 };
#else
#define ALL_MACS(W) mac_1x##W, mac_2x##W, mac_3x##W, mac_4x##W, mac_5x##W, mac_6x##W
enum { MAC_ROWS = 6 };
#endif

static void tile_mac(real *c, size_t ldc, const real *a, size_t am, size_t ak, const real *b, size_t ldb,
                     int M, int N, int K, bool add) {
    typedef void mac(real *, size_t, const real *, size_t, size_t, const real *, size_t, int, bool);
    static mac *const one[] = { ALL_MACS(1) }, *const two[] = { ALL_MACS(2) };

    for (int rows; M > 0; M -= rows) {
        int n = 0;

        rows = tile_rows(M, MAC_ROWS);
        for (; n + 2 * VL <= N; n += 2 * VL) two[rows - 1](c + n, ldc, a, am, ak, b + n, ldb, K, add);
        for (; n < N; n += VL) one[rows - 1](c + n, ldc, a, am, ak, b + n, ldb, K, add);
        c += rows * ldc;
        a += rows * am;
    }
}

static real softmax_block(real *s, int n, int valid, real *m, real *l) {
    vec top = vset(*m), sum = { 0 };
    real max, factor;

    for (int i = valid; i < n; i++) s[i] = -INFINITY;
    for (int i = 0; i < n; i += VL) top = vmax(vload(s + i), top);
    max = vmax_lane(top);
    for (int i = 0; i < n; i += VL) {
        vec p = vexp(vload(s + i) - max);

        vstore(s + i, p);
        sum += p;
    }
    factor = vexp(vset(*m - max))[0];
    *l = *l * factor + vsum(sum);
    *m = max;
    return factor;
}

static void softmax_block_backward(real *s, real *ds, int n, int valid, real lse, real D) {
    for (int i = valid; i < n; i++) s[i] = -INFINITY;
    for (int i = 0; i < n; i += VL) {
        vec p = vexp(vload(s + i) - lse);

        vstore(s + i, p);
        vstore(ds + i, p * (vload(ds + i) - D));
    }
}
