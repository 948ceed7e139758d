/* safetensors — reading. */
#include "io/safetensors.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "io/half.h"
#include "io/map.h"
#include "io/scan.h"

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

/* Finds where the header ends and the data begin, and looks at its bytes. */
static int find_data(struct safetensors *st, const unsigned char *file, size_t size,
                     struct err *err) {
    uint64_t length = 0;

    if (size < 8) return err_set(err, "too short for a safetensors file");
    for (int i = 7; i >= 0; i--) length = length << 8 | file[i];
    if (length > max_header || length > size - 8)
        return err_set(err, "the header's length of %llu bytes is beyond the %s",
                       (unsigned long long)length,
                       length > size - 8 ? "file" : "format's limit of 100000000");
    st->data = file + 8 + length;
    st->bytes = size - 8 - (size_t)length;
    if (!length || file[8] != '{') return err_set(err, "the header does not begin with '{'");
    if (!utf8_valid((const char *)file + 8, (size_t)length))
        return err_set(err, "the header is not UTF-8");
    return 0;
}

static int read_type(struct safetensors_tensor *t, struct scan at, size_t *width, struct err *err) {
    struct buf name = { 0 };
    size_t i = 0, n = sizeof types / sizeof *types;

    scan_string(&at, &name);
    while (i < n && strcmp(buf_text(&name), types[i].name)) i++;
    if (i < n) {
        t->type = types[i].type;
        t->type_name = types[i].name;
        *width = types[i].bytes;
    } else {
        err_set(err, "tensor %s: dtype \"%s\" is not known", t->name, buf_text(&name));
    }
    buf_free(&name);
    return i < n ? 0 : -1;
}

static int read_shape(struct safetensors_tensor *t, struct scan at, struct err *err) {
    bool first = true;

    t->n = 1;
    scan_array(&at);
    for (; scan_entry(&at, &first); t->dims++) {
        size_t size;

        if (t->dims == SAFETENSORS_DIMS)
            return err_set(err, "tensor %s: \"shape\" has more than %d sizes", t->name,
                           SAFETENSORS_DIMS);
        if (!scan_size(&at, &size) || __builtin_mul_overflow(t->n, size, &t->n))
            return err_set(err, "tensor %s: \"shape\" holds a bad size", t->name);
        t->shape[t->dims] = size;
    }
    return at.p ? 0 : err_set(err, "tensor %s: \"shape\" is missing or not an array", t->name);
}

static bool two_sizes(struct scan at, size_t *a, size_t *b) {
    bool first = true;

    return scan_array(&at) && scan_entry(&at, &first) && scan_size(&at, a) &&
           scan_entry(&at, &first) && scan_size(&at, b) && !scan_entry(&at, &first) && at.p;
}

static int read_tensor(struct safetensors *st, struct scan *s, const char *name, struct err *err) {
    static const char *const fields[] = { "dtype", "shape", "data_offsets" };
    struct safetensors_tensor *t;
    struct scan at[3];
    size_t width = 0, begin, end, want;

    st->tensors = mem_grow(st->tensors, st->n, &st->cap, sizeof *st->tensors);
    t = &st->tensors[st->n++];
    *t = (struct safetensors_tensor){ .name = arena_strdup(&st->names, name) };
    if (!scan_fields(s, fields, 3, at))
        return err_set(err, "tensor %s: not an object of JSON", name);
    if (read_type(t, at[0], &width, err) || read_shape(t, at[1], err)) return -1;
    if (!two_sizes(at[2], &begin, &end) || begin > end || end > st->bytes)
        return err_set(err, "tensor %s: \"data_offsets\" are not two places in the file", name);
    if (__builtin_mul_overflow(t->n, width, &want) || want != end - begin)
        return err_set(err, "tensor %s: its shape does not have %zu bytes", name, end - begin);
    t->data = st->data + begin;
    t->bytes = end - begin;
    return 0;
}

static int read_meta(struct safetensors *st, struct scan *s, struct err *err) {
    struct buf text = { 0 };
    bool first = true;

    if (st->meta.s) return err_set(err, "\"__metadata__\" is there twice");
    buf_add(&st->meta, "", 0);
    scan_object(s);
    while (scan_member(s, &first, &text)) {
        buf_add(&st->meta, buf_text(&text), text.n + 1);
        if (scan_string(s, &text)) buf_add(&st->meta, buf_text(&text), text.n + 1);
    }
    buf_free(&text);
    return s->p ? 0 : err_set(err, "\"__metadata__\" is not an object of texts");
}

/* The members of the header: tensors, and perhaps __metadata__. */
static int read_header(struct safetensors *st, const char *text, size_t n, struct err *err) {
    struct scan s = { text };
    struct buf name = { 0 };
    bool first = true;
    int r = 0;

    scan_object(&s);
    while (!r && scan_member(&s, &first, &name))
        r = strcmp(name.s, "__metadata__") ? read_tensor(st, &s, name.s, err)
                                           : read_meta(st, &s, err);
    if (!r && !scan_end(&s, text + n)) {
        const char *last = st->n ? st->tensors[st->n - 1].name : "none";

        r = err_set(err, "the header is not JSON behind its tensor %s", last);
    }
    buf_free(&name);
    return r;
}

static int by_place(const void *pa, const void *pb) {
    const struct safetensors_tensor *a = pa, *b = pb;

    if (a->data != b->data) return a->data < b->data ? -1 : 1;
    return (a->bytes > b->bytes) - (a->bytes < b->bytes);
}

/* Tensors follow one another without gap or overlap and fill the file. */
static int check_places(struct safetensors *st, struct err *err) {
    const unsigned char *at = st->data;

    if (st->n) qsort(st->tensors, st->n, sizeof *st->tensors, by_place);
    for (size_t i = 0; i < st->n; i++) {
        if (st->tensors[i].data != at)
            return err_set(err, "tensor %s: its bytes overlap others or leave a gap",
                           st->tensors[i].name);
        at += st->tensors[i].bytes;
    }
    if (at != st->data + st->bytes) return err_set(err, "bytes after the last tensor");
    return 0;
}

static int by_name(const void *pa, const void *pb) {
    const struct safetensors_tensor *const *a = pa, *const *b = pb;

    return strcmp((*a)->name, (*b)->name);
}

static int order_names(struct safetensors *st, struct err *err) {
    st->by_name = mem_alloc(st->n, sizeof *st->by_name);
    for (size_t i = 0; i < st->n; i++) st->by_name[i] = &st->tensors[i];
    qsort(st->by_name, st->n, sizeof *st->by_name, by_name);
    for (size_t i = 1; i < st->n; i++)
        if (!by_name(&st->by_name[i - 1], &st->by_name[i]))
            return err_set(err, "tensor %s: the header names it twice", st->by_name[i]->name);
    return 0;
}

/* The scan needs a zero byte behind the text: it walks over a copy. */
static int parse(struct safetensors *st, const unsigned char *file, size_t size, struct err *err) {
    struct buf text = { 0 };
    int r;

    if (find_data(st, file, size, err)) return -1;
    buf_add(&text, (const char *)file + 8, (size_t)(st->data - file) - 8);
    r = read_header(st, text.s, text.n, err);
    buf_free(&text);
    return r || check_places(st, err) || order_names(st, err) ? -1 : 0;
}

int safetensors_open_memory(struct safetensors *st, const void *file, size_t size,
                            struct err *err) {
    *st = (struct safetensors){ 0 };
    if (!parse(st, file, size, err)) return 0;
    safetensors_close(st);
    return -1;
}

int safetensors_open(struct safetensors *st, const char *path, struct err *err) {
    *st = (struct safetensors){ 0 };
    if (!(st->map = map_open(path, &st->size, err))) return -1;
    if (!parse(st, st->map, st->size, err)) return 0;
    safetensors_close(st);
    return err_prefix(err, "%s", path);
}

void safetensors_close(struct safetensors *st) {
    map_close(st->map, st->size);
    arena_free(&st->names);
    buf_free(&st->meta);
    free(st->tensors);
    free(st->by_name);
    *st = (struct safetensors){ 0 };
}

const struct safetensors_tensor *safetensors_find(const struct safetensors *st, const char *name) {
    struct safetensors_tensor want = { .name = name }, *key = &want, **at;

    at = bsearch(&key, st->by_name, st->n, sizeof *st->by_name, by_name);
    return at ? *at : NULL;
}

const char *safetensors_meta(const struct safetensors *st, const char *key) {
    const char *at = buf_text(&st->meta), *end = at + st->meta.n;

    while (at < end) {
        const char *text = at + strlen(at) + 1;

        if (!strcmp(at, key)) return text;
        at = text + strlen(text) + 1;
    }
    return NULL;
}

void safetensors_read(const struct safetensors_tensor *t, size_t first, size_t n, float *out) {
    if (t->type == ST_F32) memcpy(out, t->data + first * 4, n * 4);
    else if (t->type == ST_F16) half_read(out, t->data + first * 2, n);
    else bf16_read(out, t->data + first * 2, n);
}
