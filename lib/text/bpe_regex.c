/* bpe_regex — the expressions of a tokenizer.json. `tokenizers` gives them to Oniguruma, in the
 * syntax of Ruby, we to PCRE2: taken is what both read alike, and the rest refused by name. */
#include <ctype.h>
#include <string.h>

#include "text/bpe_own.h"

static int refuse(const char *p, int n, struct err *err) {
    return err_set(err, "the pre-tokenizer's expression has \"%.*s\", which is not supported", n,
                   p);
}

/* The length of what the backslash at p begins, or -1: \s, \S, \d, \r, \n, \t, \p{L} and its like,
 * marks. Sub-categories are none of these: bpe_older does not keep them apart. */
static int escape_length(const char *p, struct err *err) {
    if (p[1] == 'p' || p[1] == 'P')
        return p[2] == '{' && p[3] && strchr("LMNPSZ", p[3]) && p[4] == '}' ? 5 : refuse(p, 5, err);
    return p[1] && (strchr("sSdrnt", p[1]) || ispunct((unsigned char)p[1])) ? 2 : refuse(p, 2, err);
}

/* The length of the class at p, or -1. */
static int class_length(const char *p, struct err *err) {
    const char *from = p, *first;

    first = p += p[1] == '^' ? 2 : 1;
    for (int n; *p != ']' || p == first; p += n) {
        n = *p == '\\' ? escape_length(p, err) : 1;
        if (n < 0) return -1;
        if (!*p) return err_set(err, "the pre-tokenizer's expression has a class without an end");
        if (*p == '[' || *p == ']' || (p[0] == '&' && p[1] == '&')) return refuse(p, 2, err);
    }
    return (int)(p + 1 - from);
}

/* Of a group (?: (?i: (?! (?= or without a mark. */
static int group_length(const char *p, struct err *err) {
    if (p[1] == '*') return refuse(p, 2, err);
    if (p[1] != '?') return 1;
    if (strchr(":!=", p[2]) && p[2]) return 3;
    return p[2] == 'i' && p[3] == ':' ? 4 : refuse(p, 3, err);
}

/* Of a count {m}, {m,} or {m,n}. What may follow it means other things to each. */
static int count_length(const char *p, struct err *err) {
    size_t n = 1 + strspn(p + 1, "0123456789");

    if (n > 1 && p[n] == ',') n += 1 + strspn(p + n + 1, "0123456789");
    if (n > 1 && p[n] == '}' && !(p[n + 1] && strchr("+?*", p[n + 1]))) return (int)n + 1;
    return refuse(p, (int)n + 2, err);
}

static int part_length(const char *p, struct err *err) {
    switch (*p) {
    case '\\': return escape_length(p, err);
    case '[': return class_length(p, err);
    case '(': return group_length(p, err);
    case '{': return count_length(p, err);
    case '.': case '^': case '$': return refuse(p, 1, err);
    default: return 1;
    }
}

/* PCRE2's \s knows U+180E, which Unicode does not count as white space: the property is spelled
 * out. */
static void put_part(struct buf *b, const char *p, int n) {
    for (int i = 0; i < n; i++) {
        bool escaped = p[i] == '\\' && i + 1 < n;

        if (escaped && (p[i + 1] == 's' || p[i + 1] == 'S'))
            buf_puts(b, p[i + 1] == 's' ? "\\p{White_Space}" : "\\P{White_Space}");
        else
            buf_add(b, p + i, escaped ? 2 : 1);
        i += escaped;
    }
}

static int compile(struct pre_step *step, const struct buf *pattern, struct err *err) {
    PCRE2_UCHAR text[128];
    PCRE2_SIZE at;
    int code;

    step->code = pcre2_compile((PCRE2_SPTR)buf_text(pattern), pattern->n, PCRE2_UTF | PCRE2_UCP,
                               &code, &at, NULL);
    if (!step->code) {
        pcre2_get_error_message(code, text, sizeof text);
        return err_set(err, "the pre-tokenizer's expression: %s", (char *)text);
    }
    pcre2_jit_compile(step->code, PCRE2_JIT_COMPLETE);  /* without it, matching is slower */
    return 0;
}

int bpe_split_add(struct splitter *x, const char *pattern, struct err *err) {
    struct pre_step *step = &x->steps[x->n];
    struct buf b = { 0 };
    int n = 0, r;

    for (const char *p = pattern; *p && (n = part_length(p, err)) > 0; p += n) put_part(&b, p, n);
    r = n < 0 ? -1 : compile(step, &b, err);
    buf_free(&b);
    if (r) return -1;
    step->digits = !strcmp(pattern, bpe_digit_pattern) || !strcmp(pattern, bpe_number_pattern);
    if (!x->n++) {
        x->match = pcre2_match_data_create(1, NULL);
        x->limits = pcre2_match_context_create(NULL);
    }
    return 0;
}

void bpe_split_free(struct splitter *x) {
    for (int i = 0; i < x->n; i++) pcre2_code_free(x->steps[i].code);
    pcre2_match_data_free(x->match);
    pcre2_match_context_free(x->limits);
}
