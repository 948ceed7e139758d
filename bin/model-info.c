/* model-info — describe model directories: one record each.
 *
 * out  {"model":"base","model_type":"llama","parameters":1867968,"hash":"...",...}; with --tensors also a
 *      record for each tensor */
#include <math.h>
#include <stdlib.h>

#include "base/cli.h"
#include "base/hash.h"
#include "io/jsonl.h"
#include "model/model.h"
#include "train/rundir.h"

struct options {
    bool tensors;
};

static const struct cli_opt opts[] = {
    { 0, "tensors", CLI_FLAG, offsetof(struct options, tensors), 0, 0, "a record for each tensor, too", NULL },
    { 0 }
};

static const struct cli cli = {
    .name = "model-info", .operands = "DIR ...", .opts = opts, .need_operand = true,
    .purpose = "Describe model directories.", .example = "model-info base sft"
};

static json_t *describe(const char *dir, const struct model *m) {
    const struct config *c = &m->cfg;
    char hash[17];

    hash_hex(hash, model_hash(m));
    return json_pack("{s:s, s:s, s:I, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:b}", "model", dir,
                     "model_type", config_arch_name(c->arch), "parameters", (json_int_t)m->p.n_params, "hash", hash,
                     "hidden_size", c->hidden, "num_hidden_layers", c->layers, "num_attention_heads", c->heads,
                     "num_key_value_heads", c->kv_heads, "head_dim", c->head_dim,
                     "intermediate_size", c->intermediate, "vocab_size", c->vocab,
                     "max_position_embeddings", c->max_positions, "tie_word_embeddings", (int)c->tied);
}

static json_t *describe_tensor(const struct model *m, const struct tensor *t) {
    const real *x = m->p.data + t->offset;
    double sum = 0, squares = 0, greatest = 0;
    json_t *shape = t->rows ? json_pack("[i,i]", t->rows, t->cols) : json_pack("[i]", t->cols);

    for (size_t i = 0; i < t->n; i++) {
        sum += (double)x[i];
        squares += (double)x[i] * (double)x[i];
        greatest = fmax(greatest, fabs((double)x[i]));
    }
    return json_pack("{s:s, s:o, s:o, s:o, s:o}", "tensor", t->name, "shape", shape, "mean",
                     jsonl_real(sum / (double)t->n), "rms", jsonl_real(sqrt(squares / (double)t->n)),
                     "max", jsonl_real(greatest));
}

static void write_record(json_t *j) {
    jsonl_write(stdout, j);
    json_decref(j);
}

int main(int argc, char **argv) {
    struct options o = { 0 };
    char **dirs = cli_parse(&cli, &o, argc, argv);
    struct err err;
    int r = 0;

    for (; *dirs && !r; dirs++) {
        char *place = model_dir_resolve(*dirs);
        struct model *m = model_load(place, &err);

        free(place);
        if (!m) {
            cli_complain(&cli, NULL, 0, err.msg);
            r = EXIT_DATA;
            break;
        }
        write_record(describe(*dirs, m));
        for (int i = 0; o.tensors && i < m->p.n_tensors; i++) write_record(describe_tensor(m, &m->p.tensors[i]));
        model_free(m);
    }
    return cli_finish(&cli) | r;
}
