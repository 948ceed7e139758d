/* bpe_gguf_write — from files to metadata. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/bpe_gguf.h"
#include "text/bpe_gguf_own.h"
#include "text/bpe_json.h"

static bool same_steps(const char *const *a, const char *const *b) {
    for (; *a && *b; a++, b++)
        if (strcmp(*a, *b)) return false;
    return !*a && !*b;
}

/* The pre-tokenizer's name. */
static int write_pre(struct gguf_meta *m, const json_t *tokenizer, struct err *err) {
    const json_t *model = json_object_get(tokenizer, "model");
    bool ignore = json_is_true(json_object_get(model, "ignore_merges"));
    const char *steps[PRE_STEPS + 1] = { NULL };

    if (bpe_pre_steps(json_object_get(tokenizer, "pre_tokenizer"), steps, NULL, err)) return -1;
    for (const struct gguf_pre *p = gguf_pres; p < gguf_pres + gguf_n_pres; p++) {
        if (p->ignore_merges != ignore || !same_steps(p->steps, steps)) continue;
        gguf_put_string(m, "tokenizer.ggml.pre", p->names[0]);
        return 0;
    }
    return err_set(err, "GGUF has no name for this pre-tokenizer");
}

/* Tokens by id, and their types. */
struct tokens {
    const char **text;                  /* [n], borrowed, or in `names` */
    int32_t *type;
    int n;
    struct arena names;
};

static int set_token(struct tokens *t, const char *text, const json_t *number, int32_t type,
                     struct err *err) {
    json_int_t id = json_integer_value(number);

    if (id < 0 || id >= t->n)
        return err_set(err, "token \"%s\" has the id %lld, beyond the %d of the model", text,
                       (long long)id, t->n);
    t->text[id] = text;
    t->type[id] = type;
    return 0;
}

/* Ids without a token get the names that convert_hf_to_gguf.py gives them. */
static void fill_tokens(struct tokens *t) {
    for (int id = 0; id < t->n; id++) {
        char *name;

        if (t->text[id]) continue;
        t->text[id] = name = arena_alloc(&t->names, 24, 1);
        snprintf(name, 24, "[PAD%d]", id);
        t->type[id] = TOKEN_UNUSED;
    }
}

static int read_tokens(struct tokens *t, const json_t *tokenizer, struct err *err) {
    const json_t *added = json_object_get(tokenizer, "added_tokens"), *entry;
    json_t *vocab = json_object_get(json_object_get(tokenizer, "model"), "vocab"), *id;
    const char *text;
    size_t i;

    json_object_foreach(vocab, text, id)
        if (set_token(t, text, id, TOKEN_NORMAL, err)) return -1;
    json_array_foreach(added, i, entry) {
        bool special = json_is_true(json_object_get(entry, "special"));

        text = json_string_value(json_object_get(entry, "content"));
        if (set_token(t, text, json_object_get(entry, "id"),
                      special ? TOKEN_CONTROL : TOKEN_USER_DEFINED, err))
            return -1;
    }
    fill_tokens(t);
    return 0;
}

/* A merge as one text. */
static const char *merge_text(const json_t *pair, struct arena *text) {
    const char *left = json_string_value(json_array_get(pair, 0));
    const char *right = json_string_value(json_array_get(pair, 1));
    size_t n;
    char *both;

    if (json_is_string(pair)) return json_string_value(pair);
    if (strchr(left, ' ') || strchr(right, ' ')) return NULL;
    n = strlen(left) + strlen(right) + 2;
    both = arena_alloc(text, n, 1);
    snprintf(both, n, "%s %s", left, right);
    return both;
}

static int write_merges(struct gguf_meta *m, const json_t *tokenizer, struct err *err) {
    const json_t *merges = json_object_get(json_object_get(tokenizer, "model"), "merges");
    size_t n = json_array_size(merges);
    const char **list = mem_alloc(n, sizeof *list);
    struct arena text = { 0 };
    int r = 0;

    for (size_t i = 0; i < n && !r; i++)
        if (!(list[i] = merge_text(json_array_get(merges, i), &text)))
            r = err_set(err, "merge %zu: a token holds a blank", i);
    if (!r) gguf_put_strings(m, "tokenizer.ggml.merges", list, n);
    arena_free(&text);
    free(list);
    return r;
}

static int token_id(const struct tokens *t, const char *text) {
    for (int i = 0; text && i < t->n; i++)
        if (!strcmp(t->text[i], text)) return i;
    return -1;
}

/* The ids of special tokens: those that the configuration names, else those of `role`. */
static void write_roles(struct gguf_meta *m, const struct bpe_files *f, const struct tokens *t,
                        const int *role) {
    for (int r = 0; r < GGUF_ROLES; r++) {
        int id = token_id(t, bpe_files_token(f, gguf_roles[r].field));

        if (id < 0 && r < BPE_ROLES) id = role[r];
        if (id >= 0) gguf_put_uint32(m, gguf_roles[r].key, (uint32_t)id);
    }
}

/* Whether a post-processor puts a special token at one end of a text. */
static bool has_end(const json_t *post, bool first) {
    const json_t *list = json_object_get(post, "processors");
    const json_t *single = json_object_get(post, "single");
    size_t n = json_array_size(single);

    for (size_t i = 0; i < json_array_size(list); i++)
        if (has_end(json_array_get(list, i), first)) return true;
    return n && json_object_get(json_array_get(single, first ? 0 : n - 1), "SpecialToken");
}

/* What the configuration says, else what the post-processor does. */
static void write_end(struct gguf_meta *m, const struct bpe_files *f, const char *field,
                      const char *key, bool first) {
    const json_t *said = json_object_get(f->config, field);
    const json_t *post = json_object_get(f->tokenizer, "post_processor");

    gguf_put_bool(m, key, json_is_boolean(said) ? json_is_true(said) : has_end(post, first));
}

static int write(struct gguf_meta *m, const struct bpe_files *f, struct tokens *t, const int *role,
                 struct err *err) {
    const char *template = bpe_files_template(f);

    gguf_put_string(m, "tokenizer.ggml.model", "gpt2");
    if (write_pre(m, f->tokenizer, err) || read_tokens(t, f->tokenizer, err)) return -1;
    gguf_put_strings(m, "tokenizer.ggml.tokens", t->text, (size_t)t->n);
    gguf_put_int32s(m, "tokenizer.ggml.token_type", t->type, (size_t)t->n);
    if (write_merges(m, f->tokenizer, err)) return -1;
    write_roles(m, f, t, role);
    write_end(m, f, "add_bos_token", "tokenizer.ggml.add_bos_token", true);
    write_end(m, f, "add_eos_token", "tokenizer.ggml.add_eos_token", false);
    if (template) gguf_put_string(m, "tokenizer.chat_template", template);
    return 0;
}

int bpe_gguf_write(struct gguf_meta *m, const struct bpe_files *f, int vocab,
                   const int role[BPE_ROLES], struct err *err) {
    struct tokens t = { 0 };
    struct bpe *check;
    int r;

    if (!f->tokenizer) {
        gguf_put_string(m, "tokenizer.ggml.model", "none");
        write_roles(m, f, &t, role);
        return 0;
    }
    if (!(check = bpe_new(f, err))) return -1;      /* from here on the files are sound */
    bpe_free(check);
    t.n = vocab;
    t.text = mem_calloc((size_t)vocab, sizeof *t.text);
    t.type = mem_calloc((size_t)vocab, sizeof *t.type);
    r = write(m, f, &t, role, err);
    free(t.text);
    free(t.type);
    arena_free(&t.names);
    return r;
}
