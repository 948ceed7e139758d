/* trace — thoughts for prompt records, from a teacher who sees a chain's edges one at a time.
 *
 * in   prompt records of `maskprompt --levels`
 * out  the same, --samples of each: "thoughts" and "completion" are the teacher's, "trace" says how they came about */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/mem.h"
#include "base/progress.h"
#include "io/jsonl.h"
#include "rl/asking.h"
#include "text/steps.h"

struct options {
    struct teacher_options t;
    bool builtin, guided, whole, quiet;
    long samples;
};

#define AT(field) offsetof(struct options, field)

static const struct cli_opt opts[] = {
    { 0, "builtin", CLI_FLAG, AT(builtin), 0, 0, "teacher: the writer of maskprompt", NULL },
    { 'm', "model", CLI_TEXT, AT(t.model), 0, 0, "teacher: a model or run directory of ours", "DIR" },
    TEACHER_OPTIONS(struct options, t),
    { 0, "dry-run", CLI_FLAG, AT(t.dry_run), 0, 0, "print the requests, and ask nobody", NULL },
    { 0, "guided", CLI_FLAG, AT(guided), 0, 0, "the teacher is told the right answer", NULL },
    { 0, "whole", CLI_FLAG, AT(whole), 0, 0, "ask the question itself: the reply is the completion", NULL },
    { 'n', "samples", CLI_INT, AT(samples), 1, 1024, "traces of each prompt", NULL },
    { 'q', "quiet", CLI_FLAG, AT(quiet), 0, 0, "no progress, and no counts", NULL },
    { 0 }
};

static const struct cli cli = {
    .name = "trace", .operands = "[file ...]", .opts = opts,
    .purpose = "Let a teacher think about prompt records, a chain's edge at a time.",
    .example = "maskprompt --levels chains.jsonl | trace --endpoint http://127.0.0.1:8000/v1 | tracefilter"
};

/* A trace under way. */
struct tracing {
    struct asker asker;
    json_t *rec;
    struct steps steps;
    long sample;
    int visits;             /* to be thought about */
    json_t *thoughts;       /* an array for each visit that was begun */
    char *reply;            /* the whole completion, or the reply to the last question: the answer */
    bool ended;             /* that question was asked */
    double logprob;         /* of what became part of the completion */
    long tokens;
};

struct job {
    const struct options *o;
    struct teacher *teacher;
    struct jsonl in;
    json_t *rec;            /* the record of the next samples, or NULL */
    long sample;
    struct progress progress;
    double done;
};

/* A guided teacher thinks of the candidates up to the right one, as a completion does; else of all. */
static int count_visits(const struct job *j, const struct steps *s) {
    if (j->o->guided && !s->rate)
        for (int k = 0; k < s->visits; k++)
            if (s->candidate[k] == s->right) return k + 1;
    return s->visits;
}

static int start(const struct job *j, struct tracing *t, struct err *err) {
    bool steps = !j->o->builtin && !j->o->whole;

    if (jsonl_string(t->rec, "id", &t->asker.id, err)) return -1;
    if (!j->o->builtin && steps_read(&t->steps, t->rec, steps, err)) return -1;
    if (j->o->builtin && !json_object_get(t->rec, "completion"))
        return err_set(err, "\"completion\" is missing");
    if (j->o->guided && t->steps.right < 0) return err_set(err, "the right answer is not known");
    t->asker.number = (uint64_t)t->sample << 16;
    t->visits = count_visits(j, &t->steps);
    return 0;
}

static int read_tracing(void *ctx, struct asker **a) {
    struct job *j = ctx;
    struct tracing *t = mem_calloc(1, sizeof *t);
    int r = j->rec ? 1 : jsonl_next(&j->in, &j->rec, &t->asker.err);

    *a = &t->asker;
    t->asker.file = j->in.name;
    t->asker.line = j->in.line;
    if (r > 0) {
        t->rec = json_incref(j->rec);
        t->sample = j->sample++;
        t->thoughts = json_array();
        if (j->sample == j->o->samples) {
            json_decref(j->rec);
            j->rec = NULL;
            j->sample = 0;
        }
        if (start(j, t, &t->asker.err)) r = -1;
    }
    if (!r) free(t);
    return r;
}

static void free_tracing(struct asker *a) {
    struct tracing *t = (struct tracing *)a;

    json_decref(t->rec);
    json_decref(t->thoughts);
    free(t->reply);
    free(t);
}

/* The visit that is being thought about, or -1: all are done. */
static int present_visit(struct tracing *t) {
    for (;;) {
        int k = (int)json_array_size(t->thoughts) - 1;

        if (k >= 0 && (int)json_array_size(json_array_get(t->thoughts, (size_t)k)) < t->steps.edges[k]) return k;
        if (k + 1 >= t->visits) return -1;
        json_array_append_new(t->thoughts, json_array());
    }
}

static json_t *ask(void *ctx, struct asker *a) {
    const struct job *j = ctx;
    struct tracing *t = (struct tracing *)a;
    const json_t *so_far;
    int k;

    if (j->o->builtin || t->ended) return NULL;
    if (!j->o->whole && (k = present_visit(t)) >= 0) {
        so_far = json_array_get(t->thoughts, (size_t)k);
        return steps_ask(&t->steps, k, (int)json_array_size(so_far), so_far, j->o->guided);
    }
    t->ended = true;
    return j->o->whole ? json_incref((json_t *)t->steps.prompt) : steps_ask_answer(&t->steps, t->thoughts);
}

static void take(void *ctx, struct asker *a, const struct teacher_reply *reply) {
    const struct job *j = ctx;
    struct tracing *t = (struct tracing *)a;
    int k = (int)json_array_size(t->thoughts) - 1;
    json_t *thoughts = json_array_get(t->thoughts, (size_t)k);
    struct buf text = { 0 };

    if (!t->ended || j->o->whole) {
        t->logprob += reply->logprob;
        t->tokens += reply->tokens;
    }
    if (t->ended) {
        t->reply = mem_strdup(reply->text);
        return;
    }
    steps_thought(&text, &t->steps, k, (int)json_array_size(thoughts), reply->text);
    json_array_append_new(thoughts, json_stringn(buf_text(&text), text.n));
    buf_free(&text);
}

static json_t *label_json(const struct steps *s, int label) {
    char text[2];

    return label < 0 ? json_null() : json_string(steps_label(s, label, text));
}

/* Puts the teacher's completion in the place of the record's. */
static void set_completion(const struct job *j, const struct tracing *t, json_t *out, json_t *how) {
    struct buf text = { 0 };
    int answer = j->o->whole ? -1 : steps_answer(&t->steps, t->reply);

    if (j->o->whole) {
        buf_puts(&text, t->reply);
        json_object_del(out, "thoughts");
    } else {
        steps_completion(&text, &t->steps, t->thoughts, j->o->guided ? t->steps.right : answer);
        json_object_set(out, "thoughts", t->thoughts);
        json_object_set_new(how, "derived", label_json(&t->steps, answer));
    }
    json_object_set_new(out, "completion", json_pack("[{s:s, s:s%}]", "role", "assistant", "content",
                                                     buf_text(&text), text.n));
    json_object_set_new(how, "logprob", t->tokens ? jsonl_real(t->logprob) : json_null());
    json_object_set_new(how, "tokens", json_integer(t->tokens));
    buf_free(&text);
}

static int leave(void *ctx, struct asker *a, struct err *err) {
    struct job *j = ctx;
    const struct tracing *t = (struct tracing *)a;
    json_t *out = json_copy(t->rec), *how = json_object();

    (void)err;
    json_object_set_new(how, "teacher", json_string(j->o->builtin ? "builtin" : teacher_name(j->teacher)));
    json_object_set_new(how, "guided", json_boolean(j->o->guided || j->o->builtin));
    json_object_set_new(how, "sample", json_integer(t->sample));
    if (!j->o->builtin) set_completion(j, t, out, how);
    json_object_set_new(out, "trace", how);
    if (!j->o->t.dry_run) jsonl_write(stdout, out);
    json_decref(out);
    progress_show(&j->progress, ++j->done, NULL);
    return 0;
}

/* Exactly one teacher, and options that are his. */
static void settle(const struct options *o) {
    const struct teacher_options *t = &o->t;
    int teachers = o->builtin + !!t->endpoint + !!t->command + !!t->model;

    if (teachers > 1) cli_usage(&cli, "--builtin, --endpoint, --command and --model are different teachers");
    if (!teachers && !t->dry_run) cli_usage(&cli, "one of --builtin, --endpoint, --command and --model is needed");
    if (o->builtin && (o->guided || o->whole || t->dry_run || o->samples > 1))
        cli_usage(&cli, "--builtin asks nobody: no --guided, --whole, --dry-run or --samples");
    if (o->guided && o->whole) cli_usage(&cli, "--guided tells the answer at each step: not with --whole");
    if (t->key_file && !t->endpoint) cli_usage(&cli, "--key-file is for --endpoint");
    if (t->cache && !t->endpoint && !t->command) cli_usage(&cli, "--cache is for --endpoint and --command");
}

static int run(struct job *j, char *const *operands) {
    long jobs = j->o->t.dry_run ? 1 : j->o->t.jobs;         /* printed one record after another */
    struct asking asking = { j, NULL, jobs, read_tracing, ask, take, leave, free_tracing };
    const char *file = NULL;
    size_t line = 0;
    struct err err;
    int r = -1;

    if (j->o->builtin || (j->teacher = teacher_new(&j->o->t, &err))) {
        asking.teacher = j->teacher;
        j->progress = progress_start("traces", 0, j->o->quiet);
        jsonl_open(&j->in, operands);
        r = asking_run(&asking, &file, &line, &err);
        jsonl_close(&j->in);
        progress_end(&j->progress);
    }
    if (r) cli_complain(&cli, file, line, err.msg);
    if (j->teacher && !j->o->quiet) {
        struct teacher_counts n = teacher_counts(j->teacher);

        cli_note(&cli, "%ld requests, %ld tried again, %ld replies from the cache", n.asked, n.again, n.kept);
    }
    json_decref(j->rec);
    teacher_free(j->teacher);
    return r;
}

int main(int argc, char **argv) {
    struct options o = { .t = TEACHER_DEFAULTS, .samples = 1 };
    struct job j = { .o = &o };
    char **operands;
    int r;

    o.t.temperature = 0.7;
    operands = cli_parse(&cli, &o, argc, argv);
    settle(&o);
    r = run(&j, operands);
    return cli_finish(&cli) | (r < 0 ? EXIT_DATA : EXIT_OK);
}
