/* gguf_model — models in GGUF files: what is accepted; Llama 3.1's scaling and every pre-tokenizer there
 * and back; logits of a quantised model against PyTorch's. */
#define _GNU_SOURCE
#include "gguf_make.h"

#include "base/pool.h"

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
    static const struct rope_scaling scalings[] = {
        { 8, 1, 4, 8192 }, { 32, 1, 4, 8192 }, { 8, 1, 4, 64 }, { 1.5, 1, 4, 1024 }
    };

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
        for (int k = 0; k < 4; k++)
            CHECK_NEAR((double)found[k], (double)factors[k], 1e-6 * (double)factors[k]);
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

/* Texts begin with bos, or end with eos, where a file says so, or has Llama 3's pre-tokenizer. */
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
        const json_t *post, *single;
        struct bpe_files f;
        struct config c;
        struct err err;

        make(path, cases[i].changes, cases[i].changes[1].name ? 2 : 1, NULL, NULL);
        CHECK(!read_all(path, &c, &f, &err));
        post = json_object_get(f.tokenizer, "post_processor");
        single = json_object_get(post, "single");
        CHECK(json_array_size(single) == cases[i].parts);
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
    real *got = calloc(n, sizeof *got);
    int rows[256];

    CHECK(!gguf_open(&g, fixture_path(path, sizeof path, root, "gguf", "llama-tiny-q8_0.gguf", NULL), &err));
    CHECK(!gguf_config_read(&c, &g, &err));
    m = gguf_params_read(&g, &c, &err);
    CHECK(m);
    d = decoder_new(m, pool);
    fixture_batch_load(&b, fixture_path(path, sizeof path, root, "train", "llama-tiny", "batch.json"));
    CHECK(n == (size_t)b.in.n_tokens * (size_t)c.vocab);
    for (int i = 0; i < b.in.n_tokens; i++) rows[i] = i;
    fixture_logits(d, &b.in, rows, b.in.n_tokens, got);
    for (size_t i = 0; i < n; i++) CHECK_NEAR((double)got[i], (double)want[i], 2e-4);
    free(want);
    free(got);
    fixture_batch_free(&b);
    decoder_free(d);
    pool_free(pool);
    model_free(m);
    gguf_close(&g);
}

int main(int argc, char **argv) {
    const char *root = argc > 1 ? argv[1] : "tests/fixtures";
    char path[32];

    make_path(path);
    check_accepted(path);
    check_scaling(path);
    check_pre(path);
    check_ends(path);
    check_logits(root);
    unlink(path);
    return 0;
}
