/* bpe_own — what a tokenizer holds. Private to lib/text. */
#ifndef TEXT_BPE_OWN_H
#define TEXT_BPE_OWN_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <jansson.h>
#include <pcre2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "text/bpe.h"

/* The bytes of one token. */
struct piece {
    char *bytes;            /* NULL: no such id */
    uint32_t n;
    bool added;             /* an added token: matched in the text before anything else */
    bool special;
};

/* Open addressing; the size is a power of two. */
struct piece_table {
    int32_t *id;            /* -1: empty */
    size_t size;
};

/* Two neighbours that become one token. */
struct merge {
    int32_t left, right;    /* left -1: empty */
    int32_t rank, id;
};

enum { PRE_STEPS = 4 };
enum pre_kind { PRE_DIGITS, PRE_SPLIT };

/* A step of the pre-tokenizer: each digit apart, or the matches of an expression apart. */
struct pre_step {
    enum pre_kind kind;
    pcre2_code *code;
};

/* What the files say; it does not change once it is read. */
struct vocabulary {
    struct piece *pieces;   /* [size] */
    int size;
    struct piece_table table;           /* tokens of the model by their bytes */
    int32_t byte_id[256];
    struct merge *merges;   /* open addressing */
    size_t merges_size;
    struct pre_step steps[PRE_STEPS];
    int n_steps;
    bool nfc, ignore_merges;
    int32_t *added;         /* ids, the longest content first */
    int n_added;
    bool starts[256];       /* an added token begins with this byte */
    int role[BPE_ROLES];
    char *template;
};

/* Words that were encoded before. */
struct cache_entry {
    uint64_t hash;
    char *bytes;            /* NULL: empty; owned */
    int32_t *ids;           /* owned */
    uint32_t n_bytes, n_ids;
};

enum { CACHE_SIZE = 1 << 14, CACHE_WORD = 64 };

struct bpe {
    struct vocabulary *v;
    struct cache_entry *cache;          /* [CACHE_SIZE] */
    pcre2_match_data *match;
};

/* Expressions that cut words: GPT-2's, Qwen2's, Llama 3's, each digit apart. */
extern const char bpe_gpt2_pattern[], bpe_qwen2_pattern[], bpe_llama3_pattern[], bpe_digit_pattern[];

/* The byte that a character of a token's spelling stands for (-1: none). */
int bpe_char_byte(uint32_t c);

/* Bytes of a token's spelling in the file; characters outside the byte-level alphabet stand for themselves. */
void bpe_spelled(const char *token, struct buf *out);

/* The character at s, which ends before `end`, and its length in bytes; -1 for what is not UTF-8 (length
 * 1). */
int32_t bpe_char(const char *s, const char *end, int *len);

/* Adds a character in UTF-8. */
void bpe_put_char(struct buf *b, uint32_t c);

/* Compiles an expression of a tokenizer.json into a step, whose code is the caller's. 0, or -1 with a
 * sentence. */
int bpe_compile(struct pre_step *step, const char *pattern, struct err *err);

/* Calls word() for every word that the steps make of n bytes of UTF-8. */
typedef void bpe_word(void *ctx, const char *s, size_t n);
void bpe_split(const struct pre_step *steps, int n_steps, pcre2_match_data *match, const char *s, size_t n,
               bpe_word *word, void *ctx);

/* Adds n bytes of UTF-8 in composed form. */
void bpe_nfc(const char *s, size_t n, struct buf *out);

/* The token with these bytes, or -1; what two tokens become, or NULL. */
int32_t bpe_find(const struct vocabulary *v, const char *bytes, size_t n);
const struct merge *bpe_find_merge(const struct vocabulary *v, int32_t left, int32_t right);

#endif
