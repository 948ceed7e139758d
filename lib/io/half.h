/* half — 16-bit numbers: IEEE half precision (F16) and bfloat16 (BF16), to float and back. Widening
 * is exact; narrowing rounds to nearest, ties to even, what is too large becomes infinite, and a
 * NaN stays one. Bytes are little-endian and need no alignment. */
#ifndef IO_HALF_H
#define IO_HALF_H

#include <stddef.h>
#include <stdint.h>

float half_widen(uint16_t h);
uint16_t half_narrow(float x);
float bf16_widen(uint16_t h);
uint16_t bf16_narrow(float x);

/* The same for n numbers that lie in 2n bytes. */
void half_read(float *out, const void *bytes, size_t n);
void half_write(void *bytes, const float *x, size_t n);
void bf16_read(float *out, const void *bytes, size_t n);
void bf16_write(void *bytes, const float *x, size_t n);

#endif
