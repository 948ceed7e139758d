/* packed_avx2 — the inner loops for AVX2 with FMA. */
#if defined(__x86_64__) && !defined(REAL_DOUBLE)
#include <immintrin.h>

#pragma GCC target("avx2,fma")
#define SET packed_avx2
#define SET_NAME "avx2"
#define VECTOR_BYTES 32
#include "tensor/kernel_packed.h"

#else
typedef int packed_avx2_not_built;
#endif
