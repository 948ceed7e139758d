/* kernel_attention — small products in registers and online softmax over a block of keys. Included
 * after kernel_vec.h. */

/* c[R, W*VL] += a b over k; R rows and W vectors of c stay in registers. */
#define MAC(R, W) \
    static void mac_##R##x##W(real *c, size_t ldc, const real *a, size_t am, size_t ak, const real *b, \
                              size_t ldb, int K) { \
        vec acc[R][W]; \
        _Pragma("GCC unroll 8") for (int r = 0; r < R; r++) \
            _Pragma("GCC unroll 8") for (int w = 0; w < W; w++) acc[r][w] = vload(c + r * ldc + w * VL); \
        for (int k = 0; k < K; k++, a += ak, b += ldb) { \
            vec bk[W]; \
            _Pragma("GCC unroll 8") for (int w = 0; w < W; w++) bk[w] = vload(b + w * VL); \
            _Pragma("GCC unroll 8") for (int r = 0; r < R; r++) { \
                vec ar = vset(a[r * am]); \
                _Pragma("GCC unroll 8") for (int w = 0; w < W; w++) \
                    acc[r][w] = vfma(ar, bk[w], acc[r][w]); \
            } \
        } \
        _Pragma("GCC unroll 8") for (int r = 0; r < R; r++) \
            _Pragma("GCC unroll 8") for (int w = 0; w < W; w++) vstore(c + r * ldc + w * VL, acc[r][w]); \
    }

MAC(6, 2)
MAC(6, 1)
MAC(1, 4)
MAC(1, 1)

static void tile_mac(real *c, size_t ldc, const real *a, size_t am, size_t ak, const real *b, size_t ldb,
                     int M, int N, int K) {
    int m = 0, n;

    for (; m + 6 <= M; m += 6, c += 6 * ldc, a += 6 * am) {
        for (n = 0; n + 2 * VL <= N; n += 2 * VL) mac_6x2(c + n, ldc, a, am, ak, b + n, ldb, K);
        for (; n < N; n += VL) mac_6x1(c + n, ldc, a, am, ak, b + n, ldb, K);
    }
    for (; m < M; m++, c += ldc, a += am) {
        for (n = 0; n + 4 * VL <= N; n += 4 * VL) mac_1x4(c + n, ldc, a, am, ak, b + n, ldb, K);
        for (; n < N; n += VL) mac_1x1(c + n, ldc, a, am, ak, b + n, ldb, K);
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
