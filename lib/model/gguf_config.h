/* gguf_config — the hyper-parameters of a model as the metadata of a GGUF file, in llama.cpp's keys
 * (llama.block_count, qwen2.rope.freq_base, ...). What is not computed here is refused by name. */
#ifndef MODEL_GGUF_CONFIG_H
#define MODEL_GGUF_CONFIG_H

#include "base/err.h"
#include "io/gguf.h"
#include "model/config.h"

/* The tensor by which llama.cpp divides rotary frequencies: how Llama 3.1's scaling is kept. */
#define GGUF_ROPE_FREQS "rope_freqs.weight"

/* Reads and checks; special tokens are left at -1. Returns 0, or -1 with a sentence that names the key or
 * the tensor. */
int gguf_config_read(struct config *c, const struct gguf *g, struct err *err);

/* Adds the keys, general.architecture first. */
void gguf_config_write(struct gguf_meta *m, const struct config *c);

/* What the scaling divides each of the head_dim / 2 frequencies by. */
void gguf_config_rope(const struct config *c, float *factors);

#endif
