/* memory — asks /proc/meminfo. */
#include "train/memory.h"

#include <stdio.h>

/* Bytes that can be had without swapping; 0: not known. */
static double available(void) {
    FILE *f = fopen("/proc/meminfo", "r");
    char line[128];
    double kib = 0;

    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "MemAvailable: %lf", &kib) == 1) break;
    if (f) fclose(f);
    return kib * 1024;
}

int memory_check(const struct model *m, int blocks, struct err *err) {
    double need = blocks * (double)m->p.n_block * sizeof(real), have = available();

    if (!have || need <= have) return 0;
    return err_set(err, "weights, moments and gradients take %.0f MiB, %.0f MiB are free; fewer --leaves take less",
                   need / 1048576, have / 1048576);
}
