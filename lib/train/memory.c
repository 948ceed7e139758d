/* memory — blocks against what is free. */
#include "train/memory.h"

#include "base/mem.h"

int memory_check(const struct model *m, int blocks, struct err *err) {
    double need = blocks * (double)m->p.n_block * sizeof(real), have = mem_available();

    if (!have || need <= have) return 0;
    return err_set(err, "weights, moments and gradients take %.0f MiB, %.0f MiB are free; fewer --leaves take less",
                   need / 1048576, have / 1048576);
}
