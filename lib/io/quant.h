/* quant — the block types of ggml: numbers packed in blocks of 1, 32 or 256 that share scales.
 * Values and bytes are those of ggml's reference functions (ggml-quants.c: dequantize_row_*,
 * quantize_row_q8_0_ref) to the last bit. */
#ifndef IO_QUANT_H
#define IO_QUANT_H

#include <stddef.h>
#include <stdint.h>

/* The types that can be read, by ggml's numbers. */
enum quant_type {
    QUANT_F32 = 0, QUANT_F16 = 1, QUANT_Q4_0 = 2, QUANT_Q4_1 = 3, QUANT_Q5_0 = 6, QUANT_Q5_1 = 7,
    QUANT_Q8_0 = 8, QUANT_Q4_K = 12, QUANT_Q5_K = 13, QUANT_Q6_K = 14, QUANT_BF16 = 30
};

struct quant_info {
    const char *name;       /* "Q8_0" */
    size_t block, bytes;    /* numbers in a block and its bytes; 0 for a type known by name only */
};

/* About any of ggml's types, or NULL for a number that is none. */
const struct quant_info *quant_info(uint32_t type);

/* Elements first .. first+n-1 of the tensor at `data`; both first and n are whole blocks. */
void quant_read(enum quant_type type, const unsigned char *data, size_t first, size_t n,
                float *out);

/* Packs n numbers, whole blocks, as F32, F16, BF16 or Q8_0. Returns 0, or -1 if one of them is not
 * finite or too large for the type; the bytes are then of no use. */
int quant_write(enum quant_type type, const float *x, size_t n, unsigned char *out);

#endif
