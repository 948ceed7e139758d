/* maskprompt — turn case records with chains into prompt records: question, reasoning, answer.
 *
 * in   {"id":"1#53","history":[...],"candidates":[...],"target":2,"drawn":60,"counts":[...],"chains":[...]}
 * out  {"id":"1#53",...,"prompt":[{...}],"completion":[{...}],"answer":"C","slots":{...},"visit":[...]};
 *      with --counterfactual two a case, changed where the rollouts' answer rests, and elsewhere */
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/ids.h"
#include "io/jsonl.h"
#include "text/bpe.h"
#include "text/counterfactual.h"
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
    struct counterfactual f;
    const char *rollouts;       /* the original run */
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
    { 0, "counterfactual", CLI_CHOICE, AT(f.kind), 0, 0, "change what the answers of --rollouts rest on",
      "none|drop|swap|evidence|early" },
    { 0, "rollouts", CLI_TEXT, AT(rollouts), 0, 0, "the original run, with --counterfactual", "FILE" },
    { 0, "after", CLI_INT, AT(f.after), 0, 1000, "thoughts that --counterfactual early leaves", NULL },
    { 0, "seed", CLI_SEED, AT(f.seed), 0, 0, "of the draws of --counterfactual", NULL },
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
    struct jsonl runs;          /* the original run, */
    json_t *run;                /* its next record, NULL at its end */
    const struct jsonl *at;     /* what is being read */
    size_t results[CF_RESULTS];
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

/* Reads the next record of the original run. */
static int next_run(struct job *j, struct err *err) {
    const char *id;
    int r;

    json_decref(j->run);
    j->run = NULL;
    j->at = &j->runs;
    r = jsonl_next(&j->runs, &j->run, err);
    return r > 0 ? jsonl_string(j->run, "id", &id, err) : r;
}

/* Both prompts of a case, if it is the next of the original run, which may lack cases. */
static int write_counterfactuals(struct job *j, const json_t *rec, struct err *err) {
    json_t *made[2];
    int r;

    if (!j->run || !json_equal(json_object_get(rec, "id"), json_object_get(j->run, "id"))) return 0;
    r = counterfactual_make(made, &j->o.f, rec, j->run, err);
    if (r < 0) return -1;
    j->results[r]++;
    for (int k = 0; k < 2 && made[k]; k++) {
        jsonl_write(stdout, made[k]);
        json_decref(made[k]);
    }
    return next_run(j, err);
}

/* No record of the original run may be left. */
static int end_run(struct job *j, struct err *err) {
    const size_t *n = j->results;

    j->at = &j->runs;
    if (j->run) return err_set(err, "no such case \"%.100s\" behind the one before it",
                               json_string_value(json_object_get(j->run, "id")));
    cli_note(&cli, "%zu cases changed; left out: %zu without an answer, %zu with nothing to change, %zu without a control",
             n[CF_MADE], n[CF_UNANSWERED], n[CF_NOTHING], n[CF_NO_CONTROL]);
    return 0;
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
    if (!ordered) return -1;
    r = j->o.f.kind ? write_counterfactuals(j, ordered, err) : write_prompts(j, ordered, err);
    json_decref(ordered);
    return r;
}

static int run(struct job *j, struct jsonl *in, struct err *err) {
    json_t *rec = NULL;
    int r = j->o.f.kind ? next_run(j, err) : 0;

    while (r >= 0) {
        j->at = in;
        r = jsonl_next(in, &rec, err);
        if (!r) return j->o.f.kind ? end_run(j, err) : 0;
        if (r < 0) break;
        r = write_case(j, rec, err);
        json_decref(rec);
    }
    return r;
}

static void check_options(const struct options *o) {
    bool early = o->f.kind == COUNTERFACTUAL_EARLY;

    if (o->max_tokens != NO_BUDGET && !o->tokenizer) cli_usage(&cli, "--max-tokens needs --tokenizer");
    if (o->f.kind && !o->rollouts) cli_usage(&cli, "--counterfactual needs --rollouts");
    if (o->rollouts && !o->f.kind) cli_usage(&cli, "--rollouts needs --counterfactual");
    if (o->f.kind && o->p.form == FORM_RATE) cli_usage(&cli, "--counterfactual is of the form choose");
    if (o->f.after && !early) cli_usage(&cli, "--after needs --counterfactual early");
}

/* Loads what the options name. */
static int load(struct job *j, struct err *err) {
    j->b.max = (size_t)j->o.max_tokens;
    j->t = template_load(j->o.template, err);
    if (j->t && j->o.tokenizer) j->b.bpe = bpe_load(j->o.tokenizer, err);
    j->o.f.t = j->t;
    j->o.f.o = &j->o.p;
    j->o.f.fits = j->b.bpe ? fits : NULL;
    j->o.f.ctx = &j->b;
    return j->t && (!j->o.tokenizer || j->b.bpe) ? 0 : -1;
}

int main(int argc, char **argv) {
    struct job j = { .o = { .p = { .contenders = 8, .show = 1, .history = 10 }, .template = "words",
                            .max_tokens = NO_BUDGET, .f = { .seed = 1 } } };
    char **operands = cli_parse(&cli, &j.o, argc, argv);
    char *runs[] = { (char *)j.o.rollouts, NULL };
    struct jsonl in;
    struct err err;
    int r = -1;

    check_options(&j.o);
    if (load(&j, &err)) {
        cli_complain(&cli, NULL, 0, err.msg);
    } else {
        jsonl_open(&in, operands);
        jsonl_open(&j.runs, runs);
        r = run(&j, &in, &err);
        if (r < 0) cli_complain(&cli, j.at->name, j.at->line, err.msg);
        jsonl_close(&j.runs);
        jsonl_close(&in);
    }
    json_decref(j.run);
    template_free(j.t);
    bpe_free(j.b.bpe);
    free(j.b.ids.id);
    ids_free(&j.ids);
    return cli_finish(&cli) | (r < 0 ? EXIT_DATA : EXIT_OK);
}
