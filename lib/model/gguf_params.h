/* gguf_params — the parameters of a model as the tensors of a GGUF file, under llama.cpp's names.
 *
 * Of the llama architecture the rows of q and k lie in another order there: llama.cpp turns neighbours,
 * (x[2i], x[2i + 1]), where transformers turns (x[i], x[i + half]). */
#ifndef MODEL_GGUF_PARAMS_H
#define MODEL_GGUF_PARAMS_H

#include "base/err.h"
#include "io/gguf.h"
#include "model/model.h"

/* The model of a file, whose configuration gguf_config_read gave: names and shapes are checked before
 * memory is taken. NULL with a sentence that names the tensor. */
struct model *gguf_params_read(const struct gguf *g, const struct config *c, struct err *err);

/* Writes a file: matrices in this type, or F16 where their rows are no whole blocks of it; vectors as F32.
 * Returns 0, or -1 with the file gone. */
int gguf_params_write(const struct model *m, const struct gguf_meta *meta, enum quant_type type,
                      const char *path, struct err *err);

#endif
