/* bpe_pre — from text to words: UTF-8, the byte-level alphabet, the pre-tokenizer's steps. */
#include <string.h>

#include "base/mem.h"
#include "text/bpe_own.h"

const char bpe_gpt2_pattern[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
const char bpe_qwen2_pattern[] =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
    "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const char bpe_llama3_pattern[] =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
    "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const char bpe_digit_pattern[] = "\\p{N}";

int32_t bpe_char(const char *s, const char *end, int *len) {
    static const int32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
    unsigned char lead = (unsigned char)*s;
    int n = lead < 0x80 ? 1 : lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3
          : lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
    int32_t c = n == 1 ? lead : n ? lead & (0xff >> (n + 1)) : -1;

    *len = 1;
    if (!n || end - s < n) return -1;
    for (int i = 1; i < n; i++) {
        if (((unsigned char)s[i] & 0xc0) != 0x80) return -1;
        c = c << 6 | (s[i] & 0x3f);
    }
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return -1;
    *len = n;
    return c;
}

void bpe_put_char(struct buf *b, uint32_t c) {
    char s[4];
    int n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    if (n == 1) {
        s[0] = (char)c;
    } else {
        for (int i = n - 1; i > 0; i--, c >>= 6) s[i] = (char)(0x80 | (c & 0x3f));
        s[0] = (char)((0xf00 >> n & 0xf0) | c);
    }
    buf_add(b, s, (size_t)n);
}

/* GPT-2's alphabet (bytes_to_unicode): printable Latin-1 stands for itself, other bytes, in order, for
 * the characters from U+0100 on. */
static bool printable(unsigned b) {
    return (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || (b >= 0xae && b <= 0xff);
}

/* The bytes that are not printable, in order: 0 .. 0x20, 0x7f .. 0xa0, 0xad. */
enum { LOW = 0x21, HIGH = 0xa1 - 0x7f };

int bpe_char_byte(uint32_t c) {
    uint32_t k = c - 0x100;

    if (c < 0x100) return printable(c) ? (int)c : -1;
    return k < LOW ? (int)k : k < LOW + HIGH ? (int)(0x7f + k - LOW) : k == LOW + HIGH ? 0xad : -1;
}

void bpe_spelled(const char *token, struct buf *out) {
    const char *end = token + strlen(token);
    int len;

    buf_clear(out);
    for (; token < end; token += len) {
        int32_t c = bpe_char(token, end, &len);
        int byte = c < 0 ? -1 : bpe_char_byte((uint32_t)c);
        char b = (char)byte;

        if (byte < 0) buf_add(out, token, (size_t)len);
        else buf_add(out, &b, 1);
    }
}

/* PCRE2's \s knows U+180E, which Unicode does not count as white space: spell the property out. */
static void put_pattern(struct buf *b, const char *p) {
    for (; *p; p++) {
        if (p[0] == '\\' && (p[1] == 's' || p[1] == 'S')) {
            buf_puts(b, *++p == 's' ? "\\p{White_Space}" : "\\P{White_Space}");
        } else {
            buf_add(b, p, 1);
            if (*p == '\\' && p[1]) buf_add(b, ++p, 1);
        }
    }
}

int bpe_compile(struct pre_step *step, const char *pattern, struct err *err) {
    bool digits = !strcmp(pattern, bpe_digit_pattern);
    struct buf b = { 0 };
    PCRE2_SIZE at;
    int number;

    if (digits) buf_puts(&b, "^");
    put_pattern(&b, pattern);
    step->kind = digits ? PRE_DIGITS : PRE_SPLIT;
    step->code = pcre2_compile((PCRE2_SPTR)buf_text(&b), b.n, PCRE2_UTF | PCRE2_UCP | PCRE2_NO_UTF_CHECK,
                               &number, &at, NULL);
    buf_free(&b);
    if (!step->code) {
        PCRE2_UCHAR text[128];

        pcre2_get_error_message(number, text, sizeof text);
        return err_set(err, "the pre-tokenizer's expression: %s", (char *)text);
    }
    pcre2_jit_compile(step->code, PCRE2_JIT_COMPLETE);  /* without it, matching is slower but the same */
    return 0;
}

/* The remaining steps, for one piece of text. */
struct rest {
    const struct pre_step *steps;
    int n;
    pcre2_match_data *match;
    bpe_word *word;
    void *ctx;
};

static void split(const struct rest *r, const char *s, size_t n) {
    if (n) bpe_split(r->steps + 1, r->n - 1, r->match, s, n, r->word, r->ctx);
}

/* Each match is a piece of its own, and so is what lies between two. */
static void split_matches(const struct rest *r, const char *s, size_t n) {
    size_t done = 0, at = 0;

    while (at < n && pcre2_match(r->steps[0].code, (PCRE2_SPTR)s, n, at, PCRE2_NO_UTF_CHECK, r->match, NULL) > 0) {
        const PCRE2_SIZE *place = pcre2_get_ovector_pointer(r->match);
        size_t from = place[0], to = place[1];

        if (from == to) {
            int len;

            bpe_char(s + to, s + n, &len);
            at = to + (size_t)len;
            continue;
        }
        split(r, s + done, from - done);
        split(r, s + from, to - from);
        done = at = to;
    }
    split(r, s + done, n - done);
}

/* Rust's char::is_numeric, which `tokenizers` asks: the categories Nd, Nl, No. ASCII is told at once. */
static bool is_numeric(const struct rest *r, const char *s, int len) {
    if (len == 1) return *s >= '0' && *s <= '9';
    return pcre2_match(r->steps[0].code, (PCRE2_SPTR)s, (size_t)len, 0, PCRE2_NO_UTF_CHECK, r->match, NULL) > 0;
}

static void split_digits(const struct rest *r, const char *s, size_t n) {
    size_t done = 0;
    int len;

    for (size_t at = 0; at < n; at += (size_t)len) {
        bpe_char(s + at, s + n, &len);
        if (!is_numeric(r, s + at, len)) continue;
        split(r, s + done, at - done);
        split(r, s + at, (size_t)len);
        done = at + (size_t)len;
    }
    split(r, s + done, n - done);
}

void bpe_split(const struct pre_step *steps, int n_steps, pcre2_match_data *match, const char *s, size_t n,
               bpe_word *word, void *ctx) {
    struct rest r = { steps, n_steps, match, word, ctx };

    if (!n_steps) word(ctx, s, n);
    else if (steps->kind == PRE_DIGITS) split_digits(&r, s, n);
    else split_matches(&r, s, n);
}
