/* config_read — config.json of Hugging Face, in both spellings of the rotary part: rope_theta with
 * rope_scaling (transformers 4), rope_parameters (transformers 5). A null is an absence. */
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "io/jsonl.h"
#include "model/config.h"

static const json_t *given(const json_t *obj, const char *name) {
    const json_t *v = json_object_get(obj, name);

    return json_is_null(v) ? NULL : v;
}

/* An absent size becomes `standard` (0: it must be there). */
static int read_size(const json_t *obj, const char *name, int standard, int *out, struct err *err) {
    int64_t x = standard;

    if ((given(obj, name) || !standard) && jsonl_int(obj, name, 1, CONFIG_MAX_SIZE, &x, err))
        return -1;
    *out = (int)x;
    return 0;
}

/* An absent number leaves *out as it is. */
static int read_real(const json_t *obj, const char *name, double *out, struct err *err) {
    return given(obj, name) ? jsonl_number(obj, name, out, err) : 0;
}

static int read_flag(const json_t *obj, const char *name, bool *out, struct err *err) {
    const json_t *v = given(obj, name);

    *out = json_is_true(v);
    return !v || json_is_boolean(v) ? 0 : err_set(err, "\"%s\" is neither true nor false", name);
}

/* The type of a rotary object, by its two names; NULL: none. */
static int read_rope_type(const json_t *rope, const char **type, struct err *err) {
    const char *old = NULL;

    *type = NULL;
    if ((given(rope, "rope_type") && jsonl_string(rope, "rope_type", type, err)) ||
        (given(rope, "type") && jsonl_string(rope, "type", &old, err)))
        return -1;
    if (*type && old && strcmp(*type, old))
        return err_set(err, "the rope type is \"%s\" and \"%s\"", *type, old);
    if (!*type) *type = old;
    if (!*type && given(rope, "factor")) return err_set(err, "a rope factor without a rope type");
    return 0;
}

static int read_scaling(struct rope_scaling *s, const json_t *rope, struct err *err) {
    const char *type;

    *s = (struct rope_scaling){ 0 };
    if (read_rope_type(rope, &type, err)) return -1;
    if (!type || !strcmp(type, "default")) return 0;
    if (strcmp(type, "llama3")) return err_set(err, "rope type \"%s\" is not supported", type);
    if (jsonl_number(rope, "factor", &s->factor, err) ||
        jsonl_number(rope, "low_freq_factor", &s->low_freq, err) ||
        jsonl_number(rope, "high_freq_factor", &s->high_freq, err) ||
        read_size(rope, "original_max_position_embeddings", 0, &s->original_positions, err))
        return -1;
    if (s->factor >= 1 && s->low_freq > 0 && s->high_freq > s->low_freq) return 0;
    return err_set(err, "the factors of the llama3 rope scaling are out of range");
}

/* Only heads that are rotated as a whole are computed. */
static int check_whole(const json_t *obj, struct err *err) {
    double part = 1;

    if (read_real(obj, "partial_rotary_factor", &part, err)) return -1;
    return part == 1 ? 0 : err_set(err, "partial_rotary_factor %g is not supported", part);
}

/* rope_scaling or rope_parameters; *theta is 0 while no base is known. */
static int read_rope_object(const json_t *obj, const char *name, struct rope_scaling *s,
                            double *theta, struct err *err) {
    json_t *rope, *v;
    double own = *theta;
    const char *key;

    if (jsonl_object(obj, name, &rope, err) || check_whole(rope, err)) return -1;
    json_object_foreach(rope, key, v)
        if (json_is_object(v)) return err_set(err, "%s by kind of layer are not supported", name);
    if (read_real(rope, "rope_theta", &own, err)) return -1;
    if (*theta && own != *theta)
        return err_set(err, "rope_theta is %g and, in %s, %g", *theta, name, own);
    *theta = own;
    return read_scaling(s, rope, err);
}

static bool same_scaling(const struct rope_scaling *a, const struct rope_scaling *b) {
    return a->factor == b->factor && a->low_freq == b->low_freq && a->high_freq == b->high_freq &&
           a->original_positions == b->original_positions;
}

static int read_rope(struct config *c, const json_t *obj, struct err *err) {
    bool old = given(obj, "rope_scaling"), new = given(obj, "rope_parameters");
    struct rope_scaling s = { 0 };
    double theta = 0;

    if (check_whole(obj, err) || read_real(obj, "rope_theta", &theta, err) ||
        (old && read_rope_object(obj, "rope_scaling", &s, &theta, err)))
        return -1;
    c->scaling = s;
    if (new && read_rope_object(obj, "rope_parameters", &c->scaling, &theta, err)) return -1;
    if (old && new && !same_scaling(&s, &c->scaling))
        return err_set(err, "rope_scaling and rope_parameters are not the same");
    c->rope_theta = theta ? theta : 10000;
    return 0;
}

/* A list of the kinds of layers may only say what we compute, once a layer. */
static int check_layers(const struct config *c, const json_t *obj, struct err *err) {
    json_t *types, *type;
    size_t i;

    if (!given(obj, "layer_types")) return 0;
    if (jsonl_array(obj, "layer_types", &types, err)) return -1;
    json_array_foreach(types, i, type)
        if (!json_is_string(type) || strcmp(json_string_value(type), "full_attention"))
            return err_set(err, "layer_types: layer %zu is not \"full_attention\"", i);
    if (i == (size_t)c->layers) return 0;
    return err_set(err, "layer_types has %zu entries, num_hidden_layers is %d", i, c->layers);
}

/* Parts that we do not compute: what is given of them must be false or 0. */
static int refuse_parts(enum config_arch arch, const json_t *obj, struct err *err) {
    enum { LLAMA = 1 << ARCH_LLAMA, QWEN3 = 1 << ARCH_QWEN3, ALL = ~0 };
    static const struct {
        const char *name, *what;
        int archs;              /* for which the name means something */
    } parts[] = {
        { "use_sliding_window", "sliding-window attention", ALL },
        { "sliding_window", "sliding-window attention", LLAMA },
        { "attention_bias", "a bias in attention", LLAMA | QWEN3 },
        { "mlp_bias", "a bias in the MLP", ALL },
        { "quantization_config", "a quantised checkpoint", ALL },
        { "num_experts", "a mixture of experts", ALL },
        { "num_local_experts", "a mixture of experts", ALL },
        { "n_routed_experts", "a mixture of experts", ALL },
    };
    bool no_window = json_is_false(json_object_get(obj, "use_sliding_window"));

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const json_t *v = given(obj, parts[i].name);

        if (!v || json_is_false(v) || (json_is_integer(v) && !json_integer_value(v))) continue;
        if (!(parts[i].archs & 1 << arch)) continue;
        if (no_window && !strcmp(parts[i].name, "sliding_window")) continue;
        return err_set(err, "%s: %s is not supported", parts[i].name, parts[i].what);
    }
    return 0;
}

static int read_arch(struct config *c, const json_t *obj, struct err *err) {
    const char *type, *act = "silu";

    if (jsonl_string(obj, "model_type", &type, err)) return -1;
    for (int a = ARCH_LLAMA; a <= ARCH_QWEN3; a++) {
        if (strcmp(type, config_arch_name(a))) continue;
        *c = config_default(a);
        if (given(obj, "hidden_act") && jsonl_string(obj, "hidden_act", &act, err)) return -1;
        if (strcmp(act, "silu")) return err_set(err, "hidden_act \"%s\" is not supported", act);
        return refuse_parts(a, obj, err);
    }
    return err_set(err, "model_type \"%s\" is not supported (llama, qwen2, qwen3 are)", type);
}

/* A token id, or -1. */
static int read_token(const struct config *c, const json_t *v, const char *name, int *out,
                      struct err *err) {
    json_int_t id = v ? json_integer_value(v) : -1;

    if (v && (!json_is_integer(v) || id < -1))
        return err_set(err, "\"%s\" is not a token id", name);
    if (id >= c->vocab)
        return err_set(err, "%s %lld is beyond the vocabulary of %d", name, (long long)id,
                       c->vocab);
    *out = (int)id;
    return 0;
}

/* One end token, a list of them, or none. */
static int read_eos(struct config *c, const json_t *v, struct err *err) {
    size_t n = json_is_array(v) ? json_array_size(v) : v != NULL;

    if (n > CONFIG_MAX_EOS) return err_set(err, "more than %d eos_token_id", CONFIG_MAX_EOS);
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_is_array(v) ? json_array_get(v, i) : v;
        int *id = &c->eos[c->n_eos];

        if (read_token(c, one, "eos_token_id", id, err)) return -1;
        c->n_eos += *id >= 0;
    }
    return 0;
}

/* Without head_dim Qwen3 has 128, the others share hidden_size among their heads. */
static int read_sizes(struct config *c, const json_t *obj, struct err *err) {
    int positions = c->arch == ARCH_LLAMA ? 2048 : 32768, share;

    if (read_size(obj, "vocab_size", 0, &c->vocab, err) ||
        read_size(obj, "hidden_size", 0, &c->hidden, err) ||
        read_size(obj, "num_hidden_layers", 0, &c->layers, err) ||
        read_size(obj, "num_attention_heads", 0, &c->heads, err) ||
        read_size(obj, "num_key_value_heads", c->heads, &c->kv_heads, err) ||
        read_size(obj, "intermediate_size", 0, &c->intermediate, err) ||
        read_size(obj, "max_position_embeddings", positions, &c->max_positions, err))
        return -1;
    share = c->arch == ARCH_QWEN3 ? 128 : c->hidden / c->heads;
    if (c->arch != ARCH_QWEN3 && !given(obj, "head_dim") && c->hidden % c->heads)
        return err_set(err, "hidden_size %d is not a multiple of num_attention_heads %d",
                       c->hidden, c->heads);
    return read_size(obj, "head_dim", share, &c->head_dim, err);
}

int config_read(struct config *c, const json_t *obj, struct err *err) {
    if (read_arch(c, obj, err) || read_sizes(c, obj, err)) return -1;
    c->norm_eps = 1e-6;
    if (read_real(obj, "rms_norm_eps", &c->norm_eps, err) || read_rope(c, obj, err) ||
        check_layers(c, obj, err) || read_flag(obj, "tie_word_embeddings", &c->tied, err) ||
        read_eos(c, given(obj, "eos_token_id"), err) ||
        read_token(c, given(obj, "bos_token_id"), "bos_token_id", &c->bos, err) ||
        read_token(c, given(obj, "pad_token_id"), "pad_token_id", &c->pad, err))
        return -1;
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
