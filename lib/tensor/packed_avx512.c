/* packed_avx512 — the inner loops for AVX-512 (F, BW, DQ, VL). */
#if defined(__x86_64__) && !defined(REAL_DOUBLE)
#include <immintrin.h>

#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,fma,prefer-vector-width=512")
#define SET packed_avx512
#define SET_NAME "avx512"
#define VECTOR_BYTES 64
#include "tensor/kernel_packed.h"

#else
typedef int packed_avx512_not_built;
#endif
