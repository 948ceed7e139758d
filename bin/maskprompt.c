/* maskprompt — turn case records with chains into prompt records: question, reasoning, answer.
 *
 * in   {"id":"1#53","history":[...],"candidates":[...],"target":2,"drawn":60,"counts":[...],"chains":[...]}
 * out  {"id":"1#53",...,"prompt":[{...}],"completion":[{...}],"answer":"C","slots":{...},"visit":[...]} */
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/ids.h"
#include "io/jsonl.h"
#include "text/bpe.h"
#include "text/prompt.h"
#include "text/view.h"

enum { ORDER_EVIDENCE, ORDER_GIVEN };

enum { NO_BUDGET = 1000000 };

struct options {
    struct prompt_options p;
    int order;
    const char *template;
    const char *tokenizer;      /* file or model directory */
    long max_tokens;
};

#define AT(field) offsetof(struct options, field)

static const struct cli_opt opts[] = {
    { 0, "form", CLI_CHOICE, AT(p.form), 0, 0, "what is asked", "choose|rate" },
    { 0, "thoughts", CLI_CHOICE, AT(p.thoughts), 0, 0,
      "thoughts and verdicts, verdicts alone, or the answer alone", "chain|none|answer" },
    { 0, "order", CLI_CHOICE, AT(order), 0, 0, "of the candidates: the strongest is A, or as given", "evidence|given" },
    { 0, "contenders", CLI_INT, AT(p.contenders), 1, PROMPT_LABELS, "candidates that are visited", NULL },
    { 0, "show", CLI_INT, AT(p.show), 0, 9, "chains shown of each contender", NULL },
    { 0, "history", CLI_INT, AT(p.history), 0, 1000, "items of history shown", NULL },
    { 0, "template", CLI_TEXT, AT(template), 0, 0, "words, compact, or a file", "FILE" },
    { 0, "levels", CLI_FLAG, AT(p.levels), 0, 0, "add what a writer may see at each step", NULL },
    { 0, "tokenizer", CLI_TEXT, AT(tokenizer), 0, 0, "tokenizer.json that counts the tokens", "FILE" },
    { 0, "max-tokens", CLI_INT, AT(max_tokens), 1, NO_BUDGET, "budget of a question, with --tokenizer", NULL },
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

    struct err err;

    b->ids.n = 0;
    return !bpe_encode(b->bpe, text, n, false, &b->ids, &err) && b->ids.n <= b->max;
}

struct job {
    struct options o;
    struct ids ids;             /* of the cases read */
    struct template *t;
    struct budget b;
};

static int write_prompt(struct job *j, const json_t *rec, int candidate, struct err *err) {
    json_t *out = prompt_record(rec, candidate, j->t, &j->o.p, j->b.bpe ? fits : NULL, &j->b, err);

    if (!out) return -1;
    jsonl_write(stdout, out);
    json_decref(out);
    return 0;
}

/* The form rate: a record for each candidate, but where it is for training only the target's. */
static int write_ratings(struct job *j, const json_t *rec, struct err *err) {
    const char *split = json_string_value(json_object_get(rec, "split"));
    int64_t n, target;
    json_t *candidates;
    double rating;

    if (jsonl_array(rec, "candidates", &candidates, err)) return -1;
    n = (int64_t)json_array_size(candidates);
    if (split && !strcmp(split, "train")) {
        if (jsonl_int(rec, "target", 0, n - 1, &target, err) || jsonl_number(rec, "target_rating", &rating, err))
            return -1;
        return write_prompt(j, rec, (int)target, err);
    }
    for (int c = 0; c < n || !c; c++)           /* an empty list is refused by the first prompt */
        if (write_prompt(j, rec, c, err)) return -1;
    return 0;
}

static int write_prompts(struct job *j, const json_t *rec, struct err *err) {
    return j->o.p.form == FORM_RATE ? write_ratings(j, rec, err) : write_prompt(j, rec, 0, err);
}

/* A case without an id is refused where its prompt is made. */
static int note_id(struct job *j, const json_t *rec, struct err *err) {
    const char *id = json_string_value(json_object_get(rec, "id"));
    size_t n = j->ids.n;

    if (!id) return 0;
    if (n == IDS_MAX) return err_set(err, "more than %zu cases", IDS_MAX);
    return ids_add(&j->ids, id, strlen(id)) == n ? 0 : err_set(err, "case %s was read before", id);
}

static int write_case(struct job *j, json_t *rec, struct err *err) {
    json_t *ordered;
    int r;

    if (note_id(j, rec, err)) return -1;
    ordered = j->o.order == ORDER_EVIDENCE ? view_sorted(rec, err) : json_incref(rec);
    r = ordered ? write_prompts(j, ordered, err) : -1;
    json_decref(ordered);
    return r;
}

static int run(struct job *j, struct jsonl *in, struct err *err) {
    json_t *rec = NULL;
    int r;

    while ((r = jsonl_next(in, &rec, err)) > 0) {
        r = write_case(j, rec, err);
        json_decref(rec);
        if (r) break;
    }
    return r;
}

int main(int argc, char **argv) {
    struct job j = { .o = { .p = { .contenders = 8, .show = 1, .history = 10 }, .template = "words",
                            .max_tokens = NO_BUDGET } };
    char **operands = cli_parse(&cli, &j.o, argc, argv);
    struct jsonl in;
    struct err err;
    int r = -1;

    if (j.o.max_tokens != NO_BUDGET && !j.o.tokenizer) cli_usage(&cli, "--max-tokens needs --tokenizer");
    j.b.max = (size_t)j.o.max_tokens;
    j.t = template_load(j.o.template, &err);
    if (j.t && j.o.tokenizer) j.b.bpe = bpe_load(j.o.tokenizer, &err);
    if (!j.t || (j.o.tokenizer && !j.b.bpe)) {
        cli_complain(&cli, NULL, 0, err.msg);
    } else {
        jsonl_open(&in, operands);
        r = run(&j, &in, &err);
        if (r < 0) cli_complain(&cli, in.name, in.line, err.msg);
        jsonl_close(&in);
    }
    template_free(j.t);
    bpe_free(j.b.bpe);
    free(j.b.ids.id);
    ids_free(&j.ids);
    return cli_finish(&cli) | (r < 0 ? EXIT_DATA : EXIT_OK);
}
