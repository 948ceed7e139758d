/* bpe_gguf — from metadata to files. */
#include "text/bpe_gguf.h"

#include <stdlib.h>
#include <string.h>

#include "text/bpe_gguf_own.h"
#include "text/bpe_json.h"

/* Names that llama.cpp treats alike. "default" is what it makes of a file that names none. */
const struct gguf_pre gguf_pres[] = {
    { { "gpt-2", "phi-2", "olmo", "mpt", "trillion", "gigachat", "a.x-4.0", "mellum" },
      { bpe_gpt2_pattern }, false, false, false },
    { { "smollm", "starcoder", "refact", "codeshell", "minerva-7b" },
      { bpe_digit_pattern, bpe_gpt2_pattern }, false, false, false },
    { { "qwen2", "deepseek-r1-qwen" }, { bpe_qwen2_pattern }, true, false, false },
    { { "llama-bpe", "llama3", "llama-v3", "falcon3", "midm-2.0" },
      { bpe_llama3_pattern }, false, true, true },
    { { "smaug-bpe" }, { bpe_llama3_pattern }, false, false, false },
    { { "default" },
      { "[\\p{P}\\$\\+<=>\\^~\\|]+", bpe_gpt2_pattern, "\\p{N}+", "[0-9][0-9][0-9]" },
      false, false, false },
};
const int gguf_n_pres = sizeof gguf_pres / sizeof *gguf_pres;

const struct gguf_role gguf_roles[GGUF_ROLES] = {
    [BPE_BOS] = { "tokenizer.ggml.bos_token_id", "bos_token" },
    [BPE_EOS] = { "tokenizer.ggml.eos_token_id", "eos_token" },
    [BPE_PAD] = { "tokenizer.ggml.padding_token_id", "pad_token" },
    [BPE_ROLES] = { "tokenizer.ggml.unknown_token_id", "unk_token" },
};

/* What is read of the file before it becomes JSON. */
struct reading {
    const struct gguf *g;
    const struct gguf_pre *pre;
    const char **tokens;                /* [n] */
    int64_t *types;                     /* [n], NULL: all normal */
    int n;
};

static int read_pre(struct reading *x, struct err *err) {
    static const char key[] = "tokenizer.ggml.pre";
    const char *name = "default";

    if (gguf_find(x->g, key) && gguf_string(x->g, key, &name, err)) return -1;
    for (int i = 0; i < gguf_n_pres; i++)
        for (const char *const *s = gguf_pres[i].names; *s; s++)
            if (!strcmp(*s, name)) {
                x->pre = &gguf_pres[i];
                return 0;
            }
    return err_set(err, "%s \"%s\" is not supported", key, name);
}

static int read_tokens(struct reading *x, int vocab, struct err *err) {
    static const char tokens[] = "tokenizer.ggml.tokens", types[] = "tokenizer.ggml.token_type";
    size_t n;

    if (!(x->tokens = gguf_strings(x->g, tokens, &n, err))) return -1;
    if (n != (size_t)vocab)
        return err_set(err, "%s holds %zu tokens, token_embd.weight %d rows", tokens, n, vocab);
    x->n = vocab;
    if (!gguf_find(x->g, types)) return 0;
    if (!(x->types = gguf_integers(x->g, types, &n, err))) return -1;
    if (n == (size_t)vocab) return 0;
    return err_set(err, "%s holds %zu types for %d tokens", types, n, vocab);
}

/* Enters a token into the vocabulary, and among the added ones if it is of such a type. */
static int add_token(const struct reading *x, int id, json_t *vocab, json_t *added,
                     struct err *err) {
    int64_t type = x->types ? x->types[id] : TOKEN_NORMAL;
    const char *token = x->tokens[id];

    if (type < TOKEN_UNDEFINED || type > TOKEN_BYTE)
        return err_set(err, "tokenizer.ggml.token_type: token %d is of type %lld", id,
                       (long long)type);
    if (type == TOKEN_UNUSED) return 0;
    if (!*token) return err_set(err, "tokenizer.ggml.tokens: token %d is empty", id);
    if (json_object_get(vocab, token))
        return err_set(err, "tokenizer.ggml.tokens: token %d is \"%s\", as is another", id, token);
    json_object_set_new(vocab, token, json_integer(id));
    if (type == TOKEN_CONTROL || type == TOKEN_UNKNOWN || type == TOKEN_USER_DEFINED)
        json_array_append_new(added, bpe_added_json(id, token, type != TOKEN_USER_DEFINED));
    return 0;
}

static int read_merges(const struct reading *x, json_t *merges, struct err *err) {
    size_t n;
    const char **list = gguf_strings(x->g, "tokenizer.ggml.merges", &n, err);

    if (!list) return -1;
    for (size_t i = 0; i < n; i++) {
        const char *pair = list[i], *gap = *pair ? strchr(pair + 1, ' ') : NULL;

        if (!gap || !gap[1]) {
            err_set(err, "tokenizer.ggml.merges: merge %zu is not two tokens", i);
            break;
        }
        json_array_append_new(merges, json_pack("[s%, s]", pair, (size_t)(gap - pair), gap + 1));
    }
    free(list);
    return json_array_size(merges) == n ? 0 : -1;
}

/* The id that a key names, -1 where it is not there. */
static int read_id(const struct gguf *g, const char *key, int vocab, int *id, struct err *err) {
    int64_t x = -1;

    *id = -1;
    if (!gguf_find(g, key)) return 0;
    if (gguf_integer(g, key, &x, err)) return -1;
    if (x < 0 || x >= vocab)
        return err_set(err, "%s is %lld, and there are %d tokens", key, (long long)x, vocab);
    *id = (int)x;
    return 0;
}

int bpe_gguf_roles(const struct gguf *g, int vocab, int role[BPE_ROLES], int *eot,
                   struct err *err) {
    for (int r = 0; r < BPE_ROLES; r++)
        if (read_id(g, gguf_roles[r].key, vocab, &role[r], err)) return -1;
    return read_id(g, "tokenizer.ggml.eot_token_id", vocab, eot, err);
}

/* Fills a tokenizer_config.json. */
static int read_config(const struct reading *x, json_t *config, struct err *err) {
    static const char key[] = "tokenizer.chat_template";
    const char *template;
    int id;

    json_object_set_new(config, "tokenizer_class", json_string("PreTrainedTokenizerFast"));
    json_object_set_new(config, "clean_up_tokenization_spaces", json_false());
    for (const struct gguf_role *r = gguf_roles; r < gguf_roles + GGUF_ROLES; r++) {
        if (read_id(x->g, r->key, x->n, &id, err)) return -1;
        if (id >= 0) json_object_set_new(config, r->field, json_string(x->tokens[id]));
    }
    if (!gguf_find(x->g, key)) return 0;
    if (gguf_string(x->g, key, &template, err)) return -1;
    json_object_set_new(config, "chat_template", json_string(template));
    return 0;
}

/* The token that each text gets at one end, NULL: none. The file says whether, else `add`. */
static int read_end(const struct reading *x, const char *key, bool add, enum bpe_role role,
                    const char **token, struct err *err) {
    bool known;
    int id;

    if (gguf_find(x->g, key) && gguf_bool(x->g, key, &add, err)) return -1;
    if (read_id(x->g, gguf_roles[role].key, x->n, &id, err)) return -1;
    known = id >= 0 && (!x->types || x->types[id] != TOKEN_UNUSED);
    *token = add && known ? x->tokens[id] : NULL;
    return 0;
}

static void add_part(json_t *parts, const char *kind, const char *id, int sequence) {
    json_array_append_new(parts, json_pack("{s:{s:s, s:i}}", kind, "id", id, "type_id", sequence));
}

/* One sequence of a template between its ends. */
static void add_sequence(json_t *parts, const char *const end[2], int sequence) {
    if (end[0]) add_part(parts, "SpecialToken", end[0], sequence);
    add_part(parts, "Sequence", sequence ? "B" : "A", sequence);
    if (end[1]) add_part(parts, "SpecialToken", end[1], sequence);
}

/* Sets the post-processor that puts tokens around a text, if there are any. */
static int read_ends(const struct reading *x, json_t *vocab, json_t *tokenizer, struct err *err) {
    json_t *single, *pair, *special;
    const char *end[2];

    if (read_end(x, "tokenizer.ggml.add_bos_token", x->pre->add_bos, BPE_BOS, &end[0], err) ||
        read_end(x, "tokenizer.ggml.add_eos_token", false, BPE_EOS, &end[1], err))
        return -1;
    if (!end[0] && !end[1]) return 0;
    single = json_array();
    pair = json_array();
    special = json_object();
    add_sequence(single, end, 0);
    add_sequence(pair, end, 0);
    add_sequence(pair, end, 1);
    for (int k = 0; k < 2; k++)
        if (end[k])
            json_object_set_new(special, end[k],
                                json_pack("{s:s, s:[O], s:[s]}", "id", end[k], "ids",
                                          json_object_get(vocab, end[k]), "tokens", end[k]));
    json_object_set_new(tokenizer, "post_processor",
                        json_pack("{s:s, s:o, s:o, s:o}", "type", "TemplateProcessing", "single",
                                  single, "pair", pair, "special_tokens", special));
    return 0;
}

/* tokenizer.json. */
static json_t *read_tokenizer(const struct reading *x, struct err *err) {
    json_t *vocab = json_object(), *merges = json_array(), *added = json_array();
    json_t *out = bpe_tokenizer_json(vocab, merges, added, bpe_pre_json(x->pre->steps));
    int r = 0;

    for (int id = 0; id < x->n && !r; id++) r = add_token(x, id, vocab, added, err);
    if (!r) r = read_merges(x, merges, err);
    if (!r) r = read_ends(x, vocab, out, err);
    if (x->pre->nfc) json_object_set_new(out, "normalizer", json_pack("{s:s}", "type", "NFC"));
    if (x->pre->ignore_merges)
        json_object_set_new(json_object_get(out, "model"), "ignore_merges", json_true());
    if (!r) return out;
    json_decref(out);
    return NULL;
}

/* Whether the file has a tokenizer, which is of the one kind that is known. 1, 0 or -1. */
static int find_model(const struct gguf *g, struct err *err) {
    static const char key[] = "tokenizer.ggml.model";
    const char *model;

    if (!gguf_find(g, key)) return 0;
    if (gguf_string(g, key, &model, err)) return -1;
    if (!strcmp(model, "none") || !strcmp(model, "no_vocab")) return 0;
    if (!strcmp(model, "gpt2")) return 1;
    return err_set(err, "%s \"%s\"%s is not supported (gpt2, byte-level BPE, is)", key, model,
                   strcmp(model, "llama") ? "" : ", SentencePiece,");
}

int bpe_gguf_read(struct bpe_files *f, const struct gguf *g, int vocab, struct err *err) {
    struct reading x = { .g = g };
    struct bpe *t = NULL;
    int r = find_model(g, err);

    *f = (struct bpe_files){ 0 };
    if (r <= 0) return r;
    f->config = json_object();
    if (!read_pre(&x, err) && !read_tokens(&x, vocab, err) && !read_config(&x, f->config, err) &&
        (f->tokenizer = read_tokenizer(&x, err)) && !(t = bpe_new(f, err)))
        err_prefix(err, "tokenizer.ggml");
    free(x.tokens);
    free(x.types);
    if (!t) bpe_files_free(f);
    bpe_free(t);
    return t ? 0 : -1;
}
