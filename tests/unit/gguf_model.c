/* gguf_model — models in GGUF files: what reading refuses and in which words; Llama 3.1's scaling and every
 * pre-tokenizer there and back; logits of a quantised model against numbers of gguf-py and PyTorch. */
#define _GNU_SOURCE
#include "fixture.h"

#include <unistd.h>

#include "base/pool.h"
#include "model/gguf_config.h"
#include "model/gguf_params.h"
#include "text/bpe_gguf.h"

/* A key and its value: 'u' whole, 'f' real, 'b' bool, 's' text, 'i' whole numbers, 't' texts, these two apart by
 * blanks; 0: without the key. */
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

/* The sound file with n keys changed or added, and one tensor, whose numbers are `data` or zeros; of shape 0:
 * without it. */
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

#define L "llama."
#define MATRIX(name, rows, cols) { name, QUANT_F32, 2, { rows, cols } }
static const struct {
    const char *want;
    struct key key;
    struct gguf_spec tensor;
} refused[] = {
    { "key general.architecture is missing", { "general.architecture", 0, 0, NULL }, { 0 } },
    { "key general.architecture is UINT32, not a string", { "general.architecture", 'u', 7, NULL }, { 0 } },
    { "general.architecture \"gemma\" is not supported (llama, qwen2, qwen3 are)",
      { "general.architecture", 's', 0, "gemma" }, { 0 } },
    { "key qwen2.embedding_length is missing", { "general.architecture", 's', 0, "qwen2" }, { 0 } },
    { "key llama.block_count is missing", { L "block_count", 0, 0, NULL }, { 0 } },
    { "key llama.block_count is 0, not from 1 to 10000", { L "block_count", 'u', 0, NULL }, { 0 } },
    { "key llama.block_count is 4294967295, not from 1 to 10000", { L "block_count", 'u', 4294967295, NULL }, { 0 } },
    { "key llama.block_count is FLOAT32, not an integer", { L "block_count", 'f', 1, NULL }, { 0 } },
    { "tensor blk.1.attn_norm.weight is missing", { L "block_count", 'u', 10000, NULL }, { 0 } },
    { "key llama.context_length is STRING, not an integer", { L "context_length", 's', 0, "64" }, { 0 } },
    { "key llama.embedding_length is 16777217, not from 1 to 16777216", { L "embedding_length", 'u', 16777217, NULL }, { 0 } },
    { "tensor token_embd.weight: its shape is [6, 32], not [6, 64]", { L "embedding_length", 'u', 64, NULL }, { 0 } },
    { "key llama.attention.head_count is an array of INT32, not an integer", { L "attention.head_count", 'i', 0, "4 4" }, { 0 } },
    { "key llama.attention.head_count is 0, not from 1 to 1024", { L "attention.head_count", 'u', 0, NULL }, { 0 } },
    { "key llama.attention.key_length is missing", { L "attention.head_count", 'u', 64, NULL }, { 0 } },
    { "num_attention_heads 4 is not a multiple of num_key_value_heads 3", { L "attention.head_count_kv", 'u', 3, NULL }, { 0 } },
    { "key llama.attention.value_length is 8, and that of keys 16: not supported", { L "attention.key_length", 'u', 16, NULL }, { 0 } },
    { "key llama.attention.key_length is 1024, not from 1 to 256", { L "attention.key_length", 'u', 1024, NULL }, { 0 } },
    { "key llama.rope.dimension_count is 4, not the 8 of a head: not supported", { L "rope.dimension_count", 'u', 4, NULL }, { 0 } },
    { "rms_norm_eps is not between 0 and 1", { L "attention.layer_norm_rms_epsilon", 'f', 0, NULL }, { 0 } },
    { "key llama.attention.layer_norm_rms_epsilon is UINT32, not a real number",
      { L "attention.layer_norm_rms_epsilon", 'u', 0, NULL }, { 0 } },
    { "rope_theta is not from 1 to 1e12", { L "rope.freq_base", 'f', 1e30, NULL }, { 0 } },
    { "key llama.expert_count: a mixture of experts is not supported", { L "expert_count", 'u', 8, NULL }, { 0 } },
    { "key llama.attention.sliding_window: sliding-window attention is not supported",
      { L "attention.sliding_window", 'u', 4096, NULL }, { 0 } },
    { "key llama.attention.scale: another scale of attention is not supported", { L "attention.scale", 'f', 0.1, NULL }, { 0 } },
    { "key llama.rope.scaling.factor: linear or YaRN rope scaling is not supported", { L "rope.scaling.factor", 'f', 4, NULL }, { 0 } },
    { "key llama.rope.scale_linear: linear rope scaling is not supported", { L "rope.scale_linear", 'f', 2, NULL }, { 0 } },
    { "key llama.rope.scaling.attn_factor: YaRN rope scaling is not supported",
      { L "rope.scaling.attn_factor", 'f', 0.5, NULL }, { 0 } },
    { "key llama.rope.scaling.type: rope scaling \"yarn\" is not supported", { L "rope.scaling.type", 's', 0, "yarn" }, { 0 } },
    { "tensor token_embd.weight is missing", { 0 }, MATRIX("token_embd.weight", 0, 0) },
    { "tensor token_embd.weight is not a matrix of at most 16777216 rows", { 0 },
      { "token_embd.weight", QUANT_F32, 1, { 32 } } },
    { "tokenizer.ggml.tokens holds 6 tokens, token_embd.weight 7 rows", { 0 }, MATRIX("token_embd.weight", 7, 32) },
    { "tensor blk.0.attn_k.weight is missing", { 0 }, MATRIX("blk.0.attn_k.weight", 0, 0) },
    { "tensor blk.0.attn_k.weight: its shape is [32, 16], not [16, 32]", { 0 }, MATRIX("blk.0.attn_k.weight", 32, 16) },
    { "tensor blk.0.attn_norm.weight: its shape is [1, 32], not [32]", { 0 }, MATRIX("blk.0.attn_norm.weight", 1, 32) },
    { "tensor blk.0.attn_q.bias is not one of this architecture", { 0 }, { "blk.0.attn_q.bias", QUANT_F32, 1, { 32 } } },
    { "tensor output.weight: its shape is [5, 32], not [6, 32]", { 0 }, MATRIX("output.weight", 5, 32) },
    { "tensor rope_freqs.weight does not hold a number for each pair of a head", { 0 }, { GGUF_ROPE_FREQS, QUANT_F32, 1, { 5 } } },
    { "tensor rope_freqs.weight holds another scaling than that of Llama 3.1", { 0 }, { GGUF_ROPE_FREQS, QUANT_F32, 1, { 4 } } },
    { "key tokenizer.ggml.model is UINT32, not a string", { T "model", 'u', 1, NULL }, { 0 } },
    { "tokenizer.ggml.model \"llama\", SentencePiece, is not supported (gpt2, byte-level BPE, is)", { T "model", 's', 0, "llama" }, { 0 } },
    { "tokenizer.ggml.model \"bert\" is not supported (gpt2, byte-level BPE, is)", { T "model", 's', 0, "bert" }, { 0 } },
    { "tokenizer.ggml.pre \"tekken\" is not supported", { T "pre", 's', 0, "tekken" }, { 0 } },
    { "key tokenizer.ggml.tokens is missing", { T "tokens", 0, 0, NULL }, { 0 } },
    { "key tokenizer.ggml.tokens is an array of INT32, not an array of strings", { T "tokens", 'i', 0, "1 2 3 4 5 6" }, { 0 } },
    { "tokenizer.ggml.tokens holds 5 tokens, token_embd.weight 6 rows", { T "tokens", 't', 0, "a b c d ab" }, { 0 } },
    { "tokenizer.ggml.tokens: token 2 is empty", { T "tokens", 't', 0, "a b  d ab <s>" }, { 0 } },
    { "tokenizer.ggml.tokens: token 2 is \"a\", as is another", { T "tokens", 't', 0, "a b a d ab <s>" }, { 0 } },
    { "tokenizer.ggml.token_type holds 2 types for 6 tokens", { T "token_type", 'i', 0, "1 1" }, { 0 } },
    { "tokenizer.ggml.token_type: token 1 is of type 7", { T "token_type", 'i', 0, "1 7 1 1 1 3" }, { 0 } },
    { "tokenizer.ggml: \"vocab\" is empty", { T "token_type", 'i', 0, "5 5 5 5 5 5" }, { 0 } },
    { "key tokenizer.ggml.merges is missing", { T "merges", 0, 0, NULL }, { 0 } },
    { "tokenizer.ggml.merges: merge 1 is not two tokens", { T "merges", 't', 0, "a_b ab" }, { 0 } },
    { "tokenizer.ggml: merge 0: \"a\" \"c\": a part or the whole is not in the vocabulary", { T "merges", 't', 0, "a_c" }, { 0 } },
    { "tokenizer.ggml.eos_token_id is 6, and there are 6 tokens", { T "eos_token_id", 'u', 6, NULL }, { 0 } },
    { "key tokenizer.ggml.bos_token_id is STRING, not an integer", { T "bos_token_id", 's', 0, "<s>" }, { 0 } },
    { "tokenizer.ggml.unknown_token_id is 9, and there are 6 tokens", { T "unknown_token_id", 'u', 9, NULL }, { 0 } },
    { "tokenizer.ggml.eot_token_id is 4294967295, and there are 6 tokens", { T "eot_token_id", 'u', 4294967295, NULL }, { 0 } },
    { "key tokenizer.ggml.add_bos_token is UINT32, not a bool", { T "add_bos_token", 'u', 1, NULL }, { 0 } },
    { "key tokenizer.chat_template is an array of STRING, not a string", { "tokenizer.chat_template", 't', 0, "a b" }, { 0 } },
};

static void check_refused(const char *path) {
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct config c;
        struct bpe_files f;
        struct err err = { "nothing" };
        int r;

        make(path, &refused[i].key, refused[i].key.name != NULL, refused[i].tensor.name ? &refused[i].tensor : NULL, NULL);
        r = read_all(path, &c, &f, &err);
        bpe_files_free(&f);
        if (r && !strcmp(err.msg, refused[i].want)) continue;
        fprintf(stderr, "instead of \"%s\": \"%s\"\n", refused[i].want, err.msg);
        exit(1);
    }
}

/* Keys that say what is the case anyway are fine; absent ones have llama.cpp's values. */
static void check_accepted(const char *path) {
    static const struct key fine[] = {
        { L "expert_count", 'u', 0, NULL },         { L "rope.scaling.type", 's', 0, "none" },
        { L "rope.scaling.factor", 'f', 1, NULL },  { L "rope.scaling.type", 's', 0, "linear" },
        { L "attention.key_length", 'u', 8, NULL }, { T "pre", 0, 0, NULL },
        { T "token_type", 0, 0, NULL },             { T "model", 's', 0, "no_vocab" },
        { L "attention.head_count_kv", 'u', 2, NULL }, { L "rope.freq_base", 0, 0, NULL },
    };

    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        struct config c;
        struct bpe_files f;
        struct err err = { "" };

        make(path, &fine[i], 1, NULL, NULL);
        if (read_all(path, &c, &f, &err)) fprintf(stderr, "%s: %s\n", fine[i].name, err.msg);
        CHECK(!*err.msg);
        CHECK(c.norm_eps == 1e-5 && c.tied && c.layers == 1 && c.vocab == 6);
        CHECK(c.rope_theta == (strcmp(fine[i].name, L "rope.freq_base") ? 500000 : 10000));
        CHECK(!f.tokenizer == !strcmp(fine[i].name, T "model"));
        bpe_files_free(&f);
    }
}

/* The scalings of Llama 3.1 and 3.2 are found again from the factors of a head of 8. */
static void check_scaling(const char *path) {
    static const struct rope_scaling scalings[] = { { 8, 1, 4, 8192 }, { 32, 1, 4, 8192 }, { 8, 1, 4, 64 }, { 1.5, 1, 4, 1024 } };

    for (size_t i = 0; i < sizeof scalings / sizeof *scalings; i++) {
        struct config c = config_default(ARCH_LLAMA), again;
        struct gguf_spec t = { GGUF_ROPE_FREQS, QUANT_F32, 1, { 4 } };
        struct bpe_files f;
        struct err err = { "" };
        float factors[4], found[4];

        c.head_dim = 8;
        c.rope_theta = 500000;
        c.scaling = scalings[i];
        gguf_config_rope(&c, factors);
        make(path, NULL, 0, &t, factors);
        CHECK(!read_all(path, &again, &f, &err));
        gguf_config_rope(&again, found);
        CHECK(again.scaling.factor == scalings[i].factor);
        for (int k = 0; k < 4; k++) CHECK_NEAR((double)found[k], (double)factors[k], 1e-6 * (double)factors[k]);
        bpe_files_free(&f);
    }
}

/* Each name stands for a pre-tokenizer whose own name it is, or that of another one. */
static void check_pre(const char *path) {
    static const char *const names[][2] = {
        { "gpt-2", "gpt-2" }, { "phi-2", "gpt-2" }, { "smollm", "smollm" }, { "refact", "smollm" },
        { "qwen2", "qwen2" }, { "deepseek-r1-qwen", "qwen2" }, { "llama-bpe", "llama-bpe" },
        { "llama3", "llama-bpe" }, { "smaug-bpe", "smaug-bpe" }, { "default", "default" },
    };
    static const int none[BPE_ROLES] = { -1, -1, -1 };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct key k = { T "pre", 's', 0, names[i][0] };
        struct gguf_meta m = { 0 };
        struct bpe_files f;
        struct config c;
        struct err err;
        char want[64];

        make(path, &k, 1, NULL, NULL);
        CHECK(!read_all(path, &c, &f, &err));
        CHECK(!bpe_gguf_write(&m, &f, c.vocab, none, &err));
        snprintf(want, sizeof want, "%s", names[i][1]);
        CHECK(memmem(m.bytes.s, m.bytes.n, want, strlen(want)));
        CHECK(!strcmp(bpe_files_template(&f), "{{ messages }}"));
        gguf_meta_free(&m);
        bpe_files_free(&f);
    }
}

/* Texts begin with bos, or end with eos, where a file says so, or of Llama 3's kind where it does not. */
static void check_ends(const char *path) {
    static const struct {
        struct key changes[2];
        size_t parts;
    } cases[] = {
        { { { T "pre", 's', 0, "llama-bpe" } }, 2 },
        { { { T "pre", 's', 0, "llama-bpe" }, { T "add_bos_token", 'b', 0, NULL } }, 0 },
        { { { T "add_bos_token", 'b', 1, NULL } }, 2 },
        { { { T "add_bos_token", 'b', 1, NULL }, { T "add_eos_token", 'b', 1, NULL } }, 3 },
        { { { T "pre", 's', 0, "gpt-2" } }, 0 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bpe_files f;
        struct config c;
        struct err err;

        make(path, cases[i].changes, cases[i].changes[1].name ? 2 : 1, NULL, NULL);
        CHECK(!read_all(path, &c, &f, &err));
        CHECK(json_array_size(json_object_get(json_object_get(f.tokenizer, "post_processor"), "single")) == cases[i].parts);
        bpe_files_free(&f);
    }
}

/* Logits of the file's sequences. */
static void check_logits(const char *root) {
    char path[4096];
    struct gguf g;
    struct config c;
    struct err err;
    struct model *m;
    struct pool *pool = pool_new(2);
    struct decoder *d;
    struct fixture_batch b;
    size_t n;
    float *want = fixture_npy(fixture_path(path, sizeof path, root, "gguf", "llama-tiny-q8_0.npy", NULL), &n);
    real *got = calloc(n, sizeof *got), *logprob;
    int rows[256];

    CHECK(!gguf_open(&g, fixture_path(path, sizeof path, root, "gguf", "llama-tiny-q8_0.gguf", NULL), &err));
    CHECK(!gguf_config_read(&c, &g, &err));
    m = gguf_params_read(&g, &c, &err);
    CHECK(m);
    d = decoder_new(m, pool);
    fixture_batch_load(&b, fixture_path(path, sizeof path, root, "train", "llama-tiny", "batch.json"));
    CHECK(n == (size_t)b.in.n_tokens * (size_t)c.vocab);
    logprob = calloc((size_t)b.in.n_targets, sizeof *logprob);
    decoder_forward(d, &b.in, logprob, NULL);
    for (int i = 0; i < b.in.n_tokens; i++) rows[i] = i;
    decoder_logits(d, rows, b.in.n_tokens, got);
    for (size_t i = 0; i < n; i++) CHECK_NEAR((double)got[i], (double)want[i], 2e-4);
    free(want);
    free(got);
    free(logprob);
    fixture_batch_free(&b);
    decoder_free(d);
    pool_free(pool);
    model_free(m);
    gguf_close(&g);
}

int main(int argc, char **argv) {
    const char *root = argc > 1 ? argv[1] : "tests/fixtures";
    char path[] = "/tmp/gguf_model.XXXXXX";
    int fd = mkstemp(path);

    CHECK(fd >= 0);
    close(fd);
    check_refused(path);
    check_accepted(path);
    check_scaling(path);
    check_pre(path);
    check_ends(path);
    check_logits(root);
    unlink(path);
    return 0;
}
