/* gguf — the file format of ggml and llama.cpp: keys with values, then named tensors of block
 * types. Versions 2 and 3, little-endian, are read; 3 is written. A file is mapped, and hostile
 * until checked: when it is open, every length, type and offset holds, strings are UTF-8 without
 * zero bytes, keys and names occur once, tensors follow one another and fill the file, and each can
 * be read.
 *
 * Sentences on failure name the key or the tensor; those of gguf_open begin with the path. */
#ifndef IO_GGUF_H
#define IO_GGUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "io/atomic.h"
#include "io/quant.h"

enum { GGUF_DIMS = 4, GGUF_ALIGNMENT = 32 };

/* Types of values, by the numbers of the format. */
enum gguf_type {
    GGUF_UINT8, GGUF_INT8, GGUF_UINT16, GGUF_INT16, GGUF_UINT32, GGUF_INT32, GGUF_FLOAT32,
    GGUF_BOOL, GGUF_STRING, GGUF_ARRAY, GGUF_UINT64, GGUF_INT64, GGUF_FLOAT64, GGUF_TYPES
};

struct gguf_value {
    const char *key;
    enum gguf_type type;            /* of the value, or of an array's elements */
    bool array;
    size_t n;                       /* elements of an array; 1 */
    const unsigned char *data;      /* as in the file: a string is 8 bytes of length and its text */
    const char *text;               /* a string that is not in an array, or NULL */
};

struct gguf_tensor {
    const char *name;
    enum quant_type type;
    int dims;                       /* 1 .. GGUF_DIMS */
    size_t shape[GGUF_DIMS];        /* slowest first: the file has them the other way round */
    size_t n;                       /* elements; rows are whole blocks */
    size_t offset, bytes;           /* in the part of the file that holds the data */
    const unsigned char *data;
};

/* Everything is borrowed until gguf_close. */
struct gguf {
    struct gguf_value *values;      /* in order of their keys */
    struct gguf_tensor *tensors;    /* in order of their names */
    size_t n_values, n_tensors;
    uint32_t version;
    size_t alignment;
    void *map;                      /* NULL: the caller's memory */
    size_t size;
    struct arena text;              /* keys, names, strings */
};

/* Maps and checks a file, or checks the bytes of one, which are borrowed. Returns 0, or -1 with
 * nothing to close. */
int gguf_open(struct gguf *g, const char *path, struct err *err);
int gguf_open_memory(struct gguf *g, const void *bytes, size_t size, struct err *err);
void gguf_close(struct gguf *g);

/* The value or tensor of that name, or NULL. */
const struct gguf_value *gguf_find(const struct gguf *g, const char *key);
const struct gguf_tensor *gguf_tensor(const struct gguf *g, const char *name);

/* Elements first .. first+n-1, which must be there and whole blocks, as floats. */
void gguf_read(const struct gguf_tensor *t, size_t first, size_t n, float *out);

/* The value of a key. Return 0, or -1 if it is missing or of another kind. Integers have any width
 * and fit an int64_t; reals are FLOAT32 or FLOAT64. A string is borrowed. */
int gguf_string(const struct gguf *g, const char *key, const char **out, struct err *err);
int gguf_integer(const struct gguf *g, const char *key, int64_t *out, struct err *err);
int gguf_real(const struct gguf *g, const char *key, double *out, struct err *err);
int gguf_bool(const struct gguf *g, const char *key, bool *out, struct err *err);

/* The n elements of an array, or NULL with a sentence; free() them, the strings in one piece. */
const char **gguf_strings(const struct gguf *g, const char *key, size_t *n, struct err *err);
int64_t *gguf_integers(const struct gguf *g, const char *key, size_t *n, struct err *err);
double *gguf_reals(const struct gguf *g, const char *key, size_t *n, struct err *err);

/* "UINT32", and the bytes of one; 0 for STRING and ARRAY. */
const char *gguf_type_name(enum gguf_type type);
size_t gguf_type_bytes(enum gguf_type type);

/* Writing. First the keys and their values, in the order of the file. Zero-initialise it. */
struct gguf_meta {
    struct buf bytes;
    size_t n;
};

/* Each adds a key that is not there yet. Strings are UTF-8; arrays have n elements. */
void gguf_put_string(struct gguf_meta *m, const char *key, const char *s);
void gguf_put_uint32(struct gguf_meta *m, const char *key, uint32_t x);
void gguf_put_float32(struct gguf_meta *m, const char *key, float x);
void gguf_put_bool(struct gguf_meta *m, const char *key, bool x);
void gguf_put_strings(struct gguf_meta *m, const char *key, const char *const *s, size_t n);
void gguf_put_int32s(struct gguf_meta *m, const char *key, const int32_t *x, size_t n);
void gguf_put_float32s(struct gguf_meta *m, const char *key, const float *x, size_t n);
void gguf_meta_free(struct gguf_meta *m);

/* Then the tensors: names, types that quant_write knows, shapes slowest first. */
struct gguf_spec {
    const char *name;
    enum quant_type type;
    int dims;
    size_t shape[GGUF_DIMS];
};
struct gguf_writer {
    struct atomic_file file;
    const struct gguf_spec *specs;  /* borrowed until gguf_end */
    size_t n, at;                   /* tensors, and the one that is being written */
    size_t left;                    /* elements of it still to come */
    bool bad;                       /* a number did not fit tensor `at`, where writing stopped */
};

/* Opens a file beside `path` and writes the header. 0, or -1 with nothing to end. */
int gguf_begin(struct gguf_writer *w, const char *path, const struct gguf_meta *meta,
               const struct gguf_spec *specs, size_t n, struct err *err);

/* The tensors' numbers in the order of the specs, in pieces of whole blocks of one tensor. */
void gguf_add(struct gguf_writer *w, const float *x, size_t n);

/* Puts the file in its place; all numbers have been added. 0, or -1 if a write failed or a number
 * was not finite or too large for its tensor's type: the file is then gone. */
int gguf_end(struct gguf_writer *w, struct err *err);

/* Removes the file instead. */
void gguf_abort(struct gguf_writer *w);

#endif
