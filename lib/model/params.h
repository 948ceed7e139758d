/* params — the parameters of a model in one block. One table of tensors says where each lies, how it
 * starts, and whether weight decay acts on it; count, load, save, init and gradients all use it.
 *
 * A block (parameters, gradients, moments) is an array of `n_block` reals in the order of the table.
 * Tensors begin at multiples of 16 reals, except that q, k, v and gate, up follow one another
 * without a gap, so that each group is one matrix. Gaps hold zeros in every block. */
#ifndef MODEL_PARAMS_H
#define MODEL_PARAMS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/config.h"
#include "tensor/real.h"

enum { PARAM_NAME = 80 };

/* One tensor of a checkpoint: rows x cols, or a vector of `cols` (rows = 0). */
struct tensor {
    char name[PARAM_NAME];          /* as transformers names it */
    size_t offset, n;               /* in a block; elements */
    int rows, cols;
    bool decay;                     /* weight decay: matrices yes, norms and biases no */
    bool residual;                  /* writes into the residual stream: starts smaller */
    bool ones;                      /* a norm: starts at one */
};

/* Offsets of a layer's tensors in any block. wqkv is [(heads + 2 kv_heads) * head_dim, hidden],
 * bqkv its bias, w_gate_up is [2 * intermediate, hidden]. NO_TENSOR: this model has none. */
#define NO_TENSOR ((size_t)-1)
struct layer_offsets {
    size_t norm1, wqkv, bqkv, q_norm, k_norm, wo, norm2, w_gate_up, w_down;
};

struct model {
    struct config cfg;
    struct tensor *tensors;         /* the table */
    int n_tensors;
    size_t n_params;                /* parameters, without the gaps */
    size_t n_block;                 /* reals in a block, a multiple of 16 */
    size_t embed, norm, head;       /* offsets; head = embed when tied */
    struct layer_offsets *layers;
    real *data;                     /* the parameters */
};

/* A model of this shape with all parameters zero. cfg has passed config_check and
 * config_fits. Free with model_free. */
struct model *model_new(const struct config *cfg);

/* A model with random parameters: normal with deviation 1 / sqrt(columns), projections into the residual
 * stream less by sqrt(2 layers) (GPT-2), the embedding 0.2, norms one, biases zero. */
struct model *model_init(const struct config *cfg, uint64_t seed);

/* Reads DIR: config.json and model.safetensors, or model.safetensors.index.json and its shards.
 * F32, F16 and BF16 are widened. NULL on failure, with a sentence that names the tensor. */
struct model *model_load(const char *dir, struct err *err);

/* Writes config.json and model.safetensors (F32) into DIR, which exists; each by rename. 0 or -1. */
int model_save(const struct model *m, const char *dir, struct err *err);

void model_free(struct model *m);

/* A 64-bit fingerprint of configuration and parameters. */
uint64_t model_hash(const struct model *m);

/* A fingerprint of a block alone. */
uint64_t model_block_hash(const struct model *m, const real *block);

/* A block of zeros with the layout of the model (gradients, moments); free() it. */
real *model_block(const struct model *m);

/* Writes or reads a block under the tensors' names as one safetensors file (F32). 0 or -1. */
int model_block_save(const struct model *m, const real *block, const char *path, struct err *err);
int model_block_load(const struct model *m, real *block, const char *path, struct err *err);

#endif
