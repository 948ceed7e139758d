/* jsonl_write — the compact writer. jansson's own prints every real with one fixed number of digits,
 * so that 0.1 becomes 0.10000000000000001 or a 17-digit number loses its end. Here a real gets the
 * fewest of 15, 16 or 17 digits that read back to the same bits. */
#include <stdlib.h>
#include <string.h>

#include "io/jsonl.h"

static void write_value(FILE *f, const json_t *v);

static void write_real(FILE *f, double x) {
    char s[40];

    for (int digits = 15; digits <= 17; digits++) {
        snprintf(s, sizeof s, "%.*g", digits, x);
        if (strtod(s, NULL) == x) break;
    }
    fputs(s, f);
    if (!strpbrk(s, ".e")) fputs(".0", f);      /* a real stays a real */
}

static void write_string(FILE *f, const char *s, size_t n) {
    size_t plain = 0;

    putc('"', f);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];

        if (c >= 0x20 && c != '"' && c != '\\') continue;
        fwrite(s + plain, 1, i - plain, f);
        plain = i + 1;
        if (c == '"' || c == '\\') fprintf(f, "\\%c", c);
        else if (c == '\n') fputs("\\n", f);
        else if (c == '\t') fputs("\\t", f);
        else fprintf(f, "\\u%04x", c);
    }
    fwrite(s + plain, 1, n - plain, f);
    putc('"', f);
}

static void write_object(FILE *f, const json_t *v) {
    const char *key;
    json_t *item;
    char comma = '{';

    json_object_foreach((json_t *)v, key, item) {
        putc(comma, f);
        write_string(f, key, strlen(key));
        putc(':', f);
        write_value(f, item);
        comma = ',';
    }
    fputs(comma == '{' ? "{}" : "}", f);
}

static void write_array(FILE *f, const json_t *v) {
    size_t n = json_array_size(v);

    putc('[', f);
    for (size_t i = 0; i < n; i++) {
        if (i) putc(',', f);
        write_value(f, json_array_get(v, i));
    }
    putc(']', f);
}

static void write_value(FILE *f, const json_t *v) {
    switch (json_typeof(v)) {
    case JSON_OBJECT: write_object(f, v); break;
    case JSON_ARRAY: write_array(f, v); break;
    case JSON_STRING: write_string(f, json_string_value(v), json_string_length(v)); break;
    case JSON_INTEGER: fprintf(f, "%" JSON_INTEGER_FORMAT, json_integer_value(v)); break;
    case JSON_REAL: write_real(f, json_real_value(v)); break;
    case JSON_TRUE: fputs("true", f); break;
    case JSON_FALSE: fputs("false", f); break;
    case JSON_NULL: fputs("null", f); break;
    }
}

void jsonl_write(FILE *f, const json_t *rec) {
    write_value(f, rec);
    putc('\n', f);
}
