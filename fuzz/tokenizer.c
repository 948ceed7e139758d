/* tokenizer — any JSON as a tokenizer.json, and as the tokenizer_config.json beside it: refused
 * with a sentence, or texts become tokens that are there and, where every byte has one, come back
 * from them. Other bytes are tried as a chat template, and as an expression that cuts texts. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "text/bpe_files.h"
#include "text/bpe_own.h"
#include "text/chat.h"
#include "text/jinja.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* All but the last byte is UTF-8. */
static const char mixed[] = "The 1994 film, don't\r\n\t  e\xcc\x81 \xe4\xbd\xa0 \xf0\x9f\x98\x80"
                            " <|im_end|> \xff";

static bool keeps_text(const struct vocabulary *v) {
    for (int b = 0; b < 256; b++)
        if (v->byte_id[b] < 0) return false;
    return !v->space && !v->nfc;
}

static void check_ids(const struct bpe *t, const struct bpe_ids *ids, const char *text, size_t n) {
    bool ascii = true;
    struct buf back = { 0 };
    size_t length;

    for (size_t i = 0; i < ids->n; i++)
        if (!bpe_piece(t, ids->id[i], &length) || !length) abort();
    for (size_t i = 0; i < n; i++) ascii &= (unsigned char)text[i] < 0x80;
    bpe_decode(t, ids->id, ids->n, true, &back);
    if (!utf8_valid(buf_text(&back), back.n)) abort();
    if (ascii && keeps_text(t->v) && (back.n != n || memcmp(buf_text(&back), text, n))) abort();
    buf_free(&back);
}

static void check_text(struct bpe *t, const char *text, size_t n) {
    for (int special = 0; special < 2; special++) {
        struct bpe_ids ids = { 0 };
        struct err err = { "" };

        if (!bpe_encode(t, text, n, special, &ids, &err)) check_ids(t, &ids, text, n);
        else if (!*err.msg) abort();
        free(ids.id);
    }
}

static void check_spellings(const struct bpe *t) {
    struct buf b = { 0 };

    for (int id = 0; id < bpe_size(t) && id < 1000; id++) {
        buf_clear(&b);
        bpe_spelling(t, id, &b);
        if (b.n && bpe_id(t, b.s) != id && t->v->pieces[id].mapped) abort();
    }
    buf_free(&b);
}

static void check_chat(struct bpe *t) {
    struct err err = { "" };
    struct chat *chat = chat_new(t, &err);
    json_t *prompt = json_pack("[{s:s, s:s}]", "role", "user", "content", " a ");
    json_t *completion = json_pack("[{s:s, s:s}]", "role", "assistant", "content", "b</think>c");
    struct bpe_ids ids = { 0 };
    size_t start;

    if (!chat && !*err.msg) abort();
    if (chat && !chat_encode(chat, t, prompt, completion, &ids, &start, &err) && start >= ids.n)
        abort();
    chat_free(chat);
    json_decref(prompt);
    json_decref(completion);
    free(ids.id);
}

static void check_files(const struct bpe_files *f, const uint8_t *data, size_t size) {
    static const char plain[] = "a  b1\n12 'LL <s>";
    struct err err = { "" };
    struct bpe *t = bpe_new(f, &err);

    if (!t && !*err.msg) abort();
    if (!t) return;
    check_text(t, mixed, sizeof mixed - 1);
    check_text(t, plain, sizeof plain - 1);
    check_text(t, (const char *)data, size < 200 ? size : 200);
    check_spellings(t);
    check_chat(t);
    bpe_free(t);
}

/* The words that an expression cuts are the text. */
static void add_length(void *ctx, const char *s, size_t n) {
    if (!s || !n) abort();
    *(size_t *)ctx += n;
}

static void check_bytes(const char *s) {
    struct buf canonical = { 0 }, hole = { 0 };
    struct splitter split = { 0 };
    struct err err = { "" };
    size_t n = 0;

    if (!jinja_canonical(s, &canonical))
        jinja_matches("{%for message in messages%}*{%endfor%}@x*", buf_text(&canonical), &hole);
    if (!bpe_split_add(&split, s, &err) &&
        !bpe_split(&split, mixed, sizeof mixed - 2, add_length, &n, &err) && n != sizeof mixed - 2)
        abort();
    bpe_split_free(&split);
    buf_free(&canonical);
    buf_free(&hole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const size_t flags = JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES;
    json_t *root = json_loadb((const char *)data, size, flags, NULL);
    struct buf text = { 0 };

    if (json_is_object(root)) {
        check_files(&(struct bpe_files){ root, root }, data, size);
    } else {
        buf_add(&text, (const char *)data, size);
        check_bytes(buf_text(&text));
        buf_free(&text);
    }
    json_decref(root);
    return 0;
}
