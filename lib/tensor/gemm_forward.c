/* gemm_forward — w is laid out in panels of GEMM_PANEL of its rows, [K][GEMM_PANEL], so that the kernel reads it
 * in order and keeps a tile of y in registers. A tile that goes over K in several turns takes up its
 * sums where it left them: the chain of each element is the same. */
#include <stdint.h>
#include <string.h>

#include "tensor/gemm.h"
#include "tensor/kernels.h"
#include "tensor/rows.h"

enum {
    K_TURN = 1536,              /* a panel's part in the second-level cache: 192 KiB */
    ROWS = 2040,                /* rows of y a task takes at most: a panel is laid out once for them */
    TILE = 12,                  /* rows of a register tile */
    ROWS_TURN = 60              /* rows of x that stay in cache while panels pass */
};

struct forward {
    real *y;
    const real *x, *w;
    int M, N, K, tiles, rows;
};

static int smaller(int a, int b) {
    return a < b ? a : b;
}

#ifdef REAL_DOUBLE
typedef int64_t lane;
#else
typedef int32_t lane;
#endif

/* to[4,GEMM_PANEL] = the transpose of w[4,4], rows ldw apart. */
static void transpose(real *to, const real *w, size_t ldw) {
    typedef real quad __attribute__((vector_size(4 * sizeof(real))));
    typedef real quad_any __attribute__((vector_size(4 * sizeof(real)), aligned(sizeof(real)), may_alias));
    typedef lane lanes __attribute__((vector_size(4 * sizeof(lane))));
    const lanes low = { 0, 4, 1, 5 }, high = { 2, 6, 3, 7 }, first = { 0, 1, 4, 5 }, last = { 2, 3, 6, 7 };
    quad r[4], a, b, c, d;

    for (int i = 0; i < 4; i++) r[i] = *(const quad_any *)(w + i * ldw);
    a = __builtin_shuffle(r[0], r[1], low);
    b = __builtin_shuffle(r[0], r[1], high);
    c = __builtin_shuffle(r[2], r[3], low);
    d = __builtin_shuffle(r[2], r[3], high);
    *(quad_any *)to = __builtin_shuffle(a, c, first);
    *(quad_any *)(to + GEMM_PANEL) = __builtin_shuffle(a, c, last);
    *(quad_any *)(to + 2 * GEMM_PANEL) = __builtin_shuffle(b, d, first);
    *(quad_any *)(to + 3 * GEMM_PANEL) = __builtin_shuffle(b, d, last);
}

void gemm_panel(real *to, const real *w, size_t ldw, int rows, int K) {
    int j = 0;

    if (rows < GEMM_PANEL) memset(to, 0, (size_t)K * GEMM_PANEL * sizeof *to);
    for (int k; j + 4 <= rows; j += 4) {
        for (k = 0; k + 4 <= K; k += 4) transpose(to + (size_t)k * GEMM_PANEL + j, w + j * ldw + k, ldw);
        for (; k < K; k++)
            for (int c = j; c < j + 4; c++) to[(size_t)k * GEMM_PANEL + c] = w[c * ldw + k];
    }
    for (; j < rows; j++)
        for (int k = 0; k < K; k++) to[(size_t)k * GEMM_PANEL + j] = w[j * ldw + k];
}

/* The products of `turn` columns of x, from column `at` on, for rows of y and one panel. */
static void multiply(const struct forward *f, const struct kernels *k, const real *panel, int row, int rows,
                     int n, int at, int turn) {
    const real *x = f->x + (size_t)row * f->K + at;
    real *y = f->y + (size_t)row * f->N + n, edge[ROWS_TURN * GEMM_PANEL];
    int cols = smaller(GEMM_PANEL, f->N - n);

    if (cols == GEMM_PANEL) {
        k->tile_mac(y, f->N, x, f->K, 1, panel, GEMM_PANEL, rows, GEMM_PANEL, turn, at);
        return;
    }
    memset(edge, 0, sizeof edge);
    for (int r = 0; at && r < rows; r++) memcpy(edge + r * GEMM_PANEL, y + (size_t)r * f->N, cols * sizeof *y);
    k->tile_mac(edge, GEMM_PANEL, x, f->K, 1, panel, GEMM_PANEL, rows, GEMM_PANEL, turn, true);
    for (int r = 0; r < rows; r++) memcpy(y + (size_t)r * f->N, edge + r * GEMM_PANEL, cols * sizeof *y);
}

/* Rows of one task and one panel of columns. */
static void forward_tile(void *ctx, int task, int worker) {
    const struct forward *f = ctx;
    const struct kernels *k = kernels_get();
    int begin = task / f->tiles * f->rows, end = smaller(begin + f->rows, f->M), n = task % f->tiles * GEMM_PANEL;
    real own[K_TURN * GEMM_PANEL];

    (void)worker;
    for (int at = 0; at < f->K; at += K_TURN) {
        int turn = smaller(K_TURN, f->K - at);

        gemm_panel(own, f->w + (size_t)n * f->K + at, (size_t)f->K, smaller(GEMM_PANEL, f->N - n), turn);
        for (int r = begin; r < end; r += ROWS_TURN)
            multiply(f, k, own, r, smaller(ROWS_TURN, end - r), n, at, turn);
    }
}

void gemm_forward(real *y, const real *x, const real *w, int M, int N, int K, struct pool *pool) {
    struct forward f = { .y = y, .x = x, .w = w, .M = M, .N = N, .K = K,
                         .tiles = rows_parts(N, GEMM_PANEL), .rows = rows_alike(M, ROWS, TILE) };
    enum pool_part before = pool_part(pool, POOL_PRODUCTS);

    if (M) pool_run(pool, rows_parts(M, f.rows) * f.tiles, forward_tile, &f);
    pool_part(pool, before);
}
