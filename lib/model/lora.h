/* lora — low-rank adapters (Hu et al. 2021): W = W0 + scale B A, with A [r, in], B [out, r], in PEFT's layout.
 *
 * The model's block always holds the merged W, so that forward, decoding and backward's way to the inputs know
 * nothing of adapters, and what is sampled has the bits of what is trained. W0 of the adapted matrices is kept
 * beside it, in bf16 where that loses nothing, as long as the adapter is trained. The rest of the model is frozen: no gradient, no moments.
 *     dW = dy^T x:  dB = scale dW A^T = scale dy^T (x A^T),  dA = scale B^T dW = (scale dy B)^T x */
#ifndef MODEL_LORA_H
#define MODEL_LORA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/pool.h"
#include "model/model.h"

/* The matrices that may be adapted, in the order of a layer's table. */
enum proj { PROJ_Q, PROJ_K, PROJ_V, PROJ_O, PROJ_GATE, PROJ_UP, PROJ_DOWN, N_PROJ };

/* What an adapter is made with. */
struct lora_options {
    long rank;
    double alpha;               /* scale = alpha / rank */
    unsigned targets;           /* bit p: PROJ p */
};

/* One adapted matrix: offsets of A and B in the adapter's block, of W in the model's, of W0 in `frozen`. */
struct lora_pair {
    bool present;
    size_t a, b, w, frozen;
    int rows, cols;             /* of W */
};

struct lora {
    int rank;
    double alpha, scale;
    bool rs;                    /* scale is alpha / sqrt(rank) */
    unsigned targets;
    struct params p;            /* A and B of each pair, layer by layer */
    struct lora_pair *pairs;    /* [layers * N_PROJ] */
    size_t n_frozen;
    uint16_t *half;             /* [n_frozen] W0 in bf16; or NULL and */
    real *full;                 /* [n_frozen] */
    char *base;                 /* folder of the base model */
};

/* Reads "all-linear", or names as PEFT's target_modules ("q_proj,v_proj"). 0, or -1 with a sentence. */
int lora_targets(const char *text, unsigned *targets, struct err *err);

/* Gives a model a fresh adapter: A uniform within 1 / sqrt(in) (PEFT's Kaiming start), B zero. `base` names
 * the folder that the model was read from. */
void lora_init(struct model *m, const struct lora_options *o, const char *base, uint64_t seed);

/* Whether DIR holds an adapter. */
bool lora_is_adapter(const char *dir);

/* Folder of the base that the adapter in DIR names; free() it. NULL with a sentence. */
char *lora_base(const char *dir, struct err *err);

/* Reads DIR's adapter for the model, its base, and merges it. Unless it will be trained W0 is not kept, and it
 * cannot be merged again. 0 or -1. */
int lora_load(struct model *m, const char *dir, bool trained, struct err *err);

/* Writes adapter_config.json and adapter_model.safetensors into DIR. 0 or -1. */
int lora_save(const struct model *m, const char *dir, struct err *err);

/* Makes the model's matrices W0 + scale B A again, after B and A have changed. Without adapter: nothing. */
void lora_merge(struct model *m, struct pool *pool);

/* Makes the model's matrices W0, as if there were no adapter, until lora_merge. */
void lora_switch_off(struct model *m, struct pool *pool);

/* Adds to grad (a block of the adapter) what dy and x give for n joined matrices from `first` on: dy [T, ld]
 * are gradients of their outputs side by side, x [T, in] their input. scratch holds lora_scratch reals. */
void lora_backward(const struct model *m, int layer, enum proj first, int n, real *grad, const real *dy, int ld,
                   const real *x, int T, real *scratch, struct pool *pool);

/* Reals that lora_backward needs; 0 without adapter. */
size_t lora_scratch(const struct model *m, int T);

/* Bytes that the frozen matrices take beside the model's block. */
size_t lora_frozen_bytes(const struct lora *l);

/* NULL is fine. */
void lora_free(struct lora *l);

#endif
