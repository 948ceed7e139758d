/* gguf_config — keys of an architecture: "%s" stands for its name. */
#include "model/gguf_config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/rope.h"

enum { KEY = 96, MAX_SIZE = 1 << 24, MAX_HEAD_DIM = 256 };

struct keys {
    char at[KEY];
    const char *arch;
};

static const char *key(struct keys *k, const char *name) {
    snprintf(k->at, sizeof k->at, "%s.%s", k->arch, name);
    return k->at;
}

/* A whole number from 1 to `most`; where the key is absent, `standard` (0: it must be there). */
static int read_size(const struct gguf *g, const char *name, int standard, int most, int *out, struct err *err) {
    int64_t x = standard;

    if ((gguf_find(g, name) || !standard) && gguf_integer(g, name, &x, err)) return -1;
    if (x < 1 || x > most) return err_set(err, "key %s is %lld, not from 1 to %d", name, (long long)x, most);
    *out = (int)x;
    return 0;
}

/* The decimal with the fewest digits that a float keeps: what was 1e-05 before it became one. */
static double shortest(float x) {
    char s[32];

    for (int digits = 6; digits <= 9; digits++) {
        snprintf(s, sizeof s, "%.*g", digits, (double)x);
        if (strtof(s, NULL) == x) break;
    }
    return strtod(s, NULL);
}

/* A real number; where the key is absent, *out stays (must: it has to be there). */
static int read_real(const struct gguf *g, const char *name, bool must, double *out, struct err *err) {
    if (!must && !gguf_find(g, name)) return 0;
    if (gguf_real(g, name, out, err)) return -1;
    *out = shortest((float)*out);
    return 0;
}

static int read_arch(struct config *c, struct keys *k, const struct gguf *g, struct err *err) {
    if (gguf_string(g, "general.architecture", &k->arch, err)) return -1;
    for (int a = ARCH_LLAMA; a <= ARCH_QWEN3; a++)
        if (!strcmp(k->arch, config_arch_name(a))) {
            *c = config_default(a);
            return 0;
        }
    return err_set(err, "general.architecture \"%s\" is not supported (llama, qwen2, qwen3 are)", k->arch);
}

/* Keys that change what is computed, unless they hold this number. */
static int refuse_others(struct keys *k, const struct gguf *g, struct err *err) {
    static const struct {
        const char *name;
        double neutral;
        const char *what;
    } keys[] = {
        { "expert_count", 0, "a mixture of experts" },
        { "attention.sliding_window", 0, "sliding-window attention" },
        { "attention.scale", 0, "another scale of attention" },
        { "rope.scaling.factor", 1, "linear or YaRN rope scaling" },
        { "rope.scale_linear", 1, "linear rope scaling" },
        { "rope.scaling.attn_factor", 1, "YaRN rope scaling" },
    };
    const char *type;

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct gguf_value *v = gguf_find(g, key(k, keys[i].name));
        double x = 0;
        int64_t n;

        if (!v) continue;
        if (v->type == GGUF_FLOAT32 || v->type == GGUF_FLOAT64) {
            if (gguf_real(g, k->at, &x, err)) return -1;
        } else {
            if (gguf_integer(g, k->at, &n, err)) return -1;
            x = (double)n;
        }
        if (x != 0 && x != keys[i].neutral) return err_set(err, "key %s: %s is not supported", k->at, keys[i].what);
    }
    if (!gguf_find(g, key(k, "rope.scaling.type"))) return 0;
    if (gguf_string(g, k->at, &type, err)) return -1;
    if (!strcmp(type, "none") || !strcmp(type, "linear")) return 0;     /* with a factor of 1 */
    return err_set(err, "key %s: rope scaling \"%s\" is not supported", k->at, type);
}

/* A head's width is hidden / heads unless a key says otherwise; keys, values and rotary part have the same. */
static int read_head_dim(struct config *c, struct keys *k, const struct gguf *g, struct err *err) {
    int standard = c->hidden / c->heads, values, rotary;

    if (read_size(g, key(k, "attention.key_length"), standard, MAX_HEAD_DIM, &c->head_dim, err) ||
        read_size(g, key(k, "attention.value_length"), standard, MAX_HEAD_DIM, &values, err))
        return -1;
    if (values != c->head_dim)
        return err_set(err, "key %s is %d, and that of keys %d: not supported", k->at, values, c->head_dim);
    if (read_size(g, key(k, "rope.dimension_count"), c->head_dim, MAX_HEAD_DIM, &rotary, err)) return -1;
    if (rotary == c->head_dim) return 0;
    return err_set(err, "key %s is %d, not the %d of a head: not supported", k->at, rotary, c->head_dim);
}

static int read_sizes(struct config *c, struct keys *k, const struct gguf *g, struct err *err) {
    const struct gguf_tensor *embed = gguf_tensor(g, "token_embd.weight");

    if (!embed) return err_set(err, "tensor token_embd.weight is missing");
    if (embed->dims != 2 || embed->shape[0] > MAX_SIZE)
        return err_set(err, "tensor token_embd.weight is not a matrix of a row for each of at most %d tokens", MAX_SIZE);
    c->vocab = (int)embed->shape[0];
    c->tied = !gguf_tensor(g, "output.weight");
    return read_size(g, key(k, "embedding_length"), 0, MAX_SIZE, &c->hidden, err) ||
           read_size(g, key(k, "block_count"), 0, 10000, &c->layers, err) ||
           read_size(g, key(k, "feed_forward_length"), 0, MAX_SIZE, &c->intermediate, err) ||
           read_size(g, key(k, "attention.head_count"), 0, 1024, &c->heads, err) ||
           read_size(g, key(k, "attention.head_count_kv"), c->heads, 1024, &c->kv_heads, err) ||
           read_size(g, key(k, "context_length"), 0, MAX_SIZE, &c->max_positions, err) ||
           read_head_dim(c, k, g, err) ? -1 : 0;
}

void gguf_config_rope(const struct config *c, float *factors) {
    struct config plain = *c;

    plain.scaling = (struct rope_scaling){ 0 };
    for (int i = 0; i < c->head_dim / 2; i++) factors[i] = (float)(rope_frequency(&plain, i) / rope_frequency(c, i));
}

static bool scales_so(const struct config *c, const float *factors) {
    float own[MAX_HEAD_DIM / 2];

    gguf_config_rope(c, own);
    for (int i = 0; i < c->head_dim / 2; i++)
        if (!(fabsf(own[i] - factors[i]) <= 1e-4f * factors[i])) return false;
    return true;
}

/* GGUF keeps the factors of Llama 3.1's scaling but not what they came from. The last one is the greatest; the
 * ends of the blend are those of every published model, at 1 and 4; the old length is looked for. */
static int read_scaling(struct config *c, const struct gguf *g, struct err *err) {
    const struct gguf_tensor *t = gguf_tensor(g, GGUF_ROPE_FREQS);
    int half = c->head_dim / 2;
    float factors[MAX_HEAD_DIM / 2];

    if (!t) return 0;
    if (t->dims != 1 || t->n != (size_t)half)
        return err_set(err, "tensor %s does not hold a number for each pair of a head", t->name);
    gguf_read(t, 0, t->n, factors);
    if (scales_so(c, factors)) return 0;
    for (int length = 1; length <= 1 << 24; length *= 2) {
        c->scaling = (struct rope_scaling){ shortest(factors[half - 1]), 1, 4, length };
        if (c->scaling.factor >= 1 && scales_so(c, factors)) return 0;
    }
    return err_set(err, "tensor %s holds another scaling than that of Llama 3.1", t->name);
}

int gguf_config_read(struct config *c, const struct gguf *g, struct err *err) {
    struct keys k;

    if (read_arch(c, &k, g, err)) return -1;
    c->rope_theta = 10000;              /* llama.cpp's, of every architecture */
    if (refuse_others(&k, g, err) || read_sizes(c, &k, g, err) ||
        read_real(g, key(&k, "attention.layer_norm_rms_epsilon"), true, &c->norm_eps, err) ||
        read_real(g, key(&k, "rope.freq_base"), false, &c->rope_theta, err) || config_check(c, err))
        return -1;
    return read_scaling(c, g, err);
}

void gguf_config_write(struct gguf_meta *m, const struct config *c) {
    const struct {
        const char *name;
        int value;
    } sizes[] = {
        { "vocab_size", c->vocab },
        { "context_length", c->max_positions },
        { "embedding_length", c->hidden },
        { "block_count", c->layers },
        { "feed_forward_length", c->intermediate },
        { "attention.head_count", c->heads },
        { "attention.head_count_kv", c->kv_heads },
        { "attention.key_length", c->head_dim },
        { "attention.value_length", c->head_dim },
        { "rope.dimension_count", c->head_dim },
    };
    struct keys k = { .arch = config_arch_name(c->arch) };

    gguf_put_string(m, "general.architecture", k.arch);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        gguf_put_uint32(m, key(&k, sizes[i].name), (uint32_t)sizes[i].value);
    gguf_put_float32(m, key(&k, "attention.layer_norm_rms_epsilon"), (float)c->norm_eps);
    gguf_put_float32(m, key(&k, "rope.freq_base"), (float)c->rope_theta);
}
