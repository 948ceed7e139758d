/* teacher — requests are made, looked up, handed to the kind of teacher, and their replies kept. */
#include "rl/teacher.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"
#include "io/cache.h"
#include "io/jsonl.h"
#include "rl/teacher_own.h"

struct teacher {
    const struct teacher_options *o;
    const struct teacher_kind *kind;
    void *state;
    json_t *fields;             /* of --fields, or NULL */
    struct questions found;     /* answered by the cache */
    long asked;                 /* under way at the teacher's */
    struct teacher_counts counts;
};

static int choose_kind(struct teacher *t, struct err *err) {
    if (t->o->dry_run) t->kind = &teacher_dry, t->state = teacher_dry_new();
    else if (t->o->endpoint) t->kind = &teacher_endpoint, t->state = teacher_endpoint_new(t->o, err);
    else if (t->o->command) t->kind = &teacher_command, t->state = teacher_command_new(t->o, err);
    else t->kind = &teacher_model, t->state = teacher_model_new(t->o, err);
    return t->state ? 0 : -1;
}

struct teacher *teacher_new(const struct teacher_options *o, struct err *err) {
    struct teacher *t = mem_calloc(1, sizeof *t);
    int bad = 0;

    t->o = o;
    if (o->fields && !(t->fields = jsonl_parse(o->fields, strlen(o->fields), err))) bad = err_prefix(err, "--fields");
    if (!bad && o->cache) bad = cache_open(o->cache, err);
    if (!bad && !choose_kind(t, err)) return t;
    teacher_free(t);
    return NULL;
}

static void free_question(struct question *q) {
    json_decref(q->request);
    json_decref(q->answer);
    free(q->text);
    free(q->key);
    free(q);
}

void questions_free(struct questions *list) {
    struct question *q;

    while ((q = questions_take(list))) free_question(q);
}

void teacher_free(struct teacher *t) {
    if (!t) return;
    if (t->state) t->kind->free(t->state);
    questions_free(&t->found);
    json_decref(t->fields);
    free(t);
}

const char *teacher_name(const struct teacher *t) {
    return t->o->name ? t->o->name : t->o->endpoint ? "endpoint" : t->o->command ? "command" : "model";
}

static json_t *make_request(const struct teacher *t, json_t *messages, json_int_t seed) {
    json_t *request = json_object(), *value;
    const char *name;

    if (t->o->name) json_object_set_new(request, "model", json_string(t->o->name));
    json_object_set_new(request, "messages", messages);
    json_object_set_new(request, "temperature", json_real(t->o->temperature));
    json_object_set_new(request, "max_tokens", json_integer(t->o->max_tokens));
    json_object_set_new(request, "seed", json_integer(seed));
    json_object_foreach(t->fields, name, value) {
        if (json_is_null(value)) json_object_del(request, name);
        else json_object_set(request, name, value);
    }
    return request;
}

/* What a reply depends on: whom is asked, what, and which draw it is, though a teacher may not see that. */
static char *cache_key(const struct teacher *t, const char *text, json_int_t seed) {
    struct buf key = { 0 };

    buf_printf(&key, "%s\n%lld\n%s", t->o->endpoint ? t->o->endpoint : t->o->command, (long long)seed, text);
    return key.s;
}

void teacher_ask(struct teacher *t, json_t *messages, const char *id, uint64_t number, void *tag) {
    struct question *q = mem_calloc(1, sizeof *q);
    json_int_t seed = (json_int_t)(rng_bits(t->o->seed, rng_stream("teacher", id), number) & INT32_MAX);

    q->tag = tag;
    q->request = make_request(t, messages, seed);
    q->text = json_dumps(q->request, JSON_COMPACT | JSON_REAL_PRECISION(15));
    if (!q->text) abort();
    if (t->o->cache) q->key = cache_key(t, q->text, seed);
    if (q->key) q->answer = cache_find(t->o->cache, q->key);
    if (q->answer) {
        t->counts.kept++;
        questions_add(&t->found, q);
        return;
    }
    t->counts.asked++;
    t->asked++;
    t->kind->ask(t->state, q);
}

/* Hands the answer over and frees the question. */
static void fill_reply(struct teacher_reply *reply, struct question *q) {
    const char *content = json_string_value(json_object_get(q->answer, "content"));
    const json_t *logprob = json_object_get(q->answer, "logprob");

    *reply = (struct teacher_reply){ .tag = q->tag, .err = q->err };
    reply->logprob = json_is_number(logprob) ? json_number_value(logprob) : NAN;
    reply->tokens = (long)json_integer_value(json_object_get(q->answer, "tokens"));
    if (content) reply->text = mem_strdup(content);
    else if (q->answer) err_set(&reply->err, "the cache holds what is no reply");
    free_question(q);
}

bool teacher_wait(struct teacher *t, struct teacher_reply *reply) {
    struct question *q = questions_take(&t->found);

    if (!q && !t->asked) return false;
    if (!q) {
        q = t->kind->wait(t->state, &t->counts.again);
        t->asked--;
        if (q->answer && q->key && cache_keep(t->o->cache, q->key, q->answer, &q->err)) {
            json_decref(q->answer);
            q->answer = NULL;
        }
    }
    fill_reply(reply, q);
    return true;
}

struct teacher_counts teacher_counts(const struct teacher *t) {
    return t->counts;
}

/* The log-probabilities of a reply's tokens: their sum and number. An array of numbers, or of objects. */
static void add_logprobs(json_t *answer, const json_t *list) {
    const json_t *x;
    double sum = 0;
    size_t i;

    json_array_foreach(list, i, x) {
        const json_t *value = json_is_object(x) ? json_object_get(x, "logprob") : x;

        if (!json_is_number(value)) return;
        sum += json_number_value(value);
    }
    if (!json_array_size(list)) return;
    json_object_set_new(answer, "logprob", jsonl_real(sum));
    json_object_set_new(answer, "tokens", json_integer((json_int_t)json_array_size(list)));
}

json_t *teacher_read(const char *body, size_t n, struct err *err) {
    json_t *reply = jsonl_parse(body, n, err), *answer = NULL;
    const json_t *choice, *content;

    if (!reply) {
        err_prefix(err, "the reply");
        return NULL;
    }
    choice = json_array_get(json_object_get(reply, "choices"), 0);
    content = json_object_get(choice ? json_object_get(choice, "message") : reply, "content");
    if (json_is_string(content)) {
        const json_t *logprobs = json_object_get(choice ? choice : reply, "logprobs");

        answer = json_pack("{s:O}", "content", content);
        add_logprobs(answer, json_is_object(logprobs) ? json_object_get(logprobs, "content") : logprobs);
    } else {
        err_set(err, "the reply has no \"content\" that is a string");
    }
    json_decref(reply);
    return answer;
}
