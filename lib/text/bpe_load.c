/* bpe_load — tokenizer.json and tokenizer_config.json become a vocabulary. Every piece of the files
 * is checked: what is not understood is refused by name. */
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

enum { MAX_SIZE = 1 << 20 };    /* ids; the greatest vocabularies have a quarter of this */

static const char *type_of(const json_t *obj) {
    const char *type = json_string_value(json_object_get(obj, "type"));

    return type ? type : "?";
}

static size_t table_size(size_t n) {
    size_t size = 1024;

    while (size < 2 * n) size *= 2;
    return size;
}

/* Makes room for the id and enters what it stands for. */
static int add_piece(struct vocabulary *v, json_int_t id, const char *token, struct buf *b,
                     struct err *err) {
    struct piece *p;

    if (id < 0 || id >= MAX_SIZE)
        return err_set(err, "\"%s\" has the id %lld, which is out of range", token, (long long)id);
    if (!*token) return err_set(err, "the token of id %lld is empty", (long long)id);
    if (id >= v->size) {
        v->pieces = mem_realloc(v->pieces, (size_t)id + 1, sizeof *v->pieces);
        memset(v->pieces + v->size, 0, (size_t)(id + 1 - v->size) * sizeof *v->pieces);
        v->size = (int)id + 1;
    }
    p = &v->pieces[id];
    if (p->bytes) return err_set(err, "two tokens have the id %lld", (long long)id);
    p->mapped = bpe_spelled(token, b);
    p->n = (uint32_t)b->n;
    p->bytes = mem_alloc(b->n, 1);
    memcpy(p->bytes, b->s, b->n);
    return 0;
}

static int read_vocab(struct vocabulary *v, const json_t *model, struct buf *b, struct err *err) {
    json_t *vocab, *value;
    const char *token;

    if (jsonl_object(model, "vocab", &vocab, err)) return -1;
    json_object_foreach(vocab, token, value) {
        if (!json_is_integer(value))
            return err_set(err, "\"vocab\": the id of \"%s\" is not an integer", token);
        if (add_piece(v, json_integer_value(value), token, b, err))
            return err_prefix(err, "\"vocab\"");
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
        size_t mask = v->table.size - 1, i;
        struct hash h = hash_start();

        if (!p->bytes || !p->mapped) continue;      /* no text spells it */
        hash_bytes(&h, p->bytes, p->n);
        for (i = hash_value(&h) & mask; v->table.id[i] >= 0; i = (i + 1) & mask) continue;
        v->table.id[i] = id;
        if (p->n == 1) v->byte_id[(unsigned char)*p->bytes] = id;
    }
}

static int32_t id_of(const json_t *vocab, const char *token) {
    const json_t *id = json_object_get(vocab, token);

    return id ? (int32_t)json_integer_value(id) : -1;
}

/* A merge is "left right" or ["left","right"], spelled as in the vocabulary. */
static int read_merge(const json_t *vocab, const json_t *m, struct buf *b, struct merge *out,
                      struct err *err) {
    const char *text = json_string_value(m), *gap = text ? strchr(text, ' ') : NULL;
    const char *left = json_string_value(json_array_get(m, 0));
    const char *right = json_string_value(json_array_get(m, 1));
    char *copy = NULL;

    if (gap && !strchr(gap + 1, ' ')) {
        left = copy = mem_strdup(text);
        copy[gap - text] = 0;
        right = copy + (gap - text) + 1;
    }
    if (!left || !right || json_array_size(m) > 2) {
        free(copy);
        return err_set(err, "is not a pair of tokens");
    }
    buf_clear(b);
    buf_puts(b, left);
    buf_puts(b, right);
    out->left = id_of(vocab, left);
    out->right = id_of(vocab, right);
    out->id = id_of(vocab, buf_text(b));
    if (out->left < 0 || out->right < 0 || out->id < 0)
        err_set(err, "\"%s\" \"%s\": a part or the whole is not in the vocabulary", left, right);
    free(copy);
    return out->left < 0 || out->right < 0 || out->id < 0 ? -1 : 0;
}

/* Of a pair that is given twice the last counts, as in `tokenizers`. */
static void add_merge(struct vocabulary *v, const struct merge *m) {
    size_t mask = v->merges_size - 1;
    size_t i = rng_bits((uint64_t)(uint32_t)m->left, (uint64_t)(uint32_t)m->right, 0) & mask;

    while (v->merges[i].left >= 0 &&
           (v->merges[i].left != m->left || v->merges[i].right != m->right))
        i = (i + 1) & mask;
    v->merges[i] = *m;
}

static int read_merges(struct vocabulary *v, const json_t *model, struct buf *b, struct err *err) {
    const json_t *vocab = json_object_get(model, "vocab");
    json_t *merges;

    if (jsonl_array(model, "merges", &merges, err)) return -1;
    v->merges_size = table_size(json_array_size(merges));
    v->merges = mem_alloc(v->merges_size, sizeof *v->merges);
    for (size_t i = 0; i < v->merges_size; i++) v->merges[i] = (struct merge){ .left = -1 };
    for (size_t k = 0; k < json_array_size(merges); k++) {
        struct merge m = { .rank = (int32_t)k };

        if (read_merge(vocab, json_array_get(merges, k), b, &m, err))
            return err_prefix(err, "merge %zu", k);
        add_merge(v, &m);
    }
    return 0;
}

/* Absent, or what is as good as that. */
static bool plain(const json_t *obj, const char *field) {
    const json_t *value = json_object_get(obj, field);

    return !value || json_is_null(value) || json_is_false(value) ||
           (json_is_string(value) && !*json_string_value(value)) ||
           (json_is_number(value) && json_number_value(value) == 0);
}

/* A token for what the vocabulary lacks is of no use where it has every byte. */
static int check_unknown(const struct vocabulary *v, const json_t *model, struct err *err) {
    for (int b = 0; b < 256 && !plain(model, "unk_token"); b++)
        if (v->byte_id[b] < 0)
            return err_set(err, "the model has \"unk_token\", which is not supported");
    return 0;
}

static int read_model(struct vocabulary *v, const json_t *root, struct err *err) {
    static const char *const unknown[] = {
        "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback", "dropout"
    };
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
        r = check_unknown(v, model, err) || read_merges(v, model, &b, err) ? -1 : 0;
    }
    buf_free(&b);
    return r;
}

/* Added tokens that are being read. */
struct adding {
    const json_t *vocab;
    json_t *seen;           /* their contents */
    json_int_t next;        /* the id of the next one that the vocabulary lacks */
    struct buf text, b;
};

static int check_flags(const json_t *entry, const char *content, struct err *err) {
    static const char *const flags[] = { "lstrip", "rstrip", "single_word" };

    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (json_is_true(json_object_get(entry, flags[i])))
            return err_set(err, "\"%s\" has %s, which is not supported", content, flags[i]);
    return 0;
}

/* `tokenizers` chooses the id by itself; a file that says another is refused. */
static int read_added_token(struct vocabulary *v, struct adding *x, const json_t *entry,
                            struct err *err) {
    bool late = json_is_true(json_object_get(entry, "normalized"));
    const char *content;
    const json_t *known;
    json_int_t want;
    int64_t id;

    if (jsonl_string(entry, "content", &content, err) ||
        jsonl_int(entry, "id", 0, MAX_SIZE - 1, &id, err) || check_flags(entry, content, err))
        return -1;
    if (json_object_get(x->seen, content)) return err_set(err, "\"%s\" stands twice", content);
    json_object_set_new(x->seen, content, json_true());
    known = json_object_get(x->vocab, content);
    want = known ? json_integer_value(known) : x->next;
    if (id != want)
        return err_set(err, "\"%s\" has the id %lld, not %lld", content, (long long)id,
                       (long long)want);
    buf_clear(&x->text);
    if (late && v->nfc) bpe_nfc(content, strlen(content), &x->text);
    else buf_puts(&x->text, content);
    if (!known && add_piece(v, id, buf_text(&x->text), &x->b, err)) return -1;
    if (id >= x->next) x->next = id + 1;
    v->pieces[id].special = json_is_true(json_object_get(entry, "special"));
    bpe_added_add(&v->added[late], x->text.s, x->text.n, (int32_t)id);
    return 0;
}

static int read_added(struct vocabulary *v, const json_t *root, struct err *err) {
    const json_t *list = json_object_get(root, "added_tokens");
    struct adding x = { .seen = json_object() };
    int r = 0;

    x.vocab = json_object_get(json_object_get(root, "model"), "vocab");
    x.next = (json_int_t)json_object_size(x.vocab);
    for (size_t i = 0; i < json_array_size(list) && !r; i++)
        if ((r = read_added_token(v, &x, json_array_get(list, i), err)))
            err_prefix(err, "added token %zu", i);
    for (int k = 0; k < 2; k++) bpe_added_sort(&v->added[k]);
    json_decref(x.seen);
    buf_free(&x.text);
    buf_free(&x.b);
    return r;
}

static int read_pre(struct bpe *t, const json_t *pre, struct err *err) {
    const char *steps[PRE_STEPS + 1];

    if (bpe_pre_steps(pre, steps, &t->v->space, err)) return -1;
    for (int i = 0; steps[i]; i++)
        if (bpe_split_add(&t->split, steps[i], err)) return -1;
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

/* None: nothing is decoded by it. */
static int check_decoder(const json_t *decoder, struct err *err) {
    if (!decoder || json_is_null(decoder) || !strcmp(type_of(decoder), "ByteLevel")) return 0;
    return err_set(err, "the decoder is of a kind that is not supported: %s", type_of(decoder));
}

static int read_tokenizer(struct bpe *t, const json_t *root, struct err *err) {
    return read_model(t->v, root, err) ||
           read_normalizer(t->v, json_object_get(root, "normalizer"), err) ||
           read_added(t->v, root, err) ||
           read_pre(t, json_object_get(root, "pre_tokenizer"), err) ||
           check_decoder(json_object_get(root, "decoder"), err) ? -1 : 0;
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
    if (!read_tokenizer(t, f->tokenizer, err)) {
        read_config(t, f);
        return t;
    }
    bpe_free(t);
    return NULL;
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
    for (int k = 0; k < 2; k++) bpe_added_free(&v->added[k]);
    free(v->pieces);
    free(v->table.id);
    free(v->merges);
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
    bpe_split_free(&t->split);
    free_vocabulary(t->v);
    free(t);
}
