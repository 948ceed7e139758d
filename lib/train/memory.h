/* memory — what training will hold, told before it begins. OpenBLAS waits for ever when it cannot have its own
 * buffers: ask before the first product. */
#ifndef TRAIN_MEMORY_H
#define TRAIN_MEMORY_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"
#include "model/model.h"

/* Bytes. */
struct memory {
    size_t weights;             /* the model's block */
    size_t frozen;              /* what an adapter keeps of it, and the adapter */
    size_t reference;           /* another model beside it */
    size_t gradients;           /* blocks of the tree that sums micro-shards */
    size_t moments;
    size_t activations;         /* with the scratch of backward */
    size_t other;               /* program, libraries, data: what is resident now beyond the weights */
};

/* Of a model that is loaded and its training with so many blocks of gradients (tree_blocks), by `threads` threads. */
struct memory memory_of(const struct model *m, int blocks, int threads, size_t activations);

size_t memory_total(const struct memory *mem);

/* {"weights":...,"total":...,"available":...}, a new reference. */
json_t *memory_json(const struct memory *mem);

/* Whether what is still to be had fits what can be had without swapping. Returns 0, also where that is not
 * known, or -1 with a sentence. */
int memory_check(const struct memory *mem, struct err *err);

#endif
