/* scan — walk over the text of a JSON value without building it: many times as fast as jsonl_parse
 * where a program needs few numbers of many.
 *
 * A scan stands in front of a value, in a text that ends in a zero byte. Every function passes one
 * value and returns true, or returns false and sets `p` to NULL if the text is not what it asks for;
 * on such a scan every function returns false. Names of fields are compared as they are spelt,
 * escapes and all. */
#ifndef IO_SCAN_H
#define IO_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct scan {
    const char *p;          /* NULL: absent, or malformed */
};

/* Passes an object and leaves in values[i] a scan in front of the field names[i], p NULL where it
 * is absent. Checks the syntax of everything in the object, but for the UTF-8 and the surrogates of
 * strings that no one asks for. False also if a named field occurs twice. */
bool scan_fields(struct scan *s, const char *const *names, size_t n, struct scan *values);

/* Enters an object whose names are not known beforehand. */
bool scan_object(struct scan *s);

/* True in front of the value of one more member, its name in `key`; else as scan_entry. */
bool scan_member(struct scan *s, bool *first, struct buf *key);

/* Enters an array. */
bool scan_array(struct scan *s);

/* True in front of one more entry of the array; false behind its end, and if it is malformed.
 * *first is true before the first call. */
bool scan_entry(struct scan *s, bool *first);

/* Passes a number; one beyond a double's range is malformed. */
bool scan_number(struct scan *s, double *x);

/* Passes a whole number written in digits alone, as far as a size_t holds it. */
bool scan_size(struct scan *s, size_t *x);

/* Passes a string and leaves its text, without escapes, in `out`. */
bool scan_string(struct scan *s, struct buf *out);

/* Passes a null if one is there; returns false and stays where it is if not. */
bool scan_null(struct scan *s);

/* Passes any value. */
bool scan_skip(struct scan *s);

/* The first byte of the value, or 0: '"', '{', '[', 't', 'f', 'n', '-' or a digit. */
char scan_peek(struct scan *s);

/* True if the scan is well and only blanks are left in front of `end`. */
bool scan_end(struct scan *s, const char *end);

#endif
