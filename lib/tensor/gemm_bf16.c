/* gemm_bf16 — a task makes a tile of c, in turns along the sum: it rounds its rows of a, then panel by panel of its
 * columns those of b, and multiplies. Tiles end where blocks do: how many there are changes no element's sum. */
#include <string.h>

#include "tensor/bf16.h"
#include "tensor/gemm.h"
#include "tensor/rows.h"

enum {
    TURN = 256, PAIRS = TURN / 2,       /* of a sum; rounded, a tile of a is in the second-level cache */
    MOST_ROWS = 768, MOST_COLUMNS = 512,        /* of a tile */
    THREAD_TASKS = 2,                   /* at least, for each thread: a tile's rows are rounded again for the next */
    PANEL = BF16_COLUMNS
};

/* Where element (i, k) of a factor lies, k along the sum: at i*ld + k (along), or at i + k*ld. */
struct factor {
    const real *x;
    int ld;
    bool along;
};

/* c[M,N] = sum over K of a(m,k) b(n,k), or added to c. */
struct product {
    real *c;
    struct factor a, b;
    int M, N, K;
    bool add;
    int rows, columns, tiles;   /* of a tile; tiles in a row */
    const struct bf16_kernels *k;
};

/* One tile's turn. */
struct turn {
    const struct product *p;
    int row, rows, at, pairs;
    uint32_t a[MOST_ROWS * PAIRS];
    size_t am, ak;
    uint32_t b[PAIRS * PANEL];
};

static int smaller(int a, int b) {
    return a < b ? a : b;
}

/* Pairs along k of numbers i .. i+n-1: n runs of `ld` pairs. A last single has a zero beside it. */
static void round_along(uint32_t *to, size_t ld, const struct product *p, const struct factor *f, int i, int n, int at,
                        int len) {
    for (int r = 0; r < n; r++, to += ld) {
        const real *x = f->x + (size_t)(i + r) * f->ld + at;

        p->k->along(to, x, len & ~1);
        if (len & 1) p->k->across(to + len / 2, x + len - 1, NULL, 1);
    }
}

/* The same, pair by pair: runs of the n numbers, `ld` apart. */
static void round_across(uint32_t *to, size_t ld, const struct product *p, const struct factor *f, int i, int n, int at,
                         int len) {
    for (int k = 0; k < len; k += 2, to += ld) {
        const real *x = f->x + (size_t)(at + k) * f->ld + i;

        p->k->across(to, x, k + 1 < len ? x + f->ld : NULL, n);
    }
}

static void round_rows(struct turn *t, int len) {
    const struct product *p = t->p;
    size_t padded = (size_t)(t->rows + BF16_ROWS - 1) / BF16_ROWS * BF16_ROWS;

    t->am = p->a.along ? PAIRS : 1;
    t->ak = p->a.along ? 1 : padded;
    if (p->a.along) round_along(t->a, PAIRS, p, &p->a, t->row, t->rows, t->at, len);
    else round_across(t->a, padded, p, &p->a, t->row, t->rows, t->at, len);
}

static void round_panel(struct turn *t, int n, int cols, int len) {
    const struct product *p = t->p;
    uint32_t rows[PANEL * PAIRS];

    if (!p->b.along) {
        round_across(t->b, PANEL, p, &p->b, n, cols, t->at, len);
        return;
    }
    round_along(rows, PAIRS, p, &p->b, n, cols, t->at, len);
    for (int j = 0; j < cols; j += 4)
        for (int k = 0, some = smaller(4, cols - j); k < t->pairs; k++)
            for (int c = 0; c < some; c++) t->b[k * PANEL + j + c] = rows[(j + c) * PAIRS + k];
}

/* Adds the panel's part of columns n .. n+cols-1. What is not whole goes through a block of its own. */
static void multiply(const struct turn *t, int n, int cols) {
    const struct product *p = t->p;

    for (int r = 0; r < t->rows; r += BF16_ROWS) {
        real *c = p->c + (size_t)(t->row + r) * p->N + n, block[BF16_ROWS * PANEL] = { 0 };
        const uint32_t *a = t->a + r * t->am;
        int rows = smaller(BF16_ROWS, t->rows - r);

        if (rows == BF16_ROWS && cols == PANEL) {
            p->k->mac(c, (size_t)p->N, a, t->am, t->ak, t->b, t->pairs);
            continue;
        }
        p->k->mac(block, PANEL, a, t->am, t->ak, t->b, t->pairs);
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < cols; j++) c[(size_t)i * p->N + j] += block[i * PANEL + j];
    }
}

static void tile(void *ctx, int task, int worker) {
    const struct product *p = ctx;
    int first = task % p->tiles * p->columns, end = smaller(first + p->columns, p->N);
    struct turn t;

    (void)worker;
    t.p = p;
    t.row = task / p->tiles * p->rows;
    t.rows = smaller(p->rows, p->M - t.row);
    for (int r = 0; !p->add && r < t.rows; r++)
        memset(p->c + (size_t)(t.row + r) * p->N + first, 0, (size_t)(end - first) * sizeof *p->c);
    for (t.at = 0; t.at < p->K; t.at += TURN) {
        int len = smaller(TURN, p->K - t.at);

        t.pairs = (len + 1) / 2;
        round_rows(&t, len);
        for (int n = first; n < end; n += PANEL) {
            round_panel(&t, n, smaller(PANEL, end - n), len);
            multiply(&t, n, smaller(PANEL, end - n));
        }
    }
}

static void run(struct product *p, struct pool *pool) {
    enum pool_part before = pool_part(pool, POOL_PRODUCTS);
    int rows;

    p->k = bf16_get();
    p->rows = rows_alike(p->M, MOST_ROWS, BF16_ROWS);
    p->columns = rows_alike(p->N, MOST_COLUMNS, PANEL);
    rows = rows_parts(p->M, p->rows);
    while (rows * rows_parts(p->N, p->columns) < THREAD_TASKS * pool_threads(pool) && p->columns > PANEL)
        p->columns = rows_alike(p->columns, p->columns - 1, PANEL);
    p->tiles = rows_parts(p->N, p->columns);
    pool_run(pool, rows * p->tiles, tile, p);
    pool_part(pool, before);
}

static void forward(real *y, const real *x, const real *w, int M, int N, int K, struct pool *pool) {
    struct product p = { .c = y, .a = { x, K, true }, .b = { w, K, true }, .M = M, .N = N, .K = K };

    run(&p, pool);
}

static void backward_input(real *dx, const real *dy, int ldy, const real *w, int M, int N, int K, bool add,
                           struct pool *pool) {
    struct product p = { .c = dx, .a = { dy, ldy, true }, .b = { w, K, false }, .M = M, .N = K, .K = N, .add = add };

    run(&p, pool);
}

static void backward_weight(real *dw, const real *dy, int ldy, const real *x, int M, int N, int K, struct pool *pool) {
    struct product p = { .c = dw, .a = { dy, ldy, false }, .b = { x, K, false }, .M = N, .N = K, .K = M, .add = true };

    run(&p, pool);
}

const struct gemm gemm_bf16 = { forward, backward_input, backward_weight };
