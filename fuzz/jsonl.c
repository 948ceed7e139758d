/* jsonl — any bytes as lines of records: what is read is written and reads back the same, and the
 * walk over a line (io/scan) takes what the parser takes and finds the same values. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "io/jsonl.h"
#include "io/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_getters(const json_t *rec, const char *name, const json_t *v) {
    struct err err = { "" };
    const char *text;
    const int64_t most = 1LL << 60;
    int64_t whole;
    json_t *list;
    double x;

    if (!jsonl_string(rec, name, &text, &err) != json_is_string(v)) abort();
    if (!jsonl_number(rec, name, &x, &err) != json_is_number(v)) abort();
    if (!jsonl_array(rec, name, &list, &err) != json_is_array(v)) abort();
    if (!jsonl_object(rec, name, &list, &err) != json_is_object(v)) abort();
    if (!jsonl_int(rec, name, -9, most, &whole, &err) && (whole < -9 || whole > most)) abort();
    if (json_is_number(v)) json_decref(jsonl_float((float)x));
}

static void check_walk(struct scan *s, const json_t *v);

static void check_members(struct scan *s, const json_t *v) {
    struct buf key = { 0 };
    bool first = true;
    size_t n = 0;

    if (!scan_object(s)) abort();
    for (; scan_member(s, &first, &key); n++) check_walk(s, json_object_get(v, key.s));
    if (n != json_object_size(v)) abort();
    buf_free(&key);
}

/* The scan stands in front of v. */
static void check_walk(struct scan *s, const json_t *v) {
    struct buf text = { 0 };
    bool first = true;
    size_t n = 0;
    double x;

    switch (json_typeof(v)) {
    case JSON_OBJECT: check_members(s, v); break;
    case JSON_ARRAY:
        if (!scan_array(s)) abort();
        while (scan_entry(s, &first)) check_walk(s, json_array_get(v, n++));
        if (n != json_array_size(v)) abort();
        break;
    case JSON_STRING:
        if (!scan_string(s, &text) || text.n != json_string_length(v)) abort();
        if (strcmp(text.s, json_string_value(v))) abort();
        break;
    case JSON_INTEGER: case JSON_REAL:
        if (!scan_number(s, &x) || x != json_number_value(v)) abort();
        break;
    default:
        if (scan_null(s) != json_is_null(v)) abort();
        if (!json_is_null(v)) scan_skip(s);
    }
    if (!s->p) abort();
    buf_free(&text);
}

static void check_record(const json_t *rec) {
    struct err err = { "" };
    const char *name;
    json_t *v, *again;
    char *text;
    size_t n;
    FILE *f = open_memstream(&text, &n);

    json_object_foreach((json_t *)rec, name, v) check_getters(rec, name, v);
    jsonl_write(f, rec);
    fclose(f);
    again = jsonl_parse(text, n, &err);
    if (!again || !json_equal(again, rec)) abort();
    json_decref(again);
    free(text);
}

/* The scan goes into fewer containers inside one another than the parser. */
static bool deep(const char *line, size_t n) {
    size_t opened = 0;

    for (size_t i = 0; i < n; i++) opened += line[i] == '[' || line[i] == '{';
    return opened > 500;
}

static void check_line(const char *line, size_t n) {
    struct scan s = { line }, whole = { line };
    struct err err = { "" };
    json_t *rec = jsonl_parse(line, n, &err);
    bool walks = scan_skip(&whole) && scan_end(&whole, line + n);

    if (!rec && !*err.msg) abort();
    if (rec) check_record(rec);
    if (rec && !deep(line, n)) {
        if (!walks) abort();
        check_walk(&s, rec);
    }
    json_decref(rec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *none[] = { NULL };
    struct jsonl in = { .name = "fuzz", .files = none, .f = fmemopen((void *)data, size, "r") };
    struct err err = { "" };
    const char *line;
    size_t n;

    if (!in.f) return 0;        /* no bytes */
    while (jsonl_line(&in, &line, &n, &err) > 0) check_line(line, n);
    jsonl_close(&in);
    return 0;
}
