/* lora_io — PEFT's folders: adapter_config.json, adapter_model.safetensors. What an adapter_config.json may ask
 * for beyond plain LoRA is refused by name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "io/jsonl.h"
#include "model/lora_impl.h"

static int add_target(const char *name, size_t n, unsigned *targets, struct err *err) {
    for (int p = 0; p < N_PROJ; p++) {
        if (strlen(lora_modules[p].name) != n || memcmp(lora_modules[p].name, name, n)) continue;
        *targets |= 1u << p;
        return 0;
    }
    return err_set(err, "\"%.*s\" is not a matrix that can be adapted (q_proj, k_proj, v_proj, o_proj, gate_proj, "
                        "up_proj, down_proj are)", n > 60 ? 60 : (int)n, name);
}

int lora_targets(const char *text, unsigned *targets, struct err *err) {
    *targets = 0;
    if (!strcmp(text, "all-linear")) {
        *targets = (1u << N_PROJ) - 1;
        return 0;
    }
    for (;;) {
        size_t n = strcspn(text, ",");

        if (add_target(text, n, targets, err)) return -1;
        if (!text[n]) return 0;
        text += n + 1;
    }
}

static json_t *load_config(const char *dir, struct err *err) {
    struct buf path = { 0 };
    json_t *obj;

    buf_printf(&path, "%s/adapter_config.json", dir);
    obj = jsonl_load(path.s, err);
    buf_free(&path);
    return obj;
}

bool lora_is_adapter(const char *dir) {
    struct buf path = { 0 };
    bool yes;

    buf_printf(&path, "%s/adapter_config.json", dir);
    yes = !access(path.s, F_OK);
    buf_free(&path);
    return yes;
}

char *lora_base(const char *dir, struct err *err) {
    json_t *obj = load_config(dir, err);
    const char *base;
    char *copy = NULL;

    if (obj && jsonl_string(obj, "base_model_name_or_path", &base, err)) err_prefix(err, "%s/adapter_config.json", dir);
    else if (obj) copy = mem_strdup(base);
    json_decref(obj);
    return copy;
}

static bool is_empty(const json_t *v) {
    return !v || json_is_null(v) || json_is_false(v) || (json_is_object(v) && !json_object_size(v)) ||
           (json_is_array(v) && !json_array_size(v));
}

/* Keys that change what is computed: each must be absent, null, false or empty. */
static int refuse_others(const json_t *obj, struct err *err) {
    static const char *const keys[] = {
        "use_dora", "use_qalora", "use_bdlora", "lora_bias", "fan_in_fan_out", "modules_to_save", "rank_pattern",
        "alpha_pattern", "layers_to_transform", "layers_pattern", "exclude_modules", "target_parameters",
        "trainable_token_indices", "layer_replication", "alora_invocation_tokens", "megatron_config", "arrow_config"
    };
    const char *type = json_string_value(json_object_get(obj, "peft_type"));
    const json_t *bias = json_object_get(obj, "bias");

    if (!type || strcmp(type, "LORA"))
        return err_set(err, "\"peft_type\" \"%s\" is not supported (LORA is)", type ? type : "");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!is_empty(json_object_get(obj, keys[i]))) return err_set(err, "\"%s\" is not supported", keys[i]);
    if (json_is_string(bias) && strcmp(json_string_value(bias), "none"))
        return err_set(err, "\"bias\" \"%s\" is not supported", json_string_value(bias));
    return 0;
}

/* A name may stand with the path to it, as peft writes those of a small model; that no layer lacks its matrices
 * shows when the tensors are read. */
static int read_targets(const json_t *obj, unsigned *targets, struct err *err) {
    const json_t *v = json_object_get(obj, "target_modules"), *name;
    size_t i;

    *targets = 0;
    if (json_is_string(v) && !strcmp(json_string_value(v), "all-linear")) return lora_targets("all-linear", targets, err);
    if (!json_is_array(v) || !json_array_size(v))
        return err_set(err, "\"target_modules\" is missing or not a list of names (an expression is not supported)");
    json_array_foreach(v, i, name) {
        const char *text = json_is_string(name) ? json_string_value(name) : "", *dot = strrchr(text, '.');

        if (dot) text = dot + 1;
        if (add_target(text, strlen(text), targets, err)) return err_prefix(err, "\"target_modules\"");
    }
    return 0;
}

enum { MAX_RANK = 4096 };

int lora_read_config(const struct model *m, const json_t *obj, struct lora **l, struct err *err) {
    bool rs = json_is_true(json_object_get(obj, "use_rslora"));
    unsigned targets;
    int64_t rank;
    double alpha;

    if (refuse_others(obj, err) || jsonl_int(obj, "r", 1, MAX_RANK, &rank, err) ||
        jsonl_number(obj, "lora_alpha", &alpha, err) || read_targets(obj, &targets, err))
        return -1;
    *l = lora_new(m, (int)rank, alpha, rs ? alpha / __builtin_sqrt((double)rank) : alpha / (double)rank, targets);
    (*l)->rs = rs;
    return 0;
}

int lora_load(struct model *m, const char *dir, bool trained, struct err *err) {
    json_t *obj = load_config(dir, err);
    struct buf path = { 0 };
    struct lora *l = NULL;
    struct pool *one;
    int r = obj ? lora_read_config(m, obj, &l, err) : -1;

    if (obj && r) err_prefix(err, "%s/adapter_config.json", dir);
    json_decref(obj);
    buf_printf(&path, "%s/adapter_model.safetensors", dir);
    if (!r && !(r = params_load(&l->p, NULL, path.s, err))) {    /* the file has what the rank claims */
        l->p.data = params_block(&l->p);
        r = params_load(&l->p, l->p.data, path.s, err);
    }
    buf_free(&path);
    if (!r && !(l->base = lora_base(dir, err))) r = -1;
    if (r) {
        lora_free(l);
        return -1;
    }
    if (trained) lora_freeze(l, m);
    m->lora = l;
    one = pool_new(1);
    lora_merge(m, one);
    pool_free(one);
    return 0;
}

static json_t *config_json_of(const struct lora *l) {
    json_t *names = json_array();

    for (int p = 0; p < N_PROJ; p++)
        if (l->targets >> p & 1) json_array_append_new(names, json_string(lora_modules[p].name));
    return json_pack("{s:s, s:n, s:s, s:s, s:b, s:b, s:b, s:i, s:f, s:f, s:b, s:o, s:s}", "peft_type", "LORA", "auto_mapping",
                     "base_model_name_or_path", l->base, "bias", "none", "fan_in_fan_out", 0, "inference_mode", 1,
                     "init_lora_weights", 1, "r", l->rank, "lora_alpha", l->alpha, "lora_dropout", 0.0, "use_rslora",
                     (int)l->rs, "target_modules", names, "task_type", "CAUSAL_LM");
}

static int save_config(const struct lora *l, const char *dir, struct err *err) {
    json_t *obj = config_json_of(l);
    int r = jsonl_save(obj, dir, "adapter_config.json", true, err);

    json_decref(obj);
    return r;
}

int lora_save(const struct model *m, const char *dir, struct err *err) {
    struct buf path = { 0 };
    int r;

    buf_printf(&path, "%s/adapter_model.safetensors", dir);
    r = params_save(&m->lora->p, m->lora->p.data, ST_F32, path.s, err);
    buf_free(&path);
    return r ? r : save_config(m->lora, dir, err);
}
