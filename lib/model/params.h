/* params — named tensors in one block: the parameters of a model, or those of an adapter. A table says
 * where each tensor lies and whether weight decay acts on it; count, load, save and gradients all use it.
 *
 * A block (parameters, gradients, moments) is an array of `n_block` reals in the order of the table.
 * Tensors begin at multiples of 16 reals, except those that are joined to the one before, so that both
 * are one matrix. Gaps hold zeros in every block. */
#ifndef MODEL_PARAMS_H
#define MODEL_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "io/safetensors.h"
#include "tensor/real.h"

enum { PARAM_NAME = 80 };

/* One tensor of a checkpoint: rows x cols, or a vector of `cols` (rows = 0). */
struct tensor {
    char name[PARAM_NAME];          /* as transformers or PEFT names it */
    size_t offset, n;               /* in a block; elements */
    int rows, cols;
    bool decay;                     /* weight decay: matrices yes, norms and biases no */
    bool residual;                  /* writes into the residual stream: starts smaller */
    bool ones;                      /* a norm: starts at one */
};

/* A table and its block. The table has room for what its owner appends. */
struct params {
    struct tensor *tensors;
    int n_tensors;
    size_t n_params;                /* without the gaps */
    size_t n_block;                 /* reals in a block */
    real *data;                     /* the parameters; NULL: a layout alone */
    void *map;                      /* the file that data lies in; NULL: data is memory of its own */
    size_t map_size;
    uint64_t hash;                  /* of data as the map has it; 0: not known, or data was written since */
};

/* Appends a tensor, with a gap before it unless it is joined. The caller sets name and flags. */
struct tensor *params_append(struct params *p, int rows, int cols, bool joined);

/* Closes the table: n_block becomes a multiple of 16. */
void params_finish(struct params *p);

/* Frees table and block. */
void params_free(struct params *p);

/* A block of zeros; free() it. */
real *params_block(const struct params *p);

/* A 64-bit fingerprint of a block. */
uint64_t params_hash(const struct params *p, const real *block);

/* Rounds a block to what F16 or BF16 hold. 0, or -1 with a sentence that names the tensor if a number is
 * beyond their range. */
int params_round(const struct params *p, real *block, enum safetensors_type type, struct err *err);

/* Writes or reads a block under the tensors' names as one safetensors file. A block that is written as F16 or
 * BF16 has been rounded to it; on reading they are widened. Without a block params_load only looks whether
 * all is there. 0, or -1 with a sentence that names the tensor. */
int params_save(const struct params *p, const real *block, enum safetensors_type type, const char *path,
                struct err *err);
int params_load(const struct params *p, real *block, const char *path, struct err *err);

/* If the numbers of a file, which params_load has looked at, lie as a block's, as those of our own files in F32 do
 * where tensors are whole lines, data becomes the mapped file, of which only what is written gets copied.
 * Otherwise data stays NULL. 0 or -1. */
int params_map(struct params *p, const char *path, struct err *err);

/* Reads the tensors that one file of several holds, and marks them in have[n_tensors]. 0 or -1. */
int params_load_part(const struct params *p, real *block, const char *path, bool *have, struct err *err);

#endif
