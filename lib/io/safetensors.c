/* safetensors — reading. */
#include "io/safetensors.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/half.h"
#include "io/map.h"

/* The format's own limit on the header (safetensors 0.4, MAX_HEADER_SIZE). */
static const uint64_t max_header = 100000000;

static const struct {
    const char *name;
    size_t bytes;
    enum safetensors_type type;
} types[] = {
    { "F32", 4, ST_F32 },    { "F16", 2, ST_F16 },    { "BF16", 2, ST_BF16 },   { "F64", 8, ST_OTHER },
    { "I64", 8, ST_OTHER },  { "I32", 4, ST_OTHER },  { "I16", 2, ST_OTHER },   { "I8", 1, ST_OTHER },
    { "U64", 8, ST_OTHER },  { "U32", 4, ST_OTHER },  { "U16", 2, ST_OTHER },   { "U8", 1, ST_OTHER },
    { "BOOL", 1, ST_OTHER }, { "F8_E4M3", 1, ST_OTHER }, { "F8_E5M2", 1, ST_OTHER },
};

void safetensors_shape_text(char *text, size_t size, const size_t *shape, int dims) {
    size_t at = (size_t)snprintf(text, size, "[");

    for (int i = 0; i < dims && at < size; i++)
        at += (size_t)snprintf(text + at, size - at, i ? ", %zu" : "%zu", shape[i]);
    if (at < size) snprintf(text + at, size - at, "]");
}

static int read_header(struct safetensors *st, struct err *err) {
    const unsigned char *p = st->map;
    uint64_t n = 0;
    json_error_t je;

    if (st->size < 8) return err_set(err, "too short for a safetensors file");
    for (int i = 7; i >= 0; i--) n = n << 8 | p[i];
    if (n > max_header || n > st->size - 8)
        return err_set(err, "the header's length of %llu bytes is beyond the file", (unsigned long long)n);
    st->header = json_loadb((const char *)p + 8, (size_t)n, JSON_REJECT_DUPLICATES, &je);
    if (!st->header) return err_set(err, "bad header: %s", je.text);
    if (!json_is_object(st->header)) return err_set(err, "the header is not an object");
    st->data = p + 8 + n;
    st->bytes = st->size - 8 - (size_t)n;
    return 0;
}

/* A whole number that a size_t holds. */
static int size_of_json(const json_t *j, size_t *out) {
    if (!json_is_integer(j) || json_integer_value(j) < 0) return -1;
    *out = (size_t)json_integer_value(j);
    return 0;
}

static int read_type(struct safetensors_tensor *t, const json_t *obj, size_t *width, struct err *err) {
    const char *name = json_string_value(json_object_get(obj, "dtype"));

    for (size_t i = 0; name && i < sizeof types / sizeof *types; i++) {
        if (strcmp(name, types[i].name)) continue;
        t->type = types[i].type;
        t->type_name = types[i].name;
        *width = types[i].bytes;
        return 0;
    }
    return err_set(err, "tensor %s: dtype \"%s\" is not known", t->name, name ? name : "");
}

static int read_shape(struct safetensors_tensor *t, const json_t *obj, struct err *err) {
    const json_t *shape = json_object_get(obj, "shape");

    if (!json_is_array(shape) || json_array_size(shape) > SAFETENSORS_DIMS)
        return err_set(err, "tensor %s: \"shape\" is not an array of at most %d sizes", t->name,
                       SAFETENSORS_DIMS);
    t->dims = (int)json_array_size(shape);
    t->n = 1;
    for (int i = 0; i < t->dims; i++)
        if (size_of_json(json_array_get(shape, (size_t)i), &t->shape[i]) ||
            __builtin_mul_overflow(t->n, t->shape[i], &t->n))
            return err_set(err, "tensor %s: \"shape\" holds a bad size", t->name);
    return 0;
}

static int read_tensor(struct safetensors *st, struct safetensors_tensor *t, const json_t *obj,
                       struct err *err) {
    const json_t *at = json_object_get(obj, "data_offsets");
    size_t width = 0, begin, end, want;

    if (read_type(t, obj, &width, err) || read_shape(t, obj, err)) return -1;
    if (json_array_size(at) != 2 || size_of_json(json_array_get(at, 0), &begin) ||
        size_of_json(json_array_get(at, 1), &end) || begin > end || end > st->bytes)
        return err_set(err, "tensor %s: \"data_offsets\" are not two places in the file", t->name);
    if (__builtin_mul_overflow(t->n, width, &want) || want != end - begin)
        return err_set(err, "tensor %s: its shape does not have %zu bytes", t->name, end - begin);
    t->data = st->data + begin;
    t->bytes = end - begin;
    return 0;
}

static int by_place(const void *pa, const void *pb) {
    const struct safetensors_tensor *a = pa, *b = pb;

    if (a->data != b->data) return a->data < b->data ? -1 : 1;
    return (a->bytes > b->bytes) - (a->bytes < b->bytes);
}

/* Tensors follow one another without gap or overlap and fill the file. */
static int check_places(struct safetensors *st, struct err *err) {
    const unsigned char *at = st->data;

    qsort(st->tensors, st->n, sizeof *st->tensors, by_place);
    for (size_t i = 0; i < st->n; i++) {
        if (st->tensors[i].data != at)
            return err_set(err, "tensor %s: its bytes overlap others or leave a gap", st->tensors[i].name);
        at += st->tensors[i].bytes;
    }
    if (at != st->data + st->bytes) return err_set(err, "bytes after the last tensor");
    return 0;
}

static int read_tensors(struct safetensors *st, struct err *err) {
    const char *name;
    json_t *obj;

    st->tensors = mem_calloc(json_object_size(st->header), sizeof *st->tensors);
    json_object_foreach(st->header, name, obj) {
        struct safetensors_tensor *t = &st->tensors[st->n];

        if (!strcmp(name, "__metadata__")) continue;
        t->name = name;
        if (read_tensor(st, t, obj, err)) return -1;
        st->n++;
    }
    return check_places(st, err);
}

int safetensors_open(struct safetensors *st, const char *path, struct err *err) {
    *st = (struct safetensors){ 0 };
    st->map = map_open(path, &st->size, err);
    if (!st->map) return -1;
    if (!read_header(st, err) && !read_tensors(st, err)) return 0;
    safetensors_close(st);
    return err_prefix(err, "%s", path);
}

void safetensors_close(struct safetensors *st) {
    map_close(st->map, st->size);
    json_decref(st->header);
    free(st->tensors);
    *st = (struct safetensors){ 0 };
}

const struct safetensors_tensor *safetensors_find(const struct safetensors *st, const char *name) {
    for (size_t i = 0; i < st->n; i++)
        if (!strcmp(st->tensors[i].name, name)) return &st->tensors[i];
    return NULL;
}

const char *safetensors_meta(const struct safetensors *st, const char *key) {
    return json_string_value(json_object_get(json_object_get(st->header, "__metadata__"), key));
}

void safetensors_read(const struct safetensors_tensor *t, size_t first, size_t n, float *out) {
    if (t->type == ST_F32) memcpy(out, t->data + first * 4, n * 4);
    else if (t->type == ST_F16) half_read(out, t->data + first * 2, n);
    else bf16_read(out, t->data + first * 2, n);
}
