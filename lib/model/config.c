/* config — config.json of Hugging Face, in both spellings of the rotary part: rope_theta with
 * rope_scaling (transformers 4), rope_parameters (transformers 5). */
#include "model/config.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "io/atomic.h"
#include "io/jsonl.h"

static const struct {
    const char *name, *class_name;
} archs[] = {
    [ARCH_LLAMA] = { "llama", "LlamaForCausalLM" },
    [ARCH_QWEN2] = { "qwen2", "Qwen2ForCausalLM" },
    [ARCH_QWEN3] = { "qwen3", "Qwen3ForCausalLM" },
};

enum { MAX_SIZE = 1 << 24, MAX_HEAD_DIM = 256 };

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
        { "vocab_size", c->vocab, MAX_SIZE },
        { "hidden_size", c->hidden, MAX_SIZE },
        { "num_hidden_layers", c->layers, 10000 },
        { "num_attention_heads", c->heads, 1024 },
        { "num_key_value_heads", c->kv_heads, 1024 },
        { "head_dim", c->head_dim, MAX_HEAD_DIM },
        { "intermediate_size", c->intermediate, MAX_SIZE },
        { "max_position_embeddings", c->max_positions, MAX_SIZE },
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

/* An absent or null number becomes `standard` (< 0: it must be there). */
static int read_size(const json_t *obj, const char *name, int standard, int *out, struct err *err) {
    const json_t *v = json_object_get(obj, name);
    int64_t x;

    if ((!v || json_is_null(v)) && standard >= 0) {
        *out = standard;
        return 0;
    }
    if (jsonl_int(obj, name, 0, MAX_SIZE, &x, err)) return -1;
    *out = (int)x;
    return 0;
}

static int read_real(const json_t *obj, const char *name, double standard, double *out, struct err *err) {
    const json_t *v = json_object_get(obj, name);

    if (!v || json_is_null(v)) {
        *out = standard;
        return 0;
    }
    return jsonl_number(obj, name, out, err);
}

static int read_scaling(struct config *c, const json_t *rope, const char *type, struct err *err) {
    if (!type || !strcmp(type, "default")) return 0;
    if (strcmp(type, "llama3")) return err_set(err, "rope type \"%s\" is not supported", type);
    if (jsonl_number(rope, "factor", &c->scaling.factor, err) ||
        jsonl_number(rope, "low_freq_factor", &c->scaling.low_freq, err) ||
        jsonl_number(rope, "high_freq_factor", &c->scaling.high_freq, err) ||
        read_size(rope, "original_max_position_embeddings", -1, &c->scaling.original_positions, err))
        return -1;
    if (!(c->scaling.factor >= 1 && c->scaling.low_freq > 0 && c->scaling.high_freq > c->scaling.low_freq) ||
        c->scaling.original_positions < 1)
        return err_set(err, "the factors of the llama3 rope scaling are out of range");
    return 0;
}

static int read_rope(struct config *c, const json_t *obj, struct err *err) {
    const json_t *rope = json_object_get(obj, "rope_parameters"), *type;
    const json_t *old = json_object_get(obj, "rope_scaling");

    if (json_is_object(rope)) {
        if (read_real(rope, "rope_theta", c->rope_theta, &c->rope_theta, err)) return -1;
    } else {
        rope = old;
    }
    if (!json_object_get(rope, "rope_theta") &&
        read_real(obj, "rope_theta", c->rope_theta, &c->rope_theta, err))
        return -1;
    if (!json_is_object(rope)) return 0;
    type = json_object_get(rope, "rope_type");
    if (!type) type = json_object_get(rope, "type");
    return read_scaling(c, rope, json_string_value(type), err);
}

/* Switches of models that we do not compute. */
static int refuse_others(const json_t *obj, enum config_arch arch, struct err *err) {
    const char *act = json_string_value(json_object_get(obj, "hidden_act"));
    const json_t *types = json_object_get(obj, "layer_types"), *type;
    size_t i;

    if (act && strcmp(act, "silu")) return err_set(err, "hidden_act \"%s\" is not supported", act);
    if (json_is_true(json_object_get(obj, "use_sliding_window")))
        return err_set(err, "sliding-window attention is not supported");
    json_array_foreach(types, i, type)
        if (strcmp(json_is_string(type) ? json_string_value(type) : "", "full_attention"))
            return err_set(err, "a layer with other than full attention is not supported");
    if (json_is_true(json_object_get(obj, "mlp_bias"))) return err_set(err, "mlp_bias is not supported");
    if (arch != ARCH_QWEN2 && json_is_true(json_object_get(obj, "attention_bias")))
        return err_set(err, "attention_bias is not supported");
    if (json_object_get(obj, "quantization_config"))
        return err_set(err, "a quantised checkpoint is not supported");
    return 0;
}

static int read_arch(struct config *c, const json_t *obj, struct err *err) {
    const char *type;

    if (jsonl_string(obj, "model_type", &type, err)) return -1;
    for (int a = ARCH_LLAMA; a <= ARCH_QWEN3; a++)
        if (!strcmp(type, archs[a].name)) {
            *c = config_default(a);
            return refuse_others(obj, a, err);
        }
    return err_set(err, "model_type \"%s\" is not supported (llama, qwen2, qwen3 are)", type);
}

/* One id, a list of ids, or none. */
static int read_eos(struct config *c, const json_t *v, struct err *err) {
    size_t n = json_is_array(v) ? json_array_size(v) : 1;

    c->n_eos = 0;
    if (!v || json_is_null(v)) return 0;
    if (n > CONFIG_MAX_EOS) return err_set(err, "more than %d eos_token_id", CONFIG_MAX_EOS);
    for (size_t i = 0; i < n; i++) {
        const json_t *id = json_is_array(v) ? json_array_get(v, i) : v;

        if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) > MAX_SIZE)
            return err_set(err, "\"eos_token_id\" is not a token id");
        c->eos[c->n_eos++] = (int)json_integer_value(id);
    }
    return 0;
}

static int read_token(const json_t *obj, const char *name, int *out) {
    const json_t *v = json_object_get(obj, name);

    *out = json_is_integer(v) && json_integer_value(v) >= 0 && json_integer_value(v) <= MAX_SIZE
               ? (int)json_integer_value(v) : -1;
    return 0;
}

int config_read(struct config *c, const json_t *obj, struct err *err) {
    if (read_arch(c, obj, err) || read_size(obj, "vocab_size", -1, &c->vocab, err) ||
        read_size(obj, "hidden_size", -1, &c->hidden, err) ||
        read_size(obj, "num_hidden_layers", -1, &c->layers, err) ||
        read_size(obj, "num_attention_heads", -1, &c->heads, err) ||
        read_size(obj, "num_key_value_heads", c->heads, &c->kv_heads, err) ||
        read_size(obj, "head_dim", c->heads ? c->hidden / c->heads : 0, &c->head_dim, err) ||
        read_size(obj, "intermediate_size", -1, &c->intermediate, err) ||
        read_size(obj, "max_position_embeddings", c->max_positions, &c->max_positions, err) ||
        read_real(obj, "rms_norm_eps", c->norm_eps, &c->norm_eps, err) || read_rope(c, obj, err) ||
        read_eos(c, json_object_get(obj, "eos_token_id"), err))
        return -1;
    c->tied = json_is_true(json_object_get(obj, "tie_word_embeddings"));
    read_token(obj, "bos_token_id", &c->bos);
    read_token(obj, "pad_token_id", &c->pad);
    return config_check(c, err);
}

int config_load(struct config *cfg, const char *dir, struct err *err) {
    struct buf path = { 0 };
    json_t *obj;
    int r = -1;

    buf_printf(&path, "%s/config.json", dir);
    obj = jsonl_load(path.s, err);
    if (obj && (r = config_read(cfg, obj, err))) err_prefix(err, "%s", path.s);
    json_decref(obj);
    buf_free(&path);
    return r;
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
    struct atomic_file a;
    struct buf path = { 0 };
    json_t *obj;
    int r;

    buf_printf(&path, "%s/config.json", dir);
    r = atomic_open(&a, path.s, err);
    buf_free(&path);
    if (r) return -1;
    obj = config_json(cfg);
    json_object_set_new(obj, "torch_dtype", json_string(dtype));
    json_dumpf(obj, a.f, JSON_INDENT(2));
    putc('\n', a.f);
    json_decref(obj);
    return atomic_commit(&a, err);
}

bool config_is_eos(const struct config *cfg, int token) {
    for (int i = 0; i < cfg->n_eos; i++)
        if (cfg->eos[i] == token) return true;
    return false;
}
