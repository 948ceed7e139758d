/* safetensors_write — header padded to 64 bytes, so that arrays are aligned in the mapped file. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "io/safetensors.h"

static json_t *entry(const struct safetensors_spec *s, size_t begin, size_t *end) {
    json_t *shape = json_array();
    size_t n = 4;

    for (int i = 0; i < s->dims; i++) {
        json_array_append_new(shape, json_integer((json_int_t)s->shape[i]));
        n *= s->shape[i];
    }
    *end = begin + n;
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", "F32", "shape", shape, "data_offsets",
                     (json_int_t)begin, (json_int_t)*end);
}

static void write_length(FILE *f, uint64_t n) {
    for (int i = 0; i < 8; i++) putc((int)(n >> 8 * i & 255), f);
}

/* Spaces up to a multiple of 64, the 8 bytes of length included. */
static void write_header(FILE *f, const json_t *header) {
    char *text = json_dumps(header, JSON_COMPACT);
    size_t n = strlen(text), padded = (8 + n + 63) / 64 * 64 - 8;

    write_length(f, padded);
    fwrite(text, 1, n, f);
    for (; n < padded; n++) putc(' ', f);
    free(text);
}

int safetensors_begin(struct safetensors_writer *w, const char *path,
                      const struct safetensors_spec *specs, size_t n, const json_t *meta,
                      struct err *err) {
    json_t *header = json_object();
    size_t at = 0;

    if (meta) json_object_set_new(header, "__metadata__", json_deep_copy(meta));
    for (size_t i = 0; i < n; i++) json_object_set_new(header, specs[i].name, entry(&specs[i], at, &at));
    w->left = at;
    if (atomic_open(&w->file, path, err)) {
        json_decref(header);
        return -1;
    }
    write_header(w->file.f, header);
    json_decref(header);
    return 0;
}

void safetensors_add(struct safetensors_writer *w, const float *data, size_t n) {
    assert(n * sizeof *data <= w->left);
    fwrite(data, sizeof *data, n, w->file.f);
    w->left -= n * sizeof *data;
}

int safetensors_end(struct safetensors_writer *w, struct err *err) {
    assert(!w->left);
    return atomic_commit(&w->file, err);
}
