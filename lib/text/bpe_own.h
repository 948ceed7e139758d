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
    bool mapped;            /* its spelling is of the byte-level alphabet, else stands for itself */
    bool special;
};

/* A token that is found in the text before anything else. */
struct added {
    char *text;
    size_t n;
    int32_t id;
};

struct added_set {
    struct added *t;        /* [n], the longest first */
    int n;
    bool starts[256];       /* a token begins with this byte */
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

/* A step of the pre-tokenizer: the matches of an expression apart. */
struct pre_step {
    pcre2_code *code;
    bool digits;            /* the step Digits: what is a number is asked of a newer Unicode */
};

/* The pre-tokenizer: its steps, and what matching needs. Zero-initialise it. */
struct splitter {
    struct pre_step steps[PRE_STEPS];
    int n;
    pcre2_match_data *match;
    pcre2_match_context *limits;
};

/* What the files say; it does not change once it is read. */
struct vocabulary {
    struct piece *pieces;   /* [size] */
    int size;
    struct piece_table table;           /* tokens of the model by their bytes */
    int32_t byte_id[256];
    struct merge *merges;   /* open addressing */
    size_t merges_size;
    bool nfc, ignore_merges;
    bool space;             /* add_prefix_space: before a text that begins with none */
    struct added_set added[2];          /* found in the text as it is, and in what NFC made of it */
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
    struct splitter split;
};

/* Expressions that cut words: GPT-2's, Qwen2's, Llama 3's; each digit, each number apart. */
extern const char bpe_gpt2_pattern[], bpe_qwen2_pattern[], bpe_llama3_pattern[],
    bpe_digit_pattern[], bpe_number_pattern[];

/* The byte that a character of a token's spelling stands for (-1: none), and the character of a
 * byte. */
int bpe_char_byte(uint32_t c);
uint32_t bpe_byte_char(unsigned byte);

/* The bytes that a token's spelling in the file stands for. Returns whether the spelling is of the
 * byte-level alphabet; if one character is not, the whole stands for itself. */
bool bpe_spelled(const char *token, struct buf *out);

/* The character at s, which ends before `end`, and its length in bytes; -1 for what is not UTF-8
 * (length 1). */
int32_t bpe_char(const char *s, const char *end, int *len);

/* Adds a step: an expression of a tokenizer.json, of which only what PCRE2 and Oniguruma read alike
 * is taken. 0, or -1 with a sentence. */
int bpe_split_add(struct splitter *x, const char *pattern, struct err *err);
void bpe_split_free(struct splitter *x);

/* Calls word() for every word that the steps make of n bytes of UTF-8. Returns 0, or -1 with a
 * sentence where an expression needs too long. */
typedef void bpe_word(void *ctx, const char *s, size_t n);
int bpe_split(const struct splitter *x, const char *s, size_t n, bpe_word *word, void *ctx,
              struct err *err);

/* Adds n bytes of UTF-8 in which characters that are newer than PCRE2's Unicode 14, or
 * `tokenizers`' 16 where digits are asked for, have given place to older ones of their category and
 * length. Returns false, and adds nothing, if there are none. */
bool bpe_older(const char *s, size_t n, bool digits, struct buf *out);

/* Enters a token into a set; bpe_added_sort when all are in. */
void bpe_added_add(struct added_set *set, const char *text, size_t n, int32_t id);
void bpe_added_sort(struct added_set *set);
void bpe_added_free(struct added_set *set);

/* The longest token of the set that n bytes begin with, or NULL. */
const struct added *bpe_added_at(const struct added_set *set, const char *s, size_t n);

/* Adds n bytes of UTF-8 in composed form. */
void bpe_nfc(const char *s, size_t n, struct buf *out);

/* The token with these bytes, or -1; what two tokens become, or NULL. */
int32_t bpe_find(const struct vocabulary *v, const char *bytes, size_t n);
const struct merge *bpe_find_merge(const struct vocabulary *v, int32_t left, int32_t right);

#endif
