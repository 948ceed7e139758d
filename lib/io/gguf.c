/* gguf — reading: header, keys with values, descriptions of tensors, then, at a multiple of the
 * alignment, their data. Memory is taken only for what is there: each key and each tensor takes its
 * bytes of the file, and counts are held against those first. */
#include "io/gguf.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "io/map.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && sizeof(size_t) == 8,
               "numbers are copied as they lie in the file");

/* The fewest bytes of a key with its value, and of a tensor's description. */
enum { KEY_BYTES = 8 + 4 + 1, TENSOR_BYTES = 8 + 4 + 8 + 4 + 8 };

struct reader {
    struct gguf *g;
    const unsigned char *p;
    size_t left;
};

/* The next n bytes, or NULL if there are fewer. */
static const unsigned char *take(struct reader *r, size_t n) {
    const unsigned char *p = r->p;

    if (n > r->left) return NULL;
    r->p += n;
    r->left -= n;
    return p;
}

static bool take_u32(struct reader *r, uint32_t *x) {
    const unsigned char *p = take(r, sizeof *x);

    if (p) memcpy(x, p, sizeof *x);
    return p != NULL;
}

static bool take_size(struct reader *r, size_t *x) {
    const unsigned char *p = take(r, sizeof *x);

    if (p) memcpy(x, p, sizeof *x);
    return p != NULL;
}

/* A string of n bytes, borrowed and without a zero at its end. */
static int take_string(struct reader *r, const char **s, size_t *n, struct err *err) {
    if (!take_size(r, n) || *n > r->left) return err_set(err, "a string ends beyond the file");
    *s = (const char *)take(r, *n);
    if (memchr(*s, 0, *n) || !utf8_valid(*s, *n)) return err_set(err, "a string is not text");
    return 0;
}

static const char *copy(struct gguf *g, const char *s, size_t n) {
    char *text = arena_alloc(&g->text, n + 1, 1);

    memcpy(text, s, n);
    text[n] = 0;
    return text;
}

/* A name goes into sentences: without control characters. */
static int take_name(struct reader *r, const char **name, struct err *err) {
    const char *s;
    size_t n;

    if (take_string(r, &s, &n, err)) return -1;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] < 32 || s[i] == 127) return err_set(err, "a string is not a name");
    *name = copy(r->g, s, n);
    return 0;
}

static int take_strings(struct reader *r, struct gguf_value *v, struct err *err) {
    const char *s = NULL;
    size_t length = 0;

    for (size_t i = 0; i < v->n; i++)
        if (take_string(r, &s, &length, err)) return -1;
    if (!v->array) v->text = copy(r->g, s, length);
    return 0;
}

static int take_value(struct reader *r, struct gguf_value *v, struct err *err) {
    uint32_t type;
    size_t width;

    if (!take_u32(r, &type)) return err_set(err, "the file ends here");
    v->array = type == GGUF_ARRAY;
    v->n = 1;
    if (v->array && (!take_u32(r, &type) || !take_size(r, &v->n)))
        return err_set(err, "the file ends here");
    if (type == GGUF_ARRAY) return err_set(err, "an array of arrays is not supported");
    if (type >= GGUF_TYPES) return err_set(err, "values of type %u are not known", type);
    v->type = (enum gguf_type)type;
    v->data = r->p;
    if (type == GGUF_STRING) return take_strings(r, v, err);
    width = gguf_type_bytes(v->type);
    if (v->n > r->left / width) return err_set(err, "its value ends beyond the file");
    take(r, v->n * width);
    for (size_t i = 0; type == GGUF_BOOL && i < v->n; i++)
        if (v->data[i] > 1)
            return err_set(err, "a BOOL of %d is neither true nor false", v->data[i]);
    return 0;
}

static int by_key(const void *a, const void *b) {
    return strcmp(((const struct gguf_value *)a)->key, ((const struct gguf_value *)b)->key);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct gguf_tensor *)a)->name, ((const struct gguf_tensor *)b)->name);
}

static int by_offset(const void *pa, const void *pb) {
    const struct gguf_tensor *a = pa, *b = pb;

    return (a->offset > b->offset) - (a->offset < b->offset);
}

static int read_values(struct reader *r, size_t n, struct err *err) {
    struct gguf *g = r->g;

    if (n > r->left / KEY_BYTES)
        return err_set(err, "%zu keys are more than the file holds", n);
    g->values = mem_calloc(n, sizeof *g->values);
    for (; g->n_values < n; g->n_values++) {
        struct gguf_value *v = &g->values[g->n_values];

        if (take_name(r, &v->key, err))
            return err_prefix(err, "key %zu of %zu", g->n_values + 1, n);
        if (take_value(r, v, err)) return err_prefix(err, "key %s", v->key);
    }
    qsort(g->values, n, sizeof *g->values, by_key);
    for (size_t i = 1; i < n; i++)
        if (!by_key(&g->values[i - 1], &g->values[i])) {
            err_set(err, "it occurs twice");
            return err_prefix(err, "key %s", g->values[i].key);
        }
    return 0;
}

/* As llama.cpp has it: a UINT32, a power of two. */
static int read_alignment(struct gguf *g, struct err *err) {
    const struct gguf_value *v = gguf_find(g, "general.alignment");
    uint32_t x = GGUF_ALIGNMENT;

    if (v && (v->type != GGUF_UINT32 || v->array))
        return err_set(err, "key general.alignment: it is not a UINT32");
    if (v) memcpy(&x, v->data, sizeof x);
    if (!x || x & (x - 1))
        return err_set(err, "key general.alignment: %u is not a power of two", x);
    g->alignment = x;
    return 0;
}

static int take_shape(struct reader *r, struct gguf_tensor *t, struct err *err) {
    uint32_t dims;

    if (!take_u32(r, &dims)) return err_set(err, "the file ends here");
    if (!dims || dims > GGUF_DIMS)
        return err_set(err, "%u dimensions are not 1 to %d", dims, GGUF_DIMS);
    t->dims = (int)dims;
    t->n = 1;
    for (int i = t->dims - 1; i >= 0; i--) {
        if (!take_size(r, &t->shape[i])) return err_set(err, "the file ends here");
        if (!t->shape[i]) return err_set(err, "a dimension is 0");
        if (__builtin_mul_overflow(t->n, t->shape[i], &t->n))
            return err_set(err, "its shape is too large");
    }
    return 0;
}

static int take_tensor(struct reader *r, struct gguf_tensor *t, struct err *err) {
    const struct quant_info *info;
    size_t row;
    uint32_t type;

    if (take_shape(r, t, err)) return -1;
    if (!take_u32(r, &type) || !take_size(r, &t->offset)) return err_set(err, "the file ends here");
    info = quant_info(type);
    if (!info) return err_set(err, "type %u is not known", type);
    if (!info->bytes) return err_set(err, "type %s is not supported", info->name);
    row = t->shape[t->dims - 1];
    if (row % info->block)
        return err_set(err, "rows of %zu are not whole blocks of %s", row, info->name);
    if (__builtin_mul_overflow(t->n / info->block, info->bytes, &t->bytes))
        return err_set(err, "its shape is too large");
    t->type = (enum quant_type)type;
    return 0;
}

static size_t aligned(size_t at, size_t alignment) {
    return (at + alignment - 1) / alignment * alignment;
}

/* A tensor that begins at `at` of the file's last `bytes`, which hold the data. */
static int check_place(const struct gguf_tensor *t, size_t at, size_t bytes, struct err *err) {
    if (t->offset != at) err_set(err, "its data begin at %zu, not at %zu", t->offset, at);
    else if (at > bytes || t->bytes > bytes - at) err_set(err, "its data end beyond the file");
    else return 0;
    return err_prefix(err, "tensor %s", t->name);
}

/* Tensors follow one another, each at the next multiple of the alignment, and fill the file; behind
 * the last there may be that padding. */
static int check_places(struct reader *r, struct err *err) {
    struct gguf *g = r->g;
    size_t start = aligned(g->size - r->left, g->alignment), at = 0;
    size_t bytes = start < g->size ? g->size - start : 0;

    qsort(g->tensors, g->n_tensors, sizeof *g->tensors, by_offset);
    for (size_t i = 0; i < g->n_tensors; i++) {
        struct gguf_tensor *t = &g->tensors[i];

        if (check_place(t, at, bytes, err)) return -1;
        t->data = r->p + r->left - bytes + at;
        at = aligned(at + t->bytes, g->alignment);
    }
    return bytes > at ? err_set(err, "%zu bytes after the last tensor", bytes - at) : 0;
}

static int read_tensors(struct reader *r, size_t n, struct err *err) {
    struct gguf *g = r->g;

    if (n > r->left / TENSOR_BYTES)
        return err_set(err, "%zu tensors are more than the file holds", n);
    g->tensors = mem_calloc(n, sizeof *g->tensors);
    for (; g->n_tensors < n; g->n_tensors++) {
        struct gguf_tensor *t = &g->tensors[g->n_tensors];

        if (take_name(r, &t->name, err))
            return err_prefix(err, "tensor %zu of %zu", g->n_tensors + 1, n);
        if (take_tensor(r, t, err)) return err_prefix(err, "tensor %s", t->name);
    }
    if (check_places(r, err)) return -1;
    qsort(g->tensors, n, sizeof *g->tensors, by_name);
    for (size_t i = 1; i < n; i++)
        if (!by_name(&g->tensors[i - 1], &g->tensors[i])) {
            err_set(err, "it occurs twice");
            return err_prefix(err, "tensor %s", g->tensors[i].name);
        }
    return 0;
}

static int read_header(struct reader *r, size_t *tensors, size_t *values, struct err *err) {
    const unsigned char *magic = take(r, 4);
    uint32_t *version = &r->g->version;

    if (!magic || memcmp(magic, "GGUF", 4)) return err_set(err, "not a GGUF file");
    if (!take_u32(r, version)) return err_set(err, "the file ends within its header");
    if (*version && !(*version & 0xffff))
        return err_set(err, "a big-endian GGUF file: only little-endian ones are read");
    if (*version < 2 || *version > 3)
        return err_set(err, "a GGUF file of version %u: only 2 and 3 are read", *version);
    if (!take_size(r, tensors) || !take_size(r, values))
        return err_set(err, "the file ends within its header");
    return 0;
}

int gguf_open_memory(struct gguf *g, const void *bytes, size_t size, struct err *err) {
    struct reader r = { g, bytes, size };
    size_t tensors = 0, values = 0;

    *g = (struct gguf){ .size = size };
    if (!read_header(&r, &tensors, &values, err) && !read_values(&r, values, err) &&
        !read_alignment(g, err) && !read_tensors(&r, tensors, err))
        return 0;
    gguf_close(g);
    return -1;
}

int gguf_open(struct gguf *g, const char *path, struct err *err) {
    size_t size;
    void *map = map_open(path, &size, err);

    if (!map) return -1;
    if (gguf_open_memory(g, map, size, err)) {
        map_close(map, size);
        return err_prefix(err, "%s", path);
    }
    g->map = map;
    return 0;
}

void gguf_close(struct gguf *g) {
    map_close(g->map, g->size);
    free(g->values);
    free(g->tensors);
    arena_free(&g->text);
    *g = (struct gguf){ 0 };
}

const struct gguf_value *gguf_find(const struct gguf *g, const char *key) {
    const struct gguf_value want = { .key = key };

    return bsearch(&want, g->values, g->n_values, sizeof want, by_key);
}

const struct gguf_tensor *gguf_tensor(const struct gguf *g, const char *name) {
    const struct gguf_tensor want = { .name = name };

    return bsearch(&want, g->tensors, g->n_tensors, sizeof want, by_name);
}

void gguf_read(const struct gguf_tensor *t, size_t first, size_t n, float *out) {
    quant_read(t->type, t->data, first, n, out);
}
