/* kernel_rows — kernels over rows of activations: norms, swiglu, rope, softmax over the vocabulary,
 * and over flat blocks: AdamW. Included after kernel_vec.h. */

static real dot(const real *a, const real *b, int n) {
    vec s0 = { 0 }, s1 = { 0 };
    int i = 0;

    for (; i + 2 * VL <= n; i += 2 * VL) {
        s0 = vfma(vload(a + i), vload(b + i), s0);
        s1 = vfma(vload(a + i + VL), vload(b + i + VL), s1);
    }
    for (; i + VL <= n; i += VL) s0 = vfma(vload(a + i), vload(b + i), s0);
    if (i < n) s1 = vfma(vload_tail(a + i, n - i, 0), vload_tail(b + i, n - i, 0), s1);
    return vsum(s0 + s1);
}

static void rmsnorm_row(real *y, const real *x, const real *w, real rstd, int C) {
    int i = 0;

    for (; i + VL <= C; i += VL) vstore(y + i, vload(x + i) * rstd * vload(w + i));
    for (; i < C; i++) y[i] = x[i] * rstd * w[i];
}

static void rmsnorm_forward(real *y, real *rstd, const real *x, const real *w, int n, int C, size_t ld,
                            real eps) {
    for (int r = 0; r < n; r++) {
        const real *xr = x + (size_t)r * ld;
        real s = (real)(1 / sqrt((double)(dot(xr, xr, C) / (real)C + eps)));

        rmsnorm_row(y + (size_t)r * ld, xr, w, s, C);
        if (rstd) rstd[r] = s;
    }
}

static void rmsnorm_again(real *y, const real *x, const real *w, const real *rstd, int n, int C) {
    for (int r = 0; r < n; r++) rmsnorm_row(y + (size_t)r * C, x + (size_t)r * C, w, rstd[r], C);
}

/* Forward: y = x rstd w. With g = dy w: dx = rstd (g - x rstd^2 mean(g x)), dw = dy x rstd. */
static void rmsnorm_backward(real *dx, real *dw, const real *dy, const real *x, const real *w,
                             const real *rstd, int n, int C) {
    for (int r = 0; r < n; r++, dx += C, dy += C, x += C) {
        real s = rstd[r], mean = 0;
        vec sum = { 0 };
        int i = 0;

        for (; i + VL <= C; i += VL) sum = vfma(vload(dy + i) * vload(w + i), vload(x + i), sum);
        for (; i < C; i++) mean += dy[i] * w[i] * x[i];
        mean = (mean + vsum(sum)) / (real)C * s * s;
        for (i = 0; i + VL <= C; i += VL) {
            vec g = vload(dy + i), xi = vload(x + i);

            vstore(dw + i, vfma(g, xi * s, vload(dw + i)));
            vstore(dx + i, vfma(g * vload(w + i) - xi * mean, vset(s), vload(dx + i)));
        }
        for (; i < C; i++) {
            dw[i] += dy[i] * x[i] * s;
            dx[i] += (dy[i] * w[i] - x[i] * mean) * s;
        }
    }
}

static void add(real *dst, const real *src, size_t n) {
    size_t i = 0;

    for (; i + VL <= n; i += VL) vstore(dst + i, vload(dst + i) + vload(src + i));
    for (; i < n; i++) dst[i] += src[i];
}

static void scale(real *dst, real a, size_t n) {
    size_t i = 0;

    for (; i + VL <= n; i += VL) vstore(dst + i, vload(dst + i) * a);
    for (; i < n; i++) dst[i] *= a;
}

static void axpy(real *dst, real a, const real *src, int n) {
    int i = 0;

    for (; i + VL <= n; i += VL) vstore(dst + i, vfma(vload(src + i), vset(a), vload(dst + i)));
    for (; i < n; i++) dst[i] += a * src[i];
}

INLINE vec silu(vec x) { return x / (vexp(-x) + 1); }

static void swiglu_forward(real *h, const real *gu, int n, int F) {
    for (int r = 0; r < n; r++, h += F, gu += 2 * (size_t)F) {
        const real *up = gu + F;
        int i = 0;

        for (; i + VL <= F; i += VL) vstore(h + i, silu(vload(gu + i)) * vload(up + i));
        if (i < F)
            vstore_tail(h + i, silu(vload_tail(gu + i, F - i, 0)) * vload_tail(up + i, F - i, 0), F - i);
    }
}

/* Forward: h = silu(g) u, silu(g) = g s with s = sigmoid(g). dg = dh u s (1 + g (1 - s)), du = dh g s. */
INLINE void swiglu_grad(vec *dg, vec *du, vec *h, vec dh, vec g, vec u) {
    vec s = 1 / (vexp(-g) + 1);
    vec silu_g = g * s;

    *h = silu_g * u;
    *dg = dh * u * (s + silu_g * (1 - s));
    *du = dh * silu_g;
}

static void swiglu_backward(real *dgu, real *h, const real *dh, const real *gu, int n, int F) {
    for (int r = 0; r < n; r++, h += F, dh += F, gu += 2 * (size_t)F, dgu += 2 * (size_t)F) {
        vec dg, du, hv;
        int i = 0, m;

        for (; i + VL <= F; i += VL) {
            swiglu_grad(&dg, &du, &hv, vload(dh + i), vload(gu + i), vload(gu + F + i));
            vstore(h + i, hv);
            vstore(dgu + i, dg);
            vstore(dgu + F + i, du);
        }
        if ((m = F - i) == 0) continue;
        swiglu_grad(&dg, &du, &hv, vload_tail(dh + i, m, 0), vload_tail(gu + i, m, 0),
                    vload_tail(gu + F + i, m, 0));
        vstore_tail(h + i, hv, m);
        vstore_tail(dgu + i, dg, m);
        vstore_tail(dgu + F + i, du, m);
    }
}

static void rope(real *x, const real *cosine, const real *sine, int half, real sign) {
    int i = 0;

    for (; i + VL <= half; i += VL) {
        vec a = vload(x + i), b = vload(x + half + i), c = vload(cosine + i), s = vload(sine + i) * sign;

        vstore(x + i, a * c - b * s);
        vstore(x + half + i, b * c + a * s);
    }
    for (; i < half; i++) {
        real a = x[i], b = x[half + i], s = sine[i] * sign;

        x[i] = a * cosine[i] - b * s;
        x[half + i] = b * cosine[i] + a * s;
    }
}

static real row_max(const real *x, int n) {
    vec m = vset(-INFINITY);
    int i = 0;

    for (; i + VL <= n; i += VL) m = vmax(vload(x + i), m);
    if (i < n) m = vmax(vload_tail(x + i, n - i, -INFINITY), m);
    return vmax_lane(m);
}

/* With t = x - max, e = exp(t), S = sum e: lse = max + log S; H = log S - sum(e t) / S. */
static real logsumexp(const real *x, int V, real *entropy) {
    real max = row_max(x, V), S, E;
    vec s = { 0 }, et = { 0 };
    double log_s;
    int i = 0;

    for (; i + VL <= V; i += VL) {
        vec t = vload(x + i) - max, e = vexp(t);

        s += e;
        et = vfma(e, t, et);
    }
    S = vsum(s);
    E = vsum(et);
    if (i < V) {
        vec t = vload_tail(x + i, V - i, max - 1000) - max, e = vexp(t);

        S += vsum(e);
        E += vsum(e * t);
    }
    log_s = log((double)S);
    if (entropy) *entropy = (real)(log_s - (double)E / (double)S);
    return (real)((double)max + log_s);
}

static double exponentials(double *w, const real *x, int n, double max, double scale) {
    double sum = 0;
    dvec s = { 0 }, e;
    int i = 0;

    for (; i + DL <= n; i += DL, s += e) {
        e = dexp((dvload(x + i) - max) * scale);
        memcpy(w + i, &e, sizeof e);
    }
    for (int k = 0; k < DL; k++) sum += s[k];
    for (; i < n; i++) {
        e = dexp((((double)x[i] - max) * scale) - (dvec){ 0 });
        sum += w[i] = e[0];
    }
    return sum;
}

INLINE vec softmax_grad(vec x, real lse, real coef, real dent, real H) {
    vec log_p = x - lse, p = vexp(log_p);

    return -p * (coef + dent * (vselect(log_p < vset(-1000), vset(-1000), log_p) + H));
}

static void softmax_backward(real *x, int V, real lse, real coef, real dent, real H) {
    int i = 0;

    for (; i + VL <= V; i += VL) vstore(x + i, softmax_grad(vload(x + i), lse, coef, dent, H));
    if (i < V)
        vstore_tail(x + i, softmax_grad(vload_tail(x + i, V - i, 0), lse, coef, dent, H), V - i);
}

static double sum_squares(const real *x, size_t n) {
    double sum = 0;

    for (size_t i = 0; i < n; i += 256) sum += (double)dot(x + i, x + i, n - i < 256 ? (int)(n - i) : 256);
    return sum;
}

INLINE vec vsqrt(vec x) {
#if !defined(REAL_DOUBLE) && VECTOR_BYTES == 64
    return (vec)_mm512_sqrt_ps((__m512)x);
#elif !defined(REAL_DOUBLE) && VECTOR_BYTES == 32
    return (vec)_mm256_sqrt_ps((__m256)x);
#else
    for (int i = 0; i < VL; i++) x[i] = (real)sqrt((double)x[i]);
    return x;
#endif
}

/* Loshchilov and Hutter 2019, algorithm 2, decay first as PyTorch does. n is a multiple of 16. */
static void adamw(real *p, real *m, real *v, const real *g, size_t n, const struct adamw_coef *c) {
    for (size_t i = 0; i < n; i += VL) {
        vec gi = vload(g + i) * c->clip, mi = vload(m + i), vi = vload(v + i), pi = vload(p + i);

        mi = mi * c->beta1 + gi * (1 - c->beta1);
        vi = vi * c->beta2 + gi * gi * (1 - c->beta2);
        pi = pi - pi * c->lr_decay;
        vstore(p + i, pi - mi * c->step / (vsqrt(vi * c->inv_bias2) + c->eps));
        vstore(m + i, mi);
        vstore(v + i, vi);
    }
}
