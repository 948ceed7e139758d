/* model — the table of a decoder's tensors, and what follows from it. */
#include "model/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"
#include "model/lora.h"
#include "model/packing.h"

/* Sizes a shape is made of. */
enum dim { DIM_1, DIM_V, DIM_C, DIM_Q, DIM_KV, DIM_HS, DIM_FF };

enum { HAS_BIAS = 1, HAS_QK_NORM = 2, HAS_HEAD = 4, JOINED = 8, RESIDUAL = 16 };

struct spec {
    const char *name;           /* "%d": one a layer */
    size_t field;               /* of struct model or layer_offsets; JOINED tensors have none */
    enum dim rows, cols;        /* rows DIM_1: a vector */
    int flags;                  /* when the tensor is there; JOINED: no gap before it */
};

#define LAYER "model.layers.%d."
#define AT(field) offsetof(struct layer_offsets, field)
static const struct spec layer_specs[] = {
    { LAYER "input_layernorm.weight",          AT(norm1),     DIM_1,  DIM_C,  0 },
    { LAYER "self_attn.q_proj.weight",         AT(wqkv),      DIM_Q,  DIM_C,  0 },
    { LAYER "self_attn.k_proj.weight",         0,             DIM_KV, DIM_C,  JOINED },
    { LAYER "self_attn.v_proj.weight",         0,             DIM_KV, DIM_C,  JOINED },
    { LAYER "self_attn.q_proj.bias",           AT(bqkv),      DIM_1,  DIM_Q,  HAS_BIAS },
    { LAYER "self_attn.k_proj.bias",           0,             DIM_1,  DIM_KV, HAS_BIAS | JOINED },
    { LAYER "self_attn.v_proj.bias",           0,             DIM_1,  DIM_KV, HAS_BIAS | JOINED },
    { LAYER "self_attn.q_norm.weight",         AT(q_norm),    DIM_1,  DIM_HS, HAS_QK_NORM },
    { LAYER "self_attn.k_norm.weight",         AT(k_norm),    DIM_1,  DIM_HS, HAS_QK_NORM },
    { LAYER "self_attn.o_proj.weight",         AT(wo),        DIM_C,  DIM_Q,  RESIDUAL },
    { LAYER "post_attention_layernorm.weight", AT(norm2),     DIM_1,  DIM_C,  0 },
    { LAYER "mlp.gate_proj.weight",            AT(w_gate_up), DIM_FF, DIM_C,  0 },
    { LAYER "mlp.up_proj.weight",              0,             DIM_FF, DIM_C,  JOINED },
    { LAYER "mlp.down_proj.weight",            AT(w_down),    DIM_C,  DIM_FF, RESIDUAL },
};
static const struct spec first_spec = {
    "model.embed_tokens.weight", offsetof(struct model, embed), DIM_V, DIM_C, 0
};
static const struct spec last_specs[] = {
    { "model.norm.weight", offsetof(struct model, norm), DIM_1, DIM_C, 0 },
    { "lm_head.weight",    offsetof(struct model, head), DIM_V, DIM_C, HAS_HEAD },
};

static int size_of(const struct config *c, enum dim d) {
    switch (d) {
    case DIM_1: return 0;
    case DIM_V: return c->vocab;
    case DIM_C: return c->hidden;
    case DIM_Q: return c->heads * c->head_dim;
    case DIM_KV: return c->kv_heads * c->head_dim;
    case DIM_HS: return c->head_dim;
    case DIM_FF: return c->intermediate;
    }
    return 0;
}

static bool present(const struct config *c, int flags) {
    return (!(flags & HAS_BIAS) || c->qkv_bias) && (!(flags & HAS_QK_NORM) || c->qk_norm) &&
           (!(flags & HAS_HEAD) || !c->tied);
}

static void set_field(void *fields, size_t field, size_t offset) {
    memcpy((char *)fields + field, &offset, sizeof offset);
}

/* The tensor's name, its layer's number in place of %d. */
static void set_name(struct tensor *t, const char *name, int layer) {
    const char *mark = strstr(name, "%d");

    if (mark) snprintf(t->name, sizeof t->name, "%.*s%d%s", (int)(mark - name), name, layer, mark + 2);
    else snprintf(t->name, sizeof t->name, "%s", name);
}

/* Appends a tensor to the table and notes its offset among `fields`. */
static void append(struct model *m, void *fields, const struct spec *s, int layer) {
    bool joined = s->flags & JOINED;
    struct tensor *t;

    if (!present(&m->cfg, s->flags)) {
        if (!joined) set_field(fields, s->field, NO_TENSOR);
        return;
    }
    t = params_append(&m->p, size_of(&m->cfg, s->rows), size_of(&m->cfg, s->cols), joined);
    if (!joined) set_field(fields, s->field, t->offset);
    set_name(t, s->name, layer);
    t->residual = s->flags & RESIDUAL;
    t->ones = !t->rows && !(s->flags & HAS_BIAS);
}

struct model *model_layout(const struct config *cfg) {
    struct model *m = mem_calloc(1, sizeof *m);
    size_t per_layer = sizeof layer_specs / sizeof *layer_specs;

    m->cfg = *cfg;
    m->p.tensors = mem_calloc(per_layer * cfg->layers + 3, sizeof *m->p.tensors);
    m->layers = mem_calloc(cfg->layers, sizeof *m->layers);
    append(m, m, &first_spec, 0);
    for (int l = 0; l < cfg->layers; l++)
        for (size_t i = 0; i < per_layer; i++) append(m, &m->layers[l], &layer_specs[i], l);
    for (size_t i = 0; i < 2; i++) append(m, m, &last_specs[i], 0);
    if (cfg->tied) m->head = m->embed;
    params_finish(&m->p);
    return m;
}

int model_fits(const struct config *cfg, size_t width, struct err *err) {
    struct model *m = model_layout(cfg);
    double need = (double)m->p.n_block * (double)width, have = mem_available();
    size_t n = m->p.n_params;

    model_free(m);
    if (!have || need <= have) return 0;
    return err_set(err, "%zu parameters take %.0f MiB, %.0f MiB are free", n, need / 1048576, have / 1048576);
}

struct model *model_new(const struct config *cfg) {
    struct model *m = model_layout(cfg);

    m->p.data = params_block(&m->p);
    return m;
}

/* Measured on a model of two million parameters whose completions copy much of their prompts: after 50
 * steps of 16 cases 82 % of the tokens are right; with 0.02 everywhere (GPT-2) 65 %, and 78 % after 250. */
static const double EMBEDDING_DEVIATION = 0.2;

struct model *model_init(const struct config *cfg, uint64_t seed) {
    struct model *m = model_new(cfg);

    for (int i = 0; i < m->p.n_tensors; i++) {
        const struct tensor *t = &m->p.tensors[i];
        double deviation = 1 / sqrt((double)t->cols);
        struct rng r = rng_start(seed, "model-init", t->name);

        if (!t->rows && !t->ones) continue;
        if (t->offset == m->embed) deviation = EMBEDDING_DEVIATION;
        if (t->residual) deviation /= sqrt(2.0 * cfg->layers);
        for (size_t j = 0; j < t->n; j++)
            m->p.data[t->offset + j] = t->ones ? 1 : (real)(float)(deviation * rng_normal(&r));
    }
    return m;
}

void model_free(struct model *m) {
    if (!m) return;
    lora_free(m->lora);
    packing_free(m->packing);
    params_free(&m->p);
    free(m->layers);
    free(m);
}

struct params *model_trained(const struct model *m) {
    return m->lora ? &m->lora->p : (struct params *)&m->p;
}

uint64_t model_hash(const struct model *m) {
    struct hash h = hash_start();
    json_t *cfg = config_json(&m->cfg);
    char *text = json_dumps(cfg, JSON_COMPACT | JSON_SORT_KEYS);
    uint64_t data = m->p.hash ? m->p.hash : params_hash(&m->p, m->p.data);

    hash_string(&h, text);
    hash_bytes(&h, &data, sizeof data);
    free(text);
    json_decref(cfg);
    return hash_value(&h);
}
