/* packed_base — the inner loops in plain C, for any machine. */
#include <math.h>

#include "io/half.h"
#include "tensor/packed.h"

static void bf16_input(void *to, const real *x, int K) {
    uint16_t *h = to;

    for (int k = 0; k < K; k++) h[k] = bf16_narrow((float)x[k]);
    if (K % 2) h[K] = 0;
}

static void int8_group(struct packed_bytes *to, const real *x, int n) {
    float top = 0, inverse;
    int sum = 0;

    for (int i = 0; i < n; i++) top = fmaxf(top, fabsf((float)x[i]));
    to->scale = top / 127;
    inverse = top > PACKED_LEAST ? 127 / top : 0;
    for (int i = 0; i < PACKED_GROUP; i++) {
        to->q[i] = (int8_t)(i < n ? lrintf((float)x[i] * inverse) : 0);
        sum += to->q[i];
    }
    to->start = -128 * sum;
}

static void int8_input(struct packed_bytes *to, const real *x, int K) {
    for (int k = 0; k < K; k += PACKED_GROUP, to++)
        int8_group(to, x + k, K - k < PACKED_GROUP ? K - k : PACKED_GROUP);
}

static void bf16_rows(real *y, size_t ldy, const void *x, const uint16_t *panel, int M, int K) {
    int even = (K + 1) / 2 * 2;
    const uint16_t *h = x;

    for (int m = 0; m < M; m++, h += even, y += ldy) {
        const uint16_t *w = panel;

        for (int n = 0; n < PACKED_COLS; n++) y[n] = 0;
        for (int k = 0; k < even; k += 2)
            for (int n = 0; n < PACKED_COLS; n++, w += 2)
                y[n] += (real)(bf16_widen(h[k]) * bf16_widen(w[0]) + bf16_widen(h[k + 1]) * bf16_widen(w[1]));
    }
}

/* The sum of a group for column n. */
static int32_t int8_sum(const struct packed_bytes *x, const struct packed_block *w, int n) {
    int32_t sum = x->start;

    for (int k = 0; k < PACKED_GROUP; k++) sum += x->q[k] * w->q[k / 4][n][k % 4];
    return sum;
}

static void int8_rows(real *y, size_t ldy, const struct packed_bytes *x, const struct packed_block *panel, int M,
                      int K) {
    int groups = (K + PACKED_GROUP - 1) / PACKED_GROUP;

    for (int m = 0; m < M; m++, y += ldy) {
        for (int n = 0; n < PACKED_COLS; n++) y[n] = 0;
        for (int g = 0; g < groups; g++, x++)
            for (int n = 0; n < PACKED_COLS; n++)
                y[n] += (real)((float)int8_sum(x, &panel[g], n) * (x->scale * panel[g].scale[n]));
    }
}

extern const struct packed_kernels packed_base;
const struct packed_kernels packed_base = { "base", sizeof(uint16_t), bf16_input, int8_input, bf16_rows, int8_rows };
