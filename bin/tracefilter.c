/* tracefilter — keeps the traces that are right, grounded, blind where they had to be, and the best of their prompt.
 *
 * in   records of trace, those of one prompt one after another
 * out  those without fault; their counts on stderr, the others with "dropped": why, in --dropped FILE */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/mem.h"
#include "io/atomic.h"
#include "io/jsonl.h"
#include "rl/asking.h"
#include "rl/likelihood.h"
#include "text/answer.h"
#include "text/faults.h"

struct options {
    struct teacher_options t;
    struct fault_limits limits;
    const char *answers, *score, *dropped;
    long best;
    bool quiet;
};

#define AT(field) offsetof(struct options, field)

static const struct cli_opt opts[] = {
    { 0, "best", CLI_INT, AT(best), 0, 1e6, "traces kept of each prompt, the likeliest; 0 is all", NULL },
    { 'm', "model", CLI_TEXT, AT(score), 0, 0, "model of ours that says how likely they are", "DIR" },
    { 0, "answers", CLI_TEXT, AT(answers), 0, 0, "answers derived elsewhere, by id", "FILE" },
    { 0, "greedy", CLI_TEXT, AT(t.model), 0, 0, "model of ours whose own answer must be right", "DIR" },
    TEACHER_OPTIONS(struct options, t),
    { 0, "min-length", CLI_INT, AT(limits.min_length), 0, 1e6, "characters of a thought, at least", NULL },
    { 0, "max-length", CLI_INT, AT(limits.max_length), 1, 1e6, "and at most", NULL },
    { 0, "max-repetition", CLI_REAL, AT(limits.max_repetition), 0, 1,
      "share of three words in a row that stood there before", NULL },
    { 0, "dropped", CLI_TEXT, AT(dropped), 0, 0, "write those that are not kept here", "FILE" },
    { 'q', "quiet", CLI_FLAG, AT(quiet), 0, 0, "no counts", NULL },
    { 0 }
};

static const struct cli cli = {
    .name = "tracefilter", .operands = "[file ...]", .opts = opts,
    .purpose = "Keep the traces that are right, grounded, and the best of their prompt.",
    .example = "trace --builtin prompts.jsonl | tracefilter | sft-train -m base -o sft"
};

/* A trace under way. */
struct sifting {
    struct asker asker;
    json_t *rec;
    struct steps steps;
    enum fault fault;
    bool asked;
};

/* A trace without fault, that waits for the others of its prompt. */
struct rival {
    json_t *rec;
    double likelihood;
};

struct job {
    const struct options *o;
    struct teacher *teacher;
    struct likelihood *model;
    struct jsonl in;
    json_t *answers;            /* by id, of --answers; NULL: none */
    struct atomic_file dropped;
    struct rival *rivals;       /* of one prompt */
    size_t n, cap;
    long kept, counts[FAULTS];
};

static bool is_right(const struct steps *s, const char *answer) {
    char text[2];

    return answer && s->right >= 0 && !strcmp(answer, steps_label(s, s->right, text));
}

/* Looks at the answer derived elsewhere, or by the teacher of a trace whose answer was told to him. */
static void check_derived(const struct job *j, struct sifting *t) {
    const json_t *derived = json_object_get(json_object_get(t->rec, "trace"), "derived");

    if (j->answers) derived = json_object_get(j->answers, t->asker.id);
    else if (j->teacher || !derived) return;
    if (!is_right(&t->steps, json_string_value(derived))) t->fault = FAULT_DERIVED;
}

static int start(const struct job *j, struct sifting *t, struct err *err) {
    bool levels = json_object_get(t->rec, "thoughts") != NULL;

    if (jsonl_string(t->rec, "id", &t->asker.id, err) || steps_read(&t->steps, t->rec, levels, err)) return -1;
    t->fault = faults_find(t->rec, &t->steps, &j->o->limits);
    if (t->fault == FAULTS) check_derived(j, t);
    return 0;
}

static int read_sifting(void *ctx, struct asker **a) {
    struct job *j = ctx;
    struct sifting *t = mem_calloc(1, sizeof *t);
    int r = jsonl_next(&j->in, &t->rec, &t->asker.err);

    *a = &t->asker;
    t->asker.file = j->in.name;
    t->asker.line = j->in.line;
    if (r > 0 && start(j, t, &t->asker.err)) r = -1;
    if (!r) free(t);
    return r;
}

static void free_sifting(struct asker *a) {
    json_decref(((struct sifting *)a)->rec);
    free(a);
}

/* A teacher is shown the question with the thoughts, if they are known one by one; a model of ours, which learned to
 * answer the question, that alone. */
static json_t *ask(void *ctx, struct asker *a) {
    const struct job *j = ctx;
    struct sifting *t = (struct sifting *)a;

    if (t->asked || t->fault != FAULTS) return NULL;
    t->asked = true;
    if (j->o->t.model || !t->steps.levels) return json_incref((json_t *)t->steps.prompt);
    return steps_ask_answer(&t->steps, json_object_get(t->rec, "thoughts"));
}

static void take(void *ctx, struct asker *a, const struct teacher_reply *reply) {
    const struct job *j = ctx;
    struct sifting *t = (struct sifting *)a;
    const struct steps *s = &t->steps;
    int answer = j->o->t.model ? answer_parse(reply->text, s->words.answer, s->label, (size_t)s->labels)
                               : steps_answer(s, reply->text);

    if (answer < 0 || answer != s->right) t->fault = FAULT_DERIVED;
}

static void drop(struct job *j, json_t *rec, enum fault fault) {
    j->counts[fault]++;
    if (!j->dropped.f) return;
    json_object_set_new(rec, "dropped", json_string(fault_names[fault]));
    jsonl_write(j->dropped.f, rec);
}

/* How many of the rivals go before number k. */
static long better(const struct job *j, size_t k) {
    long n = 0;

    for (size_t i = 0; i < j->n; i++)
        n += j->rivals[i].likelihood > j->rivals[k].likelihood ||
             (i < k && !(j->rivals[i].likelihood < j->rivals[k].likelihood));
    return n;
}

/* Writes the best of a prompt. */
static void end_prompt(struct job *j) {
    for (size_t k = 0; k < j->n; k++) {
        if (j->o->best && better(j, k) >= j->o->best) {
            drop(j, j->rivals[k].rec, FAULT_WORSE);
        } else {
            jsonl_write(stdout, j->rivals[k].rec);
            j->kept++;
        }
    }
    for (size_t k = 0; k < j->n; k++) json_decref(j->rivals[k].rec);
    j->n = 0;
}

/* By the model, or else what the teacher said of his tokens; without either no trace is better than another. */
static int likelihood(const struct job *j, const json_t *rec, double *mean, struct err *err) {
    const json_t *trace = json_object_get(rec, "trace"), *logprob = json_object_get(trace, "logprob");
    double tokens = json_number_value(json_object_get(trace, "tokens"));

    *mean = -INFINITY;
    if (j->model) return likelihood_of(j->model, rec, mean, err);
    if (json_is_number(logprob) && tokens > 0) *mean = json_number_value(logprob) / tokens;
    return 0;
}

static int leave(void *ctx, struct asker *a, struct err *err) {
    struct job *j = ctx;
    struct sifting *t = (struct sifting *)a;
    double mean = 0;

    if (j->n && strcmp(t->asker.id, json_string_value(json_object_get(j->rivals[0].rec, "id")))) end_prompt(j);
    if (t->fault != FAULTS) {
        drop(j, t->rec, t->fault);
        return 0;
    }
    if (j->o->best && likelihood(j, t->rec, &mean, err)) return -1;
    j->rivals = mem_grow(j->rivals, j->n, &j->cap, sizeof *j->rivals);
    j->rivals[j->n++] = (struct rival){ json_incref(t->rec), mean };
    return 0;
}

/* The answer of a record: of its first sample, as rollout --greedy writes it, or the record's own. */
static json_t *answer_of(const json_t *rec) {
    const json_t *samples = json_object_get(rec, "samples");

    return json_object_get(samples ? json_array_get(samples, 0) : rec, "answer");
}

static int read_answers(struct job *j) {
    char *files[] = { (char *)j->o->answers, NULL };
    struct jsonl in;
    json_t *rec = NULL;
    const char *id;
    struct err err;
    int r;

    j->answers = json_object();
    jsonl_open(&in, files);
    while ((r = jsonl_next(&in, &rec, &err)) > 0) {
        if ((r = jsonl_string(rec, "id", &id, &err))) break;
        if (answer_of(rec)) json_object_set(j->answers, id, answer_of(rec));
        json_decref(rec);
        rec = NULL;
    }
    if (r < 0) cli_complain(&cli, in.name, in.line, err.msg);
    json_decref(rec);
    jsonl_close(&in);
    return r;
}

static int open_all(struct job *j, struct err *err) {
    const struct teacher_options *t = &j->o->t;

    if (j->o->score && !(j->model = likelihood_new(j->o->score, (int)t->threads, err))) return -1;
    if ((t->endpoint || t->command || t->model) && !(j->teacher = teacher_new(t, err))) return -1;
    return j->o->dropped ? atomic_open(&j->dropped, j->o->dropped, err) : 0;
}

static void say_counts(const struct job *j) {
    if (j->teacher) {
        struct teacher_counts n = teacher_counts(j->teacher);

        cli_note(&cli, "%ld requests, %ld tried again, %ld replies from the cache", n.asked, n.again, n.kept);
    }
    for (int f = 0; f < FAULTS; f++)
        if (j->counts[f]) cli_note(&cli, "%ld dropped: %s", j->counts[f], fault_names[f]);
    cli_note(&cli, "%ld kept", j->kept);
}

static int run(struct job *j, char *const *operands) {
    struct asking asking = { j, NULL, j->o->t.jobs, read_sifting, ask, take, leave, free_sifting };
    const char *file = NULL;
    size_t line = 0;
    struct err err;
    int r = open_all(j, &err);

    if (!r) {
        asking.teacher = j->teacher;
        jsonl_open(&j->in, operands);
        r = asking_run(&asking, &file, &line, &err);
        end_prompt(j);
        jsonl_close(&j->in);
    }
    if (!r && j->o->dropped) r = atomic_commit(&j->dropped, &err);
    else atomic_abort(&j->dropped);
    if (r) cli_complain(&cli, file, line, err.msg);
    else if (!j->o->quiet) say_counts(j);
    return r;
}

/* At most one who derives the answers again, and options that are his. */
static void settle(const struct options *o) {
    const struct teacher_options *t = &o->t;

    if (!!t->endpoint + !!t->command + !!t->model + !!o->answers > 1)
        cli_usage(&cli, "--endpoint, --command, --greedy and --answers all say who derives the answers again");
    if (t->key_file && !t->endpoint) cli_usage(&cli, "--key-file is for --endpoint");
    if (t->cache && !t->endpoint && !t->command) cli_usage(&cli, "--cache is for --endpoint and --command");
    if (o->limits.min_length > o->limits.max_length) cli_usage(&cli, "--min-length is above --max-length");
}

int main(int argc, char **argv) {
    struct options o = { .t = TEACHER_DEFAULTS, .limits = { 1, 1000, 0.3 }, .best = 1 };
    struct job j = { .o = &o };
    char **operands = cli_parse(&cli, &o, argc, argv);
    int r;

    settle(&o);
    r = o.answers ? read_answers(&j) : 0;
    if (!r) r = run(&j, operands);
    json_decref(j.answers);
    likelihood_free(j.model);
    teacher_free(j.teacher);
    free(j.rivals);
    return cli_finish(&cli) | (r < 0 ? EXIT_DATA : EXIT_OK);
}
