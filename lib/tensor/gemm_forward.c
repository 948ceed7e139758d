/* gemm_forward — w is laid out in panels of PANEL of its rows, [K][PANEL], so that the kernel reads it
 * in order and keeps a tile of y in registers. A tile that goes over K in several turns takes up its
 * sums where it left them: the chain of each element is the same. */
#include <string.h>

#include "tensor/gemm.h"
#include "tensor/kernels.h"

enum {
    PANEL = 32,                 /* columns of y: two registers of AVX-512, two tiles of AVX2 */
    K_TURN = 512,               /* a panel's part in the second-level cache: 64 KiB */
    ROWS = 510,                 /* rows of y a task takes: 85 register tiles */
    ROWS_TURN = 60              /* rows of x that stay in cache while panels pass */
};

struct forward {
    real *y;
    const real *x, *w;
    int M, N, K, tiles;
};

static int smaller(int a, int b) {
    return a < b ? a : b;
}

static int panels_of(int N) {
    return (N + PANEL - 1) / PANEL;
}

/* Columns k .. k+turn-1 of rows n .. n+PANEL-1 of w[N,K], transposed; rows beyond N are zero. */
static void pack_panel(real *to, const real *w, int N, int K, int n, int k, int turn) {
    int cols = smaller(PANEL, N - n);

    if (cols < PANEL) memset(to, 0, (size_t)turn * PANEL * sizeof *to);
    for (int j = 0; j < cols; j += 4) {
        const real *r = w + (size_t)(n + j) * K + k;
        int some = smaller(4, cols - j);

        for (int i = 0; i < turn; i++)
            for (int c = 0; c < some; c++) to[(size_t)i * PANEL + j + c] = r[(size_t)c * K + i];
    }
}

/* Adds the products of `turn` columns of x to rows of y, for one panel. */
static void multiply(const struct forward *f, const struct kernels *k, const real *panel, int row, int rows,
                     int n, int at, int turn) {
    const real *x = f->x + (size_t)row * f->K + at;
    real *y = f->y + (size_t)row * f->N + n, edge[ROWS_TURN * PANEL] = { 0 };
    int cols = smaller(PANEL, f->N - n);

    if (cols == PANEL) {
        k->tile_mac(y, f->N, x, f->K, 1, panel, PANEL, rows, PANEL, turn);
        return;
    }
    for (int r = 0; r < rows; r++) memcpy(edge + r * PANEL, y + (size_t)r * f->N, cols * sizeof *y);
    k->tile_mac(edge, PANEL, x, f->K, 1, panel, PANEL, rows, PANEL, turn);
    for (int r = 0; r < rows; r++) memcpy(y + (size_t)r * f->N, edge + r * PANEL, cols * sizeof *y);
}

/* Rows of one task and one panel of columns. */
static void forward_tile(void *ctx, int task, int worker) {
    const struct forward *f = ctx;
    const struct kernels *k = kernels_get();
    int begin = task / f->tiles * ROWS, end = smaller(begin + ROWS, f->M), n = task % f->tiles * PANEL;
    real own[K_TURN * PANEL];

    (void)worker;
    for (int r = begin; r < end; r++)
        memset(f->y + (size_t)r * f->N + n, 0, smaller(PANEL, f->N - n) * sizeof *f->y);
    for (int at = 0; at < f->K; at += K_TURN) {
        int turn = smaller(K_TURN, f->K - at);

        pack_panel(own, f->w, f->N, f->K, n, at, turn);
        for (int r = begin; r < end; r += ROWS_TURN)
            multiply(f, k, own, r, smaller(ROWS_TURN, end - r), n, at, turn);
    }
}

void gemm_forward(real *y, const real *x, const real *w, int M, int N, int K, struct pool *pool) {
    struct forward f = { .y = y, .x = x, .w = w, .M = M, .N = N, .K = K, .tiles = panels_of(N) };
    enum pool_part before = pool_part(pool, POOL_PRODUCTS);

    pool_run(pool, (M + ROWS - 1) / ROWS * f.tiles, forward_tile, &f);
    pool_part(pool, before);
}
