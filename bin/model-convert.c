/* model-convert — a model in another format: Hugging Face's folder, or a GGUF file (llama.cpp). */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "io/jsonl.h"
#include "model/gguf_config.h"
#include "model/gguf_params.h"
#include "model/lora.h"
#include "text/bpe_files.h"
#include "text/bpe_gguf.h"
#include "train/checkpoint.h"
#include "train/rundir.h"

struct options {
    const char *out, *adapter;
    int format, dtype;
    bool merge, quiet;
};

#define AT(field) offsetof(struct options, field)

static const struct cli_opt opts[] = {
    { 'o', "output", CLI_TEXT, AT(out), 0, 0, "folder or .gguf file, not there yet", "OUT" },
    { 0, "format", CLI_CHOICE, AT(format), 0, 0, "auto: gguf where OUT ends in .gguf",
      "auto|safetensors|gguf" },
    { 0, "dtype", CLI_CHOICE, AT(dtype), 0, 0, "type of the numbers; q8_0 in GGUF alone",
      "f32|f16|bf16|q8_0" },
    { 0, "adapter", CLI_TEXT, AT(adapter), 0, 0, "LoRA adapter to merge into MODEL", "DIR" },
    { 0, "merge", CLI_FLAG, AT(merge), 0, 0, "MODEL is an adapter: merge it into its base", NULL },
    { 'q', "quiet", CLI_FLAG, AT(quiet), 0, 0, "do not say how large the model is", NULL },
    { 0 }
};

static const struct cli cli = {
    .name = "model-convert", .operands = "MODEL", .opts = opts, .need_operand = true,
    .purpose = "Convert a model directory or a GGUF file.",
    .example = "model-convert -o sft.gguf --dtype q8_0 sft"
};

enum { FORMAT_AUTO, FORMAT_SAFETENSORS, FORMAT_GGUF };
enum { DTYPE_F32, DTYPE_F16, DTYPE_BF16, DTYPE_Q8_0 };

/* What --dtype means in each format, and the numbers of llama.cpp's general.file_type. */
static const struct {
    enum safetensors_type st;
    enum quant_type gguf;
    uint32_t file_type;
} dtypes[] = {
    [DTYPE_F32] = { ST_F32, QUANT_F32, 0 },
    [DTYPE_F16] = { ST_F16, QUANT_F16, 1 },
    [DTYPE_BF16] = { ST_BF16, QUANT_BF16, 32 },
    [DTYPE_Q8_0] = { ST_OTHER, QUANT_Q8_0, 7 },
};

/* A model that was read, and its tokenizer: read too, or in files of a folder. */
struct source {
    struct model *m;
    struct bpe_files tokenizer;
    char *folder;               /* NULL: the model came from a GGUF file */
};

/* The ids of special tokens, which GGUF keeps with the tokenizer. */
static int read_roles(struct config *c, const struct gguf *g, struct err *err) {
    int role[BPE_ROLES], eot;

    if (bpe_gguf_roles(g, c->vocab, role, &eot, err)) return -1;
    c->bos = role[BPE_BOS];
    c->pad = role[BPE_PAD];
    if (role[BPE_EOS] >= 0) c->eos[c->n_eos++] = role[BPE_EOS];
    if (eot >= 0 && eot != role[BPE_EOS]) c->eos[c->n_eos++] = eot;
    return 0;
}

static int read_gguf(struct source *s, const char *path, struct err *err) {
    struct config c;
    struct gguf g;

    if (gguf_open(&g, path, err)) return -1;
    if (!gguf_config_read(&c, &g, err) && !read_roles(&c, &g, err) &&
        !bpe_gguf_read(&s->tokenizer, &g, c.vocab, err))
        s->m = gguf_params_read(&g, &c, err);
    if (s->tokenizer.config)
        json_object_set_new(s->tokenizer.config, "model_max_length", json_integer(c.max_positions));
    gguf_close(&g);
    return s->m ? 0 : err_prefix(err, "%s", path);
}

static int read_folder(struct source *s, const char *path, bool merge, struct err *err) {
    char *dir = model_dir_resolve(path);
    int r = 0;

    if (lora_is_adapter(dir) && !merge)
        r = err_set(err, "%s: an adapter: --merge converts its base with it", path);
    else if (!lora_is_adapter(dir) && merge)
        r = err_set(err, "%s: not an adapter: there is nothing to merge", path);
    else if (!(s->m = model_load(dir, err)) || !(s->folder = checkpoint_tokenizer_folder(dir, err)))
        r = -1;
    free(dir);
    return r;
}

static int merge_adapter(struct model *m, const char *path, struct err *err) {
    char *dir = model_dir_resolve(path);
    int r = lora_load(m, dir, false, err);

    free(dir);
    lora_free(m->lora);         /* merged: a model like any other */
    m->lora = NULL;
    return r;
}

static int read_source(struct source *s, const char *path, const struct options *o,
                       struct err *err) {
    struct stat st;
    bool file = !stat(path, &st) && S_ISREG(st.st_mode) && !o->merge;
    int r = file ? read_gguf(s, path, err) : read_folder(s, path, o->merge, err);

    return r || !o->adapter ? r : merge_adapter(s->m, o->adapter, err);
}

/* What text generation by transformers begins with: where the model came with such a file, that. */
static int write_generation(const struct config *c, const char *dir, struct err *err) {
    static const char *const keys[] = { "bos_token_id", "eos_token_id", "pad_token_id" };
    char *path = rundir_path(dir, "generation_config.json");
    json_t *all = config_json(c), *j = json_object();
    int r;

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        json_t *id = json_object_get(all, keys[i]);

        if (!json_is_null(id)) json_object_set(j, keys[i], id);
    }
    r = access(path, F_OK) ? jsonl_save(j, dir, "generation_config.json", false, err) : 0;
    json_decref(all);
    json_decref(j);
    free(path);
    return r;
}

struct target {
    const struct source *s;
    int dtype;
};

static int fill_folder(void *ctx, const char *dir, struct err *err) {
    const struct target *t = ctx;
    const struct source *s = t->s;
    int r = 0;

    if (s->folder) r = checkpoint_copy_tokenizer(s->folder, dir, err);
    else if (s->tokenizer.tokenizer) r = bpe_files_save(&s->tokenizer, dir, err);
    if (!r) r = write_generation(&s->m->cfg, dir, err);
    return r ? r : model_save_as(s->m, dtypes[t->dtype].st, dir, err);
}

/* The keys of the tokenizer, which a folder may have. */
static int put_tokenizer(struct gguf_meta *meta, struct source *s, struct err *err) {
    const struct config *c = &s->m->cfg;
    const int role[BPE_ROLES] = { c->bos, c->n_eos ? c->eos[0] : -1, c->pad };
    char *path = s->folder ? rundir_path(s->folder, "tokenizer.json") : NULL;
    int r = path && !access(path, F_OK) ? bpe_files_load(&s->tokenizer, path, err) : 0;

    if (!r && (r = bpe_gguf_write(meta, &s->tokenizer, c->vocab, role, err)) && path)
        err_prefix(err, "%s", path);
    free(path);
    return r;
}

/* The last part of the model's path, without ".gguf"; free() it. */
static char *name_of(const char *path) {
    char *full = realpath(path, NULL), *slash = full ? strrchr(full, '/') : NULL;
    char *name = mem_strdup(slash ? slash + 1 : path), *end = strrchr(name, '.');

    if (end && !strcmp(end, ".gguf")) *end = 0;
    free(full);
    return name;
}

static int write_gguf(struct source *s, const char *in, int dtype, const char *out,
                      struct err *err) {
    struct gguf_meta meta = { 0 };
    char *name = name_of(in);
    int r;

    gguf_config_write(&meta, &s->m->cfg);
    gguf_put_string(&meta, "general.type", "model");
    if (utf8_valid(name, strlen(name))) gguf_put_string(&meta, "general.name", name);
    gguf_put_uint32(&meta, "general.file_type", dtypes[dtype].file_type);
    gguf_put_uint32(&meta, "general.quantization_version", 2);
    r = put_tokenizer(&meta, s, err);
    if (!r) r = gguf_params_write(s->m, &meta, dtypes[dtype].gguf, out, err);
    gguf_meta_free(&meta);
    free(name);
    return r;
}

static bool is_gguf(const struct options *o) {
    size_t n = strlen(o->out);

    if (o->format != FORMAT_AUTO) return o->format == FORMAT_GGUF;
    return n > 5 && !strcmp(o->out + n - 5, ".gguf");
}

int main(int argc, char **argv) {
    struct options o = { 0 };
    char **operands = cli_parse(&cli, &o, argc, argv);
    struct source s = { 0 };
    struct stat st;
    struct err err;
    int r;

    if (!o.out) cli_usage(&cli, "--output is missing");
    if (operands[1]) cli_usage(&cli, "one model at a time, but there is '%s'", operands[1]);
    if (o.dtype == DTYPE_Q8_0 && !is_gguf(&o)) cli_usage(&cli, "--dtype q8_0 is for GGUF alone");
    r = stat(o.out, &st) ? 0 : err_set(&err, "%s: is there already", o.out);
    if (!r) r = read_source(&s, operands[0], &o, &err);
    if (!r && is_gguf(&o)) r = write_gguf(&s, operands[0], o.dtype, o.out, &err);
    else if (!r) r = rundir_fill(o.out, fill_folder, &(struct target){ &s, o.dtype }, &err);
    if (r) cli_complain(&cli, NULL, 0, err.msg);
    else if (!o.quiet) cli_note(&cli, "%s: %zu parameters", o.out, s.m->p.n_params);
    model_free(s.m);
    bpe_files_free(&s.tokenizer);
    free(s.folder);
    return cli_finish(&cli) | (r ? EXIT_DATA : EXIT_OK);
}
