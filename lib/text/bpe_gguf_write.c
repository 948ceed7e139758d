/* bpe_gguf_write — from files to metadata. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/jsonl.h"
#include "text/bpe_gguf.h"
#include "text/bpe_gguf_own.h"
#include "text/bpe_json.h"

static bool same_steps(const char *const *a, const char *const *b) {
    for (; *a && *b; a++, b++)
        if (strcmp(*a, *b)) return false;
    return !*a && !*b;
}

/* The pre-tokenizer's name. The file has passed bpe_new. */
static int write_pre(struct gguf_meta *m, const json_t *tokenizer, struct err *err) {
    bool ignore = json_is_true(json_object_get(json_object_get(tokenizer, "model"), "ignore_merges"));
    const char *steps[PRE_STEPS + 1] = { NULL };

    if (bpe_pre_steps(json_object_get(tokenizer, "pre_tokenizer"), steps, NULL, err)) return -1;
    for (int i = 0; i < gguf_n_pres; i++) {
        if (gguf_pres[i].ignore_merges != ignore || !same_steps(gguf_pres[i].steps, steps)) continue;
        gguf_put_string(m, "tokenizer.ggml.pre", gguf_pres[i].names[0]);
        return 0;
    }
    return err_set(err, "GGUF has no name for this pre-tokenizer");
}

/* Tokens by id, and their types. Ids without a token get a name and count as unused. */
struct tokens {
    const char **text;                  /* borrowed, or in `names` */
    int32_t *type;
    int n;
    struct arena names;
};

static int set_token(struct tokens *t, const char *text, int64_t id, int32_t type, struct err *err) {
    if (id < 0 || id >= t->n) return err_set(err, "token \"%s\" has the id %lld, beyond the %d of the model", text, (long long)id, t->n);
    t->text[id] = text;
    t->type[id] = type;
    return 0;
}

static int read_tokens(struct tokens *t, const json_t *tokenizer, struct err *err) {
    const json_t *vocab = json_object_get(json_object_get(tokenizer, "model"), "vocab");
    const json_t *added = json_object_get(tokenizer, "added_tokens"), *entry;
    const char *text;
    json_t *id;
    size_t i;

    json_object_foreach((json_t *)vocab, text, id)
        if (set_token(t, text, json_integer_value(id), TOKEN_NORMAL, err)) return -1;
    json_array_foreach(added, i, entry)
        if (set_token(t, json_string_value(json_object_get(entry, "content")),
                      json_integer_value(json_object_get(entry, "id")),
                      json_is_true(json_object_get(entry, "special")) ? TOKEN_CONTROL : TOKEN_USER_DEFINED, err))
            return -1;
    for (int k = 0; k < t->n; k++) {
        char *name;

        if (t->text[k]) continue;
        name = arena_alloc(&t->names, 24, 1);
        snprintf(name, 24, "[PAD%d]", k);       /* as convert_hf_to_gguf.py calls them */
        set_token(t, name, k, TOKEN_UNUSED, err);
    }
    return 0;
}

static int write_merges(struct gguf_meta *m, const json_t *tokenizer, struct err *err) {
    const json_t *merges = json_object_get(json_object_get(tokenizer, "model"), "merges"), *pair;
    size_t n = json_array_size(merges), i;
    const char **list = mem_alloc(n, sizeof *list);
    struct arena text = { 0 };
    int r = 0;

    json_array_foreach(merges, i, pair) {
        const char *left = json_string_value(json_array_get(pair, 0)), *right = json_string_value(json_array_get(pair, 1));

        if (left) {
            char *both = arena_alloc(&text, strlen(left) + strlen(right) + 2, 1);

            if (strchr(left, ' ') || strchr(right, ' ')) r = err_set(err, "merge %zu: a token holds a blank", i);
            sprintf(both, "%s %s", left, right);
            list[i] = both;
        } else {
            list[i] = json_string_value(pair);
        }
    }
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

/* Whether texts begin or end with a special token: what the configuration says, else the post-processor's template. */
static bool adds(const struct bpe_files *f, const char *field, bool first) {
    const json_t *said = json_object_get(f->config, field), *post = json_object_get(f->tokenizer, "post_processor");
    const json_t *list = json_object_get(post, "processors");
    size_t n = list ? json_array_size(list) : 1;
    bool found = false;

    if (json_is_boolean(said)) return json_is_true(said);
    for (size_t i = 0; i < n; i++) {
        const json_t *single = json_object_get(list ? json_array_get(list, i) : post, "single");
        size_t parts = json_array_size(single);

        found |= parts && json_object_get(json_array_get(single, first ? 0 : parts - 1), "SpecialToken");
    }
    return found;
}

static void write_roles(struct gguf_meta *m, const struct bpe_files *f, const struct tokens *t, const int *role) {
    const char *template = bpe_files_template(f);

    for (int r = 0; r < GGUF_ROLES; r++) {
        int id = token_id(t, bpe_files_token(f, gguf_roles[r].field));

        if (id < 0 && r < BPE_ROLES) id = role[r];
        if (id >= 0) gguf_put_uint32(m, gguf_roles[r].key, (uint32_t)id);
    }
    gguf_put_bool(m, "tokenizer.ggml.add_bos_token", adds(f, "add_bos_token", true));
    gguf_put_bool(m, "tokenizer.ggml.add_eos_token", adds(f, "add_eos_token", false));
    if (template) gguf_put_string(m, "tokenizer.chat_template", template);
}

static int write(struct gguf_meta *m, const struct bpe_files *f, struct tokens *t, const int *role, struct err *err) {
    gguf_put_string(m, "tokenizer.ggml.model", "gpt2");
    if (write_pre(m, f->tokenizer, err) || read_tokens(t, f->tokenizer, err)) return -1;
    gguf_put_strings(m, "tokenizer.ggml.tokens", t->text, (size_t)t->n);
    gguf_put_int32s(m, "tokenizer.ggml.token_type", t->type, (size_t)t->n);
    if (write_merges(m, f->tokenizer, err)) return -1;
    write_roles(m, f, t, role);
    return 0;
}

int bpe_gguf_write(struct gguf_meta *m, const struct bpe_files *f, int vocab, const int role[BPE_ROLES],
                   struct err *err) {
    struct tokens t = { .n = vocab };
    struct bpe *check;
    int r;

    if (!f->tokenizer) {
        gguf_put_string(m, "tokenizer.ggml.model", "none");
        return 0;
    }
    if (!(check = bpe_new(f, err))) return -1;
    bpe_free(check);
    t.text = mem_calloc((size_t)vocab, sizeof *t.text);
    t.type = mem_calloc((size_t)vocab, sizeof *t.type);
    r = write(m, f, &t, role, err);
    free(t.text);
    free(t.type);
    arena_free(&t.names);
    return r;
}
