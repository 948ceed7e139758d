/* kernels_net — the kernels of small networks, of each instruction set that this machine has, against plain
 * loops in double precision, for lengths that end within a vector; nothing behind a row is touched. */
#include "tensor/kernels.h"

#include <string.h>

#include "base/rng.h"
#include "check.h"

enum { MOST = 1200, GUARD = 16 };           /* reals of an array, and behind it */
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

static void check_layernorm(const struct kernels *k, int C) {
    struct array x = noise("x", 2 * C), w = noise("w", C), b = noise("b", C), y = x, h = noise("h", 2 * C);
    struct array dy = noise("dy", 2 * C), dx = dy;
    real rstd[2];

    k->layernorm_forward(y.x, h.x, rstd, y.x, w.x, b.x, 2, C, 1e-3f);
    k->layernorm_backward(dx.x, dx.x, h.x, rstd, w.x, 2, C);
    for (int r = 0; r < 2; r++) {
        double mean = 0, var = 0, s, g = 0, gh = 0;

        for (int i = 0; i < C; i++) mean += (double)x.x[r * C + i] / C;
        for (int i = 0; i < C; i++) var += pow((double)x.x[r * C + i] - mean, 2) / C;
        s = 1 / sqrt(var + 1e-3);
        CHECK_NEAR(rstd[r], s, 1e-5 * s);
        for (int i = 0; i < C; i++) {
            double hat = ((double)x.x[r * C + i] - mean) * s, gi = (double)dy.x[r * C + i] * (double)w.x[i];

            CHECK_NEAR(h.x[r * C + i], hat, 1e-5);
            CHECK_NEAR(y.x[r * C + i], hat * (double)w.x[i] + (double)b.x[i], 2e-5);
            g += gi / C;
            gh += gi * hat / C;
        }
        for (int i = 0; i < C; i++)
            CHECK_NEAR(dx.x[r * C + i],
                       s * ((double)dy.x[r * C + i] * (double)w.x[i] - g - (double)h.x[r * C + i] * gh), 1e-5 * (1 + s));
    }
    check_guard(&y, 2 * C);
    check_guard(&h, 2 * C);
    check_guard(&dx, 2 * C);
}

static void check_gelu(const struct kernels *k, int n) {
    struct array x = noise("x", n), y = noise("y", n), dx = noise("dx", n), d0 = dx;

    for (int i = 0; i < n; i++) x.x[i] *= 3;
    k->gelu_forward(y.x, x.x, n);
    k->gelu_backward(dx.x, x.x, n);
    check_guard(&y, n);
    check_guard(&dx, n);
    for (int i = 0; i < n; i++) {
        double v = (double)x.x[i], cdf = erfc(-v / sqrt(2)) / 2;

        CHECK_NEAR(y.x[i], v * cdf, 2e-6);
        CHECK_NEAR(dx.x[i], (double)d0.x[i] * (cdf + v * exp(-v * v / 2) / sqrt(2 * acos(-1))), 4e-6);
    }
}

/* The bits are those of rng_bits, with every set. */
static void check_dropout(const struct kernels *k, int n) {
    struct array x = noise("x", n), y = x;
    uint64_t key = rng_key(5, 6);

    k->dropout(y.x, n, key, 1000, 20000);
    check_guard(&y, n);
    for (int i = 0; i < n; i++) {
        unsigned bits = (unsigned)(rng_bits(5, 6, (uint64_t)(1000 + i / 4)) >> (16 * (i % 4))) & 0xffff;

        CHECK_NEAR(y.x[i], bits < 20000 ? 0 : (double)x.x[i] * (65536 / 45536.0), 1e-6);
    }
}

static void check_sums(const struct kernels *k, int C) {
    struct array a = noise("a", 3 * (C + 2)), b = noise("b", 3 * (C + 2)), s = noise("s", C), p = s, s0 = s;

    k->column_sums(s.x, a.x, NULL, 3, C, (size_t)C + 2);
    k->column_sums(p.x, a.x, b.x, 3, C, (size_t)C + 2);
    check_guard(&s, C);
    check_guard(&p, C);
    for (int i = 0; i < C; i++) {
        double sum = (double)s0.x[i], product = sum;

        for (int r = 0; r < 3; r++) {
            sum += (double)a.x[r * (C + 2) + i];
            product += (double)a.x[r * (C + 2) + i] * (double)b.x[r * (C + 2) + i];
        }
        CHECK_NEAR(s.x[i], sum, 2e-6);
        CHECK_NEAR(p.x[i], product, 2e-6);
    }
}

static void check_weights(const struct kernels *k, int n) {
    struct array p = noise("p", n), ds = noise("ds", n), d0 = ds;
    double D = 0;

    for (int i = 0; i < n; i++) p.x[i] = (real)fabs((double)p.x[i]) / (real)n;
    for (int i = 0; i < n; i++) D += (double)p.x[i] * (double)d0.x[i];
    k->weights_backward(ds.x, p.x, n);
    check_guard(&ds, n);
    for (int i = 0; i < n; i++) CHECK_NEAR(ds.x[i], (double)p.x[i] * ((double)d0.x[i] - D), 1e-6);
}

/* One row, its parts of gh two reals apart. */
static void check_gru(const struct kernels *k, int H) {
    struct array gi = noise("gi", 3 * H), gh = noise("gh", 3 * H + 4), h0 = noise("h0", H), h = noise("h", H);
    struct array gates = noise("gates", 4 * H), kept, dh = noise("dh", H), d0 = dh;

    k->gru_forward(h.x, gates.x, gi.x, gh.x, H + 2, h0.x, H);
    check_guard(&h, H);
    check_guard(&gates, 4 * H);
    kept = gates;
    k->gru_backward(gates.x, dh.x, h0.x, H);
    check_guard(&dh, H);
    check_guard(&gates, 4 * H);
    for (int i = 0; i < H; i++) {
        double r = sigmoid((double)gi.x[i] + (double)gh.x[i]), c = (double)gh.x[2 * (H + 2) + i];
        double z = sigmoid((double)gi.x[H + i] + (double)gh.x[H + 2 + i]), before = (double)h0.x[i];
        double n = tanh((double)gi.x[2 * H + i] + r * c), d = (double)d0.x[i], dn = d * (1 - z) * (1 - n * n);

        CHECK_NEAR(h.x[i], (1 - z) * n + z * before, 2e-6);
        CHECK_NEAR(kept.x[i], r, 1e-6);
        CHECK_NEAR(kept.x[H + i], z, 1e-6);
        CHECK_NEAR(kept.x[2 * H + i], n, 1e-6);
        CHECK(kept.x[3 * H + i] == gh.x[2 * (H + 2) + i]);
        CHECK_NEAR(gates.x[i], dn * c * r * (1 - r), 2e-6);
        CHECK_NEAR(gates.x[H + i], d * (before - n) * z * (1 - z), 2e-6);
        CHECK_NEAR(gates.x[2 * H + i], dn, 4e-6);
        CHECK_NEAR(gates.x[3 * H + i], dn * r, 4e-6);
        CHECK_NEAR(dh.x[i], d * z, 2e-6);
    }
}

int main(void) {
    static const char *const names[] = { "base", "avx2", "avx512" };

    for (size_t i = 0; i < sizeof names / sizeof *names * LENGTHS; i++) {
        const struct kernels *k = kernels_named(names[i / LENGTHS]);
        int n = lengths[i % LENGTHS];

        if (!k) continue;
        check_layernorm(k, n);
        check_gelu(k, n);
        check_dropout(k, n);
        check_sums(k, n);
        check_weights(k, n);
        check_gru(k, n);
    }
    return 0;
}
