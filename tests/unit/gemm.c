/* gemm — products against a plain loop; a row's bits do not depend on the other rows; nothing depends on
 * the number of threads. Products of bf16 are exact where the factors are such numbers; their inner loops
 * against plain C. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "io/half.h"
#include "tensor/bf16.h"
#include "tensor/products.h"

static real *noise(size_t n, const char *what) {
    struct rng r = rng_start(1, what, NULL);
    real *x = mem_aligned(n, sizeof *x);

    for (size_t i = 0; i < n; i++) x[i] = (real)rng_normal(&r);
    return x;
}

/* The nearest numbers of bf16. */
static real *rounded(real *x, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = (real)bf16_widen(bf16_narrow((float)x[i]));
    return x;
}

static void check_near(const real *got, const real *want, size_t n, double tol) {
    for (size_t i = 0; i < n; i++) CHECK_NEAR(got[i], want[i], tol);
}

static real plain_sum(const real *a, int a_step, const real *b, int b_step, int n) {
    double s = 0;

    for (int i = 0; i < n; i++) s += (double)a[i * a_step] * (double)b[i * b_step];
    return (real)s;
}

/* The three products, plainly. */
static void naive(real *y, real *dx, real *dw, const real *x, const real *w, const real *dy, int M, int N,
                  int K) {
    for (int m = 0; m < M; m++) {
        for (int n = 0; n < N; n++) y[m * N + n] = plain_sum(x + m * K, 1, w + n * K, 1, K);
        for (int k = 0; k < K; k++) dx[m * K + k] = plain_sum(dy + m * N, 1, w + k, K, N);
    }
    for (int n = 0; n < N; n++)
        for (int k = 0; k < K; k++) dw[n * K + k] = plain_sum(dy + n, N, x + k, K, M);
}

static void check_products(const struct products *g, int M, int N, int K) {
    size_t rows = (size_t)M;
    real *x = noise(rows * K, "x"), *w = noise((size_t)N * K, "w"), *dy = noise((size_t)M * N, "dy");
    real *y = mem_calloc(rows * N, sizeof *y), *dx = mem_calloc((size_t)M * K, sizeof *dx);
    real *dw = mem_calloc((size_t)N * K, sizeof *dw), *y1 = mem_calloc(rows * N, sizeof *y1);
    real *dx1 = mem_calloc((size_t)M * K, sizeof *dx1), *dw1 = mem_calloc((size_t)N * K, sizeof *dw1);

    if (g == &products_bf16) rounded(x, rows * K), rounded(w, (size_t)N * K), rounded(dy, rows * N);
    naive(y, dx, dw, x, w, dy, M, N, K);
    for (int threads = 1; threads <= 3; threads++) {
        struct pool *pool = pool_new(threads);
        real *y2 = mem_calloc(rows * N, sizeof *y2), *dx2 = mem_calloc((size_t)M * K, sizeof *dx2);
        real *dw2 = mem_calloc((size_t)N * K, sizeof *dw2);

        g->forward(y2, x, w, M, N, K, pool);
        g->backward_input(dx2, dy, N, w, M, N, K, false, pool);
        g->backward_weight(dw2, dy, N, x, M, N, K, pool);
        if (threads == 1) {
            check_near(y2, y, (size_t)M * N, 1e-3);
            check_near(dx2, dx, (size_t)M * K, 1e-3);
            check_near(dw2, dw, (size_t)N * K, 1e-3);
            memcpy(y1, y2, rows * N * sizeof *y);
            memcpy(dx1, dx2, (size_t)M * K * sizeof *dx);
            memcpy(dw1, dw2, (size_t)N * K * sizeof *dw);
        }
        CHECK(!memcmp(y1, y2, (size_t)M * N * sizeof *y));
        CHECK(!memcmp(dx1, dx2, (size_t)M * K * sizeof *dx));
        CHECK(!memcmp(dw1, dw2, (size_t)N * K * sizeof *dw));
        g->backward_input(dx2, dy, N, w, M, N, K, true, pool);
        for (size_t i = 0; i < (size_t)M * K; i++) CHECK_NEAR(dx2[i], 2 * dx[i], 1e-3);
        free(y2), free(dx2), free(dw2);
        pool_free(pool);
    }
    free(x), free(w), free(dy), free(y), free(dx), free(dw), free(y1), free(dx1), free(dw1);
}

/* Row r of a product of many rows, computed again as a row of products of other sizes. */
static void check_rows(int N, int K) {
    enum { M = 500 };
    static const int sizes[] = { 1, 2, 5, 11, 12, 13, 24, 47, 64, 100, 191, 192, 193, 400 };
    struct pool *pool = pool_new(1);
    real *x = noise((size_t)M * K, "x"), *w = noise((size_t)N * K, "w");
    real *y = mem_calloc((size_t)M * N, sizeof *y), *z = mem_calloc((size_t)M * N, sizeof *z);

    gemm_forward(y, x, w, M, N, K, pool);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int at = 0; at + sizes[s] <= M; at += 37) {
            gemm_forward(z, x + (size_t)at * K, w, sizes[s], N, K, pool);
            if (memcmp(z, y + (size_t)at * N, (size_t)sizes[s] * N * sizeof *y))
                fprintf(stderr, "N %d K %d: rows %d from %d\n", N, K, sizes[s], at);
            CHECK(!memcmp(z, y + (size_t)at * N, (size_t)sizes[s] * N * sizeof *y));
        }
    free(x), free(w), free(y), free(z);
    pool_free(pool);
}

static void check_bf16_kernels(void) {
    enum { N = 70, PAIRS = 9, ROWS = 2 * BF16_ROWS + 3 };
    const struct bf16_kernels *k = bf16_get(), *plain = &bf16_base;
    real *x = noise(N, "x"), *y = noise(N, "y"), *c = noise(ROWS * BF16_COLUMNS, "c");
    real *d = noise(ROWS * BF16_COLUMNS, "c"), *values = noise(2 * PAIRS * (ROWS + BF16_COLUMNS), "pairs");
    uint32_t one[N], two[N], a[PAIRS * ROWS], b[PAIRS * BF16_COLUMNS];

    k->along(one, x, N), plain->along(two, x, N);
    CHECK(!memcmp(one, two, N / 2 * sizeof *one) && (one[0] & 0xffff) == bf16_narrow((float)x[0]));
    for (int i = 0; i < 2; i++) {
        k->across(one, x, i ? y : NULL, N), plain->across(two, x, i ? y : NULL, N);
        CHECK(!memcmp(one, two, sizeof one) && one[3] >> 16 == (i ? bf16_narrow((float)y[3]) : 0));
    }
    plain->along(a, values, 2 * PAIRS * ROWS);
    plain->along(b, values + 2 * PAIRS * ROWS, 2 * PAIRS * BF16_COLUMNS);
    for (int rows = 1; rows <= ROWS; rows++)
        for (int add = 0; add < 2; add++) {
            k->mac(c, BF16_COLUMNS, a, PAIRS, 1, b, rows, PAIRS, add);
            plain->mac(d, BF16_COLUMNS, a, PAIRS, 1, b, rows, PAIRS, add);
            check_near(c, d, ROWS * BF16_COLUMNS, 1e-5);
        }
    free(x), free(y), free(c), free(d), free(values);
}

int main(void) {
    static const struct products *const kinds[] = { &products_exact, &products_bf16 };
    static const int shapes[][2] = { { 64, 64 }, { 331, 72 }, { 200, 72 }, { 72, 100 }, { 72, 120 }, { 200, 40 },
                                     { 192, 192 }, { 512, 256 }, { 256, 512 }, { 1000, 192 }, { 576, 1536 },
                                     { 33, 17 }, { 4000, 64 } };

    gemm_start();
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) check_rows(shapes[i][0], shapes[i][1]);
    for (int i = 0; i < 2; i++) {
        check_products(kinds[i], 1, 7, 5);
        check_products(kinds[i], 30, 64, 48);
        check_products(kinds[i], 250, 331, 72);
        check_products(kinds[i], 33, 600, 300);
        check_products(kinds[i], 21, 2700, 1601);
    }
    check_bf16_kernels();
    return 0;
}
