/* kernels — the choice of the instruction set. */
#include "tensor/kernels.h"

#include <string.h>

extern const struct kernels kernels_base, kernels_avx2, kernels_avx512;

#if defined(__x86_64__) && !defined(REAL_DOUBLE)

static int has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static int has_avx512(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

const struct kernels *kernels_get(void) {
    if (has_avx512()) return &kernels_avx512;
    return has_avx2() ? &kernels_avx2 : &kernels_base;
}

const struct kernels *kernels_named(const char *name) {
    if (!strcmp(name, "avx512")) return has_avx512() ? &kernels_avx512 : NULL;
    if (!strcmp(name, "avx2")) return has_avx2() ? &kernels_avx2 : NULL;
    return strcmp(name, "base") ? NULL : &kernels_base;
}

#else

const struct kernels *kernels_get(void) {
    return &kernels_base;
}

const struct kernels *kernels_named(const char *name) {
    return strcmp(name, "base") ? NULL : &kernels_base;
}

#endif
