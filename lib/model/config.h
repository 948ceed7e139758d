/* config — the hyper-parameters of a decoder: Llama, Qwen2 and Qwen3 in one struct, as Hugging Face's
 * config.json writes them. Kinds we do not compute (sliding windows, mixtures of experts, other
 * model types) are refused with a sentence. */
#ifndef MODEL_CONFIG_H
#define MODEL_CONFIG_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"

enum config_arch { ARCH_LLAMA, ARCH_QWEN2, ARCH_QWEN3 };
enum { CONFIG_MAX_EOS = 8 };

/* Rotary positions that reach further than the model was first trained for (Llama 3.1's rule). */
struct rope_scaling {
    double factor;                  /* 0: none */
    double low_freq, high_freq;
    int original_positions;
};

struct config {
    enum config_arch arch;
    int vocab, hidden, layers, heads, kv_heads, head_dim, intermediate;
    int max_positions;
    double rope_theta;
    struct rope_scaling scaling;
    double norm_eps;
    bool tied;                      /* the output matrix is the embedding */
    bool qkv_bias;                  /* Qwen2 */
    bool qk_norm;                   /* Qwen3: RMSNorm of each head's query and key */
    int bos, pad;                   /* token ids; -1: none */
    int eos[CONFIG_MAX_EOS];        /* any of them ends a text */
    int n_eos;
};

/* Defaults of an architecture: the switches above, rope_theta, norm_eps, no special tokens; sizes 0. */
struct config config_default(enum config_arch arch);

/* "llama", "qwen2", "qwen3". */
const char *config_arch_name(enum config_arch arch);

/* Checks sizes: positive, heads divisible by kv_heads, head_dim even, products far from overflow. */
int config_check(const struct config *cfg, struct err *err);

/* Reads the object of a config.json; config_load reads DIR/config.json. Both check. 0 or -1. */
int config_read(struct config *cfg, const json_t *obj, struct err *err);
int config_load(struct config *cfg, const char *dir, struct err *err);

/* The object as transformers reads it, a new reference. config_save writes DIR/config.json; dtype is that of
 * the parameters beside it ("float32"). */
json_t *config_json(const struct config *cfg);
int config_save(const struct config *cfg, const char *dir, const char *dtype, struct err *err);

/* Whether `token` ends a text. */
bool config_is_eos(const struct config *cfg, int token);

#endif
