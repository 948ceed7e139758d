/* safetensors — named tensors in one flat file: 8 bytes of header length, a JSON header, raw
 * little-endian arrays. Files are mapped, and hostile until checked: lengths, offsets without gap or
 * overlap, shapes against bytes, duplicate names. */
#ifndef IO_SAFETENSORS_H
#define IO_SAFETENSORS_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"
#include "io/atomic.h"

enum { SAFETENSORS_DIMS = 8 };

enum safetensors_type { ST_F32, ST_F16, ST_BF16, ST_OTHER };

struct safetensors_tensor {
    const char *name;               /* borrowed from the header */
    enum safetensors_type type;
    const char *type_name;
    int dims;                       /* 0: one number */
    size_t shape[SAFETENSORS_DIMS];
    size_t n;                       /* elements */
    const unsigned char *data;      /* in the mapped file, not aligned */
    size_t bytes;
};

struct safetensors {
    void *map;
    size_t size;
    json_t *header;
    struct safetensors_tensor *tensors;     /* in order of their data */
    size_t n;
    const unsigned char *data;      /* all tensors' bytes */
    size_t bytes;
};

/* Maps and checks a file. Returns 0, or -1 with a sentence that begins with the path. */
int safetensors_open(struct safetensors *st, const char *path, struct err *err);
void safetensors_close(struct safetensors *st);

/* The tensor of that name, or NULL. */
const struct safetensors_tensor *safetensors_find(const struct safetensors *st, const char *name);

/* A text of the header's __metadata__, or NULL. Borrowed. */
const char *safetensors_meta(const struct safetensors *st, const char *key);

/* Elements first .. first+n-1, which must be there, of an F32, F16 or BF16 tensor, widened to float. */
void safetensors_read(const struct safetensors_tensor *t, size_t first, size_t n, float *out);

/* "[3, 4]" */
void safetensors_shape_text(char *text, size_t size, const size_t *shape, int dims);

/* Writing: name and shape of each tensor, then their data in the same order, in any pieces. */
struct safetensors_spec {
    const char *name;
    int dims;
    size_t shape[SAFETENSORS_DIMS];
};
struct safetensors_writer {
    struct atomic_file file;
    enum safetensors_type type;
    size_t left;                    /* numbers still to come */
};

/* Opens a file beside `path` and writes the header. All tensors are of one type, F32, F16 or BF16. meta: an
 * object of texts, borrowed, or NULL. 0 or -1. */
int safetensors_begin(struct safetensors_writer *w, const char *path, enum safetensors_type type,
                      const struct safetensors_spec *specs, size_t n, const json_t *meta,
                      struct err *err);

/* Adds numbers, rounded to the type (io/half.h). */
void safetensors_add(struct safetensors_writer *w, const float *data, size_t n);

/* Puts the file in its place; all data has been added. 0 or -1. */
int safetensors_end(struct safetensors_writer *w, struct err *err);

#endif
