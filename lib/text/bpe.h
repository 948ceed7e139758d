/* bpe — byte-level byte-pair encoding: the tokenizer.json of Hugging Face's `tokenizers`.
 *
 * What a file asks for is done as there or is an error: NFC; ByteLevel, Digits, Split by what
 * Oniguruma and PCRE2 read alike; added tokens. Truncation, padding and the post-processor are not
 * applied: nothing is ever added to the ids of a text.
 * A tokenizer holds a cache that encoding fills: one thread uses it at a time. */
#ifndef TEXT_BPE_H
#define TEXT_BPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct bpe;

/* Token ids, in a growing array. Zero-initialise it; free(id). */
struct bpe_ids {
    int32_t *id;
    size_t n, cap;
};

enum bpe_role { BPE_BOS, BPE_EOS, BPE_PAD, BPE_ROLES };

/* Loads a tokenizer.json, or that of a model directory, and tokenizer_config.json beside it if
 * there is one. Returns NULL with a sentence that names the file; bpe_free. */
struct bpe *bpe_load(const char *path, struct err *err);

/* The same from files that were read. NULL with a sentence. */
struct bpe_files;
struct bpe *bpe_new(const struct bpe_files *f, struct err *err);

/* NULL is fine. */
void bpe_free(struct bpe *t);

/* Adds the ids of n bytes of text. `special`: special tokens in the text become their ids, as
 * `tokenizers` does; otherwise they are plain text. Bytes that are not UTF-8 are encoded one by
 * one. Returns 0, or -1 with a sentence where the tokenizer's expression needs too long for the
 * text; those published never do. */
int bpe_encode(struct bpe *t, const char *text, size_t n, bool special, struct bpe_ids *ids,
               struct err *err);

/* Adds the text of n ids: UTF-8, with U+FFFD where the bytes are none. `special`: keep special
 * tokens. Ids without a token are left out. */
void bpe_decode(const struct bpe *t, const int32_t *ids, size_t n, bool special, struct buf *text);

/* Greatest id + 1; a model's vocabulary may be larger. */
int bpe_size(const struct bpe *t);

/* The id of a token as the file spells it ("Ġthe", "<|im_end|>"), or -1. */
int bpe_id(const struct bpe *t, const char *token);

/* The bytes of a token and their number; NULL and 0 for an id without a token. Borrowed. */
const char *bpe_piece(const struct bpe *t, int id, size_t *n);

/* Adds a token as the file spells it ("Ġthe"); nothing for an id without a token. */
void bpe_spelling(const struct bpe *t, int id, struct buf *out);

/* Whether the id is a special token. */
bool bpe_is_special(const struct bpe *t, int id);

/* The id that tokenizer_config.json names for the role, or -1. */
int bpe_special(const struct bpe *t, enum bpe_role role);

/* The chat template of tokenizer_config.json or chat_template.jinja; NULL: none. Borrowed. */
const char *bpe_chat_template(const struct bpe *t);

/* Adds one id. */
void bpe_push(struct bpe_ids *ids, int32_t id);

#endif
