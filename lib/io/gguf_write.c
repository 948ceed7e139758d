/* gguf_write — version 3: header, keys, descriptions, then each tensor padded to GGUF_ALIGNMENT
 * bytes, the last one too, as llama.cpp wants it. */
#include <assert.h>
#include <string.h>

#include "io/gguf.h"

/* Numbers that are packed at a time: whole blocks of any type. */
enum { PIECE = 1024 };

static void put(struct buf *b, const void *bytes, size_t n) {
    buf_add(b, bytes, n);
}

static void put_u32(struct buf *b, uint32_t x) {
    put(b, &x, sizeof x);
}

static void put_u64(struct buf *b, uint64_t x) {
    put(b, &x, sizeof x);
}

static void put_text(struct buf *b, const char *s) {
    put_u64(b, strlen(s));
    put(b, s, strlen(s));
}

/* A key and the type of its value, which follows. */
static struct buf *put_key(struct gguf_meta *m, const char *key, enum gguf_type type) {
    put_text(&m->bytes, key);
    put_u32(&m->bytes, type);
    m->n++;
    return &m->bytes;
}

static struct buf *put_array(struct gguf_meta *m, const char *key, enum gguf_type type, size_t n) {
    struct buf *b = put_key(m, key, GGUF_ARRAY);

    put_u32(b, type);
    put_u64(b, n);
    return b;
}

void gguf_put_string(struct gguf_meta *m, const char *key, const char *s) {
    put_text(put_key(m, key, GGUF_STRING), s);
}

void gguf_put_uint32(struct gguf_meta *m, const char *key, uint32_t x) {
    put_u32(put_key(m, key, GGUF_UINT32), x);
}

void gguf_put_float32(struct gguf_meta *m, const char *key, float x) {
    put(put_key(m, key, GGUF_FLOAT32), &x, sizeof x);
}

void gguf_put_bool(struct gguf_meta *m, const char *key, bool x) {
    put(put_key(m, key, GGUF_BOOL), x ? "\1" : "", 1);
}

void gguf_put_strings(struct gguf_meta *m, const char *key, const char *const *s, size_t n) {
    struct buf *b = put_array(m, key, GGUF_STRING, n);

    for (size_t i = 0; i < n; i++) put_text(b, s[i]);
}

void gguf_put_int32s(struct gguf_meta *m, const char *key, const int32_t *x, size_t n) {
    put(put_array(m, key, GGUF_INT32, n), x, n * sizeof *x);
}

void gguf_put_float32s(struct gguf_meta *m, const char *key, const float *x, size_t n) {
    put(put_array(m, key, GGUF_FLOAT32, n), x, n * sizeof *x);
}

void gguf_meta_free(struct gguf_meta *m) {
    buf_free(&m->bytes);
    *m = (struct gguf_meta){ 0 };
}

static size_t padding(size_t n) {
    return (GGUF_ALIGNMENT - n % GGUF_ALIGNMENT) % GGUF_ALIGNMENT;
}

static size_t elements(const struct gguf_spec *s) {
    size_t n = 1;

    for (int i = 0; i < s->dims; i++) n *= s->shape[i];
    return n;
}

static size_t bytes_of(const struct gguf_spec *s) {
    const struct quant_info *info = quant_info(s->type);

    return elements(s) / info->block * info->bytes;
}

static int check(const struct gguf_spec *s, struct err *err) {
    const struct quant_info *info = quant_info(s->type);
    size_t row = s->shape[s->dims - 1];

    if (row % info->block == 0) return 0;
    return err_set(err, "tensor %s: rows of %zu are not whole blocks of %s", s->name, row,
                   info->name);
}

static void put_tensor(struct buf *b, const struct gguf_spec *s, size_t offset) {
    put_text(b, s->name);
    put_u32(b, (uint32_t)s->dims);
    for (int i = s->dims - 1; i >= 0; i--) put_u64(b, s->shape[i]);
    put_u32(b, s->type);
    put_u64(b, offset);
}

static void put_header(struct buf *b, const struct gguf_meta *meta, const struct gguf_spec *specs,
                       size_t n) {
    size_t offset = 0;

    put(b, "GGUF\3\0\0\0", 8);
    put_u64(b, n);
    put_u64(b, meta->n);
    put(b, buf_text(&meta->bytes), meta->bytes.n);
    for (size_t i = 0; i < n; i++) {
        put_tensor(b, &specs[i], offset);
        offset += bytes_of(&specs[i]) + padding(bytes_of(&specs[i]));
    }
}

static void pad(FILE *f, size_t n) {
    for (size_t i = padding(n); i; i--) putc(0, f);
}

int gguf_begin(struct gguf_writer *w, const char *path, const struct gguf_meta *meta,
               const struct gguf_spec *specs, size_t n, struct err *err) {
    struct buf header = { 0 };

    *w = (struct gguf_writer){ .specs = specs, .n = n, .left = n ? elements(specs) : 0 };
    for (size_t i = 0; i < n; i++)
        if (check(&specs[i], err)) return -1;
    if (atomic_open(&w->file, path, err)) return -1;
    put_header(&header, meta, specs, n);
    fwrite(header.s, 1, header.n, w->file.f);
    pad(w->file.f, header.n);
    buf_free(&header);
    return 0;
}

/* Behind the last number of a tensor comes its padding, then the next tensor. */
static void next_tensor(struct gguf_writer *w) {
    pad(w->file.f, bytes_of(&w->specs[w->at]));
    if (++w->at < w->n) w->left = elements(&w->specs[w->at]);
}

void gguf_add(struct gguf_writer *w, const float *x, size_t n) {
    const struct gguf_spec *s = &w->specs[w->at];
    const struct quant_info *info;
    unsigned char bytes[PIECE * sizeof *x];

    if (w->bad) return;
    assert(w->at < w->n && n <= w->left);
    info = quant_info(s->type);
    for (size_t i = 0, m; i < n; i += m) {
        m = n - i < PIECE ? n - i : PIECE;
        w->bad = quant_write(s->type, x + i, m, bytes);
        if (w->bad) return;
        fwrite(bytes, info->bytes, m / info->block, w->file.f);
    }
    w->left -= n;
    if (!w->left) next_tensor(w);
}

int gguf_end(struct gguf_writer *w, struct err *err) {
    if (w->bad) {
        err_set(err, "%s: tensor %s: a number is not finite or too large for %s", w->file.path,
                w->specs[w->at].name, quant_info(w->specs[w->at].type)->name);
        gguf_abort(w);
        return -1;
    }
    assert(w->at == w->n);
    return atomic_commit(&w->file, err);
}

void gguf_abort(struct gguf_writer *w) {
    atomic_abort(&w->file);
}
