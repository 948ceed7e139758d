/* gguf_make — small GGUF files for tests: a sound model of one layer, and changes of it. */
#ifndef TESTS_UNIT_GGUF_MAKE_H
#define TESTS_UNIT_GGUF_MAKE_H

#include "fixture.h"

#include <unistd.h>

#include "model/gguf_config.h"
#include "model/gguf_params.h"
#include "text/bpe_gguf.h"

/* A key and its value: 'u' whole, 'f' real, 'b' bool, 's' text, 'i' whole numbers, 't' texts, these
 * two apart by blanks; 0: without the key. */
struct key {
    const char *name;
    char type;
    double x;
    const char *s;
};

#define T "tokenizer.ggml."
static const struct key keys[] = {
    { "general.architecture", 's', 0, "llama" },
    { "llama.context_length", 'u', 64, NULL },
    { "llama.embedding_length", 'u', 32, NULL },
    { "llama.block_count", 'u', 1, NULL },
    { "llama.feed_forward_length", 'u', 48, NULL },
    { "llama.attention.head_count", 'u', 4, NULL },
    { "llama.attention.head_count_kv", 'u', 2, NULL },
    { "llama.attention.layer_norm_rms_epsilon", 'f', 1e-5, NULL },
    { "llama.rope.freq_base", 'f', 500000, NULL },
    { T "model", 's', 0, "gpt2" },
    { T "pre", 's', 0, "smollm" },
    { T "tokens", 't', 0, "a b c d ab <s>" },
    { T "token_type", 'i', 0, "1 1 1 1 1 3" },
    { T "merges", 't', 0, "a_b" },      /* _ for a blank */
    { T "bos_token_id", 'u', 5, NULL },
    { T "eos_token_id", 'u', 5, NULL },
    { "tokenizer.chat_template", 's', 0, "{{ messages }}" },
};
enum { N_KEYS = sizeof keys / sizeof *keys };

static const struct gguf_spec tensors[] = {
    { "token_embd.weight", QUANT_F32, 2, { 6, 32 } },    { "output_norm.weight", QUANT_F32, 1, { 32 } },
    { "blk.0.attn_norm.weight", QUANT_F32, 1, { 32 } },  { "blk.0.attn_q.weight", QUANT_F16, 2, { 32, 32 } },
    { "blk.0.attn_k.weight", QUANT_F32, 2, { 16, 32 } }, { "blk.0.attn_v.weight", QUANT_F32, 2, { 16, 32 } },
    { "blk.0.attn_output.weight", QUANT_Q8_0, 2, { 32, 32 } }, { "blk.0.ffn_norm.weight", QUANT_F32, 1, { 32 } },
    { "blk.0.ffn_gate.weight", QUANT_F32, 2, { 48, 32 } },     { "blk.0.ffn_up.weight", QUANT_F32, 2, { 48, 32 } },
    { "blk.0.ffn_down.weight", QUANT_F32, 2, { 32, 48 } },
};
enum { N_TENSORS = sizeof tensors / sizeof *tensors };

static void put(struct gguf_meta *m, const struct key *k) {
    char *copy = strdup(k->s ? k->s : ""), *texts[64], *rest = copy;
    int32_t whole[64];
    size_t n = 0;

    if (k->type == 'u') gguf_put_uint32(m, k->name, (uint32_t)k->x);
    if (k->type == 'f') gguf_put_float32(m, k->name, (float)k->x);
    if (k->type == 'b') gguf_put_bool(m, k->name, k->x != 0);
    if (k->type == 's') gguf_put_string(m, k->name, k->s);
    if (k->type != 'i' && k->type != 't') rest = NULL;
    for (char *s; (s = strsep(&rest, " ")); n++) {
        whole[n] = atoi(s);
        texts[n] = s;
        for (char *gap = s; (gap = strchr(gap, '_')); ) *gap = ' ';
    }
    if (k->type == 'i') gguf_put_int32s(m, k->name, whole, n);
    if (k->type == 't') gguf_put_strings(m, k->name, (const char *const *)texts, n);
    free(copy);
}

/* The change of a key, or NULL. */
static const struct key *change_of(const char *name, const struct key *changes, int n) {
    for (int i = 0; i < n; i++)
        if (!strcmp(name, changes[i].name)) return &changes[i];
    return NULL;
}

/* The sound file with n keys changed or added, and one tensor, whose numbers are `data` or zeros; of
 * shape 0: without it. */
static void make(const char *path, const struct key *changes, int n_changes, const struct gguf_spec *t,
                 const float *data) {
    struct gguf_meta m = { 0 };
    struct gguf_spec specs[N_TENSORS + 1];
    struct gguf_writer w;
    struct err err;
    size_t n = 0;

    for (int i = 0; i < N_KEYS; i++) {
        const struct key *k = change_of(keys[i].name, changes, n_changes);

        put(&m, k ? k : &keys[i]);
    }
    for (int i = 0; i < n_changes; i++)
        if (!change_of(changes[i].name, keys, N_KEYS)) put(&m, &changes[i]);
    for (int i = 0; i < N_TENSORS; i++)
        if (!t || strcmp(t->name, tensors[i].name)) specs[n++] = tensors[i];
    if (t && t->shape[0]) specs[n++] = *t;
    CHECK(!gguf_begin(&w, path, &m, specs, n, &err));
    for (size_t i = 0; i < n; i++) {
        size_t all = specs[i].shape[0] * (specs[i].dims > 1 ? specs[i].shape[1] : 1);
        float *zeros = calloc(all, sizeof *zeros);

        gguf_add(&w, data && t && !strcmp(specs[i].name, t->name) ? data : zeros, all);
        free(zeros);
    }
    CHECK(!gguf_end(&w, &err));
    gguf_meta_free(&m);
}

/* Reads all of a file. 0 or -1. */
static int read_all(const char *path, struct config *c, struct bpe_files *f, struct err *err) {
    struct model *m = NULL;
    struct gguf g;
    int role[BPE_ROLES], eot;

    *f = (struct bpe_files){ 0 };
    CHECK(!gguf_open(&g, path, err));
    if (!gguf_config_read(c, &g, err) && !bpe_gguf_roles(&g, c->vocab, role, &eot, err) &&
        !bpe_gguf_read(f, &g, c->vocab, err))
        m = gguf_params_read(&g, c, err);
    gguf_close(&g);
    model_free(m);
    return m ? 0 : -1;
}

/* A temporary file; unlink it. */
static void make_path(char path[32]) {
    int fd;

    strcpy(path, "/tmp/gguf.XXXXXX");
    fd = mkstemp(path);
    CHECK(fd >= 0);
    close(fd);
}

#define L "llama."

#endif
