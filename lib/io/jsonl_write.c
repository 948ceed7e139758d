/* jsonl_write — the compact writer. jansson's own prints every real with one fixed number of digits,
 * so that 0.1 becomes 0.10000000000000001 or a 17-digit number loses its end. Here a real gets the
 * fewest of 15, 16 or 17 digits that read back to the same bits. The stream is locked once a record. */
#define _GNU_SOURCE
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "io/atomic.h"
#include "io/jsonl.h"

static void write_value(FILE *f, const json_t *v);

static void write_int(FILE *f, int64_t x) {
    char s[24], *p = s + sizeof s;
    uint64_t rest = x < 0 ? -(uint64_t)x : (uint64_t)x;

    do *--p = (char)('0' + rest % 10);
    while (rest /= 10);
    if (x < 0) *--p = '-';
    fwrite_unlocked(p, 1, (size_t)(s + sizeof s - p), f);
}

/* Most reals are decimals m / 10^12 of at most 15 digits, and such a decimal is what %.15g prints: m and
 * 10^12 are exact, so that their quotient is what the decimal reads back to. Returns whether x is one. */
static bool write_decimal(FILE *f, double x) {
    double a = fabs(x), m = rint(a * 1e12);
    uint64_t whole, part;
    char s[16] = ".000000000000";
    int n = 13;

    if (!(a >= 1e-3 && m < 1e15 && m / 1e12 == a)) return false;
    whole = (uint64_t)m / 1000000000000;
    part = (uint64_t)m % 1000000000000;
    if (x < 0) putc_unlocked('-', f);
    write_int(f, (int64_t)whole);
    for (int k = 12; k; k--, part /= 10) s[k] = (char)('0' + part % 10);
    while (n > 2 && s[n - 1] == '0') n--;
    fwrite_unlocked(s, 1, (size_t)n, f);
    return true;
}

static void write_real(FILE *f, double x) {
    char s[40];

    if (write_decimal(f, x)) return;
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(s, sizeof s, "%.*g", digits, x);
        if (strtod(s, NULL) == x) break;
    }
    fputs_unlocked(s, f);
    if (!strpbrk(s, ".e")) fputs_unlocked(".0", f);     /* a real stays a real */
}

static void write_string(FILE *f, const char *s, size_t n) {
    size_t plain = 0;

    putc_unlocked('"', f);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];

        if (c >= 0x20 && c != '"' && c != '\\') continue;
        fwrite_unlocked(s + plain, 1, i - plain, f);
        plain = i + 1;
        if (c == '"' || c == '\\') fprintf(f, "\\%c", c);
        else if (c == '\n') fputs_unlocked("\\n", f);
        else if (c == '\t') fputs_unlocked("\\t", f);
        else fprintf(f, "\\u%04x", c);
    }
    fwrite_unlocked(s + plain, 1, n - plain, f);
    putc_unlocked('"', f);
}

static void write_object(FILE *f, const json_t *v) {
    const char *key;
    json_t *item;
    char comma = '{';

    json_object_foreach((json_t *)v, key, item) {
        putc_unlocked(comma, f);
        write_string(f, key, strlen(key));
        putc_unlocked(':', f);
        write_value(f, item);
        comma = ',';
    }
    fputs_unlocked(comma == '{' ? "{}" : "}", f);
}

static void write_array(FILE *f, const json_t *v) {
    size_t n = json_array_size(v);

    putc_unlocked('[', f);
    for (size_t i = 0; i < n; i++) {
        if (i) putc_unlocked(',', f);
        write_value(f, json_array_get(v, i));
    }
    putc_unlocked(']', f);
}

static void write_value(FILE *f, const json_t *v) {
    switch (json_typeof(v)) {
    case JSON_OBJECT: write_object(f, v); break;
    case JSON_ARRAY: write_array(f, v); break;
    case JSON_STRING: write_string(f, json_string_value(v), json_string_length(v)); break;
    case JSON_INTEGER: write_int(f, json_integer_value(v)); break;
    case JSON_REAL: write_real(f, json_real_value(v)); break;
    case JSON_TRUE: fputs_unlocked("true", f); break;
    case JSON_FALSE: fputs_unlocked("false", f); break;
    case JSON_NULL: fputs_unlocked("null", f); break;
    }
}

void jsonl_write(FILE *f, const json_t *rec) {
    flockfile(f);
    write_value(f, rec);
    putc_unlocked('\n', f);
    funlockfile(f);
}

int jsonl_save(const json_t *obj, const char *dir, const char *name, bool indented, struct err *err) {
    struct atomic_file a;
    struct buf path = { 0 };
    int r;

    buf_printf(&path, "%s/%s", dir, name);
    r = atomic_open(&a, path.s, err);
    buf_free(&path);
    if (r) return -1;
    if (!indented) {
        jsonl_write(a.f, obj);
    } else {
        json_dumpf(obj, a.f, JSON_INDENT(2));
        putc('\n', a.f);
    }
    return atomic_commit(&a, err);
}
