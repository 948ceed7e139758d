/* quant — a table of types, and for each the block that ggml-quants.c and ggml-common.h describe. A
 * scale has 11 bits of fraction and is multiplied by 13 bits at most, so products are exact in a
 * float and only the sum of a type with minima is rounded: a fused multiply-add gives the same. */
#include "io/quant.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "io/half.h"

enum { SMALL = 32, LARGE = 256 };

static float scale_at(const unsigned char *p) {
    float d;

    half_read(&d, p, 1);
    return d;
}

/* Element i of 32 is in the low or, from 16 on, the high bits of byte i % 16. */
static void unpack_q4_0(float *y, const unsigned char *p) {
    float d = scale_at(p);

    for (int i = 0; i < 16; i++) {
        y[i] = (float)((p[2 + i] & 15) - 8) * d;
        y[i + 16] = (float)((p[2 + i] >> 4) - 8) * d;
    }
}

static void unpack_q4_1(float *y, const unsigned char *p) {
    float d = scale_at(p), m = scale_at(p + 2);

    for (int i = 0; i < 16; i++) {
        y[i] = (float)(p[4 + i] & 15) * d + m;
        y[i + 16] = (float)(p[4 + i] >> 4) * d + m;
    }
}

/* The 32 numbers of 5 bits of Q5_0 and Q5_1: a word with their fifth bits, then the others. */
static void unpack_fives(int *q, const unsigned char *p) {
    uint32_t high = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;

    for (int i = 0; i < 16; i++) {
        q[i] = (p[4 + i] & 15) | (int)(high >> i & 1) << 4;
        q[i + 16] = p[4 + i] >> 4 | (int)(high >> (i + 16) & 1) << 4;
    }
}

static void unpack_q5_0(float *y, const unsigned char *p) {
    float d = scale_at(p);
    int q[SMALL];

    unpack_fives(q, p + 2);
    for (int i = 0; i < SMALL; i++) y[i] = (float)(q[i] - 16) * d;
}

static void unpack_q5_1(float *y, const unsigned char *p) {
    float d = scale_at(p), m = scale_at(p + 2);
    int q[SMALL];

    unpack_fives(q, p + 4);
    for (int i = 0; i < SMALL; i++) y[i] = (float)q[i] * d + m;
}

static void unpack_q8_0(float *y, const unsigned char *p) {
    float d = scale_at(p);

    for (int i = 0; i < SMALL; i++) y[i] = (float)(signed char)p[2 + i] * d;
}

/* Scale and minimum, 6 bits each, of sub-block s of 8: the first four pairs lie in the low bits of
 * bytes 0..3 and 4..7, the others are put together from bytes 8..11 and the high bits of those. */
static void scale_and_min(int s, const unsigned char *p, float *scale, float *min) {
    if (s < 4) {
        *scale = (float)(p[s] & 63);
        *min = (float)(p[s + 4] & 63);
    } else {
        *scale = (float)((p[s + 4] & 15) | p[s - 4] >> 6 << 4);
        *min = (float)(p[s + 4] >> 4 | p[s] >> 6 << 4);
    }
}

/* Q4_K and, with the fifth bits in `high`, Q5_K: eight sub-blocks, in pairs that share 32 bytes. */
static void unpack_k(float *y, const unsigned char *p, const unsigned char *high,
                     const unsigned char *low) {
    float d = scale_at(p), dmin = scale_at(p + 2), scale, min;

    for (int s = 0; s < 8; s++, y += 32) {
        const unsigned char *q = low + s / 2 * 32;

        scale_and_min(s, p + 4, &scale, &min);
        scale *= d;
        min *= dmin;
        for (int i = 0; i < 32; i++) {
            int bits = q[i] >> s % 2 * 4 & 15;

            if (high) bits |= (high[i] >> s & 1) << 4;
            y[i] = scale * (float)bits - min;
        }
    }
}

static void unpack_q4_k(float *y, const unsigned char *p) {
    unpack_k(y, p, NULL, p + 16);
}

static void unpack_q5_k(float *y, const unsigned char *p) {
    unpack_k(y, p, p + 16, p + 48);
}

/* 128 bytes of low bits, 64 of high bits, a scale of 8 bits for each 16 numbers, a common scale.
 * Of each half, 32 numbers a step: low bits from 64 bytes, high bits from 32. */
static void unpack_q6_k(float *y, const unsigned char *p) {
    const unsigned char *scales = p + 192;
    float d = scale_at(p + 208);

    for (int s = 0; s < 8; s++, y += 32) {
        const unsigned char *low = p + s / 4 * 64 + s % 2 * 32, *high = p + 128 + s / 4 * 32;

        for (int i = 0; i < 32; i++) {
            int q = (low[i] >> s % 4 / 2 * 4 & 15) | (high[i] >> s % 4 * 2 & 3) << 4;

            y[i] = d * (float)(signed char)scales[s * 2 + i / 16] * (float)(q - 32);
        }
    }
}

/* By ggml's numbers. What has left ggml has no name. */
static const struct type {
    struct quant_info info;
    void (*unpack)(float *y, const unsigned char *block);
    float limit;            /* numbers this large do not fit; 0: the type is only read */
} types[] = {
    [QUANT_F32] = { { "F32", 1, 4 }, NULL, INFINITY },
    [QUANT_F16] = { { "F16", 1, 2 }, NULL, 65520 },
    [QUANT_Q4_0] = { { "Q4_0", SMALL, 18 }, unpack_q4_0, 0 },
    [QUANT_Q4_1] = { { "Q4_1", SMALL, 20 }, unpack_q4_1, 0 },
    [QUANT_Q5_0] = { { "Q5_0", SMALL, 22 }, unpack_q5_0, 0 },
    [QUANT_Q5_1] = { { "Q5_1", SMALL, 24 }, unpack_q5_1, 0 },
    [QUANT_Q8_0] = { { "Q8_0", SMALL, 34 }, unpack_q8_0, 65520 * 127 },
    [9] = { .info.name = "Q8_1" },
    [10] = { .info.name = "Q2_K" },
    [11] = { .info.name = "Q3_K" },
    [QUANT_Q4_K] = { { "Q4_K", LARGE, 144 }, unpack_q4_k, 0 },
    [QUANT_Q5_K] = { { "Q5_K", LARGE, 176 }, unpack_q5_k, 0 },
    [QUANT_Q6_K] = { { "Q6_K", LARGE, 210 }, unpack_q6_k, 0 },
    [15] = { .info.name = "Q8_K" },
    [16] = { .info.name = "IQ2_XXS" },
    [17] = { .info.name = "IQ2_XS" },
    [18] = { .info.name = "IQ3_XXS" },
    [19] = { .info.name = "IQ1_S" },
    [20] = { .info.name = "IQ4_NL" },
    [21] = { .info.name = "IQ3_S" },
    [22] = { .info.name = "IQ2_S" },
    [23] = { .info.name = "IQ4_XS" },
    [24] = { .info.name = "I8" },
    [25] = { .info.name = "I16" },
    [26] = { .info.name = "I32" },
    [27] = { .info.name = "I64" },
    [28] = { .info.name = "F64" },
    [29] = { .info.name = "IQ1_M" },
    [QUANT_BF16] = { { "BF16", 1, 2 }, NULL, 0x1.ffp127f },
    [34] = { .info.name = "TQ1_0" },
    [35] = { .info.name = "TQ2_0" },
    [39] = { .info.name = "MXFP4" },
    [40] = { .info.name = "NVFP4" },
    [41] = { .info.name = "Q1_0" },
};

const struct quant_info *quant_info(uint32_t type) {
    if (type >= sizeof types / sizeof *types || !types[type].info.name) return NULL;
    return &types[type].info;
}

void quant_read(enum quant_type type, const unsigned char *data, size_t first, size_t n,
                float *out) {
    const struct type *t = &types[type];

    assert(first % t->info.block == 0 && n % t->info.block == 0);
    data += first / t->info.block * t->info.bytes;
    if (type == QUANT_F32) memcpy(out, data, n * sizeof *out);
    else if (type == QUANT_F16) half_read(out, data, n);
    else if (type == QUANT_BF16) bf16_read(out, data, n);
    else
        for (; n; n -= t->info.block, out += t->info.block, data += t->info.bytes)
            t->unpack(out, data);
}

/* The largest becomes 127 steps. A scale of 2^-128 or less has no inverse, and is 0 as a half. */
static void pack_q8_0(unsigned char *p, const float *x) {
    float largest = 0, d, inverse;

    for (int i = 0; i < SMALL; i++) largest = fmaxf(largest, fabsf(x[i]));
    d = largest / 127;
    inverse = d > 0x1p-128f ? 1 / d : 0;
    half_write(p, &d, 1);
    for (int i = 0; i < SMALL; i++) p[2 + i] = (unsigned char)(int)roundf(x[i] * inverse);
}

int quant_write(enum quant_type type, const float *x, size_t n, unsigned char *out) {
    const struct type *t = &types[type];

    assert(t->limit > 0 && n % t->info.block == 0);
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(x[i]) < t->limit)) return -1;
    if (type == QUANT_F32) memcpy(out, x, n * sizeof *x);
    else if (type == QUANT_F16) half_write(out, x, n);
    else if (type == QUANT_BF16) bf16_write(out, x, n);
    else
        for (; n; n -= SMALL, x += SMALL, out += t->info.bytes) pack_q8_0(out, x);
    return 0;
}
