/* half — the bits of IEEE 754 and of bfloat16, the upper half of a float. */
#include "io/half.h"

#include <string.h>

static uint32_t bits_of(float x) {
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits) {
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The fraction and the exponent move to their places in a float; the product mends the exponent's
 * bias and makes subnormals normal. Infinities and NaNs come out at 2^16 or beyond. */
float half_widen(uint16_t h) {
    uint32_t bits = bits_of(float_of((uint32_t)(h & 0x7fff) << 13) * 0x1p112f);

    if (bits >= 0x47800000) bits |= 0x7f800000;
    return float_of(bits | (uint32_t)(h & 0x8000) << 16);
}

/* Drops the lowest n bits of a positive number, rounding to nearest, ties to even. */
static uint32_t round_off(uint32_t bits, int n) {
    return (bits + (1u << (n - 1)) - 1 + (bits >> n & 1)) >> n;
}

uint16_t half_narrow(float x) {
    uint32_t bits = bits_of(x), sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;

    if (size > 0x7f800000) return (uint16_t)(sign | 0x7e00 | (size >> 13 & 0x3ff));
    if (size >= 0x47800000) return (uint16_t)(sign | 0x7c00);
    /* below 2^-14 halves are 2^-24 apart, as floats are between 1/2 and 1: the sum rounds */
    if (size < 0x38800000)
        return (uint16_t)(sign | (bits_of(float_of(size) + 0.5f) - bits_of(0.5f)));
    return (uint16_t)(sign | round_off(size - (112u << 23), 13));
}

float bf16_widen(uint16_t h) {
    return float_of((uint32_t)h << 16);
}

uint16_t bf16_narrow(float x) {
    uint32_t bits = bits_of(x);

    if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)round_off(bits, 16);
}

static uint16_t load(const unsigned char *p) {
    return (uint16_t)(p[0] | p[1] << 8);
}

static void store(unsigned char *p, uint16_t h) {
    p[0] = (unsigned char)h;
    p[1] = (unsigned char)(h >> 8);
}

void half_read(float *out, const void *bytes, size_t n) {
    const unsigned char *p = bytes;

    for (size_t i = 0; i < n; i++) out[i] = half_widen(load(p + 2 * i));
}

void half_write(void *bytes, const float *x, size_t n) {
    unsigned char *p = bytes;

    for (size_t i = 0; i < n; i++) store(p + 2 * i, half_narrow(x[i]));
}

void bf16_read(float *out, const void *bytes, size_t n) {
    const unsigned char *p = bytes;

    for (size_t i = 0; i < n; i++) out[i] = bf16_widen(load(p + 2 * i));
}

void bf16_write(void *bytes, const float *x, size_t n) {
    unsigned char *p = bytes;

    for (size_t i = 0; i < n; i++) store(p + 2 * i, bf16_narrow(x[i]));
}
