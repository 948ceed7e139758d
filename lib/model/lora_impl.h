/* lora_impl — what lora.c and lora_io.c share. */
#ifndef MODEL_LORA_IMPL_H
#define MODEL_LORA_IMPL_H

#include "model/lora.h"

#define LORA_PREFIX "base_model.model."

/* Where a projection stands: "model.layers.N.BLOCK.NAME". */
struct lora_module {
    const char *block, *name;
};
extern const struct lora_module lora_modules[N_PROJ];

/* The layout of an adapter for this model (p.data NULL), not yet part of it; lora_freeze keeps W0 of its pairs. */
struct lora *lora_new(const struct model *m, int rank, double alpha, double scale, unsigned targets);
void lora_freeze(struct lora *l, const struct model *m);

/* The adapter of zeros that the object of an adapter_config.json describes. 0 or -1. */
int lora_read_config(const struct model *m, const json_t *obj, struct lora **l, struct err *err);

#endif
