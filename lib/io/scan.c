/* scan — JSON text, passed over value by value. */
#include "io/scan.h"

#include <jansson.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 512 };       /* containers inside one another; jansson stops at 2048 */

static bool fail(struct scan *s) {
    s->p = NULL;
    return false;
}

static void pass_blanks(struct scan *s) {
    while (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r') s->p++;
}

char scan_peek(struct scan *s) {
    if (!s->p) return 0;
    pass_blanks(s);
    return *s->p;
}

/* Passes one punctuation mark. */
static bool mark(struct scan *s, char c) {
    if (scan_peek(s) != c) return fail(s);
    s->p++;
    return true;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static const char *digits_end(const char *p) {
    while (is_digit(*p)) p++;
    return p;
}

/* The end of the number at p by JSON's grammar, or NULL. */
static const char *number_end(const char *p) {
    p += *p == '-';
    if (!is_digit(*p)) return NULL;
    p = *p == '0' ? p + 1 : digits_end(p);
    if (is_digit(*p)) return NULL;
    if (*p == '.') {
        if (!is_digit(*++p)) return NULL;
        p = digits_end(p);
    }
    if (*p == 'e' || *p == 'E') {
        p++;
        p += *p == '+' || *p == '-';
        if (!is_digit(*p)) return NULL;
        p = digits_end(p);
    }
    return p;
}

/* The end of the escape at p, behind its backslash, or NULL. */
static const char *escape_end(const char *p) {
    if (*p == 'u') return strspn(p + 1, "0123456789abcdefABCDEF") >= 4 ? p + 5 : NULL;
    return *p && strchr("\"\\/bfnrt", *p) ? p + 1 : NULL;
}

/* The end of the string at p (in front of the quote), or NULL. *plain: it holds neither an escape
 * nor a byte beyond ASCII. */
static const char *string_end(const char *p, bool *plain) {
    *plain = true;
    if (*p++ != '"') return NULL;
    while (*p != '"') {
        if ((unsigned char)*p < 0x20) return NULL;
        *plain = *plain && *p != '\\' && !(*p & 0x80);
        p = *p == '\\' ? escape_end(p + 1) : p + 1;
        if (!p) return NULL;
    }
    return p + 1;
}

static bool skip_value(struct scan *s, int depth);

static bool skip_members(struct scan *s, bool keyed, char close, int depth) {
    if (depth == DEPTH_MAX) return fail(s);
    s->p++;
    if (scan_peek(s) == close) return mark(s, close);
    for (;;) {
        bool plain;

        if (keyed) {
            scan_peek(s);
            s->p = string_end(s->p, &plain);
            if (!mark(s, ':')) return false;
        }
        if (!skip_value(s, depth + 1)) return false;
        if (scan_peek(s) != ',') return mark(s, close);
        s->p++;
    }
}

static bool skip_value(struct scan *s, int depth) {
    static const char *const words[] = { "true", "false", "null" };
    bool plain;
    char c = scan_peek(s);

    if (!s->p) return false;
    if (c == '{' || c == '[') return skip_members(s, c == '{', c == '{' ? '}' : ']', depth);
    if (c == '"') return (s->p = string_end(s->p, &plain)) != NULL;
    for (int k = 0; k < 3; k++)
        if (!strncmp(s->p, words[k], strlen(words[k]))) {
            s->p += strlen(words[k]);
            return true;
        }
    return (s->p = number_end(s->p)) != NULL;
}

bool scan_skip(struct scan *s) {
    return skip_value(s, 0);
}

bool scan_null(struct scan *s) {
    if (scan_peek(s) != 'n' || strncmp(s->p, "null", 4)) return false;
    s->p += 4;
    return true;
}

bool scan_array(struct scan *s) {
    return mark(s, '[');
}

bool scan_object(struct scan *s) {
    return mark(s, '{');
}

/* One more member in front of `close`? */
static bool more(struct scan *s, char close, bool *first) {
    char c = scan_peek(s);

    if (c == close) {
        s->p++;
        return false;
    }
    if (*first) {
        *first = false;
        return c != 0 || fail(s);
    }
    return mark(s, ',');
}

bool scan_entry(struct scan *s, bool *first) {
    return s->p && more(s, ']', first);
}

bool scan_member(struct scan *s, bool *first, struct buf *key) {
    return s->p && more(s, '}', first) && scan_string(s, key) && mark(s, ':');
}

/* Index of the name that the n bytes at p spell, or `count`. */
static size_t find_name(const char *const *names, size_t count, const char *p, size_t n) {
    size_t i = 0;

    while (i < count && (strncmp(names[i], p, n) || names[i][n])) i++;
    return i;
}

bool scan_fields(struct scan *s, const char *const *names, size_t n, struct scan *values) {
    bool first = true, plain;

    memset(values, 0, n * sizeof *values);
    if (!mark(s, '{')) return false;
    while (s->p && more(s, '}', &first)) {
        const char *key = (scan_peek(s), s->p), *end = key ? string_end(key, &plain) : NULL;
        size_t i;

        s->p = end;
        if (!mark(s, ':')) return false;
        scan_peek(s);
        i = find_name(names, n, key + 1, (size_t)(end - key) - 2);
        if (i < n && values[i].p) return fail(s);
        if (i < n) values[i] = *s;
        if (!scan_skip(s)) return false;
    }
    return s->p != NULL;
}

/* The value of a short number without an exponent: its digits as an integer below 2^53, divided by
 * a power of ten that a double holds exactly, so that the one rounding is the right one (Clinger
 * 1990). */
static bool short_number(double *x, const char *p, const char *end) {
    static const double ten[] = { 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12,
                                  1e13, 1e14, 1e15, 1e16, 1e17, 1e18 };
    bool minus = *p == '-';
    uint64_t m = 0;
    int shift = 0;

    if (end - p > 19) return false;
    for (p += minus; p < end && *p != '.'; p++) {
        if (!is_digit(*p)) return false;
        m = 10 * m + (uint64_t)(*p - '0');
    }
    for (p += p < end; p < end; p++, shift++) {
        if (!is_digit(*p)) return false;
        m = 10 * m + (uint64_t)(*p - '0');
    }
    if (m >> 53) return false;
    *x = (minus ? -(double)m : (double)m) / ten[shift];
    return true;
}

bool scan_number(struct scan *s, double *x) {
    const char *start = (scan_peek(s), s->p);

    if (!start || !(s->p = number_end(start))) return fail(s);
    if (!short_number(x, start, s->p)) *x = strtod(start, NULL);
    return isfinite(*x) || fail(s);
}

bool scan_size(struct scan *s, size_t *x) {
    const char *start = (scan_peek(s), s->p);

    if (!start || !(s->p = number_end(start))) return fail(s);
    *x = 0;
    for (const char *p = start; p < s->p; p++)
        if (!is_digit(*p) || __builtin_mul_overflow(*x, 10, x) ||
            __builtin_add_overflow(*x, (size_t)(*p - '0'), x))
            return fail(s);
    return true;
}

bool scan_string(struct scan *s, struct buf *out) {
    const char *start = (scan_peek(s), s->p);
    bool plain;
    json_t *text;

    if (!start || !(s->p = string_end(start, &plain))) return fail(s);
    buf_clear(out);
    if (plain) {
        buf_add(out, start + 1, (size_t)(s->p - start) - 2);
        return true;
    }
    /* the rare string is left to jansson: escapes, surrogates, valid UTF-8 */
    text = json_loadb(start, (size_t)(s->p - start), JSON_DECODE_ANY, NULL);
    if (!text) return fail(s);
    buf_add(out, json_string_value(text), json_string_length(text));
    json_decref(text);
    return true;
}

bool scan_end(struct scan *s, const char *end) {
    return s->p && (pass_blanks(s), s->p == end);
}
