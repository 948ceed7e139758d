/* bpe_pre — from text to words: UTF-8, the byte-level alphabet, the pre-tokenizer's steps. */
#include <string.h>

#include "text/bpe_own.h"

const char bpe_gpt2_pattern[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
const char bpe_qwen2_pattern[] =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|"
    " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const char bpe_llama3_pattern[] =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"
    " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const char bpe_digit_pattern[] = "\\p{N}", bpe_number_pattern[] = "\\p{N}+";

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

/* GPT-2's alphabet (bytes_to_unicode): printable Latin-1 stands for itself, other bytes, in order,
 * for the characters from U+0100 on. */
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

uint32_t bpe_byte_char(unsigned byte) {
    uint32_t k = byte < LOW ? byte : byte < 0xad ? byte - 0x7f + LOW : LOW + HIGH;

    return printable(byte) ? byte : 0x100 + k;
}

bool bpe_spelled(const char *token, struct buf *out) {
    const char *end = token + strlen(token);
    int len;

    buf_clear(out);
    for (const char *s = token; s < end; s += len) {
        int32_t c = bpe_char(s, end, &len);
        int byte = c < 0 ? -1 : bpe_char_byte((uint32_t)c);
        char b = (char)byte;

        if (byte < 0) {
            buf_clear(out);
            buf_puts(out, token);
            return false;
        }
        buf_add(out, &b, 1);
    }
    return true;
}

/* A text that is being cut. */
struct cut {
    const struct splitter *x;
    const char *text;
    const char *seen[2];    /* what expressions see in its place, byte for byte; [1]: the step Digits */
    bpe_word *word;
    void *ctx;
};

/* Cuts n bytes at `from` by the steps from the k-th on. */
static int cut(const struct cut *c, int k, size_t from, size_t n, struct err *err);

static int too_long(int code, struct err *err) {
    PCRE2_UCHAR text[128];

    pcre2_get_error_message(code, text, sizeof text);
    return err_set(err, "the tokenizer's expression gives up on a text: %s", (char *)text);
}

/* Each match is a piece of its own, and so is what lies between two. */
static int cut_matches(const struct cut *c, int k, size_t base, size_t n, struct err *err) {
    const struct splitter *x = c->x;
    const char *s = c->seen[x->steps[k].digits] + base;
    const PCRE2_SIZE *place = pcre2_get_ovector_pointer(x->match);
    size_t done = 0, at = 0;

    while (at < n) {
        int code = pcre2_match(x->steps[k].code, (PCRE2_SPTR)s, n, at, PCRE2_NO_UTF_CHECK, x->match,
                               x->limits);
        size_t from = place[0], to = place[1];
        int len;

        if (code == PCRE2_ERROR_NOMATCH) break;
        if (code < 0) return too_long(code, err);
        if (from == to) {
            bpe_char(s + to, s + n, &len);
            at = to + (size_t)len;
            continue;
        }
        if (cut(c, k + 1, base + done, from - done, err) ||
            cut(c, k + 1, base + from, to - from, err))
            return -1;
        done = at = to;
    }
    return cut(c, k + 1, base + done, n - done, err);
}

static int cut(const struct cut *c, int k, size_t from, size_t n, struct err *err) {
    if (!n) return 0;
    if (k < c->x->n) return cut_matches(c, k, from, n, err);
    c->word(c->ctx, c->text + from, n);
    return 0;
}

/* Backtracking points that a search may take: what is linear in the text passes, what explodes does
 * not. */
static uint32_t most_steps(size_t n) {
    return n < UINT32_MAX / 8 ? 1000000 + 4 * (uint32_t)n : UINT32_MAX;
}

int bpe_split(const struct splitter *x, const char *s, size_t n, bpe_word *word, void *ctx,
              struct err *err) {
    struct buf older[2] = { { 0 } };
    struct cut c = { x, s, { s, s }, word, ctx };
    int r;

    for (int i = 0; i < x->n; i++) {
        bool digits = x->steps[i].digits;

        if (!older[digits].n && bpe_older(s, n, digits, &older[digits]))
            c.seen[digits] = older[digits].s;
    }
    if (x->n) pcre2_set_match_limit(x->limits, most_steps(n));
    r = cut(&c, 0, 0, n, err);
    for (int k = 0; k < 2; k++) buf_free(&older[k]);
    return r;
}
