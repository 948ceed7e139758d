/* tokenize — texts and conversations to token ids, and ids back to text.
 *
 * in   {"text":"..."} or {"messages":[...]} or {"prompt":[...]}; lines; files; {"tokens":[...]}
 * out  the same record with "tokens" ("pieces", "num_tokens", "text") */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "io/jsonl.h"
#include "text/bpe.h"
#include "text/chat.h"
#include "train/checkpoint.h"
#include "train/rundir.h"

struct options {
    const char *model, *field;
    bool text, whole, generate, no_special, count, pieces, decode;
};

#define AT(f) offsetof(struct options, f)

static const struct cli_opt opts[] = {
    { 'm', "model", CLI_TEXT, AT(model), 0, 0, "model or run directory, or tokenizer.json", "DIR" },
    { 0, "field", CLI_TEXT, AT(field), 0, 0,
      "the field to encode; without: text, messages or prompt", "NAME" },
    { 0, "text", CLI_FLAG, AT(text), 0, 0, "each line of the input is a text, not a record", NULL },
    { 0, "whole", CLI_FLAG, AT(whole), 0, 0, "each file is a text", NULL },
    { 0, "generate", CLI_FLAG, AT(generate), 0, 0, "behind messages, open the answer", NULL },
    { 0, "no-special", CLI_FLAG, AT(no_special), 0, 0,
      "special tokens: text like any other; left out of decoded text", NULL },
    { 0, "count", CLI_FLAG, AT(count), 0, 0, "only the number of tokens", NULL },
    { 0, "pieces", CLI_FLAG, AT(pieces), 0, 0, "add the tokens' spellings", NULL },
    { 0, "decode", CLI_FLAG, AT(decode), 0, 0, "turn ids into text", NULL },
    { 0 }
};

static const struct cli cli = {
    .name = "tokenize", .operands = "[file ...]", .opts = opts,
    .purpose = "Turn texts and conversations into token ids, and ids into text.",
    .example = "tokenize -m model --count prompts.jsonl | jq .num_tokens"
};

struct job {
    struct options o;
    struct bpe *bpe;
    struct chat *chat;          /* made when the first conversation comes */
    struct bpe_ids ids;
    struct buf buf;
};

/* The ids of a text, of n bytes, that is no conversation. */
static int encode_text(struct job *j, const char *text, size_t n, struct err *err) {
    j->ids.n = 0;
    return bpe_encode(j->bpe, text, n, !j->o.no_special, &j->ids, err);
}

static int encode_messages(struct job *j, const json_t *messages, struct err *err) {
    if (!j->chat && !(j->chat = chat_new(j->bpe, err))) return -1;
    buf_clear(&j->buf);
    j->ids.n = 0;
    return chat_text(j->chat, messages, j->o.generate, &j->buf, err) ||
           bpe_encode(j->bpe, buf_text(&j->buf), j->buf.n, true, &j->ids, err) ? -1 : 0;
}

static const char *field_of(const struct job *j, const json_t *rec) {
    static const char *const fields[] = { "text", "messages", "prompt" };

    for (int k = 0; k < 3 && !j->o.field; k++)
        if (json_object_get(rec, fields[k])) return fields[k];
    return j->o.field;
}

static int encode_record(struct job *j, const json_t *rec, struct err *err) {
    const char *field = field_of(j, rec);
    const json_t *value = field ? json_object_get(rec, field) : NULL;

    if (!field) return err_set(err, "no \"text\", \"messages\" or \"prompt\"");
    if (json_is_string(value))
        return encode_text(j, json_string_value(value), json_string_length(value), err);
    if (!json_is_array(value))
        return err_set(err, "\"%s\" is missing, or neither a string nor messages", field);
    return encode_messages(j, value, err) ? err_prefix(err, "\"%s\"", field) : 0;
}

static void add_ids(struct job *j, json_t *rec) {
    json_t *tokens = json_array(), *pieces = json_array();

    for (size_t i = 0; i < j->ids.n; i++) {
        json_array_append_new(tokens, json_integer(j->ids.id[i]));
        if (!j->o.pieces) continue;
        buf_clear(&j->buf);
        bpe_spelling(j->bpe, j->ids.id[i], &j->buf);
        json_array_append_new(pieces, json_stringn(buf_text(&j->buf), j->buf.n));
    }
    json_object_set_new(rec, "tokens", tokens);
    if (j->o.pieces) json_object_set(rec, "pieces", pieces);
    json_decref(pieces);
}

static void write_ids(struct job *j, json_t *rec) {
    if (j->o.count) json_object_set_new(rec, "num_tokens", json_integer((json_int_t)j->ids.n));
    else add_ids(j, rec);
    jsonl_write(stdout, rec);
}

static int decode_record(struct job *j, json_t *rec, struct err *err) {
    json_t *tokens, *id;
    size_t i;

    if (jsonl_array(rec, "tokens", &tokens, err)) return -1;
    j->ids.n = 0;
    json_array_foreach(tokens, i, id) {
        json_int_t k = json_is_integer(id) ? json_integer_value(id) : -1;

        if (k < 0 || k > INT32_MAX)
            return err_set(err, "\"tokens\" holds what is not a token's id");
        bpe_push(&j->ids, (int32_t)k);
    }
    buf_clear(&j->buf);
    bpe_decode(j->bpe, j->ids.id, j->ids.n, !j->o.no_special, &j->buf);
    json_object_set_new(rec, "text", json_stringn(buf_text(&j->buf), j->buf.n));
    jsonl_write(stdout, rec);
    return 0;
}

/* A text that is not in a record: it becomes one, but for its number of tokens alone. */
static int write_text(struct job *j, const char *text, size_t n, struct err *err) {
    json_t *string = json_stringn(text, n), *rec = json_object();
    int r = string ? encode_text(j, text, n, err) : err_set(err, "not UTF-8");

    if (string && !j->o.count) json_object_set(rec, "text", string);
    if (!r) write_ids(j, rec);
    json_decref(string);
    json_decref(rec);
    return r;
}

static int run_lines(struct job *j, struct jsonl *in, struct err *err) {
    const char *line;
    size_t n;
    int r;

    while ((r = jsonl_line(in, &line, &n, err)) > 0)
        if ((r = write_text(j, line, n - (line[n - 1] == '\n'), err))) break;
    return r;
}

static int run_records(struct job *j, struct jsonl *in, struct err *err) {
    json_t *rec;
    int r;

    while ((r = jsonl_next(in, &rec, err)) > 0) {
        r = j->o.decode ? decode_record(j, rec, err) : encode_record(j, rec, err);
        if (!r && !j->o.decode) write_ids(j, rec);
        json_decref(rec);
        if (r) break;
    }
    return r;
}

static int run_file(struct job *j, const char *name, struct err *err) {
    FILE *f = strcmp(name, "-") ? fopen(name, "rbe") : stdin;
    struct buf all = { 0 };
    char part[1 << 14];
    size_t n;
    int r = 0;

    if (!f) return err_set(err, "%s", strerror(errno));
    while ((n = fread(part, 1, sizeof part, f)) > 0) buf_add(&all, part, n);
    r = ferror(f) ? err_set(err, "%s", strerror(errno)) : write_text(j, buf_text(&all), all.n, err);
    if (f != stdin) fclose(f);
    buf_free(&all);
    return r;
}

static int run(struct job *j, char *const *operands, struct err *err) {
    static char *const only_stdin[] = { "-", NULL };
    struct jsonl in;
    int r = 0;

    if (j->o.whole) {
        for (char *const *name = *operands ? operands : only_stdin; *name && !r; name++)
            if ((r = run_file(j, *name, err))) cli_complain(&cli, *name, 0, err->msg);
        return r;
    }
    jsonl_open(&in, operands);
    r = j->o.text ? run_lines(j, &in, err) : run_records(j, &in, err);
    if (r) cli_complain(&cli, in.name, in.line, err->msg);
    jsonl_close(&in);
    return r;
}

static void check_options(const struct options *o) {
    bool records = !o->text && !o->whole;

    if (!o->model) cli_usage(&cli, "--model is missing");
    if (o->decode && (!records || o->field || o->generate || o->count || o->pieces))
        cli_usage(&cli, "--decode goes with --no-special alone");
    if (o->text && o->whole) cli_usage(&cli, "--text and --whole exclude each other");
    if (!records && (o->field || o->generate))
        cli_usage(&cli, "--field and --generate are for records");
    if (o->count && o->pieces) cli_usage(&cli, "--count and --pieces exclude each other");
}

int main(int argc, char **argv) {
    struct job j = { 0 };
    char **operands = cli_parse(&cli, &j.o, argc, argv), *dir;
    struct err err;
    int r = -1;

    check_options(&j.o);
    dir = model_dir_resolve(j.o.model);
    j.bpe = checkpoint_tokenizer(dir, &err);
    if (j.bpe) r = run(&j, operands, &err);
    else cli_complain(&cli, NULL, 0, err.msg);
    free(dir);
    chat_free(j.chat);
    bpe_free(j.bpe);
    free(j.ids.id);
    buf_free(&j.buf);
    return cli_finish(&cli) | (r < 0 ? EXIT_DATA : EXIT_OK);
}
