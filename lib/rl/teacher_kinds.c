/* teacher_kinds — a command on a pipe, a model of ours, and none at all: a dry run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/coproc.h"
#include "io/jsonl.h"
#include "rl/group.h"
#include "rl/teacher_own.h"

void questions_add(struct questions *list, struct question *q) {
    q->next = NULL;
    if (list->first) list->last->next = q;
    else list->first = q;
    list->last = q;
}

struct question *questions_take(struct questions *list) {
    struct question *q = list->first;

    if (q) list->first = q->next;
    return q;
}

/* A command: its answers come in the order of the questions. */
struct command {
    const struct teacher_options *o;
    struct coproc *coproc;
    struct questions asked;
};

void *teacher_command_new(const struct teacher_options *o, struct err *err) {
    struct command *c = mem_calloc(1, sizeof *c);

    c->o = o;
    if ((c->coproc = coproc_new(o->command, err))) return c;
    free(c);
    return NULL;
}

static void command_ask(void *state, struct question *q) {
    struct command *c = state;

    coproc_send(c->coproc, q->text);
    questions_add(&c->asked, q);
}

static struct question *command_wait(void *state, long *again) {
    struct command *c = state;
    struct question *q = questions_take(&c->asked);
    const char *line;
    size_t n;

    (void)again;
    if (coproc_line(c->coproc, c->o->timeout, &line, &n, &q->err) || !(q->answer = teacher_read(line, n, &q->err)))
        err_prefix(&q->err, "--command");
    return q;
}

static void command_free(void *state) {
    struct command *c = state;

    coproc_free(c->coproc);
    questions_free(&c->asked);
    free(c);
}

const struct teacher_kind teacher_command = { command_ask, command_wait, command_free };

/* A model of ours answers what is asked side by side. */
struct own_model {
    struct group_options g;
    struct pool *pool;
    struct sampler *sampler;
    struct questions asked, begun, done;
};

void *teacher_model_new(const struct teacher_options *o, struct err *err) {
    struct own_model *m = mem_calloc(1, sizeof *m);

    m->g = (struct group_options){ .samples = 1, .limit = o->max_tokens, .no_scores = true, .batch = 64, .seed = o->seed,
                                   .sampling = { .penalty = 1, .temperature = o->temperature, .top_p = 1 } };
    m->pool = pool_new((int)o->threads);
    if ((m->sampler = sampler_new(o->model, &m->g, m->pool, err))) return m;
    pool_free(m->pool);
    free(m);
    return NULL;
}

static void model_ask(void *state, struct question *q) {
    questions_add(&((struct own_model *)state)->asked, q);
}

static json_t *answer_of(const json_t *rec) {
    const json_t *sample = json_array_get(json_object_get(rec, "samples"), 0), *x;
    const json_t *logprobs = json_object_get(sample, "logprobs");
    double sum = 0;
    size_t i;

    json_array_foreach(logprobs, i, x) sum += json_number_value(x);
    return json_pack("{s:O, s:f, s:I}", "content", json_object_get(sample, "text"), "logprob", sum, "tokens",
                     (json_int_t)json_array_size(logprobs));
}

/* Questions go to the sampler while it wants more; one that it cannot read is done at once. */
static void ask_sampler(struct own_model *m) {
    while (m->asked.first && sampler_wants(m->sampler)) {
        struct question *q = questions_take(&m->asked);
        json_t *rec = json_pack("{s:O, s:O}", "prompt", json_object_get(q->request, "messages"), "seed",
                                json_object_get(q->request, "seed"));

        questions_add(sampler_add(m->sampler, rec, &q->err) ? &m->done : &m->begun, q);
    }
}

static struct question *model_wait(void *state, long *again) {
    struct own_model *m = state;
    json_t *rec;

    (void)again;
    while (!m->done.first && (m->asked.first || m->begun.first)) {
        ask_sampler(m);
        sampler_step(m->sampler);
        while ((rec = sampler_next(m->sampler))) {
            struct question *q = questions_take(&m->begun);

            q->answer = answer_of(rec);
            questions_add(&m->done, q);
            json_decref(rec);
        }
    }
    return questions_take(&m->done);
}

static void model_free(void *state) {
    struct own_model *m = state;

    sampler_free(m->sampler);
    pool_free(m->pool);
    questions_free(&m->asked);
    questions_free(&m->begun);
    questions_free(&m->done);
    free(m);
}

const struct teacher_kind teacher_model = { model_ask, model_wait, model_free };

/* A dry run: requests are printed, and each answered with dots. */
void *teacher_dry_new(void) {
    return mem_calloc(1, sizeof(struct questions));
}

static void dry_ask(void *state, struct question *q) {
    printf("%s\n", q->text);
    questions_add(state, q);
}

static struct question *dry_wait(void *state, long *again) {
    struct question *q = questions_take(state);

    (void)again;
    q->answer = json_pack("{s:s}", "content", "...");
    return q;
}

static void dry_free(void *state) {
    questions_free(state);
    free(state);
}

const struct teacher_kind teacher_dry = { dry_ask, dry_wait, dry_free };
