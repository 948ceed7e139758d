/* memory — sums of the layouts; /proc tells the rest. */
#include "train/memory.h"

#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/jsonl.h"
#include "model/lora.h"

/* What OpenBLAS's products touch of a thread's buffer: with it the total of a 135M model came within 0.2 % of its
 * measured peak (0.3.21 with AVX-512, two threads). */
enum { BLAS_BUFFER = 2 << 20 };

/* Bytes of this process in memory; 0: not known. */
static size_t resident(void) {
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;

    if (f && fscanf(f, "%*u %lu", &pages) != 1) pages = 0;
    if (f) fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

struct memory memory_of(const struct model *m, int blocks, int threads, size_t activations) {
    size_t block = model_trained(m)->n_block * sizeof(real), now = resident(), held;
    struct memory mem = { .weights = m->p.n_block * sizeof(real), .gradients = (size_t)blocks * block,
                          .moments = 2 * block, .activations = activations };

    if (m->lora) mem.frozen = lora_frozen_bytes(m->lora) + block;
    held = mem.weights + mem.frozen;
    mem.other = (now > held ? now - held : 0) + (size_t)threads * BLAS_BUFFER;
    return mem;
}

size_t memory_total(const struct memory *mem) {
    return mem->weights + mem->frozen + mem->reference + mem->gradients + mem->moments + mem->activations + mem->other;
}

json_t *memory_json(const struct memory *mem) {
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "weights", (json_int_t)mem->weights, "frozen",
                     (json_int_t)mem->frozen, "gradients", (json_int_t)mem->gradients, "moments",
                     (json_int_t)mem->moments, "activations", (json_int_t)mem->activations, "other",
                     (json_int_t)mem->other, "total", (json_int_t)memory_total(mem), "available",
                     mem_available() > 0 ? json_integer((json_int_t)mem_available()) : json_null());
}

int memory_check(const struct memory *mem, struct err *err) {
    double need = (double)mem->reference + (double)mem->gradients + (double)mem->moments + (double)mem->activations;
    double have = mem_available();

    if (!have || need <= have) return 0;
    return err_set(err, "gradients, moments and activations take %.0f MiB, %.0f MiB are free; fewer --leaves, fewer "
                        "--rows, --gradient-checkpointing and --lora-rank take less", need / 1048576, have / 1048576);
}
