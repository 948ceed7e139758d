/* jsonl — records by getline and json_loadb, so that positions stay true. */
#define _GNU_SOURCE
#include "io/jsonl.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

static char *const only_stdin[] = { "-", NULL };

void jsonl_open(struct jsonl *in, char *const *files) {
    *in = (struct jsonl){ .files = files && *files ? files : only_stdin };
    in->name = *in->files;
}

/* Opens the next file of the list. Returns 1, 0 at the end of the list, -1. */
static int open_next(struct jsonl *in, struct err *err) {
    if (!*in->files) return 0;
    in->name = *in->files++;
    in->line = 0;
    in->f = strcmp(in->name, "-") ? fopen(in->name, "re") : stdin;
    return in->f ? 1 : err_set(err, "%s", strerror(errno));
}

static void close_file(struct jsonl *in) {
    if (in->f && in->f != stdin) fclose(in->f);
    in->f = NULL;
}

json_t *jsonl_parse(const char *line, size_t n, struct err *err) {
    const char *zero = memchr(line, 0, n);      /* jansson passes over one behind a number */
    json_error_t e;
    json_t *rec = zero ? NULL : json_loadb(line, n, JSON_REJECT_DUPLICATES, &e);

    if (zero) {
        err_set(err, "column %zu: a zero byte: this is not text", (size_t)(zero - line) + 1);
    } else if (!rec) {
        err_set(err, "column %d: %s", e.column, e.text);
    } else if (!json_is_object(rec)) {
        json_decref(rec);
        rec = NULL;
        err_set(err, "not a JSON object");
    }
    return rec;
}

static bool blank(const char *s, size_t n) {
    while (n && strchr(" \t\r\n", s[n - 1]) && s[n - 1]) n--;
    return !n;
}

int jsonl_line(struct jsonl *in, const char **line, size_t *length, struct err *err) {
    for (;;) {
        ssize_t n;
        int r;

        if (!in->f && (r = open_next(in, err)) <= 0)
            return r || in->any ? r : err_set(err, "no records");
        errno = 0;
        n = getline(&in->buf, &in->cap, in->f);
        if (n < 0) {
            if (ferror(in->f)) return err_set(err, "%s", strerror(errno));
            close_file(in);
            continue;
        }
        in->line++;
        if (blank(in->buf, (size_t)n)) continue;
        in->any = true;
        *line = in->buf;
        *length = (size_t)n;
        return 1;
    }
}

int jsonl_next(struct jsonl *in, json_t **rec, struct err *err) {
    const char *line;
    size_t n;
    int r = jsonl_line(in, &line, &n, err);

    if (r <= 0) return r;
    *rec = jsonl_parse(line, n, err);
    return *rec ? 1 : -1;
}

json_t *jsonl_load(const char *path, struct err *err) {
    json_error_t e;
    json_t *root = json_load_file(path, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &e);

    if (!root && e.line > 0) err_set(err, "%s:%d: %s", path, e.line, e.text);
    else if (!root) err_set(err, "%s: %s", path, strerror(errno));
    if (!root || json_is_object(root)) return root;
    err_set(err, "%s: not an object", path);
    json_decref(root);
    return NULL;
}

void jsonl_close(struct jsonl *in) {
    close_file(in);
    free(in->buf);
    in->buf = NULL;
    in->cap = 0;
}

static int wrong(const char *field, const char *type, struct err *err) {
    return err_set(err, "\"%s\" is missing or not %s", field, type);
}

int jsonl_string(const json_t *rec, const char *field, const char **out, struct err *err) {
    const json_t *v = json_object_get(rec, field);

    if (!json_is_string(v)) return wrong(field, "a string", err);
    *out = json_string_value(v);
    return 0;
}

int jsonl_number(const json_t *rec, const char *field, double *out, struct err *err) {
    const json_t *v = json_object_get(rec, field);

    if (!json_is_number(v)) return wrong(field, "a number", err);
    *out = json_number_value(v);
    return 0;
}

int jsonl_int(const json_t *rec, const char *field, int64_t lo, int64_t hi, int64_t *out,
              struct err *err) {
    const json_t *v = json_object_get(rec, field);
    int64_t whole;
    double x = 0;

    if (jsonl_number(rec, field, &x, err)) return -1;
    whole = json_is_integer(v) ? json_integer_value(v) : fabs(x) < 0x1p63 ? (int64_t)x : INT64_MIN;
    if ((!json_is_integer(v) && (double)whole != x) || whole < lo || whole > hi)
        return err_set(err, "\"%s\" is not a whole number from %lld to %lld", field, (long long)lo,
                       (long long)hi);
    *out = whole;
    return 0;
}

int jsonl_array(const json_t *rec, const char *field, json_t **out, struct err *err) {
    *out = json_object_get(rec, field);
    return json_is_array(*out) ? 0 : wrong(field, "an array", err);
}

int jsonl_object(const json_t *rec, const char *field, json_t **out, struct err *err) {
    *out = json_object_get(rec, field);
    return json_is_object(*out) ? 0 : wrong(field, "an object", err);
}

json_t *jsonl_real(double x) {
    return isfinite(x) ? json_real(x) : json_null();
}

/* x rounded to 9 digits, as %.9g rounds, for x from 1e-3 to 1000: 10^12 has 28 bits without its factors
 * of 2, so its product with a float is exact in a double, and so is all that follows but the last quotient,
 * which is correctly rounded. */
static double nine_digits(double x) {
    double m = fabs(x) * 1e12, fraction = m - floor(m);
    int64_t whole = (int64_t)m, unit = 10, rest;

    while (whole / unit >= 1000000000) unit *= 10;
    rest = whole % unit;
    whole -= rest;
    if (rest > unit / 2 || (rest == unit / 2 && (fraction > 0 || whole / unit % 2))) whole += unit;
    return copysign((double)whole / 1e12, x);
}

json_t *jsonl_float(float x) {
    char digits[32];

    if (x == 0 || (fabsf(x) >= 1e-3f && fabsf(x) < 1e3f)) return json_real(x == 0 ? x : nine_digits(x));
    snprintf(digits, sizeof digits, "%.9g", (double)x);
    return jsonl_real(strtod(digits, NULL));
}
