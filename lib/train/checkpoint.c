/* checkpoint — a step's files. */
#include "train/checkpoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/atomic.h"
#include "io/jsonl.h"
#include "model/lora.h"

static const char *const tokenizer_files[] = {
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja",
    "generation_config.json"
};

static int copy_stream(FILE *in, FILE *out) {
    char part[1 << 16];
    size_t n;

    while ((n = fread(part, 1, sizeof part, in)) > 0)
        if (fwrite(part, 1, n, out) != n) break;
    return ferror(in) || ferror(out);
}

int checkpoint_copy_file(const char *from, const char *to, struct err *err) {
    FILE *in = fopen(from, "rb");
    struct atomic_file out;
    int bad;

    if (!in) return errno == ENOENT ? 0 : err_set(err, "%s: %s", from, strerror(errno));
    if (atomic_open(&out, to, err)) {
        fclose(in);
        return -1;
    }
    errno = 0;
    bad = copy_stream(in, out.f);
    if (bad) err_set(err, "%s: %s", ferror(in) ? from : to, errno ? strerror(errno) : "a write failed");
    if (bad) atomic_abort(&out);
    else bad = atomic_commit(&out, err);
    fclose(in);
    return bad ? -1 : 0;
}

char *checkpoint_tokenizer_folder(const char *dir, struct err *err) {
    char *path = rundir_path(dir, "tokenizer.json");
    bool here = !access(path, F_OK) || !lora_is_adapter(dir);

    free(path);
    return here ? mem_strdup(dir) : lora_base(dir, err);
}

struct bpe *checkpoint_tokenizer(const char *dir, struct err *err) {
    char *folder = checkpoint_tokenizer_folder(dir, err);
    struct bpe *t = folder ? bpe_load(folder, err) : NULL;

    free(folder);
    return t;
}

int checkpoint_copy_tokenizer(const char *dir, const char *to, struct err *err) {
    char *from = checkpoint_tokenizer_folder(dir, err);
    int r = from ? 0 : -1;

    for (size_t i = 0; i < sizeof tokenizer_files / sizeof *tokenizer_files && !r; i++) {
        char *a = rundir_path(from, tokenizer_files[i]), *b = rundir_path(to, tokenizer_files[i]);

        r = checkpoint_copy_file(a, b, err);
        free(a);
        free(b);
    }
    free(from);
    return r;
}

static int save_block(const char *dir, const char *name, const struct params *p, const real *block, struct err *err) {
    char *path = rundir_path(dir, name);
    int r = params_save(p, block, ST_F32, path, err);

    free(path);
    return r;
}

int checkpoint_save(const struct rundir *r, long step, const struct model *m, const struct adamw *a,
                    const char *base, json_t *state, struct err *err) {
    char *dir = rundir_begin(r, step, err);
    int bad;

    if (!dir) return -1;
    json_object_set_new(state, "optimizer_step", json_integer(a->step));
    bad = model_save(m, dir, err) || checkpoint_copy_tokenizer(base, dir, err) ||
          save_block(dir, "exp_avg.safetensors", model_trained(m), a->m, err) ||
          save_block(dir, "exp_avg_sq.safetensors", model_trained(m), a->v, err) || jsonl_save(state, dir, "state.json", false, err);
    if (bad) rundir_remove(dir);            /* a full disk gets its room back */
    free(dir);
    return bad || rundir_commit(r, step, err) ? -1 : 0;
}

static int load_block(const char *dir, const char *name, const struct params *p, real *block, struct err *err) {
    char *path = rundir_path(dir, name);
    int r = params_load(p, block, path, err);

    free(path);
    return r;
}

int checkpoint_load(const struct rundir *r, const struct model *m, struct adamw *a, json_t **state,
                    struct err *err) {
    char *dir = rundir_path(r->path, "last"), *path = rundir_path(dir, "state.json");
    int64_t step = 0;
    int bad = 0;

    *state = jsonl_load(path, err);
    if (!*state) bad = -1;
    else if (jsonl_int(*state, "optimizer_step", 0, INT32_MAX, &step, err)) bad = err_prefix(err, "%s", path);
    a->step = (long)step;
    if (!bad)
        bad = load_block(dir, "exp_avg.safetensors", model_trained(m), a->m, err) ||
              load_block(dir, "exp_avg_sq.safetensors", model_trained(m), a->v, err) ? -1 : 0;
    if (bad) json_decref(*state);
    free(path);
    free(dir);
    return bad;
}

int checkpoint_same_options(const json_t *then, const json_t *now, struct err *err) {
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)now, name, value)
        if (!json_equal(json_object_get(then, name), value))
            return err_set(err, "this run was begun with another --%s; continue it with the same, or choose "
                                "another folder", name);
    return 0;
}
