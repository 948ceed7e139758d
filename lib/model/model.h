/* model — a decoder: its configuration, its parameters, and where each of them lies. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/config.h"
#include "model/params.h"

/* Offsets of a layer's tensors in any block. wqkv is [(heads + 2 kv_heads) * head_dim, hidden],
 * bqkv its bias, w_gate_up is [2 * intermediate, hidden]. NO_TENSOR: this model has none. */
#define NO_TENSOR ((size_t)-1)
struct layer_offsets {
    size_t norm1, wqkv, bqkv, q_norm, k_norm, wo, norm2, w_gate_up, w_down;
};

struct lora;
struct packing;

struct model {
    struct config cfg;
    struct params p;
    size_t embed, norm, head;       /* offsets; head = embed when tied */
    struct layer_offsets *layers;
    struct lora *lora;              /* NULL: all parameters are trained; else the adapter alone (model/lora.h) */
    struct packing *packing;        /* NULL: the matrices are in the block; else in panels (model/packing.h) */
};

/* The table of this shape without parameters (p.data NULL). cfg has passed config_check. */
struct model *model_layout(const struct config *cfg);

/* Whether the parameters of this shape, `width` bytes each, fit what memory can be had: asked before a model
 * is made. 0, also where that is not known, or -1 with a sentence. */
int model_fits(const struct config *cfg, size_t width, struct err *err);

/* A model of this shape with all parameters zero. Free with model_free. */
struct model *model_new(const struct config *cfg);

/* A model with random parameters: normal with deviation 1 / sqrt(columns), projections into the residual
 * stream less by sqrt(2 layers) (GPT-2), the embedding 0.2, norms one, biases zero. */
struct model *model_init(const struct config *cfg, uint64_t seed);

/* Reads DIR: config.json and model.safetensors, or model.safetensors.index.json and its shards.
 * F32, F16 and BF16 are widened. Where DIR is an adapter (PEFT's adapter_config.json) its base is read, and
 * the adapter merged into it. NULL on failure, with a sentence that names the tensor. */
struct model *model_load(const char *dir, struct err *err);

/* The same, but an adapter stays apart (m->lora), so that it can be trained. */
struct model *model_load_trained(const char *dir, struct err *err);

/* Writes config.json and model.safetensors (F32) into DIR, which exists; where an adapter is trained, that
 * alone in PEFT's layout. Each file by rename. 0 or -1. */
int model_save(const struct model *m, const char *dir, struct err *err);

/* A model without adapter in this type, to which its parameters are rounded, those in memory too. 0, or -1 if
 * one is beyond the type's range. */
int model_save_as(struct model *m, enum safetensors_type type, const char *dir, struct err *err);

void model_free(struct model *m);

/* The parameters that training changes: the model's own, or its adapter's. */
struct params *model_trained(const struct model *m);

/* A 64-bit fingerprint of configuration and parameters. */
uint64_t model_hash(const struct model *m);

#endif
