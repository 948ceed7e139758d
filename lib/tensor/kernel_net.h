/* kernel_net — kernels of small recommenders' networks: layer norm, gelu, dropout, the backward of attention
 * weights, the gates of a GRU, sums over rows. Included after kernel_rows.h. */

/* n < VL elements count, the others are 0. */
INLINE vec vsome(const real *p, int n) { return n < VL ? vload_tail(p, n, 0) : vload(p); }
INLINE void vstore_some(real *p, vec v, int n) {
    if (n < VL) vstore_tail(p, v, n);
    else vstore(p, v);
}

static void layernorm_forward(real *y, real *xhat, real *rstd, const real *x, const real *w, const real *b,
                              int n, int C, real eps) {
    for (int r = 0; r < n; r++, y += C, xhat += C, x += C) {
        vec sum = { 0 }, squares = { 0 };
        real mean;

        for (int i = 0; i < C; i += VL) sum += vsome(x + i, C - i);
        mean = vsum(sum) / (real)C;
        for (int i = 0; i < C; i += VL) {
            vec d = C - i < VL ? vload_tail(x + i, C - i, mean) - mean : vload(x + i) - mean;

            squares = vfma(d, d, squares);
        }
        rstd[r] = (real)(1 / sqrt((double)(vsum(squares) / (real)C + eps)));
        for (int i = 0; i < C; i += VL) {
            vec h = (vsome(x + i, C - i) - mean) * rstd[r];

            vstore_some(xhat + i, h, C - i);
            vstore_some(y + i, vfma(h, vsome(w + i, C - i), vsome(b + i, C - i)), C - i);
        }
    }
}

/* Forward: y = xhat w + b, xhat = (x - mean) rstd. With g = dy w: dx = rstd (g - mean(g) - xhat mean(g xhat)). */
static void layernorm_backward(real *dx, const real *dy, const real *xhat, const real *rstd, const real *w,
                               int n, int C) {
    for (int r = 0; r < n; r++, dx += C, dy += C, xhat += C) {
        vec sum = { 0 }, along = { 0 };
        real mean, slope;

        for (int i = 0; i < C; i += VL) {
            vec g = vsome(dy + i, C - i) * vsome(w + i, C - i);

            sum += g;
            along = vfma(g, vsome(xhat + i, C - i), along);
        }
        mean = vsum(sum) / (real)C;
        slope = vsum(along) / (real)C;
        for (int i = 0; i < C; i += VL) {
            vec g = vsome(dy + i, C - i) * vsome(w + i, C - i);

            vstore_some(dx + i, (g - mean - vsome(xhat + i, C - i) * slope) * rstd[r], C - i);
        }
    }
}

/* The normal distribution's Phi(x), and e = exp(-x^2/2): Abramowitz and Stegun 1964, 7.1.26, within 1e-7. */
INLINE vec normal_cdf(vec x, vec *e) {
    *e = vexp(x * x * -(real)0.5);
#ifdef REAL_DOUBLE
    for (int i = 0; i < VL; i++) x[i] = erfc(-x[i] * 0.70710678118654752) / 2;
    return x;
#else
    vec t = 1 / (vmax(x, -x) * (0.3275911f * 0.70710678f) + 1), p = vset(0.5f * 1.061405429f);

    p = vfma(p, t, vset(0.5f * -1.453152027f));
    p = vfma(p, t, vset(0.5f * 1.421413741f));
    p = vfma(p, t, vset(0.5f * -0.284496736f));
    p = vfma(p, t, vset(0.5f * 0.254829592f)) * t * *e;
    return vselect(x < vset(0), p, 1 - p);
#endif
}

static void gelu_forward(real *y, const real *x, int n) {
    for (int i = 0; i < n; i += VL) {
        vec v = vsome(x + i, n - i), e;

        vstore_some(y + i, v * normal_cdf(v, &e), n - i);
    }
}

/* Forward: y = x Phi(x), so y' = Phi(x) + x exp(-x^2/2) / sqrt(2 pi). */
static void gelu_backward(real *dx, const real *x, int n) {
    for (int i = 0; i < n; i += VL) {
        vec v = vsome(x + i, n - i), e, slope = normal_cdf(v, &e);

        slope = slope + v * e * (real)0.39894228040143268;
        vstore_some(dx + i, vsome(dx + i, n - i) * slope, n - i);
    }
}

typedef uint64_t drawvec __attribute__((vector_size(VECTOR_BYTES)));
typedef uint16_t halves __attribute__((vector_size(VL * 2)));

enum { DROP = VECTOR_BYTES / 2 };       /* elements that one vector of draws decides on */

/* rng_bits of indices first, first+1 ..., lane by lane. */
INLINE drawvec draw(uint64_t key, uint64_t first) {
    drawvec z;

    for (size_t i = 0; i < VECTOR_BYTES / 8; i++) z[i] = key ^ (first + i);
    z += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void dropout(real *x, int n, uint64_t key, uint64_t first, unsigned zeros) {
    real scale = (real)(65536.0 / (65536.0 - zeros));

    for (int i = 0; i < n; i += DROP, first += DROP / 4) {
        drawvec bits = draw(key, first);
        uint16_t u[DROP];

        memcpy(u, &bits, sizeof u);
        for (int j = 0; j < DROP && i + j < n; j += VL) {
            halves h;
            ivec kept;

            memcpy(&h, u + j, sizeof h);
            kept = __builtin_convertvector(h, ivec) >= (lane_int)zeros;
            vstore_some(x + i + j, vselect(kept, vsome(x + i + j, n - i - j) * scale, vset(0)), n - i - j);
        }
    }
}

/* Forward: p = softmax(s). ds = p (dp - sum(dp p)). */
static void weights_backward(real *ds, const real *p, int n) {
    real D = dot(ds, p, n);

    for (int i = 0; i < n; i += VL)
        vstore_some(ds + i, vsome(p + i, n - i) * (vsome(ds + i, n - i) - D), n - i);
}

static void column_sums(real *sum, const real *a, const real *b, int n, int C, size_t ld) {
    for (int i = 0; i < C; i += VL) {
        vec s = vsome(sum + i, C - i);

        if (b) for (int r = 0; r < n; r++) s = vfma(vsome(a + r * ld + i, C - i), vsome(b + r * ld + i, C - i), s);
        else for (int r = 0; r < n; r++) s += vsome(a + r * ld + i, C - i);
        vstore_some(sum + i, s, C - i);
    }
}

INLINE vec sigmoid(vec x) { return 1 / (vexp(-x) + 1); }

static void gru_forward(real *h, real *gates, const real *gi, const real *gh, int ld, const real *before,
                        int H) {
    for (int i = 0; i < H; i += VL) {
        int m = H - i;
        vec r = sigmoid(vsome(gi + i, m) + vsome(gh + i, m));
        vec z = sigmoid(vsome(gi + H + i, m) + vsome(gh + ld + i, m)), c = vsome(gh + 2 * ld + i, m);
        vec n = 2 * sigmoid(2 * vfma(r, c, vsome(gi + 2 * H + i, m))) - 1;

        vstore_some(gates + i, r, m);
        vstore_some(gates + H + i, z, m);
        vstore_some(gates + 2 * H + i, n, m);
        vstore_some(gates + 3 * H + i, c, m);
        vstore_some(h + i, n + z * (vsome(before + i, m) - n), m);
    }
}

/* Forward: h = (1 - z) n + z before, n = tanh(gi_n + r c); r and z are sigmoids, tanh' = 1 - n^2. */
static void gru_backward(real *gates, real *dh, const real *before, int H) {
    for (int i = 0; i < H; i += VL) {
        int m = H - i;
        vec r = vsome(gates + i, m), z = vsome(gates + H + i, m), n = vsome(gates + 2 * H + i, m);
        vec c = vsome(gates + 3 * H + i, m), d = vsome(dh + i, m), dn = d * (1 - z) * (1 - n * n);

        vstore_some(gates + i, dn * c * r * (1 - r), m);
        vstore_some(gates + H + i, d * (vsome(before + i, m) - n) * z * (1 - z), m);
        vstore_some(gates + 2 * H + i, dn, m);
        vstore_some(gates + 3 * H + i, dn * r, m);
        vstore_some(dh + i, d * z, m);
    }
}
