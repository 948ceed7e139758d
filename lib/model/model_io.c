/* model_io — model directories: one safetensors file, several with an index, or an adapter and its base. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "io/jsonl.h"
#include "model/lora.h"
#include "model/model.h"

/* Reads each file that the index names, once. File names may not leave the folder. */
static int read_shards(const struct model *m, const char *dir, const json_t *map, struct err *err) {
    bool *have = mem_calloc((size_t)m->p.n_tensors, sizeof *have);
    json_t *done = json_object(), *file;
    const char *name;
    struct buf path = { 0 };
    int r = 0;

    json_object_foreach((json_t *)map, name, file) {
        const char *shard = json_string_value(file);

        if (!shard || !*shard || strchr(shard, '/')) {
            r = err_set(err, "%s/model.safetensors.index.json: tensor %s: no name of a file beside it",
                        dir, name);
            break;
        }
        if (json_object_get(done, shard)) continue;
        json_object_set_new(done, shard, json_true());
        buf_clear(&path);
        buf_printf(&path, "%s/%s", dir, shard);
        if ((r = params_load_part(&m->p, m->p.data, path.s, have, err))) break;
    }
    for (int i = 0; !r && i < m->p.n_tensors; i++)
        if (!have[i]) r = err_set(err, "%s: tensor %s is missing", dir, m->p.tensors[i].name);
    buf_free(&path);
    json_decref(done);
    free(have);
    return r;
}

static int load_sharded(const struct model *m, const char *dir, const char *index, struct err *err) {
    json_t *obj = jsonl_load(index, err);
    const json_t *map = json_object_get(obj, "weight_map");
    int r;

    if (!obj) return -1;
    r = json_is_object(map) ? read_shards(m, dir, map, err)
                            : err_set(err, "%s: \"weight_map\" is missing or not an object", index);
    json_decref(obj);
    return r;
}

/* Into the block of the model; without one, what the files hold is only checked. */
static int load_data(const struct model *m, const char *dir, struct err *err) {
    struct buf one = { 0 }, index = { 0 };
    int r;

    buf_printf(&one, "%s/model.safetensors", dir);
    buf_printf(&index, "%s/model.safetensors.index.json", dir);
    if (access(one.s, F_OK) && !access(index.s, F_OK)) r = load_sharded(m, dir, index.s, err);
    else r = params_load(&m->p, m->p.data, one.s, err);
    buf_free(&one);
    buf_free(&index);
    return r;
}

static int map_data(struct model *m, const char *dir, struct err *err) {
    struct buf path = { 0 };
    int r;

    buf_printf(&path, "%s/model.safetensors", dir);
    r = access(path.s, F_OK) ? 0 : params_map(&m->p, path.s, err);
    buf_free(&path);
    return r;
}

/* A model that is to be trained gets memory of its own. */
static struct model *load_plain(const char *dir, bool trained, struct err *err) {
    struct config cfg;
    struct model *m;
    int bad;

    if (config_load(&cfg, dir, err)) return NULL;
    if (model_fits(&cfg, sizeof(real), err)) {
        err_prefix(err, "%s", dir);
        return NULL;
    }
    m = model_layout(&cfg);
    bad = load_data(m, dir, err);       /* nothing large is allocated for files that do not fit */
    if (!bad && !trained) bad = map_data(m, dir, err);
    if (!bad && !m->p.data) {
        m->p.data = params_block(&m->p);
        bad = load_data(m, dir, err);
    }
    if (!bad) return m;
    model_free(m);
    return NULL;
}

static struct model *load(const char *dir, bool trained, struct err *err) {
    struct model *m;
    char *base;

    if (!lora_is_adapter(dir)) return load_plain(dir, trained, err);
    if (!(base = lora_base(dir, err))) return NULL;
    m = load_plain(base, trained, err);
    if (m && lora_load(m, dir, trained, err)) {
        model_free(m);
        m = NULL;
    }
    free(base);
    return m;
}

struct model *model_load_trained(const char *dir, struct err *err) {
    return load(dir, true, err);
}

struct model *model_load(const char *dir, struct err *err) {
    struct model *m = load(dir, false, err);

    if (!m) return NULL;
    lora_free(m->lora);         /* merged: a model like any other */
    m->lora = NULL;
    return m;
}

static int save_plain(const struct model *m, enum safetensors_type type, const char *dir, struct err *err) {
    static const char *const names[] = { [ST_F32] = "float32", [ST_F16] = "float16", [ST_BF16] = "bfloat16" };
    struct buf path = { 0 };
    int r;

    buf_printf(&path, "%s/model.safetensors", dir);
    r = params_save(&m->p, m->p.data, type, path.s, err);
    buf_free(&path);
    return r ? r : config_save(&m->cfg, dir, names[type], err);
}

int model_save_as(struct model *m, enum safetensors_type type, const char *dir, struct err *err) {
    m->p.hash = 0;
    return type != ST_F32 && params_round(&m->p, m->p.data, type, err) ? -1 : save_plain(m, type, dir, err);
}

int model_save(const struct model *m, const char *dir, struct err *err) {
    return m->lora ? lora_save(m, dir, err) : save_plain(m, ST_F32, dir, err);
}
