/* tokenizer — any JSON as a tokenizer.json, and as the tokenizer_config.json beside it: refused
 * with a sentence, or texts become tokens that are there and, where every byte has one, come back
 * from them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "text/bpe_files.h"
#include "text/bpe_own.h"
#include "text/chat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
    static const char mixed[] = "The 1994 film, don't\r\n\t  e\xcc\x81 \xe4\xbd\xa0 "
                                "\xf0\x9f\x98\x80 <|im_end|> \xff";
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const size_t flags = JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES;
    json_t *root = json_loadb((const char *)data, size, flags, NULL);

    if (json_is_object(root)) check_files(&(struct bpe_files){ root, root }, data, size);
    json_decref(root);
    return 0;
}
