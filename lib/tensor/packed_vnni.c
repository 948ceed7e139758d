/* packed_vnni — the inner loops for AVX-512 with VNNI. */
#if defined(__x86_64__) && !defined(REAL_DOUBLE)
#include <immintrin.h>

#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma,prefer-vector-width=512")
#define HAS_VNNI 1
#define SET packed_vnni
#define SET_NAME "vnni"
#define VECTOR_BYTES 64
#include "tensor/kernel_packed.h"

#else
typedef int packed_vnni_not_built;
#endif
