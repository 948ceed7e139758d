/* maskprompt — turn case records with chains into prompt records: question, reasoning, answer.
 *
 * in   {"id":"1#53","history":[...],"candidates":[...],"target":2,"drawn":60,"counts":[...],"chains":[...]}
 * out  {"id":"1#53",...,"prompt":[{...}],"completion":[{...}],"answer":"C","slots":{...},"visit":[...]} */
#include <stdlib.h>

#include "base/cli.h"
#include "io/jsonl.h"
#include "text/bpe.h"
#include "text/prompt.h"

struct options {
    struct prompt_options p;
    const char *template;
    const char *tokenizer;      /* file or model directory */
    long max_tokens;
};

#define AT(field) offsetof(struct options, field)

static const struct cli_opt opts[] = {
    { 0, "form", CLI_CHOICE, AT(p.form), 0, 0, "what is asked", "choose|rate" },
    { 0, "thoughts", CLI_CHOICE, AT(p.thoughts), 0, 0,
      "thoughts and verdicts, verdicts alone, or the answer alone", "chain|none|answer" },
    { 0, "order", CLI_CHOICE, AT(p.order), 0, 0, "of the candidates in the question", "evidence|given" },
    { 0, "contenders", CLI_INT, AT(p.contenders), 1, PROMPT_LABELS, "candidates that are visited", NULL },
    { 0, "show", CLI_INT, AT(p.show), 0, 9, "chains shown of each contender", NULL },
    { 0, "history", CLI_INT, AT(p.history), 0, 1000, "items of history shown", NULL },
    { 0, "template", CLI_TEXT, AT(template), 0, 0, "words, compact, or a file", "FILE" },
    { 0, "levels", CLI_FLAG, AT(p.levels), 0, 0, "add what a writer may see at each step", NULL },
    { 0, "tokenizer", CLI_TEXT, AT(tokenizer), 0, 0, "tokenizer.json that counts the tokens", "FILE" },
    { 0, "max-tokens", CLI_INT, AT(max_tokens), 1, 1e6, "budget of a question, with --tokenizer", NULL },
    { 0 }
};

static const struct cli cli = {
    .name = "maskprompt", .operands = "[file ...]", .opts = opts,
    .purpose = "Turn cases with chains into questions, and the reasoning and answers to be learned.",
    .example = "chainsample g.graph | maskprompt --template compact > prompts.jsonl"
};

/* The token budget: what prompt_fits needs. */
struct budget {
    struct bpe *bpe;
    struct bpe_ids ids;
    size_t max;
};

static bool fits(void *ctx, const char *text, size_t n) {
    struct budget *b = ctx;

    b->ids.n = 0;
    bpe_encode(b->bpe, text, n, false, &b->ids);
    return b->ids.n <= b->max;
}

static int write_prompts(const json_t *rec, const struct template *t, const struct options *o,
                         struct budget *b, struct err *err) {
    size_t n = o->p.form == FORM_RATE ? json_array_size(json_object_get(rec, "candidates")) : 1;
    const char *split = json_string_value(json_object_get(rec, "split"));
    json_int_t target = json_integer_value(json_object_get(rec, "target"));
    bool train = split && split[0] == 't' && split[1] == 'r';

    for (size_t c = 0; c < n; c++) {
        json_t *out;

        if (o->p.form == FORM_RATE && train && (json_int_t)c != target) continue;
        out = prompt_record(rec, (int)c, t, &o->p, b->bpe ? fits : NULL, b, err);
        if (!out) return -1;
        jsonl_write(stdout, out);
        json_decref(out);
    }
    return 0;
}

int main(int argc, char **argv) {
    struct options o = { .p = { .contenders = 8, .show = 1, .history = 10 }, .template = "words",
                         .max_tokens = 1000000 };
    char **operands = cli_parse(&cli, &o, argc, argv);
    struct budget budget = { .max = (size_t)o.max_tokens };
    struct template *t;
    struct jsonl in;
    struct err err;
    json_t *rec = NULL;
    int r;

    t = template_load(o.template, &err);
    if (t && o.tokenizer) budget.bpe = bpe_load(o.tokenizer, &err);
    if (!t || (o.tokenizer && !budget.bpe)) {
        cli_complain(&cli, NULL, 0, err.msg);
        return EXIT_DATA;
    }
    jsonl_open(&in, operands);
    while ((r = jsonl_next(&in, &rec, &err)) > 0) {
        if ((r = write_prompts(rec, t, &o, &budget, &err)) < 0) break;
        json_decref(rec);
        rec = NULL;
    }
    if (r < 0) cli_complain(&cli, in.name, in.line, err.msg);
    json_decref(rec);
    jsonl_close(&in);
    template_free(t);
    bpe_free(budget.bpe);
    free(budget.ids.id);
    return cli_finish(&cli) | (r < 0 ? EXIT_DATA : EXIT_OK);
}
