/* kernels_avx2 — the inner loops for AVX2 with FMA. */
#if defined(__x86_64__) && !defined(REAL_DOUBLE)
#include <immintrin.h>

#pragma GCC target("avx2,fma")
#define KERNELS kernels_avx2
#define KERNELS_NAME "avx2"
#define VECTOR_BYTES 32

#include "tensor/kernel_vec.h"
#include "tensor/kernel_rows.h"
#include "tensor/kernel_attention.h"
#include "tensor/kernel_net.h"

extern const struct kernels KERNELS;
#include "tensor/kernel_table.h"

#else
typedef int kernels_avx2_not_built;
#endif
