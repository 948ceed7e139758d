/* model-init — a model directory with random parameters: config.json, model.safetensors, the tokenizer. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cli.h"
#include "base/mem.h"
#include "io/jsonl.h"
#include "model/model.h"
#include "text/bpe.h"
#include "text/chat.h"
#include "train/checkpoint.h"
#include "train/rundir.h"

struct options {
    const char *out, *tokenizer;
    int arch;
    long hidden, layers, heads, kv_heads, head_dim, intermediate, vocab, positions;
    double theta;
    bool untied, quiet;
    uint64_t seed;
};

#define AT(field) offsetof(struct options, field)

static const struct cli_opt opts[] = {
    { 'o', "output", CLI_TEXT, AT(out), 0, 0, "model directory, which is not there yet", "DIR" },
    { 0, "tokenizer", CLI_TEXT, AT(tokenizer), 0, 0, "tokenizer.json, or the folder that holds it", "FILE" },
    { 0, "arch", CLI_CHOICE, AT(arch), 0, 0, "architecture", "llama|qwen2|qwen3" },
    { 0, "hidden", CLI_INT, AT(hidden), 2, 65536, "width", NULL },
    { 0, "layers", CLI_INT, AT(layers), 1, 1024, "layers", NULL },
    { 0, "heads", CLI_INT, AT(heads), 1, 1024, "attention heads", NULL },
    { 0, "kv-heads", CLI_INT, AT(kv_heads), 0, 1024, "key-value heads; 0: as many as heads", NULL },
    { 0, "head-dim", CLI_INT, AT(head_dim), 0, 1024, "width of a head; 0: hidden / heads", NULL },
    { 0, "intermediate", CLI_INT, AT(intermediate), 0, 1e6, "width of the MLP; 0: 8/3 of hidden, up to a multiple of 64",
      NULL },
    { 0, "vocab", CLI_INT, AT(vocab), 0, 1e7, "token ids; 0: the tokenizer's", NULL },
    { 0, "max-positions", CLI_INT, AT(positions), 1, 1e7, "longest text in tokens", NULL },
    { 0, "rope-theta", CLI_REAL, AT(theta), 1, 1e9, "base of the rotary positions; 1: the architecture's", NULL },
    { 0, "untied", CLI_FLAG, AT(untied), 0, 0, "an output matrix apart from the embedding", NULL },
    { 0, "seed", CLI_SEED, AT(seed), 0, 0, "of the parameters", NULL },
    { 'q', "quiet", CLI_FLAG, AT(quiet), 0, 0, "do not say how large the model is", NULL },
    { 0 }
};

static const struct cli cli = {
    .name = "model-init", .operands = "", .opts = opts,
    .purpose = "Make a model directory with random parameters.",
    .example = "model-init --tokenizer tokenizer.json --hidden 192 --layers 4 -o base"
};

static long round_up(long n, long to) {
    return (n + to - 1) / to * to;
}

/* The token that ends an answer: the tokenizer's own, else <|endoftext|>, else its first special one; -1: none. */
static int end_token(const struct bpe *t) {
    int id = bpe_special(t, BPE_EOS);

    if (id < 0) id = bpe_id(t, "<|endoftext|>");
    for (int i = 0; id < 0 && i < bpe_size(t); i++)
        if (bpe_is_special(t, i)) id = i;
    return id;
}

/* The hyper-parameters that the options and the tokenizer (may be NULL) ask for. */
static int make_config(struct config *c, const struct options *o, const struct bpe *t, struct err *err) {
    *c = config_default(o->arch);
    c->hidden = (int)o->hidden;
    c->layers = (int)o->layers;
    c->heads = (int)o->heads;
    c->kv_heads = (int)(o->kv_heads ? o->kv_heads : o->heads);
    c->head_dim = (int)(o->head_dim ? o->head_dim : o->hidden / o->heads);
    c->intermediate = (int)(o->intermediate ? o->intermediate : round_up(o->hidden * 8 / 3, 64));
    c->vocab = (int)(o->vocab ? o->vocab : t ? bpe_size(t) : 0);
    c->max_positions = (int)o->positions;
    c->tied = !o->untied;
    if (o->theta > 1) c->rope_theta = o->theta;
    if (!c->vocab) return err_set(err, "without --tokenizer, --vocab is needed");
    if (t && c->vocab < bpe_size(t))
        return err_set(err, "--vocab %ld is less than the tokenizer's %d", o->vocab, bpe_size(t));
    if (t) {
        c->bos = bpe_special(t, BPE_BOS);
        c->pad = bpe_special(t, BPE_PAD);
        c->eos[0] = end_token(t);
        c->n_eos = 1;
        if (c->eos[0] < 0) return err_set(err, "%s: no special token to end an answer with", o->tokenizer);
    }
    return config_check(c, err) || model_fits(c, sizeof(real), err) ? -1 : 0;
}

/* A tokenizer that comes alone (bpe-train's) gets the plain chat form. */
static int write_tokenizer_config(const struct bpe *t, const char *dir, struct err *err) {
    char *path = rundir_path(dir, "tokenizer_config.json");
    size_t n;
    const char *end = bpe_piece(t, end_token(t), &n);
    struct stat st;
    json_t *j;
    int r = 0;

    if (stat(path, &st)) {
        j = json_pack("{s:s, s:s%, s:s%, s:b, s:s}", "tokenizer_class", "PreTrainedTokenizerFast",
                      "eos_token", end, n, "pad_token", end, n,
                      "clean_up_tokenization_spaces", 0, "chat_template", CHAT_PLAIN_TEMPLATE);
        r = jsonl_save(j, dir, "tokenizer_config.json", false, err);
        json_decref(j);
    }
    free(path);
    return r;
}

/* The tokenizer of a folder, or a file by any name and what lies beside it. */
static int write_tokenizer(const struct bpe *t, const char *path, const char *dir, struct err *err) {
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : mem_strdup(".");
    char *to = rundir_path(dir, "tokenizer.json");
    struct stat st;
    bool whole = !stat(path, &st) && S_ISDIR(st.st_mode);
    int r = checkpoint_copy_tokenizer(whole ? path : folder, dir, err);

    if (!r && !whole) r = checkpoint_copy_file(path, to, err);
    free(to);
    free(folder);
    return r ? r : write_tokenizer_config(t, dir, err);
}

struct made {
    const struct options *o;
    const struct model *m;
    const struct bpe *t;
};

static int write_files(void *ctx, const char *dir, struct err *err) {
    const struct made *x = ctx;

    if (x->t && write_tokenizer(x->t, x->o->tokenizer, dir, err)) return -1;
    return model_save(x->m, dir, err);
}

int main(int argc, char **argv) {
    struct options o = { .hidden = 192, .layers = 4, .heads = 6, .positions = 2048, .theta = 1, .seed = 1 };
    struct model *m = NULL;
    struct bpe *t = NULL;
    struct config c;
    struct stat st;
    struct err err;
    int r = 0;

    cli_parse(&cli, &o, argc, argv);
    if (!o.out) cli_usage(&cli, "--output is missing");
    if (!stat(o.out, &st)) r = err_set(&err, "%s: is there already", o.out);
    if (!r && o.tokenizer && !(t = bpe_load(o.tokenizer, &err))) r = -1;
    if (!r && !(r = make_config(&c, &o, t, &err))) {
        m = model_init(&c, o.seed);
        r = rundir_fill(o.out, write_files, &(struct made){ &o, m, t }, &err);
        if (!r && !o.quiet) cli_note(&cli, "%s: %zu parameters", o.out, m->p.n_params);
    }
    if (r) cli_complain(&cli, NULL, 0, err.msg);
    model_free(m);
    bpe_free(t);
    return cli_finish(&cli) | (r ? EXIT_DATA : EXIT_OK);
}
