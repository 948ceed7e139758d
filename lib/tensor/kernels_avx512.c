/* kernels_avx512 — the inner loops for AVX-512 (F, BW, DQ, VL). */
#if defined(__x86_64__) && !defined(REAL_DOUBLE)
#include <immintrin.h>

#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,fma,prefer-vector-width=512")
#define KERNELS kernels_avx512
#define KERNELS_NAME "avx512"
#define VECTOR_BYTES 64

#include "tensor/kernel_vec.h"
#include "tensor/kernel_rows.h"
#include "tensor/kernel_attention.h"
#include "tensor/kernel_net.h"

extern const struct kernels KERNELS;
#include "tensor/kernel_table.h"

#else
typedef int kernels_avx512_not_built;
#endif
