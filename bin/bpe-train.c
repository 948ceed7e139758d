/* bpe-train — learn a byte-level BPE tokenizer from the texts of records.
 *
 * in   prompt records, or any with "messages", "prompt", "completion", or the field of --field
 * out  one line: a tokenizer.json */
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/progress.h"
#include "io/jsonl.h"
#include "text/bpe_train.h"

struct options {
    long vocab, min_count, limit;
    int pre;
    const char *field;
    struct cli_list special;
    bool text, quiet;
};

#define AT(f) offsetof(struct options, f)

static const struct cli_opt opts[] = {
    { 0, "vocab", CLI_INT, AT(vocab), 257, 1e6, "tokens in all", NULL },
    { 0, "pre", CLI_CHOICE, AT(pre), 0, 0, "how text is cut into words", "smollm|gpt2|qwen2" },
    { 0, "special", CLI_MANY, AT(special), 0, 0, "a special token; without: <|endoftext|>", "TOKEN" },
    { 0, "field", CLI_TEXT, AT(field), 0, 0, "the field that holds the text", "NAME" },
    { 0, "text", CLI_FLAG, AT(text), 0, 0, "input is plain text, not records", NULL },
    { 0, "limit", CLI_INT, AT(limit), 0, 1e9, "records that are read; 0: all", "N" },
    { 0, "min-count", CLI_INT, AT(min_count), 1, 1e9, "a pair becomes a token if it occurs so often", "N" },
    { 'q', "quiet", CLI_FLAG, AT(quiet), 0, 0, "no progress", NULL },
    { 0 }
};

static const struct cli cli = {
    .name = "bpe-train", .operands = "[file ...]", .opts = opts,
    .purpose = "Learn a byte-level BPE tokenizer from the texts of records.",
    .example = "bpe-train --vocab 512 prompts.jsonl > tokenizer.json"
};

static void add_string(struct bpe_trainer *t, const json_t *s) {
    if (json_is_string(s)) bpe_trainer_add(t, json_string_value(s), json_string_length(s));
}

/* The contents of messages, or a string. */
static bool add_messages(struct bpe_trainer *t, const json_t *messages) {
    add_string(t, messages);
    for (size_t i = 0; i < json_array_size(messages); i++)
        add_string(t, json_object_get(json_array_get(messages, i), "content"));
    return messages != NULL;
}

static int add_record(struct bpe_trainer *t, const json_t *rec, const char *field, struct err *err) {
    static const char *const fields[] = { "messages", "prompt", "completion" };
    const char *text;
    bool any = false;

    if (field) {
        if (jsonl_string(rec, field, &text, err)) return -1;
        add_string(t, json_object_get(rec, field));
        return 0;
    }
    for (int k = 0; k < 3; k++) any |= add_messages(t, json_object_get(rec, fields[k]));
    return any ? 0 : err_set(err, "no \"messages\", \"prompt\" or \"completion\"");
}

static int read_texts(struct bpe_trainer *t, struct jsonl *in, const struct options *o, struct err *err) {
    struct progress p = progress_start("records", (double)o->limit, o->quiet);
    const char *line;
    size_t n;
    long done = 0;
    int r = 1;

    while (r > 0 && (!o->limit || done < o->limit)) {
        json_t *rec = NULL;

        r = o->text ? jsonl_line(in, &line, &n, err) : jsonl_next(in, &rec, err);
        if (r > 0 && o->text) bpe_trainer_add(t, line, n);
        else if (r > 0 && add_record(t, rec, o->field, err)) r = -1;
        json_decref(rec);
        progress_show(&p, (double)++done, NULL);
    }
    progress_end(&p);
    return r < 0 ? -1 : 0;
}

int main(int argc, char **argv) {
    static const char *const end_of_text[] = { "<|endoftext|>" };
    struct options o = { .vocab = 512, .min_count = 2 };
    char **operands = cli_parse(&cli, &o, argc, argv);
    struct bpe_trainer *t = bpe_trainer_new(o.pre);
    const char *const *special = o.special.n ? o.special.values : end_of_text;
    size_t n_special = o.special.n ? o.special.n : 1;
    struct jsonl in;
    struct err err;
    int r;

    if (o.vocab < 256 + (long)n_special) cli_usage(&cli, "--vocab is too small for the bytes and special tokens");
    for (size_t i = 0; i < n_special; i++) {
        if (!*special[i]) cli_usage(&cli, "--special is empty");
        for (size_t k = 0; k < i; k++)
            if (!strcmp(special[i], special[k])) cli_usage(&cli, "--special %s stands twice", special[i]);
    }
    jsonl_open(&in, operands);
    r = read_texts(t, &in, &o, &err);
    if (r) {
        cli_complain(&cli, in.name, in.line, err.msg);
    } else {
        json_t *out = bpe_trainer_run(t, (int)o.vocab, o.min_count, special, n_special);

        jsonl_write(stdout, out);
        json_decref(out);
    }
    jsonl_close(&in);
    bpe_trainer_free(t);
    free(o.special.values);
    return cli_finish(&cli) | (r ? EXIT_DATA : EXIT_OK);
}
