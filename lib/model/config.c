/* config — defaults, checks, and writing; config_read.c reads. */
#include "model/config.h"

#include "io/jsonl.h"

static const struct {
    const char *name, *class_name;
} archs[] = {
    [ARCH_LLAMA] = { "llama", "LlamaForCausalLM" },
    [ARCH_QWEN2] = { "qwen2", "Qwen2ForCausalLM" },
    [ARCH_QWEN3] = { "qwen3", "Qwen3ForCausalLM" },
};

enum { MAX_HEAD_DIM = 256 };

const char *config_arch_name(enum config_arch arch) {
    return archs[arch].name;
}

struct config config_default(enum config_arch arch) {
    return (struct config){
        .arch = arch, .max_positions = 2048, .rope_theta = arch == ARCH_LLAMA ? 10000 : 1000000,
        .norm_eps = arch == ARCH_LLAMA ? 1e-5 : 1e-6, .qkv_bias = arch == ARCH_QWEN2,
        .qk_norm = arch == ARCH_QWEN3, .bos = -1, .pad = -1,
    };
}

static int check_size(const char *name, int value, int most, struct err *err) {
    if (value >= 1 && value <= most) return 0;
    return err_set(err, "%s is %d, not from 1 to %d", name, value, most);
}

int config_check(const struct config *c, struct err *err) {
    const struct {
        const char *name;
        int value, most;
    } sizes[] = {
        { "vocab_size", c->vocab, CONFIG_MAX_SIZE },
        { "hidden_size", c->hidden, CONFIG_MAX_SIZE },
        { "num_hidden_layers", c->layers, 10000 },
        { "num_attention_heads", c->heads, 1024 },
        { "num_key_value_heads", c->kv_heads, 1024 },
        { "head_dim", c->head_dim, MAX_HEAD_DIM },
        { "intermediate_size", c->intermediate, CONFIG_MAX_SIZE },
        { "max_position_embeddings", c->max_positions, CONFIG_MAX_SIZE },
    };

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (check_size(sizes[i].name, sizes[i].value, sizes[i].most, err)) return -1;
    if (c->heads % c->kv_heads)
        return err_set(err, "num_attention_heads %d is not a multiple of num_key_value_heads %d", c->heads,
                       c->kv_heads);
    if (c->head_dim % 2) return err_set(err, "head_dim %d is odd", c->head_dim);
    if ((double)c->hidden * (c->heads + 2.0 * c->kv_heads) * c->head_dim > 1e12 ||
        (double)c->hidden * c->intermediate > 1e12 || (double)c->hidden * c->vocab > 1e12)
        return err_set(err, "a matrix of this model has more than 1e12 numbers");
    if (!(c->norm_eps > 0 && c->norm_eps < 1)) return err_set(err, "rms_norm_eps is not between 0 and 1");
    if (!(c->rope_theta >= 1 && c->rope_theta <= 1e12))
        return err_set(err, "rope_theta is not from 1 to 1e12");
    return 0;
}

static json_t *token_json(int id) {
    return id < 0 ? json_null() : json_integer(id);
}

static json_t *eos_json(const struct config *c) {
    json_t *list;

    if (c->n_eos <= 1) return token_json(c->n_eos ? c->eos[0] : -1);
    list = json_array();
    for (int i = 0; i < c->n_eos; i++) json_array_append_new(list, json_integer(c->eos[i]));
    return list;
}

static json_t *scaling_json(const struct config *c) {
    if (!c->scaling.factor) return json_null();
    return json_pack("{s:f, s:f, s:f, s:i, s:s}", "factor", c->scaling.factor, "high_freq_factor",
                     c->scaling.high_freq, "low_freq_factor", c->scaling.low_freq,
                     "original_max_position_embeddings", c->scaling.original_positions, "rope_type",
                     "llama3");
}

/* The spelling of transformers 4, which 5 reads too. */
json_t *config_json(const struct config *c) {
    json_t *obj = json_pack(
        "{s:[s], s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:f, s:f, s:o, s:b, s:s, s:b, s:o, s:o, s:o, s:s}",
        "architectures", archs[c->arch].class_name, "model_type", archs[c->arch].name, "vocab_size",
        c->vocab, "hidden_size", c->hidden, "num_hidden_layers", c->layers, "num_attention_heads",
        c->heads, "num_key_value_heads", c->kv_heads, "head_dim", c->head_dim, "intermediate_size",
        c->intermediate, "max_position_embeddings", c->max_positions, "rope_theta", c->rope_theta,
        "rms_norm_eps", c->norm_eps, "rope_scaling", scaling_json(c), "tie_word_embeddings", c->tied,
        "hidden_act", "silu", "attention_bias", c->qkv_bias, "bos_token_id", token_json(c->bos),
        "eos_token_id", eos_json(c), "pad_token_id", token_json(c->pad), "torch_dtype", "float32");

    if (c->arch != ARCH_LLAMA) json_object_set_new(obj, "use_sliding_window", json_false());
    return obj;
}

int config_save(const struct config *cfg, const char *dir, const char *dtype, struct err *err) {
    json_t *obj = config_json(cfg);
    int r;

    json_object_set_new(obj, "torch_dtype", json_string(dtype));
    r = jsonl_save(obj, dir, "config.json", true, err);
    json_decref(obj);
    return r;
}

bool config_is_eos(const struct config *cfg, int token) {
    for (int i = 0; i < cfg->n_eos; i++)
        if (cfg->eos[i] == token) return true;
    return false;
}
