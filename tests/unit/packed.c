/* packed — each instruction set's products with packed weights against plain loops; full precision has the bits
 * of gemm_forward; a row's bits do not depend on the other rows, nor on the number of threads. */
#include "tensor/packed.h"

#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "check.h"
#include "io/half.h"
#include "tensor/gemm.h"

static const char *const sets[] = { "base", "avx2", "avx512", "vnni", "bf16" };

/* Every ninth row is large, one is zero. */
static real *noise(int rows, int cols, const char *what) {
    struct rng r = rng_start(1, what, NULL);
    real *x = mem_aligned((size_t)rows * cols, sizeof *x);

    for (int i = 0; i < rows * cols; i++)
        x[i] = i / cols == 3 ? 0 : (real)(rng_normal(&r) * (i / cols % 9 == 2 ? 100 : 1));
    return x;
}

static void *room(enum packed_type type, int N, int K) {
    return mem_aligned(packed_size(type, N, K), 1);
}

/* x as a product of this type sees it. */
static void rounded(double *to, const real *x, int K, enum packed_type type) {
    for (int k = 0; k < K; k += PACKED_GROUP) {
        int n = K - k < PACKED_GROUP ? K - k : PACKED_GROUP;
        float top = 0;

        for (int i = k; i < k + n; i++) top = fmaxf(top, fabsf((float)x[i]));
        for (int i = k; i < k + n; i++)
            to[i] = type == PACKED_BF16 ? (double)bf16_widen(bf16_narrow(x[i]))
                  : top > 0 ? nearbyint((double)(x[i] * (127 / top))) * (double)(top / 127) : 0;
    }
}

/* Rows of one panel against plain loops over what packed_row gives. */
static void check_kernels(const struct packed_kernels *k, enum packed_type type, int M, int K) {
    real *w = noise(PACKED_COLS, K, "w"), *x = noise(M, K, "x"), *row = mem_alloc((size_t)K, sizeof *row), y[40 * 40];
    double *in = mem_alloc((size_t)K, sizeof *in);
    size_t bytes = type == PACKED_BF16 ? (size_t)(K + 1) / 2 * 2 * k->bf16_width : packed_scratch(type, 1, K);
    char *inputs = mem_aligned((size_t)M, bytes);
    struct pool *pool = pool_new(1);
    struct packed_matrix p;

    packed_make(&p, type, w, PACKED_COLS, K, room(type, PACKED_COLS, K), pool);
    for (int i = 0; i < 40 * 40; i++) y[i] = 77;
    if (type == PACKED_BF16) {
        for (int m = 0; m < M; m++) k->bf16_input(inputs + m * bytes, x + m * K, K);
        k->bf16_rows(y, 40, inputs, p.panels, M, K);
    } else {
        for (int m = 0; m < M; m++) k->int8_input((struct packed_bytes *)(inputs + m * bytes), x + m * K, K);
        k->int8_rows(y, 40, (struct packed_bytes *)inputs, p.panels, M, K);
    }
    for (int m = 0; m < M; m++) {
        rounded(in, x + m * K, K, type);
        for (int n = 0; n < PACKED_COLS; n++) {
            double sum = 0, size = 0;

            packed_row(&p, n, row);
            for (int i = 0; i < K; i++) {
                sum += in[i] * (double)row[i];
                size += fabs(in[i] * (double)row[i]);
            }
            CHECK_NEAR(y[m * 40 + n], sum, 1e-6 * size);
        }
        for (int n = PACKED_COLS; n < 40; n++) CHECK(y[m * 40 + n] == 77);
    }
    free(p.panels);
    pool_free(pool);
    free(w), free(x), free(row), free(in), free(inputs);
}

/* Rounding of weights: half a step of each type. */
static void check_weights(int N, int K) {
    real *w = noise(N, K, "w"), *row = mem_alloc((size_t)K, sizeof *row);
    struct pool *pool = pool_new(2);

    for (int type = PACKED_FP32; type < PACKED_TYPES; type++) {
        struct packed_matrix p;

        packed_make(&p, (enum packed_type)type, w, N, K, room((enum packed_type)type, N, K), pool);
        for (int n = 0; n < N; n++) {
            double top = 0;

            packed_row(&p, n, row);
            for (int i = 0; i < K; i++) top = fmax(top, fabs((double)w[n * K + i]));
            for (int i = 0; i < K; i++) {
                double x = (double)w[n * K + i];

                CHECK_NEAR(row[i], x, type == PACKED_FP32 ? 0 : type == PACKED_BF16 ? fabs(x) / 256 : top / 253.99);
            }
        }
        free(p.panels);
    }
    pool_free(pool);
    free(w), free(row);
}

/* One product whole and in pieces, by one to three threads. */
static void check_rows(int N, int K) {
    enum { M = 600 };
    static const int sizes[] = { 1, 2, 3, 5, 7, 8, 12, 13, 16, 25, 64, 505 };
    real *x = noise(M, K, "x"), *w = noise(N, K, "w"), *y = mem_calloc((size_t)M * N, sizeof *y);
    real *z = mem_calloc((size_t)M * N, sizeof *z);

    for (int t = 0; t < PACKED_TYPES * 3; t++) {
        enum packed_type type = (enum packed_type)(t / 3);
        void *scratch = mem_aligned(packed_scratch(type, M, K) + 1, 1);
        struct pool *pool = pool_new(1 + t % 3);
        struct packed_matrix p;

        packed_make(&p, type, w, N, K, room(type, N, K), pool);
        if (t == 0) gemm_forward(y, x, w, M, N, K, pool);
        else if (t % 3 == 0) packed_forward(y, x, &p, M, scratch, pool);
        packed_forward(z, x, &p, M, scratch, pool);
        if (memcmp(y, z, (size_t)M * N * sizeof *y)) fprintf(stderr, "N %d K %d: type %d threads %d\n", N, K, t / 3, 1 + t % 3);
        CHECK(!memcmp(y, z, (size_t)M * N * sizeof *y));
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (int at = 0; at + sizes[s] <= M; at += 97) {
                packed_forward(z, x + (size_t)at * K, &p, sizes[s], scratch, pool);
                if (memcmp(z, y + (size_t)at * N, (size_t)sizes[s] * N * sizeof *y)) fprintf(stderr, "N %d K %d type %d: rows %d from %d\n", N, K, t / 3, sizes[s], at);
                CHECK(!memcmp(z, y + (size_t)at * N, (size_t)sizes[s] * N * sizeof *y));
            }
        free(p.panels);
        pool_free(pool);
        free(scratch);
    }
    free(x), free(w), free(y), free(z);
}

int main(void) {
    static const int depths[] = { 1, 2, 5, 63, 64, 65, 72, 200, 576 };

    gemm_start();
    CHECK(packed_kernels_named("base") && !packed_kernels_named("none"));
    for (size_t s = 0; s < sizeof sets / sizeof *sets; s++)
        for (int M = 1; M <= 27; M += M < 14 ? 1 : 13)
            for (size_t d = 0; packed_kernels_named(sets[s]) && d < sizeof depths / sizeof *depths; d++) {
                check_kernels(packed_kernels_named(sets[s]), PACKED_BF16, M, depths[d]);
                check_kernels(packed_kernels_named(sets[s]), PACKED_INT8, M, depths[d]);
            }
    check_weights(70, 130);
    check_rows(331, 72);
    check_rows(96, 200);
    check_rows(64, 1000);
    return 0;
}
