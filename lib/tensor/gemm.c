/* gemm — tiles of fixed shape, each one call of OpenBLAS. */
#include "tensor/gemm.h"

#include <assert.h>
#include <cblas.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#ifdef REAL_DOUBLE
#define GEMM cblas_dgemm
#else
#define GEMM cblas_sgemm
#endif

enum {
    ROW_TILE = 16 * GEMM_UNIT,      /* rows of a tile: long enough to pay for packing the other side */
    COL_TILE = 256                  /* columns of a tile of a wide product */
};

struct product {
    real *c;
    const real *a, *b;
    int M, N, K;
    int row_tile, col_tile, col_tiles;
    bool add;
};

int gemm_rows(int M) {
    return (M + GEMM_UNIT - 1) / GEMM_UNIT * GEMM_UNIT;
}

void gemm_start(void) {
    openblas_set_num_threads(1);
}

const char *gemm_core(void) {
    return openblas_get_corename();
}

/* Columns of a tile: a function of N alone, so that an element's place in its tile never changes. A
 * narrow product is cut in two for the sake of two threads. */
static int column_tile(int N) {
    return N >= 2 * COL_TILE ? COL_TILE : N <= 64 ? N : (N + 63) / 64 * 32;
}

static int smaller(int a, int b) {
    return a < b ? a : b;
}

static void run_tiles(struct product *p, int rows, int cols, pool_task *task, struct pool *pool) {
    p->col_tiles = (cols + p->col_tile - 1) / p->col_tile;
    pool_run(pool, (rows + p->row_tile - 1) / p->row_tile * p->col_tiles, task, p);
}

static void forward_tile(void *ctx, int task, int worker) {
    const struct product *p = ctx;
    int r = task / p->col_tiles * p->row_tile, n = task % p->col_tiles * p->col_tile;

    (void)worker;
    GEMM(CblasRowMajor, CblasNoTrans, CblasTrans, smaller(p->row_tile, p->M - r),
         smaller(p->col_tile, p->N - n), p->K, 1, p->a + (size_t)r * p->K, p->K,
         p->b + (size_t)n * p->K, p->K, 0, p->c + (size_t)r * p->N + n, p->N);
}

void gemm_forward(real *y, const real *x, const real *w, int M, int N, int K, struct pool *pool) {
    struct product p = { .c = y, .a = x, .b = w, .M = gemm_rows(M), .N = N, .K = K,
                         .row_tile = ROW_TILE, .col_tile = column_tile(N) };

    run_tiles(&p, p.M, N, forward_tile, pool);
}

static void input_tile(void *ctx, int task, int worker) {
    const struct product *p = ctx;
    int r = task / p->col_tiles * p->row_tile, k = task % p->col_tiles * p->col_tile;

    (void)worker;
    GEMM(CblasRowMajor, CblasNoTrans, CblasNoTrans, smaller(p->row_tile, p->M - r),
         smaller(p->col_tile, p->K - k), p->N, 1, p->a + (size_t)r * p->N, p->N, p->b + k, p->K,
         p->add ? 1 : 0, p->c + (size_t)r * p->K + k, p->K);
}

void gemm_backward_input(real *dx, const real *dy, const real *w, int M, int N, int K, bool add,
                         struct pool *pool) {
    struct product p = { .c = dx, .a = dy, .b = w, .M = M, .N = N, .K = K, .row_tile = ROW_TILE,
                         .col_tile = column_tile(K), .add = add };

    run_tiles(&p, M, K, input_tile, pool);
}

static void weight_tile(void *ctx, int task, int worker) {
    const struct product *p = ctx;
    int n = task / p->col_tiles * p->row_tile, k = task % p->col_tiles * p->col_tile;

    (void)worker;
    GEMM(CblasRowMajor, CblasTrans, CblasNoTrans, smaller(p->row_tile, p->N - n),
         smaller(p->col_tile, p->K - k), p->M, 1, p->a + n, p->N, p->b + k, p->K, 1,
         p->c + (size_t)n * p->K + k, p->K);
}

void gemm_backward_weight(real *dw, const real *dy, const real *x, int M, int N, int K,
                          struct pool *pool) {
    struct product p = { .c = dw, .a = dy, .b = x, .M = M, .N = N, .K = K,
                         .row_tile = column_tile(N), .col_tile = column_tile(K) };

    run_tiles(&p, N, K, weight_tile, pool);
}

/* Rows of one shape in calls of several sizes against calls of one unit. */
static bool shape_stable(int N, int K) {
    static const int sizes[] = { 2 * GEMM_UNIT, 5 * GEMM_UNIT, ROW_TILE };
    size_t n_x = (size_t)ROW_TILE * K, n_w = (size_t)N * K, n_y = (size_t)ROW_TILE * N;
    real *x = mem_aligned(n_x + n_w + 2 * n_y, sizeof *x), *w = x + n_x, *y = w + n_w, *want = y + n_y;
    bool same = true;

    for (size_t i = 0; i < n_x + n_w; i++) x[i] = (real)((i * 2654435761u) % 1009) / 1009 - (real)0.5;
    for (int r = 0; r < ROW_TILE; r += GEMM_UNIT)
        GEMM(CblasRowMajor, CblasNoTrans, CblasTrans, GEMM_UNIT, N, K, 1, x + (size_t)r * K, K, w, K, 0,
             want + (size_t)r * N, N);
    for (int s = 0; s < 3; s++) {
        GEMM(CblasRowMajor, CblasNoTrans, CblasTrans, sizes[s], N, K, 1, x, K, w, K, 0, y, N);
        same = same && !memcmp(y, want, (size_t)sizes[s] * N * sizeof *y);
    }
    free(x);
    return same;
}

bool gemm_rows_stable(void) {
    return shape_stable(64, 64) && shape_stable(96, 172) && shape_stable(192, 576);
}
