/* packed_kernels — the choice of the instruction set. */
#include "tensor/packed.h"

#include <string.h>

extern const struct packed_kernels packed_base, packed_avx2, packed_avx512, packed_vnni, packed_bf16;

#if defined(__x86_64__) && !defined(REAL_DOUBLE)

/* From the best on. */
static const struct packed_kernels *const sets[] = { &packed_bf16, &packed_vnni, &packed_avx512, &packed_avx2,
                                                     &packed_base };

static int has(const struct packed_kernels *k) {
    int avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                 __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    int vnni = avx512 && __builtin_cpu_supports("avx512vnni");

    if (k == &packed_bf16) return vnni && __builtin_cpu_supports("avx512bf16");
    if (k == &packed_vnni) return vnni;
    if (k == &packed_avx512) return avx512;
    return k == &packed_base || (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
}

#else

static const struct packed_kernels *const sets[] = { &packed_base };

static int has(const struct packed_kernels *k) {
    return k == &packed_base;
}

#endif

const struct packed_kernels *packed_kernels_get(void) {
    size_t i = 0;

    while (!has(sets[i])) i++;
    return sets[i];
}

const struct packed_kernels *packed_kernels_named(const char *name) {
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if (!strcmp(sets[i]->name, name)) return has(sets[i]) ? sets[i] : NULL;
    return NULL;
}
