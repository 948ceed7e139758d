/* jsonl — one JSON object a line: the next record with its file and line, typed fields, a compact
 * writer. Errors carry no place: main() adds `name` and `line` (cli_complain). */
#ifndef IO_JSONL_H
#define IO_JSONL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

struct jsonl {
    const char *name;       /* of the file being read; "-" is stdin */
    size_t line;            /* of the record last read, from 1; 0: no line was reached */
    char *const *files;     /* those still to be read */
    FILE *f;
    char *buf;
    size_t cap;
    bool any;               /* a record was read */
};

/* Prepares to read the files one after another; an empty list, and the name "-", mean stdin.
 * The list is borrowed. Files are opened when they are reached. */
void jsonl_open(struct jsonl *in, char *const *files);

/* Reads the next record, a JSON object; blank lines are passed over. Returns 1 and a new reference
 * in *rec, 0 at the end, -1 on bad JSON (duplicate keys included), a failed read, or when all the
 * input held no record at all. */
int jsonl_next(struct jsonl *in, json_t **rec, struct err *err);

/* Reads the next line that is not blank, for those who parse it themselves: n bytes and a zero byte,
 * borrowed until the next call. Returns as jsonl_next. */
int jsonl_line(struct jsonl *in, const char **line, size_t *n, struct err *err);

/* Closes. The struct may be opened again. */
void jsonl_close(struct jsonl *in);

/* Parses one line of `n` bytes into an object. Returns a new reference, or NULL with a sentence. */
json_t *jsonl_parse(const char *line, size_t n, struct err *err);

/* Reads a file that holds one object, on any number of lines; strings may hold U+0000. Returns a new
 * reference, or NULL with "file:line: ..." or "file: ...". */
json_t *jsonl_load(const char *path, struct err *err);

/* Writes one compact line; numbers keep their value to the last bit, in the fewest digits of 15, 16
 * or 17. A failed write is sticky in f: check it at the end (cli_finish). */
void jsonl_write(FILE *f, const json_t *rec);

/* Writes DIR/NAME, complete or not at all: one compact line, or an indented text for people. 0 or -1. */
int jsonl_save(const json_t *obj, const char *dir, const char *name, bool indented, struct err *err);

/* Fields of an object. Each returns 0, or -1 with `"field" is missing or not a ...`.
 * Strings and containers are borrowed from the record. */
int jsonl_string(const json_t *rec, const char *field, const char **out, struct err *err);
int jsonl_number(const json_t *rec, const char *field, double *out, struct err *err);
int jsonl_int(const json_t *rec, const char *field, int64_t lo, int64_t hi, int64_t *out,
              struct err *err);
int jsonl_array(const json_t *rec, const char *field, json_t **out, struct err *err);
int jsonl_object(const json_t *rec, const char *field, json_t **out, struct err *err);

/* A real number that prints with at most 9 digits: all that a float holds. NaN and infinities: null. */
json_t *jsonl_float(float x);

/* A real number, or null for NaN and infinities. */
json_t *jsonl_real(double x);

#endif
