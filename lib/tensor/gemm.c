/* gemm — backward: tiles of fixed shape, each one call of OpenBLAS. */
#include "tensor/gemm.h"

#include <cblas.h>

#include "tensor/rows.h"

#ifdef REAL_DOUBLE
#define GEMM cblas_dgemm
#else
#define GEMM cblas_sgemm
#endif

enum {
    TILE = 384,                 /* most rows and columns of a product of OpenBLAS: what it packs is used so often */
    UNIT = 32, LEAST_TILE = 64, LEAST_TASKS = 8
};

struct product {
    real *c;
    const real *a, *b;
    int M, N, K, ldy;
    int row_tile, col_tile, col_tiles;      /* of c; the last: in a row of tiles */
    bool add;
};

void gemm_start(void) {
    openblas_set_num_threads(1);
}

const char *gemm_core(void) {
    return openblas_get_corename();
}

static int smaller(int a, int b) {
    return a < b ? a : b;
}

/* Tiles by the shape of c alone, large, but enough for some threads. */
static void run_tiles(struct product *p, int rows, int cols, pool_task *task, struct pool *pool) {
    enum pool_part before = pool_part(pool, POOL_PRODUCTS);

    p->row_tile = rows_alike(rows, TILE, UNIT);
    p->col_tile = rows_alike(cols, TILE, UNIT);
    while (rows_parts(rows, p->row_tile) * rows_parts(cols, p->col_tile) < LEAST_TASKS) {
        int *larger = p->row_tile < p->col_tile ? &p->col_tile : &p->row_tile;

        if (*larger <= LEAST_TILE) break;
        *larger /= 2;
    }
    p->col_tiles = rows_parts(cols, p->col_tile);
    pool_run(pool, rows_parts(rows, p->row_tile) * p->col_tiles, task, p);
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
    struct product p = { .c = dx, .a = dy, .b = w, .M = M, .N = N, .K = K, .ldy = ldy, .add = add };

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
    struct product p = { .c = dw, .a = dy, .b = x, .M = M, .N = N, .K = K, .ldy = ldy };

    run_tiles(&p, N, K, weight_tile, pool);
}
