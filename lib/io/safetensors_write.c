/* safetensors_write — header padded to 64 bytes, so that arrays are aligned in the mapped file. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "io/half.h"
#include "io/safetensors.h"

static const struct {
    const char *name;
    size_t bytes;
} types[] = { [ST_F32] = { "F32", 4 }, [ST_F16] = { "F16", 2 }, [ST_BF16] = { "BF16", 2 } };

/* The entry of a tensor before which there are `begin` numbers; *n is how many it has. */
static json_t *entry(const struct safetensors_spec *s, enum safetensors_type type, size_t begin, size_t *n) {
    json_t *shape = json_array();

    *n = 1;

    for (int i = 0; i < s->dims; i++) {
        json_array_append_new(shape, json_integer((json_int_t)s->shape[i]));
        *n *= s->shape[i];
    }
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", types[type].name, "shape", shape, "data_offsets",
                     (json_int_t)(begin * types[type].bytes), (json_int_t)((begin + *n) * types[type].bytes));
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

int safetensors_begin(struct safetensors_writer *w, const char *path, enum safetensors_type type,
                      const struct safetensors_spec *specs, size_t n, const json_t *meta,
                      struct err *err) {
    json_t *header = json_object();
    size_t n_of = 0;

    *w = (struct safetensors_writer){ .type = type };
    if (meta) json_object_set_new(header, "__metadata__", json_deep_copy(meta));
    for (size_t i = 0; i < n; i++, w->left += n_of)
        json_object_set_new(header, specs[i].name, entry(&specs[i], type, w->left, &n_of));
    if (atomic_open(&w->file, path, err)) {
        json_decref(header);
        return -1;
    }
    write_header(w->file.f, header);
    json_decref(header);
    return 0;
}

void safetensors_add(struct safetensors_writer *w, const float *data, size_t n) {
    unsigned char half[2048];

    assert(n <= w->left);
    w->left -= n;
    if (w->type == ST_F32) fwrite(data, sizeof *data, n, w->file.f);
    else for (size_t k; n; data += k, n -= k) {
        k = n < sizeof half / 2 ? n : sizeof half / 2;
        (w->type == ST_F16 ? half_write : bf16_write)(half, data, k);
        fwrite(half, 2, k, w->file.f);
    }
}

int safetensors_end(struct safetensors_writer *w, struct err *err) {
    assert(!w->left);
    return atomic_commit(&w->file, err);
}
