/* packed_bf16 — the inner loops for AVX-512 with VNNI and BF16. */
#if defined(__x86_64__) && !defined(REAL_DOUBLE)
#include <immintrin.h>

#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16,fma,prefer-vector-width=512")
#define HAS_VNNI 1
#define HAS_BF16 1
#define SET packed_bf16
#define SET_NAME "bf16"
#define VECTOR_BYTES 64
#include "tensor/bf16.h"
#include "tensor/kernel_packed.h"

#else
typedef int packed_bf16_not_built;
#endif
