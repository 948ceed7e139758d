/* gguf_params — names, row order, reading, writing. */
#include "model/gguf_params.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/map.h"
#include "model/gguf_config.h"

/* Names of Hugging Face and of llama.cpp (gguf-py, tensor_mapping.py), without ".weight" and ".bias";
 * those of a layer stand behind "model.layers.N." and "blk.N.". */
static const char *const names[][2] = {
    { "model.embed_tokens", "token_embd" },
    { "model.norm", "output_norm" },
    { "lm_head", "output" },
    { "input_layernorm", "attn_norm" },
    { "self_attn.q_proj", "attn_q" },
    { "self_attn.k_proj", "attn_k" },
    { "self_attn.v_proj", "attn_v" },
    { "self_attn.o_proj", "attn_output" },
    { "self_attn.q_norm", "attn_q_norm" },
    { "self_attn.k_norm", "attn_k_norm" },
    { "post_attention_layernorm", "ffn_norm" },
    { "mlp.gate_proj", "ffn_gate" },
    { "mlp.up_proj", "ffn_up" },
    { "mlp.down_proj", "ffn_down" },
};

/* llama.cpp's name of a tensor. */
static const char *set_name(char name[PARAM_NAME], const struct tensor *t) {
    const char *stem = t->name, *end = strrchr(t->name, '.');
    int layer = -1, head = 0;

    if (sscanf(t->name, "model.layers.%d.%n", &layer, &head) == 1) stem += head;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n = strlen(names[i][0]);

        if (n != (size_t)(end - stem) || memcmp(names[i][0], stem, n)) continue;
        if (layer < 0) snprintf(name, PARAM_NAME, "%s%s", names[i][1], end);
        else snprintf(name, PARAM_NAME, "blk.%d.%s%s", layer, names[i][1], end);
    }
    return name;
}

/* Heads whose rows lie in another order, or 0. */
static int turned_heads(const struct config *c, const struct tensor *t) {
    if (c->arch != ARCH_LLAMA) return 0;
    return strstr(t->name, "q_proj") ? c->heads : strstr(t->name, "k_proj") ? c->kv_heads : 0;
}

/* Where the file's row r stands in the table's tensor: of a head's rows, 2i + j is i + j half. */
static size_t table_row(const struct config *c, const struct tensor *t, size_t r) {
    size_t hs = (size_t)c->head_dim, k = r % hs;

    return turned_heads(c, t) ? r - k + k / 2 + k % 2 * (hs / 2) : r;
}

static size_t rows_of(const struct tensor *t) {
    return t->rows ? (size_t)t->rows : 1;
}

static int check_tensor(const struct tensor *t, const struct gguf *g, struct err *err) {
    char name[PARAM_NAME], want[64], got[128];
    const struct gguf_tensor *f = gguf_tensor(g, set_name(name, t));
    size_t shape[2] = { (size_t)(t->rows ? t->rows : t->cols), (size_t)t->cols };
    int dims = t->rows ? 2 : 1;

    if (!f) return err_set(err, "tensor %s is missing", name);
    if (f->dims == dims && !memcmp(f->shape, shape, (size_t)dims * sizeof *shape)) return 0;
    safetensors_shape_text(want, sizeof want, shape, dims);
    safetensors_shape_text(got, sizeof got, f->shape, f->dims);
    return err_set(err, "tensor %s: its shape is %s, not %s", name, got, want);
}

/* Every tensor of the table is in the file, and no other but the factors of the positions. */
static int check_tensors(const struct params *p, const struct gguf *g, struct err *err) {
    char name[PARAM_NAME];
    bool *known = mem_calloc(g->n_tensors, sizeof *known);
    int r = 0;

    for (int i = 0; i < p->n_tensors && !r; i++) {
        r = check_tensor(&p->tensors[i], g, err);
        if (!r) known[gguf_tensor(g, set_name(name, &p->tensors[i])) - g->tensors] = true;
    }
    for (size_t i = 0; i < g->n_tensors && !r; i++)
        if (!known[i] && strcmp(g->tensors[i].name, GGUF_ROPE_FREQS))
            r = err_set(err, "tensor %s is not one of this architecture", g->tensors[i].name);
    free(known);
    return r;
}

static void read_tensor(const struct model *m, const struct tensor *t,
                        const struct gguf_tensor *f) {
    size_t cols = (size_t)t->cols;
    float *row = mem_alloc(cols, sizeof *row);

    for (size_t r = 0; r < rows_of(t); r++) {
        real *to = m->p.data + t->offset + table_row(&m->cfg, t, r) * cols;

        gguf_read(f, r * cols, cols, row);
        for (size_t j = 0; j < cols; j++) to[j] = (real)row[j];
    }
    free(row);
}

struct model *gguf_params_read(const struct gguf *g, const struct config *c, struct err *err) {
    struct model *m = model_layout(c);
    char name[PARAM_NAME];

    if (check_tensors(&m->p, g, err)) {
        model_free(m);
        return NULL;
    }
    m->p.data = params_block(&m->p);
    for (int i = 0; i < m->p.n_tensors; i++) {
        const struct gguf_tensor *f = gguf_tensor(g, set_name(name, &m->p.tensors[i]));

        read_tensor(m, &m->p.tensors[i], f);
        map_drop(g->map, f->data, f->bytes);
    }
    return m;
}

static void write_tensor(struct gguf_writer *w, const struct model *m, const struct tensor *t) {
    size_t cols = (size_t)t->cols;
    float *row = mem_alloc(cols, sizeof *row);

    for (size_t r = 0; r < rows_of(t); r++) {
        const real *from = m->p.data + t->offset + table_row(&m->cfg, t, r) * cols;

        for (size_t j = 0; j < cols; j++) row[j] = (float)from[j];
        gguf_add(w, row, cols);
    }
    free(row);
}

static void write_rope(struct gguf_writer *w, const struct config *c) {
    float *factors = mem_alloc((size_t)c->head_dim / 2, sizeof *factors);

    gguf_config_rope(c, factors);
    gguf_add(w, factors, (size_t)c->head_dim / 2);
    free(factors);
}

static struct gguf_spec spec_of(char name[PARAM_NAME], const struct tensor *t, enum quant_type type) {
    struct gguf_spec s = { .name = set_name(name, t), .type = QUANT_F32, .dims = 1, .shape = { t->n } };

    if (!t->rows) return s;
    s.type = (size_t)t->cols % quant_info(type)->block ? QUANT_F16 : type;
    s.dims = 2;
    s.shape[0] = (size_t)t->rows;
    s.shape[1] = (size_t)t->cols;
    return s;
}

int gguf_params_write(const struct model *m, const struct gguf_meta *meta, enum quant_type type,
                      const char *path, struct err *err) {
    size_t n = (size_t)m->p.n_tensors, half = (size_t)m->cfg.head_dim / 2;
    bool scaled = m->cfg.scaling.factor != 0;
    struct gguf_spec *specs = mem_calloc(n + 1, sizeof *specs);
    char (*own)[PARAM_NAME] = mem_calloc(n, sizeof *own);
    struct gguf_writer w;
    int r;

    for (size_t i = 0; i < n; i++) specs[i] = spec_of(own[i], &m->p.tensors[i], type);
    specs[n] = (struct gguf_spec){ GGUF_ROPE_FREQS, QUANT_F32, 1, { half } };
    r = gguf_begin(&w, path, meta, specs, n + scaled, err);
    for (size_t i = 0; i < n && !r; i++) write_tensor(&w, m, &m->p.tensors[i]);
    if (scaled && !r) write_rope(&w, &m->cfg);
    if (!r) r = gguf_end(&w, err);
    free(own);
    free(specs);
    return r;
}
