/* params_io — blocks as safetensors files. */
#include "model/params.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "io/half.h"
#include "io/map.h"
#include "io/safetensors.h"

enum { PIECE = 1 << 14 };       /* floats converted at a time */

/* Shape of a table entry in the terms of the file. */
static int file_shape(const struct tensor *t, size_t shape[2]) {
    shape[0] = (size_t)(t->rows ? t->rows : t->cols);
    shape[1] = (size_t)t->cols;
    return t->rows ? 2 : 1;
}

static int check_tensor(const struct tensor *t, const struct safetensors_tensor *f, struct err *err) {
    char want[64], got[256];
    size_t shape[2];
    int dims = file_shape(t, shape);

    if (f->type == ST_OTHER)
        return err_set(err, "tensor %s: dtype %s is not supported (F32, F16, BF16 are)", t->name, f->type_name);
    if (f->dims == dims && !memcmp(f->shape, shape, (size_t)dims * sizeof *shape)) return 0;
    safetensors_shape_text(want, sizeof want, shape, dims);
    safetensors_shape_text(got, sizeof got, f->shape, f->dims);
    return err_set(err, "tensor %s: its shape is %s, not %s", t->name, got, want);
}

static void read_tensor(const struct tensor *t, const struct safetensors_tensor *f, real *block) {
    float piece[PIECE];

    for (size_t i = 0; i < t->n; i += PIECE) {
        size_t n = t->n - i < PIECE ? t->n - i : PIECE;

        safetensors_read(f, i, n, piece);
        for (size_t j = 0; j < n; j++) block[t->offset + i + j] = (real)piece[j];
    }
}

/* A tensor of a layer that the table does not have would change what the layer computes. (Old files
 * of transformers hold the frequencies of the rotary part, which follow from the configuration.) */
static int refuse_strangers(const struct safetensors *st, const bool *known, struct err *err) {
    for (size_t i = 0; i < st->n; i++) {
        const char *name = st->tensors[i].name, *end = strrchr(name, '.');

        if (!known[i] && strstr(name, ".layers.") && strcmp(end, ".inv_freq"))
            return err_set(err, "tensor %s: the configuration has no place for it", name);
    }
    return 0;
}

/* Reads the tensors of the table that the file holds, and marks them. */
static int read_tensors(const struct params *p, real *block, const struct safetensors *st,
                        bool *have, bool *known, struct err *err) {
    for (int i = 0; i < p->n_tensors; i++) {
        const struct safetensors_tensor *f = safetensors_find(st, p->tensors[i].name);

        if (!f) continue;
        if (check_tensor(&p->tensors[i], f, err)) return -1;
        if (have[i]) return err_set(err, "tensor %s: in two files", p->tensors[i].name);
        have[i] = known[f - st->tensors] = true;
        if (!block) continue;
        read_tensor(&p->tensors[i], f, block);
        map_drop(st->map, f->data, f->bytes);
    }
    return refuse_strangers(st, known, err);
}

/* A file that we wrote names the fingerprint of its block. */
static int check_sum(uint64_t hash, const struct safetensors *st, struct err *err) {
    const char *want = safetensors_meta(st, "checksum");
    char got[17];

    if (!want) return 0;
    hash_hex(got, hash);
    return strcmp(got, want) ? err_set(err, "the checksum is %s, not %s: the file is damaged", got, want) : 0;
}

static int read_path(const struct params *p, real *block, const char *path, bool *have, bool whole,
                     struct err *err) {
    struct safetensors st;
    bool *known;
    int r;

    if (safetensors_open(&st, path, err)) return -1;
    known = mem_calloc(st.n, sizeof *known);
    r = read_tensors(p, block, &st, have, known, err);
    free(known);
    for (int i = 0; whole && !r && i < p->n_tensors; i++)
        if (!have[i]) r = err_set(err, "tensor %s is missing", p->tensors[i].name);
    if (whole && block && !r && sizeof(real) == sizeof(float)) r = check_sum(params_hash(p, block), &st, err);
    safetensors_close(&st);
    return r ? err_prefix(err, "%s", path) : 0;
}

static bool lies_as_block(const struct params *p, const struct safetensors *st, const unsigned char *data) {
    if (!st->map || sizeof(real) != sizeof(float) || p->n_block != p->n_params || (uintptr_t)data % 64) return false;
    for (int i = 0; i < p->n_tensors; i++) {
        const struct safetensors_tensor *f = safetensors_find(st, p->tensors[i].name);

        if (!f || f->type != ST_F32 || f->data != data + p->tensors[i].offset * sizeof(real)) return false;
    }
    return true;
}

int params_map(struct params *p, const char *path, struct err *err) {
    const struct safetensors_tensor *first;
    struct safetensors st;
    int r = 0;

    if (safetensors_open(&st, path, err)) return -1;
    first = safetensors_find(&st, p->tensors[0].name);
    if (first && lies_as_block(p, &st, first->data) && !map_own(st.map, st.size)) {
        p->data = (real *)((char *)st.map + (first->data - (const unsigned char *)st.map));
        p->map = st.map;
        p->map_size = st.size;
        st.map = NULL;
        p->hash = params_hash(p, p->data);
        r = check_sum(p->hash, &st, err);
    }
    safetensors_close(&st);
    return r ? err_prefix(err, "%s", path) : 0;
}

int params_load(const struct params *p, real *block, const char *path, struct err *err) {
    bool *have = mem_calloc((size_t)p->n_tensors, sizeof *have);
    int r = read_path(p, block, path, have, true, err);

    free(have);
    return r;
}

int params_load_part(const struct params *p, real *block, const char *path, bool *have, struct err *err) {
    return read_path(p, block, path, have, false, err);
}

static void write_tensor(struct safetensors_writer *w, const struct tensor *t, const real *block) {
    float piece[PIECE];

    for (size_t i = 0; i < t->n; i += PIECE) {
        size_t n = t->n - i < PIECE ? t->n - i : PIECE;

        for (size_t j = 0; j < n; j++) piece[j] = (float)block[t->offset + i + j];
        safetensors_add(w, piece, n);
    }
}

static float rounded(float x, enum safetensors_type type) {
    return type == ST_F16 ? half_widen(half_narrow(x)) : type == ST_BF16 ? bf16_widen(bf16_narrow(x)) : x;
}

int params_round(const struct params *p, real *block, enum safetensors_type type, struct err *err) {
    for (int i = 0; i < p->n_tensors; i++) {
        real *x = block + p->tensors[i].offset;

        for (size_t j = 0; j < p->tensors[i].n; j++) {
            float y = rounded((float)x[j], type);

            if (isinf(y) && !isinf(x[j]))
                return err_set(err, "tensor %s: %g is beyond the range of %s", p->tensors[i].name, (double)x[j],
                               type == ST_F16 ? "F16" : "BF16");
            x[j] = (real)y;
        }
    }
    return 0;
}

int params_save(const struct params *p, const real *block, enum safetensors_type type, const char *path,
                struct err *err) {
    struct safetensors_spec *specs = mem_calloc((size_t)p->n_tensors, sizeof *specs);
    struct safetensors_writer w;
    char sum[17];
    json_t *meta;
    int r;

    hash_hex(sum, params_hash(p, block));
    meta = json_pack("{s:s, s:s}", "format", "pt", "checksum", sum);
    for (int i = 0; i < p->n_tensors; i++) {
        specs[i].name = p->tensors[i].name;
        specs[i].dims = file_shape(&p->tensors[i], specs[i].shape);
    }
    r = safetensors_begin(&w, path, type, specs, (size_t)p->n_tensors, meta, err);
    for (int i = 0; !r && i < p->n_tensors; i++) write_tensor(&w, &p->tensors[i], block);
    if (!r) r = safetensors_end(&w, err);
    json_decref(meta);
    free(specs);
    return r;
}
