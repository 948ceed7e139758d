/* gguf_get — the values of keys, by kind. */
#include <stdlib.h>
#include <string.h>

#include "io/gguf.h"

static const struct {
    const char *name;
    size_t bytes;
} types[GGUF_TYPES] = {
    [GGUF_UINT8] = { "UINT8", 1 },     [GGUF_INT8] = { "INT8", 1 },
    [GGUF_UINT16] = { "UINT16", 2 },   [GGUF_INT16] = { "INT16", 2 },
    [GGUF_UINT32] = { "UINT32", 4 },   [GGUF_INT32] = { "INT32", 4 },
    [GGUF_UINT64] = { "UINT64", 8 },   [GGUF_INT64] = { "INT64", 8 },
    [GGUF_FLOAT32] = { "FLOAT32", 4 }, [GGUF_FLOAT64] = { "FLOAT64", 8 },
    [GGUF_BOOL] = { "BOOL", 1 },       [GGUF_STRING] = { "STRING", 0 },
    [GGUF_ARRAY] = { "ARRAY", 0 },
};

const char *gguf_type_name(enum gguf_type type) {
    return types[type].name;
}

size_t gguf_type_bytes(enum gguf_type type) {
    return types[type].bytes;
}

static bool is_string(enum gguf_type type) {
    return type == GGUF_STRING;
}

static bool is_bool(enum gguf_type type) {
    return type == GGUF_BOOL;
}

static bool is_real(enum gguf_type type) {
    return type == GGUF_FLOAT32 || type == GGUF_FLOAT64;
}

static bool is_integer(enum gguf_type type) {
    return !is_string(type) && !is_bool(type) && !is_real(type);
}

/* The key's value, of that kind and an array or not, or NULL with a sentence. */
static const struct gguf_value *get(const struct gguf *g, const char *key,
                                    bool (*is)(enum gguf_type type), bool array, const char *kind,
                                    struct err *err) {
    const struct gguf_value *v = gguf_find(g, key);

    if (v && v->array == array && is(v->type)) return v;
    if (!v) err_set(err, "key %s is missing", key);
    else
        err_set(err, "key %s is %s%s, not %s", key, v->array ? "an array of " : "",
                gguf_type_name(v->type), kind);
    return NULL;
}

/* Element i of an array of integers. One that needs all bits of a UINT64 is refused. */
static int integer_at(const struct gguf_value *v, size_t i, int64_t *out, struct err *err) {
    size_t n = gguf_type_bytes(v->type);
    uint64_t x = 0;

    memcpy(&x, v->data + i * n, n);
    switch (v->type) {
    case GGUF_INT8: *out = (int8_t)x; return 0;
    case GGUF_INT16: *out = (int16_t)x; return 0;
    case GGUF_INT32: *out = (int32_t)x; return 0;
    default: *out = (int64_t)x; break;
    }
    if (v->type != GGUF_UINT64 || *out >= 0) return 0;
    return err_set(err, "key %s: %llu is too large", v->key, (unsigned long long)x);
}

static double real_at(const struct gguf_value *v, size_t i) {
    double x;
    float f;

    if (v->type == GGUF_FLOAT64) {
        memcpy(&x, v->data + i * sizeof x, sizeof x);
        return x;
    }
    memcpy(&f, v->data + i * sizeof f, sizeof f);
    return f;
}

int gguf_string(const struct gguf *g, const char *key, const char **out, struct err *err) {
    const struct gguf_value *v = get(g, key, is_string, false, "a string", err);

    if (v) *out = v->text;
    return v ? 0 : -1;
}

int gguf_integer(const struct gguf *g, const char *key, int64_t *out, struct err *err) {
    const struct gguf_value *v = get(g, key, is_integer, false, "an integer", err);

    return v ? integer_at(v, 0, out, err) : -1;
}

int gguf_real(const struct gguf *g, const char *key, double *out, struct err *err) {
    const struct gguf_value *v = get(g, key, is_real, false, "a real number", err);

    if (v) *out = real_at(v, 0);
    return v ? 0 : -1;
}

int gguf_bool(const struct gguf *g, const char *key, bool *out, struct err *err) {
    const struct gguf_value *v = get(g, key, is_bool, false, "a bool", err);

    if (v) *out = v->data[0];
    return v ? 0 : -1;
}

/* The string at *p, of *n bytes; *p passes it. */
static const char *next_string(const unsigned char **p, size_t *n) {
    const char *s = (const char *)*p + sizeof *n;

    memcpy(n, *p, sizeof *n);
    *p += sizeof *n + *n;
    return s;
}

const char **gguf_strings(const struct gguf *g, const char *key, size_t *n, struct err *err) {
    const struct gguf_value *v = get(g, key, is_string, true, "an array of strings", err);
    const unsigned char *p;
    const char **out, *s;
    size_t length, text = 0;
    char *at;

    if (!v) return NULL;
    p = v->data;
    for (size_t i = 0; i < v->n; i++, text += length + 1) next_string(&p, &length);
    out = mem_alloc(v->n * sizeof *out + text, 1);
    at = (char *)(out + v->n);
    p = v->data;
    for (size_t i = 0; i < v->n; i++, at += length + 1) {
        s = next_string(&p, &length);
        out[i] = memcpy(at, s, length);
        at[length] = 0;
    }
    *n = v->n;
    return out;
}

int64_t *gguf_integers(const struct gguf *g, const char *key, size_t *n, struct err *err) {
    const struct gguf_value *v = get(g, key, is_integer, true, "an array of integers", err);
    int64_t *out;

    if (!v) return NULL;
    out = mem_alloc(v->n, sizeof *out);
    for (size_t i = 0; i < v->n; i++) {
        if (!integer_at(v, i, &out[i], err)) continue;
        free(out);
        return NULL;
    }
    *n = v->n;
    return out;
}

double *gguf_reals(const struct gguf *g, const char *key, size_t *n, struct err *err) {
    const struct gguf_value *v = get(g, key, is_real, true, "an array of real numbers", err);
    double *out;

    if (!v) return NULL;
    out = mem_alloc(v->n, sizeof *out);
    for (size_t i = 0; i < v->n; i++) out[i] = real_at(v, i);
    *n = v->n;
    return out;
}
