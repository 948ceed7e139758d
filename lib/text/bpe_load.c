/* bpe_load — tokenizer.json and tokenizer_config.json become a vocabulary. Every piece of the files is
 * checked: what is not understood is refused by name. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"
#include "io/jsonl.h"
#include "text/bpe_files.h"
#include "text/bpe_json.h"
#include "text/bpe_own.h"

enum { MAX_SIZE = 1 << 24 };    /* ids; no published vocabulary comes near */

static const char *type_of(const json_t *obj) {
    const char *type = json_string_value(json_object_get(obj, "type"));

    return type ? type : "?";
}

static size_t table_size(size_t n) {
    size_t size = 1024;

    while (size < 2 * n) size *= 2;
    return size;
}

/* Makes room for the id. */
static int reserve(struct vocabulary *v, json_int_t id, struct err *err) {
    if (id < 0 || id >= MAX_SIZE) return err_set(err, "token id %lld is out of range", (long long)id);
    if (id < v->size) return 0;
    v->pieces = mem_realloc(v->pieces, (size_t)id + 1, sizeof *v->pieces);
    memset(v->pieces + v->size, 0, (size_t)(id + 1 - v->size) * sizeof *v->pieces);
    v->size = (int)id + 1;
    return 0;
}

static int read_vocab(struct vocabulary *v, const json_t *model, struct buf *b, struct err *err) {
    json_t *vocab, *value;
    const char *token;

    if (jsonl_object(model, "vocab", &vocab, err)) return -1;
    json_object_foreach(vocab, token, value) {
        struct piece *p;

        if (!json_is_integer(value)) return err_set(err, "\"vocab\": the id of \"%s\" is not an integer", token);
        if (reserve(v, json_integer_value(value), err)) return -1;
        p = &v->pieces[json_integer_value(value)];
        if (p->bytes) return err_set(err, "\"vocab\": two tokens have the id %lld", (long long)json_integer_value(value));
        bpe_spelled(token, b);
        if (!b->n) return err_set(err, "\"vocab\" holds an empty token");
        p->bytes = mem_alloc(b->n, 1);
        memcpy(p->bytes, b->s, b->n);
        p->n = (uint32_t)b->n;
    }
    return v->size ? 0 : err_set(err, "\"vocab\" is empty");
}

/* Enters the tokens by their bytes, and notes those of one byte. */
static void index_vocab(struct vocabulary *v) {
    v->table.size = table_size((size_t)v->size);
    v->table.id = mem_alloc(v->table.size, sizeof *v->table.id);
    for (size_t i = 0; i < v->table.size; i++) v->table.id[i] = -1;
    for (int b = 0; b < 256; b++) v->byte_id[b] = -1;
    for (int id = 0; id < v->size; id++) {
        const struct piece *p = &v->pieces[id];
        struct hash h = hash_start();
        size_t i;

        if (!p->bytes) continue;
        hash_bytes(&h, p->bytes, p->n);
        for (i = hash_value(&h) & (v->table.size - 1); v->table.id[i] >= 0;) i = (i + 1) & (v->table.size - 1);
        v->table.id[i] = id;
        if (p->n == 1) v->byte_id[(unsigned char)*p->bytes] = id;
    }
}

/* A merge is "left right" or ["left","right"], spelled as in the vocabulary. */
static int read_merge(struct vocabulary *v, const json_t *m, struct buf *b, struct merge *out, struct err *err) {
    char *text = json_is_string(m) ? mem_strdup(json_string_value(m)) : NULL, *gap = text ? strchr(text, ' ') : NULL;
    const char *left = text, *right = gap ? gap + 1 : NULL;
    struct buf whole = { 0 };

    if (gap) *gap = 0;
    if (json_array_size(m) == 2) {
        left = json_string_value(json_array_get(m, 0));
        right = json_string_value(json_array_get(m, 1));
    }
    if (!left || !right) {
        free(text);
        return err_set(err, "is not a pair of tokens");
    }
    bpe_spelled(left, b);
    out->left = bpe_find(v, buf_text(b), b->n);
    buf_add(&whole, buf_text(b), b->n);
    bpe_spelled(right, b);
    out->right = bpe_find(v, buf_text(b), b->n);
    buf_add(&whole, buf_text(b), b->n);
    out->id = bpe_find(v, buf_text(&whole), whole.n);
    buf_free(&whole);
    if (out->left < 0 || out->right < 0 || out->id < 0)
        err_set(err, "\"%s\" \"%s\": a part or the whole is not in the vocabulary", left, right);
    free(text);
    return out->left < 0 || out->right < 0 || out->id < 0 ? -1 : 0;
}

static int read_merges(struct vocabulary *v, const json_t *model, struct buf *b, struct err *err) {
    json_t *merges;

    if (jsonl_array(model, "merges", &merges, err)) return -1;
    v->merges_size = table_size(json_array_size(merges));
    v->merges = mem_alloc(v->merges_size, sizeof *v->merges);
    for (size_t i = 0; i < v->merges_size; i++) v->merges[i] = (struct merge){ .left = -1 };
    for (size_t k = 0; k < json_array_size(merges); k++) {
        struct merge m = { .rank = (int32_t)k };
        size_t i;

        if (read_merge(v, json_array_get(merges, k), b, &m, err)) return err_prefix(err, "merge %zu", k);
        i = rng_bits((uint64_t)(uint32_t)m.left, (uint64_t)(uint32_t)m.right, 0) & (v->merges_size - 1);
        while (v->merges[i].left >= 0 && (v->merges[i].left != m.left || v->merges[i].right != m.right))
            i = (i + 1) & (v->merges_size - 1);
        v->merges[i] = m;               /* of a pair given twice the last counts, as in `tokenizers` */
    }
    return 0;
}

static bool plain(const json_t *obj, const char *field) {
    const json_t *value = json_object_get(obj, field);

    return !value || json_is_null(value) || json_is_false(value) ||
           (json_is_string(value) && !*json_string_value(value));
}

static int read_model(struct vocabulary *v, const json_t *root, struct err *err) {
    static const char *const unknown[] = { "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback" };
    struct buf b = { 0 };
    json_t *model;
    int r;

    if (jsonl_object(root, "model", &model, err)) return -1;
    if (json_object_get(model, "type") && strcmp(type_of(model), "BPE"))
        return err_set(err, "the model is of type %s, not BPE", type_of(model));
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        if (!plain(model, unknown[i]))
            return err_set(err, "the model has \"%s\", which is not supported", unknown[i]);
    v->ignore_merges = json_is_true(json_object_get(model, "ignore_merges"));
    r = read_vocab(v, model, &b, err);
    if (!r) {
        index_vocab(v);
        r = read_merges(v, model, &b, err);
    }
    buf_free(&b);
    return r;
}

static int longer(const void *a, const void *b, void *ctx) {
    const struct vocabulary *v = ctx;
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

    if (v->pieces[x].n != v->pieces[y].n) return v->pieces[x].n > v->pieces[y].n ? -1 : 1;
    return x < y ? -1 : x > y;
}

static int read_added_token(struct vocabulary *v, const json_t *entry, struct err *err) {
    const char *content;
    struct piece *p;
    int64_t id;

    if (jsonl_string(entry, "content", &content, err) || jsonl_int(entry, "id", 0, MAX_SIZE - 1, &id, err))
        return -1;
    if (!*content) return err_set(err, "\"content\" is empty");
    if (json_is_true(json_object_get(entry, "lstrip")) || json_is_true(json_object_get(entry, "rstrip")) ||
        json_is_true(json_object_get(entry, "single_word")))
        return err_set(err, "\"%s\" has lstrip, rstrip or single_word, which are not supported", content);
    if (reserve(v, id, err)) return -1;
    p = &v->pieces[id];
    free(p->bytes);
    *p = (struct piece){ mem_strdup(content), (uint32_t)strlen(content), true,
                         json_is_true(json_object_get(entry, "special")) };
    v->starts[(unsigned char)*content] = true;
    v->added[v->n_added++] = (int32_t)id;
    return 0;
}

static int read_added(struct vocabulary *v, const json_t *root, struct err *err) {
    json_t *list = json_object_get(root, "added_tokens");

    v->added = mem_calloc(json_array_size(list), sizeof *v->added);
    for (size_t i = 0; i < json_array_size(list); i++)
        if (read_added_token(v, json_array_get(list, i), err)) return err_prefix(err, "added token %zu", i);
    qsort_r(v->added, (size_t)v->n_added, sizeof *v->added, longer, v);
    return 0;
}

static int read_pre(struct vocabulary *v, const json_t *pre, struct err *err) {
    const char *steps[PRE_STEPS + 1] = { NULL };

    if (bpe_pre_steps(pre, steps, err)) return -1;
    for (; steps[v->n_steps]; v->n_steps++)
        if (bpe_compile(&v->steps[v->n_steps], steps[v->n_steps], err)) return -1;
    return 0;
}

static int read_normalizer(struct vocabulary *v, const json_t *norm, struct err *err) {
    const json_t *list = json_object_get(norm, "normalizers");

    if (!norm || json_is_null(norm)) return 0;
    if (!strcmp(type_of(norm), "Sequence")) {
        for (size_t i = 0; i < json_array_size(list); i++)
            if (read_normalizer(v, json_array_get(list, i), err)) return -1;
        return 0;
    }
    if (strcmp(type_of(norm), "NFC"))
        return err_set(err, "the normalizer is of a kind that is not supported: %s", type_of(norm));
    v->nfc = true;
    return 0;
}

/* Special tokens by role, the chat template. */
static void read_config(struct bpe *t, const struct bpe_files *f) {
    static const char *const roles[BPE_ROLES] = { "bos_token", "eos_token", "pad_token" };
    const char *template = bpe_files_template(f);

    for (int r = 0; r < BPE_ROLES; r++) {
        const char *token = bpe_files_token(f, roles[r]);

        t->v->role[r] = token ? bpe_id(t, token) : -1;
    }
    if (template) t->v->template = mem_strdup(template);
}

struct bpe *bpe_new(const struct bpe_files *f, struct err *err) {
    struct bpe *t = mem_calloc(1, sizeof *t);

    t->v = mem_calloc(1, sizeof *t->v);
    t->cache = mem_calloc(CACHE_SIZE, sizeof *t->cache);
    t->match = pcre2_match_data_create(4, NULL);
    if (read_model(t->v, f->tokenizer, err) || read_added(t->v, f->tokenizer, err) ||
        read_pre(t->v, json_object_get(f->tokenizer, "pre_tokenizer"), err) ||
        read_normalizer(t->v, json_object_get(f->tokenizer, "normalizer"), err)) {
        bpe_free(t);
        return NULL;
    }
    read_config(t, f);
    return t;
}

struct bpe *bpe_load(const char *path, struct err *err) {
    struct bpe_files f;
    struct bpe *t;

    if (bpe_files_load(&f, path, err)) return NULL;
    if (!(t = bpe_new(&f, err))) {
        char *file = bpe_files_path(path);

        err_prefix(err, "%s", file);
        free(file);
    }
    bpe_files_free(&f);
    return t;
}

static void free_vocabulary(struct vocabulary *v) {
    for (int i = 0; i < v->size; i++) free(v->pieces[i].bytes);
    for (int i = 0; i < v->n_steps; i++) pcre2_code_free(v->steps[i].code);
    free(v->pieces);
    free(v->table.id);
    free(v->merges);
    free(v->added);
    free(v->template);
    free(v);
}

void bpe_free(struct bpe *t) {
    if (!t) return;
    for (int i = 0; i < CACHE_SIZE; i++) {
        free(t->cache[i].bytes);
        free(t->cache[i].ids);
    }
    free(t->cache);
    pcre2_match_data_free(t->match);
    free_vocabulary(t->v);
    free(t);
}
