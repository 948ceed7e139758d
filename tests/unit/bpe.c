/* bpe, chat — ids, texts and conversations equal to those of `tokenizers` and transformers, on the
 * three small tokenizers of tests/fixtures. */
#define _GNU_SOURCE
#include <string.h>

#include "check.h"
#include "io/jsonl.h"
#include "text/bpe.h"
#include "text/chat.h"

static int failures;

static void same_ids(const char *what, const struct bpe_ids *got, const json_t *want,
                     const char *text) {
    bool same = got->n == json_array_size(want);

    for (size_t i = 0; same && i < got->n; i++)
        same = got->id[i] == json_integer_value(json_array_get(want, i));
    if (same) return;
    failures++;
    fprintf(stderr, "%s: ids of \"%s\" differ\n", what, text);
}

static json_t *each_line(FILE *f, char **line, size_t *cap) {
    ssize_t n = getline(line, cap, f);

    return n > 0 ? json_loadb(*line, (size_t)n, JSON_ALLOW_NUL, NULL) : NULL;
}

static int check_encode(struct bpe *t, const char *file) {
    FILE *f = fopen(file, "r");
    char *line = NULL;
    size_t cap = 0;
    json_t *rec;
    int n = 0;

    CHECK(f);
    for (; (rec = each_line(f, &line, &cap)); n++) {
        const json_t *text = json_object_get(rec, "text");
        struct bpe_ids ids = { 0 };
        struct err err;

        CHECK(!bpe_encode(t, json_string_value(text), json_string_length(text), true, &ids, &err));
        same_ids(file, &ids, json_object_get(rec, "ids"), json_string_value(text));
        free(ids.id);
        json_decref(rec);
    }
    free(line);
    fclose(f);
    return n;
}

static void same_text(const char *what, const struct buf *got, const json_t *want) {
    if (got->n == json_string_length(want) &&
        !memcmp(buf_text(got), json_string_value(want), got->n))
        return;
    failures++;
    fprintf(stderr, "%s: \"%s\" instead of \"%s\"\n", what, buf_text(got), json_string_value(want));
}

static int check_decode(struct bpe *t, const char *file) {
    FILE *f = fopen(file, "r");
    char *line = NULL;
    size_t cap = 0;
    json_t *rec;
    int n = 0;

    CHECK(f);
    for (; (rec = each_line(f, &line, &cap)); n++) {
        struct bpe_ids ids = { 0 };
        struct buf text = { 0 };
        json_t *id;
        size_t i;

        json_array_foreach(json_object_get(rec, "ids"), i, id)
            bpe_push(&ids, (int32_t)json_integer_value(id));
        bpe_decode(t, ids.id, ids.n, true, &text);
        same_text(file, &text, json_object_get(rec, "text"));
        buf_clear(&text);
        bpe_decode(t, ids.id, ids.n, false, &text);
        same_text(file, &text, json_object_get(rec, "text_no_special"));
        buf_free(&text);
        free(ids.id);
        json_decref(rec);
    }
    free(line);
    fclose(f);
    return n;
}

static int check_chat(struct bpe *t, const char *file) {
    FILE *f = fopen(file, "r");
    char *line = NULL;
    size_t cap = 0, start;
    struct err err;
    struct chat *chat = chat_new(t, &err);
    json_t *rec;
    int n = 0;

    CHECK(f && chat);
    for (; (rec = each_line(f, &line, &cap)); n++) {
        bool generate = json_is_true(json_object_get(rec, "add_generation_prompt"));
        const json_t *messages = json_object_get(rec, "messages");
        struct bpe_ids ids = { 0 };
        struct buf text = { 0 };

        CHECK(!chat_text(chat, messages, generate, &text, &err));
        same_text(file, &text, json_object_get(rec, "text"));
        if (generate) {
            CHECK(!chat_encode(chat, t, messages, NULL, &ids, &start, &err));
            same_ids(file, &ids, json_object_get(rec, "ids"), buf_text(&text));
            CHECK(start == ids.n);
        }
        free(ids.id);
        buf_free(&text);
        json_decref(rec);
    }
    chat_free(chat);
    free(line);
    fclose(f);
    return n;
}

static void check_bytes(struct bpe *t) {
    static const char bad[] = "a\xff\xc3(\xe2\x82z";
    struct bpe_ids ids = { 0 };
    struct buf text = { 0 };
    struct err err;

    CHECK(!bpe_encode(t, bad, sizeof bad - 1, true, &ids, &err));
    bpe_decode(t, ids.id, ids.n, true, &text);
    CHECK(!strcmp(buf_text(&text), "a\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbdz"));
    free(ids.id);
    buf_free(&text);
}

int main(int argc, char **argv) {
    static const char *const kinds[] = { "gpt2", "qwen2", "smollm" };
    const char *root = argc > 1 ? argv[1] : "tests/fixtures";
    char path[4096];

    for (int k = 0; k < 3; k++) {
        struct err err;
        struct bpe *t;

        snprintf(path, sizeof path, "%s/tokenizers/%s", root, kinds[k]);
        t = bpe_load(path, &err);
        if (!t) fprintf(stderr, "%s\n", err.msg);
        CHECK(t);
        snprintf(path, sizeof path, "%s/tokenizers/%s/encode.jsonl", root, kinds[k]);
        CHECK(check_encode(t, path) > 2000);
        snprintf(path, sizeof path, "%s/tokenizers/%s/encode_nul.jsonl", root, kinds[k]);
        CHECK(check_encode(t, path) == 6);
        snprintf(path, sizeof path, "%s/tokenizers/%s/decode.jsonl", root, kinds[k]);
        CHECK(check_decode(t, path) > 100);
        snprintf(path, sizeof path, "%s/tokenizers/%s/chat.jsonl", root, kinds[k]);
        CHECK(check_chat(t, path) == 5);
        check_bytes(t);
        bpe_free(t);
    }
    CHECK(!failures);
    return 0;
}
