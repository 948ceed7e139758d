/* gemm — backward: tiles of fixed shape, each one call of OpenBLAS. */
#include "tensor/gemm.h"

#include <cblas.h>

#ifdef REAL_DOUBLE
#define GEMM cblas_dgemm
#else
#define GEMM cblas_sgemm
#endif

enum {
    ROW_TILE = 192,             /* of a product of OpenBLAS: long enough to pay for its packing */
    COL_TILE = 256
};

struct product {
    real *c;
    const real *a, *b;
    int M, N, K, ldy;
    int row_tile, col_tile, col_tiles;
    bool add;
};

void gemm_start(void) {
    openblas_set_num_threads(1);
}

const char *gemm_core(void) {
    return openblas_get_corename();
}

/* Columns of a tile. A narrow product is cut in two for the sake of two threads. */
static int column_tile(int N) {
    return N >= 2 * COL_TILE ? COL_TILE : N <= 64 ? N : (N + 63) / 64 * 32;
}

static int smaller(int a, int b) {
    return a < b ? a : b;
}

static void run_tiles(struct product *p, int rows, int cols, pool_task *task, struct pool *pool) {
    enum pool_part before = pool_part(pool, POOL_PRODUCTS);

    p->col_tiles = (cols + p->col_tile - 1) / p->col_tile;
    pool_run(pool, (rows + p->row_tile - 1) / p->row_tile * p->col_tiles, task, p);
    pool_part(pool, before);
}

static void input_tile(void *ctx, int task, int worker) {
    const struct product *p = ctx;
    int r = task / p->col_tiles * p->row_tile, k = task % p->col_tiles * p->col_tile;

    (void)worker;
    GEMM(CblasRowMajor, CblasNoTrans, CblasNoTrans, smaller(p->row_tile, p->M - r),
         smaller(p->col_tile, p->K - k), p->N, 1, p->a + (size_t)r * p->ldy, p->ldy, p->b + k, p->K,
         p->add ? 1 : 0, p->c + (size_t)r * p->K + k, p->K);
}

void gemm_backward_input(real *dx, const real *dy, int ldy, const real *w, int M, int N, int K, bool add,
                         struct pool *pool) {
    struct product p = { .c = dx, .a = dy, .b = w, .M = M, .N = N, .K = K, .ldy = ldy, .row_tile = ROW_TILE,
                         .col_tile = column_tile(K), .add = add };

    run_tiles(&p, M, K, input_tile, pool);
}

static void weight_tile(void *ctx, int task, int worker) {
    const struct product *p = ctx;
    int n = task / p->col_tiles * p->row_tile, k = task % p->col_tiles * p->col_tile;

    (void)worker;
    GEMM(CblasRowMajor, CblasTrans, CblasNoTrans, smaller(p->row_tile, p->N - n),
         smaller(p->col_tile, p->K - k), p->M, 1, p->a + n, p->ldy, p->b + k, p->K, 1,
         p->c + (size_t)n * p->K + k, p->K);
}

void gemm_backward_weight(real *dw, const real *dy, int ldy, const real *x, int M, int N, int K,
                          struct pool *pool) {
    struct product p = { .c = dw, .a = dy, .b = x, .M = M, .N = N, .K = K, .ldy = ldy,
                         .row_tile = column_tile(N), .col_tile = column_tile(K) };

    run_tiles(&p, N, K, weight_tile, pool);
}
