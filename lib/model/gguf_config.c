/* gguf_config — keys begin with the name of the architecture. */
#include "model/gguf_config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/rope.h"

enum { KEY = 96, MAX_SIZE = 1 << 24, MAX_HEAD_DIM = 256 };

/* A file, and the key that was asked for last. */
struct reader {
    const struct gguf *g;
    const char *arch;
    char key[KEY];
};

static const char *key_of(char key[KEY], const char *arch, const char *name) {
    snprintf(key, KEY, "%s.%s", arch, name);
    return key;
}

/* Whether the file has the architecture's key of this name. */
static bool has(struct reader *r, const char *name) {
    return gguf_find(r->g, key_of(r->key, r->arch, name));
}

/* A whole number from 1 to `most`; where the key is absent, `standard` (0: it must be there). */
static int read_size(struct reader *r, const char *name, int standard, int most, int *out,
                     struct err *err) {
    int64_t x = standard;

    if ((has(r, name) || !standard) && gguf_integer(r->g, r->key, &x, err)) return -1;
    if (x < 1 || x > most)
        return err_set(err, "key %s is %lld, not from 1 to %d", r->key, (long long)x, most);
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

/* A real number; where the key is absent, `standard` (0: it must be there). */
static int read_real(struct reader *r, const char *name, double standard, double *out,
                     struct err *err) {
    *out = standard;
    if (!has(r, name) && standard != 0) return 0;
    if (gguf_real(r->g, r->key, out, err)) return -1;
    *out = shortest((float)*out);
    return 0;
}

static int read_arch(struct config *c, struct reader *r, struct err *err) {
    if (gguf_string(r->g, "general.architecture", &r->arch, err)) return -1;
    for (int a = ARCH_LLAMA; a <= ARCH_QWEN3; a++)
        if (!strcmp(r->arch, config_arch_name(a))) {
            *c = config_default(a);
            return 0;
        }
    return err_set(err, "general.architecture \"%s\" is not supported (llama, qwen2, qwen3 are)",
                   r->arch);
}

/* Keys that change what is computed, unless they hold this number or 0. */
static const struct {
    const char *name;
    double neutral;
    const char *what;
} others[] = {
    { "expert_count", 0, "a mixture of experts" },
    { "attention.sliding_window", 0, "sliding-window attention" },
    { "attention.scale", 0, "another scale of attention" },
    { "rope.scaling.factor", 1, "linear or YaRN rope scaling" },
    { "rope.scale_linear", 1, "linear rope scaling" },
    { "rope.scaling.attn_factor", 1, "YaRN rope scaling" },
};

/* A number of either kind. */
static int read_number(struct reader *r, double *out, struct err *err) {
    enum gguf_type type = gguf_find(r->g, r->key)->type;
    int64_t n;

    if (type == GGUF_FLOAT32 || type == GGUF_FLOAT64) return gguf_real(r->g, r->key, out, err);
    if (gguf_integer(r->g, r->key, &n, err)) return -1;
    *out = (double)n;
    return 0;
}

static int refuse_others(struct reader *r, struct err *err) {
    const char *type;

    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        double x = 0;

        if (has(r, others[i].name) && read_number(r, &x, err)) return -1;
        if (x != 0 && x != others[i].neutral)
            return err_set(err, "key %s: %s is not supported", r->key, others[i].what);
    }
    if (!has(r, "rope.scaling.type")) return 0;
    if (gguf_string(r->g, r->key, &type, err)) return -1;
    if (!strcmp(type, "none") || !strcmp(type, "linear")) return 0;     /* by a factor of 1 */
    return err_set(err, "key %s: rope scaling \"%s\" is not supported", r->key, type);
}

/* A head's width is hidden / heads unless a key says otherwise. Keys, values and the part of a head
 * that positions turn must have the same. */
static int read_head_dim(struct config *c, struct reader *r, struct err *err) {
    int standard = c->hidden / c->heads, values, turned;

    if (read_size(r, "attention.key_length", standard, MAX_HEAD_DIM, &c->head_dim, err) ||
        read_size(r, "attention.value_length", standard, MAX_HEAD_DIM, &values, err))
        return -1;
    if (values != c->head_dim)
        return err_set(err, "key %s is %d, and that of keys %d: not supported", r->key, values,
                       c->head_dim);
    if (read_size(r, "rope.dimension_count", c->head_dim, MAX_HEAD_DIM, &turned, err)) return -1;
    if (turned == c->head_dim) return 0;
    return err_set(err, "key %s is %d, not the %d of a head: not supported", r->key, turned,
                   c->head_dim);
}

static int read_sizes(struct config *c, struct reader *r, struct err *err) {
    const struct gguf_tensor *embed = gguf_tensor(r->g, "token_embd.weight");

    if (!embed) return err_set(err, "tensor token_embd.weight is missing");
    if (embed->dims != 2 || embed->shape[0] > MAX_SIZE)
        return err_set(err, "tensor token_embd.weight is not a matrix of at most %d rows", MAX_SIZE);
    c->vocab = (int)embed->shape[0];
    c->tied = !gguf_tensor(r->g, "output.weight");
    return read_size(r, "embedding_length", 0, MAX_SIZE, &c->hidden, err) ||
           read_size(r, "block_count", 0, 10000, &c->layers, err) ||
           read_size(r, "feed_forward_length", 0, MAX_SIZE, &c->intermediate, err) ||
           read_size(r, "attention.head_count", 0, 1024, &c->heads, err) ||
           read_size(r, "attention.head_count_kv", c->heads, 1024, &c->kv_heads, err) ||
           read_size(r, "context_length", 0, MAX_SIZE, &c->max_positions, err) ||
           read_head_dim(c, r, err) ? -1 : 0;
}

void gguf_config_rope(const struct config *c, float *factors) {
    struct config plain = *c;

    plain.scaling = (struct rope_scaling){ 0 };
    for (int i = 0; i < c->head_dim / 2; i++)
        factors[i] = (float)(rope_frequency(&plain, i) / rope_frequency(c, i));
}

static bool scales_so(const struct config *c, const float *factors) {
    float own[MAX_HEAD_DIM / 2];

    gguf_config_rope(c, own);
    for (int i = 0; i < c->head_dim / 2; i++)
        if (!(fabsf(own[i] - factors[i]) <= 1e-4f * factors[i])) return false;
    return true;
}

/* GGUF keeps the factors of Llama 3.1's scaling, not what they came from. The last is the greatest;
 * the blend ends at 1 and 4 in every published model; the old length is looked for. */
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
    struct reader r = { .g = g };

    /* 10000 is llama.cpp's base of the rotary positions for every architecture */
    if (read_arch(c, &r, err) || refuse_others(&r, err) || read_sizes(c, &r, err) ||
        read_real(&r, "attention.layer_norm_rms_epsilon", 0, &c->norm_eps, err) ||
        read_real(&r, "rope.freq_base", 10000, &c->rope_theta, err) || config_check(c, err))
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
    const char *arch = config_arch_name(c->arch);
    char key[KEY];

    gguf_put_string(m, "general.architecture", arch);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        gguf_put_uint32(m, key_of(key, arch, sizes[i].name), (uint32_t)sizes[i].value);
    gguf_put_float32(m, key_of(key, arch, "attention.layer_norm_rms_epsilon"), (float)c->norm_eps);
    gguf_put_float32(m, key_of(key, arch, "rope.freq_base"), (float)c->rope_theta);
}
