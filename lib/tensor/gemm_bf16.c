/* gemm_bf16 — the sum is cut into blocks, and a block's columns of b into panels that are rounded once for all rows.
 * A task makes some rows of c: it rounds its part of a, and multiplies it by panel after panel, in turns. Where blocks,
 * turns and tasks end changes no element's sum. */
#include <string.h>

#include "tensor/bf16.h"
#include "tensor/gemm.h"
#include "tensor/rows.h"

enum {
    BLOCK = 1536,               /* of a sum; */
    TURN = 320,                 /* of a block: a panel's part and that of 12 rows of a are in the first cache */
    MOST_ROWS = 144,            /* of c that a task makes: rounded, a block of a is in the second cache */
    THREAD_TASKS = 2,           /* at least, for each thread */
    PANELS = 1 << 20,           /* pairs of the panels rounded at a time: 4 MiB */
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
    int rows;                   /* of c, a task */
    int at, len, pairs;         /* a block of the sum, */
    int first, end;             /* and columns of c, */
    uint32_t *panels;           /* whose part of b this is: [panel][pair][PANEL] */
    const struct bf16_kernels *k;
};

/* Rows of c that a task makes, and their part of a. */
struct strip {
    const struct product *p;
    int row, rows;
    size_t am, ak;
    uint32_t a[MOST_ROWS * BLOCK / 2];
};

static int smaller(int a, int b) {
    return a < b ? a : b;
}

/* Pairs along k of numbers i .. i+n-1: n runs of `ld` pairs. A last single has a zero beside it. */
static void round_along(uint32_t *to, size_t ld, const struct product *p, const struct factor *f, int i, int n) {
    for (int r = 0; r < n; r++, to += ld) {
        const real *x = f->x + (size_t)(i + r) * f->ld + p->at;

        p->k->along(to, x, p->len & ~1);
        if (p->len & 1) p->k->across(to + p->len / 2, x + p->len - 1, NULL, 1);
    }
}

/* The same, pair by pair: runs of the n numbers, `ld` apart. */
static void round_across(uint32_t *to, size_t ld, const struct product *p, const struct factor *f, int i, int n) {
    for (int k = 0; k < p->len; k += 2, to += ld) {
        const real *x = f->x + (size_t)(p->at + k) * f->ld + i;

        p->k->across(to, x, k + 1 < p->len ? x + f->ld : NULL, n);
    }
}

static void round_panel(void *ctx, int task, int worker) {
    const struct product *p = ctx;
    int n = p->first + task * PANEL, cols = smaller(PANEL, p->end - n);
    uint32_t *to = p->panels + (size_t)task * PANEL * p->pairs, rows[PANEL * BLOCK / 2];

    (void)worker;
    if (!p->b.along) {
        round_across(to, PANEL, p, &p->b, n, cols);
        return;
    }
    round_along(rows, (size_t)p->pairs, p, &p->b, n, cols);
    for (int j = 0; j < cols; j += 4)
        for (int k = 0, some = smaller(4, cols - j); k < p->pairs; k++)
            for (int c = 0; c < some; c++) to[k * PANEL + j + c] = rows[(j + c) * p->pairs + k];
}

static void round_rows(struct strip *s) {
    const struct product *p = s->p;

    s->am = p->a.along ? (size_t)p->pairs : 1;
    s->ak = p->a.along ? 1 : (size_t)s->rows;
    if (p->a.along) round_along(s->a, s->am, p, &p->a, s->row, s->rows);
    else round_across(s->a, s->ak, p, &p->a, s->row, s->rows);
}

/* Pairs k .. k+turn-1 of a panel's products for columns n .. n+cols-1. A panel that goes beyond c has a block. */
static void multiply(const struct strip *s, int n, int cols, const uint32_t *panel, int k, int turn) {
    const struct product *p = s->p;
    const uint32_t *a = s->a + k * s->ak, *b = panel + (size_t)k * PANEL;
    real *c = p->c + (size_t)s->row * p->N + n, block[MOST_ROWS * PANEL];
    bool add = p->add || k;

    if (cols == PANEL) {
        p->k->mac(c, (size_t)p->N, a, s->am, s->ak, b, s->rows, turn, add);
        return;
    }
    memset(block, 0, sizeof block);
    for (int r = 0; add && r < s->rows; r++) memcpy(block + r * PANEL, c + (size_t)r * p->N, cols * sizeof *c);
    p->k->mac(block, PANEL, a, s->am, s->ak, b, s->rows, turn, true);
    for (int r = 0; r < s->rows; r++) memcpy(c + (size_t)r * p->N, block + r * PANEL, cols * sizeof *c);
}

static void strip_rows(void *ctx, int task, int worker) {
    const struct product *p = ctx;
    int step = rows_alike(p->pairs, TURN / 2, 1);
    const uint32_t *panel = p->panels;
    struct strip s;

    (void)worker;
    s.p = p;
    s.row = task * p->rows;
    s.rows = smaller(p->rows, p->M - s.row);
    round_rows(&s);
    for (int n = p->first; n < p->end; n += PANEL, panel += (size_t)PANEL * p->pairs) {
        for (int k = 0; k < p->pairs; k += step)
            multiply(&s, n, smaller(PANEL, p->end - n), panel, k, smaller(step, p->pairs - k));
    }
}

static void run(struct product *p, struct pool *pool) {
    enum pool_part before = pool_part(pool, POOL_PRODUCTS);
    int block = rows_alike(p->K, BLOCK, 2), most = p->M / (THREAD_TASKS * pool_threads(pool)), columns;

    p->k = bf16_get();
    p->panels = pool_scratch(pool, PANELS * sizeof *p->panels);
    p->rows = rows_alike(p->M, most < BF16_ROWS ? BF16_ROWS : smaller(most, MOST_ROWS), BF16_ROWS);
    for (p->at = 0; p->at < p->K; p->at += block, p->add = true) {
        p->len = smaller(block, p->K - p->at);
        p->pairs = (p->len + 1) / 2;
        columns = rows_alike(p->N, PANELS / p->pairs, PANEL);
        for (p->first = 0; p->first < p->N; p->first += columns) {
            p->end = smaller(p->first + columns, p->N);
            pool_run(pool, rows_parts(p->end - p->first, PANEL), round_panel, p);
            pool_run(pool, rows_parts(p->M, p->rows), strip_rows, p);
        }
    }
    pool_part(pool, before);
}

void gemm_bf16_forward(real *y, const real *x, const real *w, int M, int N, int K, struct pool *pool) {
    struct product p = { .c = y, .a = { x, K, true }, .b = { w, K, true }, .M = M, .N = N, .K = K };

    run(&p, pool);
}

void gemm_bf16_backward_input(real *dx, const real *dy, int ldy, const real *w, int M, int N, int K, bool add,
                              struct pool *pool) {
    struct product p = { .c = dx, .a = { dy, ldy, true }, .b = { w, K, false }, .M = M, .N = K, .K = N, .add = add };

    run(&p, pool);
}

void gemm_bf16_backward_weight(real *dw, const real *dy, int ldy, const real *x, int M, int N, int K,
                               struct pool *pool) {
    struct product p = { .c = dw, .a = { dy, ldy, false }, .b = { x, K, false }, .M = N, .N = K, .K = M, .add = true };

    run(&p, pool);
}
