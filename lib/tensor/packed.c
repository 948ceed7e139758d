/* packed — laying out, reading back, and the tasks of a product. */
#include "tensor/packed.h"

#include <string.h>

#include "io/half.h"
#include "tensor/kernels.h"
#include "tensor/rows.h"

enum {
    ROWS = 504,                 /* rows of y a task takes: whole register tiles of 12, 6, 4 and 3 */
    EDGE_ROWS = 12,             /* and at a time where a panel goes beyond y */
    INPUT_ROWS = 4,             /* rows that a task rounds */
    THREAD_PARTS = 8            /* of the panels for each thread: memory is read in long runs */
};

const char *packed_name(int type) {
    static const char *const names[] = { "fp32", "bf16", "int8" };

    return names[type];
}

/* Columns of a panel: K up to a whole step of the kernels. */
static int depth(enum packed_type type, int K) {
    int step = type == PACKED_FP32 ? 1 : type == PACKED_BF16 ? 2 : PACKED_GROUP;

    return (K + step - 1) / step * step;
}

static size_t panel_bytes(enum packed_type type, int K) {
    size_t k = (size_t)depth(type, K);

    return type == PACKED_INT8 ? k / PACKED_GROUP * sizeof(struct packed_block)
                               : k * PACKED_COLS * (type == PACKED_BF16 ? sizeof(uint16_t) : sizeof(real));
}

/* Where column k of the panel's row j is. */
static size_t bf16_place(int k, int j) {
    return ((size_t)k / 2 * PACKED_COLS + j) * 2 + k % 2;
}

struct packing {
    struct packed_matrix *p;
    const real *w;
};

/* Weights are rounded as inputs are. */
static void pack_halves(uint16_t *to, const struct packed_kernels *k, const real *row, int K, int j) {
    union { uint16_t half[PACKED_GROUP]; uint32_t word[PACKED_GROUP]; } in;

    for (int at = 0; at < K; at += PACKED_GROUP) {
        int n = K - at < PACKED_GROUP ? K - at : PACKED_GROUP;

        k->bf16_input(&in, row + at, n);
        for (int i = 0; i < n; i++)
            to[bf16_place(at + i, j)] = k->bf16_width == 2 ? in.half[i] : (uint16_t)(in.word[i] >> 16);
    }
}

static void pack_bytes(struct packed_block *to, const struct packed_kernels *k, const real *row, int K, int j) {
    for (int at = 0; at < K; at += PACKED_GROUP, to++) {
        struct packed_bytes group;

        k->int8_input(&group, row + at, K - at < PACKED_GROUP ? K - at : PACKED_GROUP);
        to->scale[j] = group.scale;
        for (int i = 0; i < PACKED_GROUP; i++) to->q[i / 4][j][i % 4] = (uint8_t)(group.q[i] + 128);
    }
}

static void pack_panel(void *ctx, int task, int worker) {
    const struct packing *job = ctx;
    const struct packed_matrix *p = job->p;
    const struct packed_kernels *k = packed_kernels_get();
    size_t bytes = panel_bytes(p->type, p->K), K = (size_t)p->K;
    char *panel = (char *)p->panels + (size_t)task * bytes;
    const real *w = job->w + (size_t)task * PACKED_COLS * K;
    int rows = p->N - task * PACKED_COLS;

    (void)worker;
    rows = rows < PACKED_COLS ? rows : PACKED_COLS;
    if (p->type == PACKED_FP32) {
        gemm_panel((real *)panel, w, K, rows, p->K);
        return;
    }
    memset(panel, 0, bytes);            /* a scale of zero makes any byte zero */
    for (int j = 0; j < rows; j++)
        if (p->type == PACKED_BF16) pack_halves((uint16_t *)panel, k, w + j * K, p->K, j);
        else pack_bytes((struct packed_block *)panel, k, w + j * K, p->K, j);
}

size_t packed_size(enum packed_type type, int N, int K) {
    return (size_t)rows_parts(N, PACKED_COLS) * panel_bytes(type, K);
}

void packed_make(struct packed_matrix *p, enum packed_type type, const real *w, int N, int K, void *panels,
                 struct pool *pool) {
    *p = (struct packed_matrix){ .type = type, .N = N, .K = K, .panels = panels };
    pool_run(pool, rows_parts(N, PACKED_COLS), pack_panel, &(struct packing){ p, w });
}

void packed_row(const struct packed_matrix *p, int n, real *row) {
    const void *panel = (const char *)p->panels + (size_t)(n / PACKED_COLS) * panel_bytes(p->type, p->K);
    const struct packed_block *blocks = panel;
    const uint16_t *half = panel;
    const real *full = panel;
    int j = n % PACKED_COLS;

    for (int k = 0; k < p->K; k++) {
        const struct packed_block *b = &blocks[k / PACKED_GROUP];
        int i = k % PACKED_GROUP;

        row[k] = p->type == PACKED_FP32 ? full[(size_t)k * PACKED_COLS + j]
               : p->type == PACKED_BF16 ? (real)bf16_widen(half[bf16_place(k, j)])
                                        : (real)((float)(b->q[i / 4][j][i % 4] - 128) * b->scale[j]);
    }
}

/* Bytes of a rounded row. */
static size_t input_bytes(enum packed_type type, int K) {
    size_t k = (size_t)depth(type, K);

    return type == PACKED_FP32 ? 0 : type == PACKED_BF16 ? k * packed_kernels_get()->bf16_width
                                                         : k / PACKED_GROUP * sizeof(struct packed_bytes);
}

size_t packed_scratch(enum packed_type type, int M, int K) {
    return (size_t)M * input_bytes(type, K);
}

struct product {
    real *y;
    const real *x;
    const struct packed_matrix *w;
    const struct packed_kernels *k;
    char *input;
    size_t stride;              /* bytes of a row of the input */
    int M, panels, parts;       /* parts: of the panels, of which a task takes one */
};

static void round_rows(void *ctx, int begin, int end, int part) {
    const struct product *p = ctx;
    int K = p->w->K;

    (void)part;
    for (int m = begin; m < end; m++) {
        if (p->w->type == PACKED_BF16) p->k->bf16_input(p->input + m * p->stride, p->x + (size_t)m * K, K);
        else p->k->int8_input((struct packed_bytes *)(p->input + m * p->stride), p->x + (size_t)m * K, K);
    }
}

/* y[rows,PACKED_COLS], rows ldy apart, from row `begin` of the input and one panel. */
static void panel_rows(const struct product *p, real *y, size_t ldy, int begin, int rows, int panel) {
    const struct packed_matrix *w = p->w;
    const void *at = (const char *)w->panels + (size_t)panel * panel_bytes(w->type, w->K);
    const char *input = p->input + begin * p->stride;

    if (w->type == PACKED_BF16) {
        p->k->bf16_rows(y, ldy, input, at, rows, w->K);
    } else if (w->type == PACKED_INT8) {
        p->k->int8_rows(y, ldy, (const struct packed_bytes *)input, at, rows, w->K);
    } else {
        kernels_get()->tile_mac(y, ldy, p->x + (size_t)begin * w->K, w->K, 1, at, PACKED_COLS, rows, PACKED_COLS,
                                w->K, false);
    }
}

/* Rows begin .. end-1 of y, and the panel's columns. */
static void product_panel(const struct product *p, int begin, int end, int panel) {
    int N = p->w->N, n = panel * PACKED_COLS;
    real edge[EDGE_ROWS * PACKED_COLS];

    if (N - n >= PACKED_COLS) {
        panel_rows(p, p->y + (size_t)begin * N + n, (size_t)N, begin, end - begin, panel);
        return;
    }
    for (int m = begin; m < end; m += EDGE_ROWS) {
        int rows = end - m < EDGE_ROWS ? end - m : EDGE_ROWS;

        panel_rows(p, edge, PACKED_COLS, m, rows, panel);
        for (int r = 0; r < rows; r++)
            memcpy(p->y + (size_t)(m + r) * N + n, edge + r * PACKED_COLS, (size_t)(N - n) * sizeof *edge);
    }
}

static void product_part(void *ctx, int task, int worker) {
    const struct product *p = ctx;
    int begin = task / p->parts * ROWS, end = p->M - begin < ROWS ? p->M : begin + ROWS, part = task % p->parts;

    (void)worker;
    for (int i = part * p->panels / p->parts; i < (part + 1) * p->panels / p->parts; i++)
        product_panel(p, begin, end, i);
}

void packed_forward(real *y, const real *x, const struct packed_matrix *w, int M, void *scratch, struct pool *pool) {
    struct product p = { .y = y, .x = x, .w = w, .k = packed_kernels_get(), .input = scratch,
                         .stride = input_bytes(w->type, w->K), .M = M, .panels = rows_parts(w->N, PACKED_COLS) };

    p.parts = THREAD_PARTS * pool_threads(pool);
    p.parts = p.parts < p.panels ? p.parts : p.panels;
    if (w->type != PACKED_FP32) rows_run(pool, M, INPUT_ROWS, round_rows, &p);
    pool_run(pool, rows_parts(M, ROWS) * p.parts, product_part, &p);
}
