/* kernels — each instruction set that this machine has, against plain loops in double precision,
 * for lengths that end within a vector; nothing behind a row is touched; exp within 2 ulp. */
#include "tensor/kernels.h"

#include <float.h>
#include <string.h>

#include "base/rng.h"
#include "check.h"

enum { MOST = 512, GUARD = 16 };            /* reals of an array, and behind it */
static const int lengths[] = { 1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 100, 257 };
enum { LENGTHS = sizeof lengths / sizeof *lengths };

struct array {
    real x[MOST + GUARD];
};

static struct array noise(const char *what, int n) {
    struct rng r = rng_start(1, what, NULL);
    struct array a;

    for (int i = 0; i < MOST + GUARD; i++) a.x[i] = i < n ? (real)rng_normal(&r) : 77;
    return a;
}

static void check_guard(const struct array *a, int n) {
    for (int i = n; i < n + GUARD; i++) CHECK(a->x[i] == 77);
}

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

/* Two rows, `gap` reals apart beyond their length. */
static void check_rmsnorm(const struct kernels *k, int C, int gap) {
    struct array x = noise("x", 2 * (C + gap)), w = noise("w", C), dy = noise("dy", 2 * C), y = x;
    struct array dx = noise("dx", 2 * C), dx0 = dx, dw = noise("dw", C), dw0 = dw, again = y;
    real rstd[2];

    k->rmsnorm_forward(y.x, rstd, y.x, w.x, 2, C, (size_t)(C + gap), 1e-5f);
    check_guard(&y, 2 * (C + gap));
    for (int r = 0; r < 2; r++) {
        const real *xr = x.x + r * (C + gap), *dyr = dy.x + r * C;
        double sum = 0, mean = 0, s;

        for (int i = 0; i < C; i++) sum += (double)xr[i] * (double)xr[i];
        s = 1 / sqrt(sum / C + 1e-5);
        CHECK_NEAR(rstd[r], s, 1e-6 * s);
        for (int i = 0; i < C; i++)
            CHECK_NEAR(y.x[r * (C + gap) + i], (double)xr[i] * s * (double)w.x[i], 1e-5);
        for (int i = 0; i < gap; i++) CHECK(y.x[r * (C + gap) + C + i] == xr[C + i]);
        k->rmsnorm_again(again.x, xr, w.x, rstd + r, 1, C);
        CHECK(!memcmp(again.x, y.x + r * (C + gap), (size_t)C * sizeof(real)));
        for (int i = 0; i < C; i++) mean += (double)dyr[i] * (double)w.x[i] * (double)xr[i];
        mean *= s * s / C;
        k->rmsnorm_backward(dx.x + r * C, dw.x, dyr, xr, w.x, rstd + r, 1, C);
        for (int i = 0; i < C; i++) {
            double add = s * ((double)dyr[i] * (double)w.x[i] - (double)xr[i] * mean);

            CHECK_NEAR(dx.x[r * C + i] - dx0.x[r * C + i], add, 1e-5 * (1 + s));
            CHECK_NEAR(dw.x[i] - dw0.x[i], (double)dyr[i] * (double)xr[i] * s, 1e-5 * (1 + s));
        }
        dw0 = dw;
    }
    check_guard(&dx, 2 * C);
    check_guard(&dw, C);
}

static void check_swiglu(const struct kernels *k, int F) {
    struct array gu = noise("gu", 2 * F), dgu = noise("dgu", 2 * F);
    struct array h = noise("h", F), again = noise("again", F), dh = noise("dh", F);

    k->swiglu_forward(h.x, gu.x, 1, F);
    k->swiglu_backward(dgu.x, again.x, dh.x, gu.x, 1, F);
    check_guard(&h, F);
    check_guard(&again, F);
    check_guard(&dgu, 2 * F);
    for (int i = 0; i < F; i++) {
        double g = (double)gu.x[i], u = (double)gu.x[F + i], d = (double)dh.x[i], s = sigmoid(g);

        CHECK_NEAR(h.x[i], g * s * u, 2e-6);
        CHECK_NEAR(again.x[i], g * s * u, 2e-6);
        CHECK_NEAR(dgu.x[i], d * u * s * (1 + g * (1 - s)), 4e-6);
        CHECK_NEAR(dgu.x[F + i], d * g * s, 2e-6);
    }
}

/* There and back again. */
static void check_rope(const struct kernels *k, int half) {
    struct array x = noise("x", 2 * half), y = x, c = noise("c", half), s = noise("s", half);

    for (int i = 0; i < half; i++) {
        double angle = (double)c.x[i];

        c.x[i] = (real)cos(angle);
        s.x[i] = (real)sin(angle);
    }
    k->rope(y.x, c.x, s.x, half, 1);
    check_guard(&y, 2 * half);
    for (int i = 0; i < half; i++) {
        double a = (double)x.x[i], b = (double)x.x[half + i];
        double ci = (double)c.x[i], si = (double)s.x[i];

        CHECK_NEAR(y.x[i], a * ci - b * si, 1e-6);
        CHECK_NEAR(y.x[half + i], b * ci + a * si, 1e-6);
    }
    k->rope(y.x, c.x, s.x, half, -1);
    for (int i = 0; i < 2 * half; i++) CHECK_NEAR(y.x[i], x.x[i], 2e-6);
}

static void check_softmax(const struct kernels *k, int V) {
    struct array z = noise("z", V), dz;
    real lse, H;
    double sum = 0, entropy = 0;

    for (int i = 0; i < V; i++) z.x[i] *= 4;
    for (int i = 0; i < V; i++) sum += exp((double)z.x[i]);
    for (int i = 0; i < V; i++) entropy += exp((double)z.x[i]) / sum * (log(sum) - (double)z.x[i]);
    lse = k->logsumexp(z.x, V, &H);
    CHECK_NEAR(lse, log(sum), 2e-6);
    CHECK_NEAR(H, entropy, 2e-6);
    CHECK(k->logsumexp(z.x, V, NULL) == lse);
    dz = z;
    k->softmax_backward(dz.x, V, lse, 0.7f, -0.3f, H);
    check_guard(&dz, V);
    for (int i = 0; i < V; i++) {
        double log_p = (double)z.x[i] - log(sum);

        CHECK_NEAR(dz.x[i], -exp(log_p) * (0.7 - 0.3 * (log_p + entropy)), 2e-6);
    }
}

/* C[M,32] += A B, and = A B, with A as it lies and transposed. */
static void check_mac(const struct kernels *k, int M, int K) {
    enum { N = 32 };
    static real a[MOST * 2], b[64 * N], c[16 * N], want[16 * N];
    struct rng r = rng_start(2, "mac", NULL);

    for (int i = 0; i < MOST * 2; i++) a[i] = (real)rng_normal(&r);
    for (int i = 0; i < 64 * N; i++) b[i] = (real)rng_normal(&r);
    for (int way = 0; way < 4; way++) {
        int turned = way % 2, add = way / 2;

        for (int i = 0; i < 16 * N; i++) want[i] = c[i] = (real)rng_normal(&r);
        k->tile_mac(c, N, a, turned ? 1 : (size_t)K, turned ? (size_t)M : 1, b, N, M, N, K, add);
        for (int m = 0; m < M; m++)
            for (int n = 0; n < N; n++) {
                double s = add ? (double)want[m * N + n] : 0;

                for (int i = 0; i < K; i++)
                    s += (double)a[turned ? i * M + m : m * K + i] * (double)b[i * N + n];
                CHECK_NEAR(c[m * N + n], s, 2e-5);
            }
        CHECK(!memcmp(c + M * N, want + M * N, (size_t)(16 - M) * N * sizeof *c));
    }
}

/* Weights of a softmax over three blocks of 32, the last one partly valid. */
static void check_online(const struct kernels *k) {
    enum { BLOCKS = 3, B = 32, LEFT = 5, VALID = 2 * B + LEFT };
    real s[BLOCKS * B], p[BLOCKS * B], ds[B], ds0[B], *last = p + 2 * B, m = -INFINITY, l = 0;
    struct rng r = rng_start(3, "online", NULL);
    double sum = 0, scaled = 0;

    for (int i = 0; i < BLOCKS * B; i++) s[i] = p[i] = (real)(5 * rng_normal(&r));
    for (int i = 0; i < VALID; i++) sum += exp((double)s[i]);
    for (int b = 0; b < BLOCKS; b++) {
        real factor = k->softmax_block(p + b * B, B, b < 2 ? B : LEFT, &m, &l);

        CHECK(b ? factor > 0 && factor <= 1 : factor == 0);
        scaled *= (double)factor;
        for (int i = 0; i < B; i++) scaled += (double)p[b * B + i];
    }
    CHECK_NEAR((double)m + log((double)l), log(sum), 2e-6);
    CHECK_NEAR(l, scaled, 1e-5 * scaled);
    memcpy(last, s + 2 * B, B * sizeof *last);
    for (int i = 0; i < B; i++) ds[i] = ds0[i] = (real)rng_normal(&r);
    k->softmax_block_backward(last, ds, B, LEFT, (real)log(sum), 0.25f);
    for (int i = 0; i < B; i++) {
        double want = i < LEFT ? exp((double)s[2 * B + i]) / sum : 0;

        CHECK_NEAR(last[i], want, 1e-5 * want);
        CHECK_NEAR(ds[i], (double)last[i] * ((double)ds0[i] - 0.25), 1e-6 * want);
    }
}

/* exp, seen through the weights of a softmax whose largest entry is 0. */
static void check_exp(const struct kernels *k) {
    for (int i = 0; i < 100000; i += 15) {
        real x[16] = { 0 }, e[16], m = -INFINITY, l = 0;

        for (int j = 1; j < 16; j++) x[j] = (real)(-87.2 * (i + j) / 100016);
        memcpy(e, x, sizeof e);
        k->softmax_block(e, 16, 16, &m, &l);
        for (int j = 0; j < 16; j++) {
            double want = exp((double)x[j]);

            CHECK_NEAR(e[j], want, 2 * (double)FLT_EPSILON * want);
        }
    }
}

/* Within 2 ulp, down to the last number above 0; the same bits with every set; nothing behind a row. */
static void check_exponentials(const struct kernels *k) {
    double w[36], same[36];

    for (int i = 0; i < 40000; i++) {
        double sum = 0, got;
        real x[33];
        int n = 1 + i % 33;

        for (int j = 0; j < n; j++) x[j] = (real)(5 - 760.0 * (i % 2 ? i + j / 40.0 : i * j / 1e3) / 40000);
        x[n - 1] = i % 7 ? x[n - 1] : i % 2 ? -INFINITY : 5;
        w[n] = 77;
        got = k->exponentials(w, x, n, 5, 1.5);
        kernels_named("base")->exponentials(same, x, n, 5, 1.5);
        CHECK(w[n] == 77 && !memcmp(w, same, (size_t)n * sizeof *w));
        for (int j = 0; j < n; j++) {
            double want = exp(((double)x[j] - 5) * 1.5);

            CHECK_NEAR(w[j], want, fmax(2 * DBL_EPSILON * want, 5e-324));
            sum += w[j];
        }
        CHECK_NEAR(got, sum, 1e-14 * sum);
    }
    CHECK(isnan(k->exponentials(w, &(const real){ NAN }, 1, 0, 1)) && isnan(w[0]));
}

static void check_sums(const struct kernels *k, int n) {
    struct array a = noise("a", n), b = noise("b", n), c = a;
    double dot = 0, squares = 0;

    for (int i = 0; i < n; i++) dot += (double)a.x[i] * (double)b.x[i];
    for (int i = 0; i < n; i++) squares += (double)a.x[i] * (double)a.x[i];
    CHECK_NEAR(k->dot(a.x, b.x, n), dot, 1e-5);
    CHECK_NEAR(k->sum_squares(a.x, (size_t)n), squares, 1e-6 * squares);
    k->add(c.x, b.x, (size_t)n);
    for (int i = 0; i < n; i++) CHECK(c.x[i] == a.x[i] + b.x[i]);
    k->scale(c.x, 0.3f, (size_t)n);
    for (int i = 0; i < n; i++) CHECK(c.x[i] == (a.x[i] + b.x[i]) * 0.3f);
    check_guard(&c, n);
    c = a;
    k->axpy(c.x, 0.3f, b.x, n);
    for (int i = 0; i < n; i++) CHECK_NEAR(c.x[i], (double)a.x[i] + (double)0.3f * (double)b.x[i], 1e-6);
    check_guard(&c, n);
}

static void check_adamw(const struct kernels *k) {
    enum { N = 48 };
    const struct adamw_coef c = { 0.001f, 0.5f, 0.9f, 0.95f, 0.02f, 3, 1e-5f };
    struct array p = noise("p", N), m = noise("m", N), v = noise("v", N), g = noise("g", N);
    struct array p0 = p, m0 = m, v0;

    for (int i = 0; i < N; i++) v.x[i] *= v.x[i];
    v0 = v;
    k->adamw(p.x, m.x, v.x, g.x, N, &c);
    for (int i = 0; i < N; i++) {
        double gi = 0.5 * (double)g.x[i], mi = 0.9 * (double)m0.x[i] + 0.1 * gi;
        double vi = 0.95 * (double)v0.x[i] + 0.05 * gi * gi;

        CHECK_NEAR(m.x[i], mi, 1e-6);
        CHECK_NEAR(v.x[i], vi, 1e-6);
        CHECK_NEAR(p.x[i], 0.999 * (double)p0.x[i] - 0.02 * mi / (sqrt(3 * vi) + 1e-5), 1e-6);
    }
    check_guard(&p, N);
    check_guard(&m, N);
    check_guard(&v, N);
}

static void check_set(const struct kernels *k) {
    for (int i = 0; i < LENGTHS; i++) {
        int n = lengths[i];

        if (2 * n + 6 <= MOST) check_rmsnorm(k, n, 0);
        if (2 * n + 6 <= MOST) check_rmsnorm(k, n, 3);
        if (2 * n <= MOST) check_swiglu(k, n);
        if (2 * n <= MOST) check_rope(k, n);
        check_softmax(k, n);
        check_sums(k, n);
    }
    for (int M = 1; M <= 15; M++)
        for (int K = 1; K <= 61; K += 12) check_mac(k, M, K);
    check_online(k);
    check_exp(k);
    check_exponentials(k);
    check_adamw(k);
}

int main(void) {
    static const char *const names[] = { "base", "avx2", "avx512" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct kernels *k = kernels_named(names[i]);

        if (k) CHECK(!strcmp(k->name, names[i]));
        if (k) check_set(k);
    }
    CHECK(kernels_named("base") && !kernels_named("none"));
    CHECK(kernels_named(kernels_get()->name) == kernels_get());
    return 0;
}
