/* params — the table and the block. */
#include "model/params.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "io/map.h"

enum { ALIGN = 16 };            /* reals: a cache line of floats, and whole vectors for AdamW */

void params_finish(struct params *p) {
    p->n_block = (p->n_block + ALIGN - 1) / ALIGN * ALIGN;
}

struct tensor *params_append(struct params *p, int rows, int cols, bool joined) {
    struct tensor *t = &p->tensors[p->n_tensors++];

    if (!joined) params_finish(p);
    t->rows = rows;
    t->cols = cols;
    t->n = (rows ? (size_t)rows : 1) * (size_t)cols;
    t->offset = p->n_block;
    t->decay = rows > 0;
    p->n_block += t->n;
    p->n_params += t->n;
    return t;
}

void params_free(struct params *p) {
    free(p->tensors);
    if (p->map) map_close(p->map, p->map_size);
    else free(p->data);
    *p = (struct params){ 0 };
}

real *params_block(const struct params *p) {
    real *block = mem_aligned(p->n_block, sizeof *block);

    memset(block, 0, p->n_block * sizeof *block);
    return block;
}

/* FNV-1a's step on words instead of bytes, four chains side by side: eleven gigabytes a second. GCC would
 * make vectors of them, which have no product of 64 bits: five. */
#if defined(__GNUC__) && !defined(__clang__)
__attribute__((optimize("no-tree-vectorize")))
#endif
uint64_t params_hash(const struct params *p, const real *block) {
    uint64_t x[4] = { 1, 2, 3, 4 };
    struct hash h = hash_start();

    for (size_t i = 0; i < p->n_block * sizeof *block; i += 32) {
        uint64_t w[4];

        memcpy(w, (const char *)block + i, sizeof w);
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) {
            x[j] = (x[j] ^ w[j]) * 0x100000001b3u;
            x[j] ^= x[j] >> 32;
        }
    }
    hash_bytes(&h, x, sizeof x);
    return hash_value(&h);
}
