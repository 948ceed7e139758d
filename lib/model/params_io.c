/* params_io — models and blocks as safetensors files: one, or several with an index. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "io/jsonl.h"
#include "io/safetensors.h"
#include "model/params.h"

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

/* Reads the tensors of the table that the file holds, and marks them. */
static int read_file(const struct model *m, real *block, const struct safetensors *st, bool *have,
                     struct err *err) {
    for (int i = 0; i < m->n_tensors; i++) {
        const struct safetensors_tensor *f = safetensors_find(st, m->tensors[i].name);

        if (!f) continue;
        if (check_tensor(&m->tensors[i], f, err)) return -1;
        if (have[i]) return err_set(err, "tensor %s: in two files", m->tensors[i].name);
        read_tensor(&m->tensors[i], f, block);
        have[i] = true;
    }
    return 0;
}

/* A file that we wrote names the fingerprint of its block. */
static int check_sum(const struct model *m, const real *block, const struct safetensors *st, struct err *err) {
    const char *want = safetensors_meta(st, "checksum");
    char got[17];

    if (!want || sizeof(real) != sizeof(float)) return 0;
    hash_hex(got, model_block_hash(m, block));
    return strcmp(got, want) ? err_set(err, "the checksum is %s, not %s: the file is damaged", got, want) : 0;
}

static int read_path(const struct model *m, real *block, const char *path, bool *have, bool whole,
                     struct err *err) {
    struct safetensors st;
    int r;

    if (safetensors_open(&st, path, err)) return -1;
    r = read_file(m, block, &st, have, err);
    for (int i = 0; whole && !r && i < m->n_tensors; i++)
        if (!have[i]) r = err_set(err, "tensor %s is missing", m->tensors[i].name);
    if (whole && !r) r = check_sum(m, block, &st, err);
    safetensors_close(&st);
    return r ? err_prefix(err, "%s", path) : 0;
}

int model_block_load(const struct model *m, real *block, const char *path, struct err *err) {
    bool *have = mem_calloc((size_t)m->n_tensors, sizeof *have);
    int r = read_path(m, block, path, have, true, err);

    free(have);
    return r;
}

/* Reads each file that the index names, once. File names may not leave the folder. */
static int read_shards(struct model *m, const char *dir, const json_t *map, struct err *err) {
    bool *have = mem_calloc((size_t)m->n_tensors, sizeof *have);
    json_t *done = json_object(), *file;
    const char *name;
    struct buf path = { 0 };
    int r = 0;

    json_object_foreach((json_t *)map, name, file) {
        const char *shard = json_string_value(file);

        if (!shard || !*shard || strchr(shard, '/')) r = err_set(err, "tensor %s: bad file name", name);
        if (r) break;
        if (json_object_get(done, shard)) continue;
        json_object_set_new(done, shard, json_true());
        buf_clear(&path);
        buf_printf(&path, "%s/%s", dir, shard);
        if ((r = read_path(m, m->data, path.s, have, false, err))) break;
    }
    for (int i = 0; !r && i < m->n_tensors; i++)
        if (!have[i]) r = err_set(err, "%s: tensor %s is missing", dir, m->tensors[i].name);
    buf_free(&path);
    json_decref(done);
    free(have);
    return r;
}

static int load_sharded(struct model *m, const char *dir, const char *index, struct err *err) {
    json_t *obj = jsonl_load(index, err);
    const json_t *map = json_object_get(obj, "weight_map");
    int r;

    if (!obj) return -1;
    r = json_is_object(map) ? read_shards(m, dir, map, err)
                            : err_set(err, "%s: \"weight_map\" is missing or not an object", index);
    json_decref(obj);
    return r;
}

static int load_data(struct model *m, const char *dir, struct err *err) {
    struct buf one = { 0 }, index = { 0 };
    int r;

    buf_printf(&one, "%s/model.safetensors", dir);
    buf_printf(&index, "%s/model.safetensors.index.json", dir);
    if (access(one.s, F_OK) && !access(index.s, F_OK)) r = load_sharded(m, dir, index.s, err);
    else r = model_block_load(m, m->data, one.s, err);
    buf_free(&one);
    buf_free(&index);
    return r;
}

struct model *model_load(const char *dir, struct err *err) {
    struct config cfg;
    struct model *m;

    if (config_load(&cfg, dir, err)) return NULL;
    if (config_fits(&cfg, sizeof(real), err)) {
        err_prefix(err, "%s", dir);
        return NULL;
    }
    m = model_new(&cfg);
    if (!load_data(m, dir, err)) return m;
    model_free(m);
    return NULL;
}

static void write_tensor(struct safetensors_writer *w, const struct tensor *t, const real *block) {
    float piece[PIECE];

    for (size_t i = 0; i < t->n; i += PIECE) {
        size_t n = t->n - i < PIECE ? t->n - i : PIECE;

        for (size_t j = 0; j < n; j++) piece[j] = (float)block[t->offset + i + j];
        safetensors_add(w, piece, n);
    }
}

int model_block_save(const struct model *m, const real *block, const char *path, struct err *err) {
    struct safetensors_spec *specs = mem_calloc((size_t)m->n_tensors, sizeof *specs);
    struct safetensors_writer w;
    char sum[17];
    json_t *meta;
    int r;

    hash_hex(sum, model_block_hash(m, block));
    meta = json_pack("{s:s, s:s}", "format", "pt", "checksum", sum);
    for (int i = 0; i < m->n_tensors; i++) {
        specs[i].name = m->tensors[i].name;
        specs[i].dims = file_shape(&m->tensors[i], specs[i].shape);
    }
    r = safetensors_begin(&w, path, specs, (size_t)m->n_tensors, meta, err);
    for (int i = 0; !r && i < m->n_tensors; i++) write_tensor(&w, &m->tensors[i], block);
    if (!r) r = safetensors_end(&w, err);
    json_decref(meta);
    free(specs);
    return r;
}

int model_save(const struct model *m, const char *dir, struct err *err) {
    struct buf path = { 0 };
    int r;

    buf_printf(&path, "%s/model.safetensors", dir);
    r = model_block_save(m, m->data, path.s, err);
    buf_free(&path);
    return r ? r : config_save(&m->cfg, dir, err);
}
