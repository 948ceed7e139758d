/* rewarded — every field of a record is checked before a token of it is used. */
#include "rl/rewarded.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/jsonl.h"
#include "rl/advantage.h"

static int read_tokens(const struct rewarded *r, const json_t *sample, struct rl_sample *s, struct err *err) {
    json_t *tokens, *logprobs;

    if (jsonl_array(sample, "tokens", &tokens, err) || jsonl_array(sample, "logprobs", &logprobs, err)) return -1;
    s->n = (int)json_array_size(tokens);
    if (!s->n) return err_set(err, "\"tokens\" is empty");
    if (json_array_size(logprobs) != (size_t)s->n)
        return err_set(err, "\"logprobs\" has %zu entries for %d tokens", json_array_size(logprobs), s->n);
    s->tokens = mem_alloc((size_t)s->n, sizeof *s->tokens);
    s->old = mem_alloc((size_t)s->n, sizeof *s->old);
    for (int t = 0; t < s->n; t++) {
        const json_t *token = json_array_get(tokens, (size_t)t), *old = json_array_get(logprobs, (size_t)t);

        if (!json_is_integer(token) || json_integer_value(token) < 0 || json_integer_value(token) >= r->vocab)
            return err_set(err, "\"tokens\" holds what is not a token of the model");
        if (!json_is_number(old) || !(json_number_value(old) <= 0 && json_number_value(old) >= -FLT_MAX))
            return err_set(err, "\"logprobs\" holds what is not a log-probability");
        s->tokens[t] = (int32_t)json_integer_value(token);
        s->old[t] = (double)(float)json_number_value(old);     /* nine digits name one float */
    }
    return 0;
}

/* Counts one part of a reward under its name. */
static void add_part(struct rewarded_stats *s, const char *name, double x) {
    double ahead;
    int k = 0;

    while (k < s->n_parts && strcmp(s->name[k], name)) k++;
    if (k == REWARDED_PARTS || strlen(name) >= REWARDED_NAME) return;
    if (k == s->n_parts) strcpy(s->name[s->n_parts++], name);
    s->part_samples[k]++;
    ahead = x - s->part[k];
    s->part[k] += ahead / s->part_samples[k];           /* Welford's mean: no rounding where all are equal */
    s->part_square[k] += ahead * (x - s->part[k]);
}

/* Counts a sample. */
static void add_sample(struct rewarded *r, const json_t *sample, struct rl_sample *s) {
    struct rewarded_stats *stats = &r->stats;
    const char *finish = json_string_value(json_object_get(sample, "finish"));

    s->cut = finish && !strcmp(finish, "length");
    if (!stats->tokens) {
        stats->shortest = s->n;
        r->first = s->reward;
    }
    r->varied |= s->reward != r->first;
    stats->shortest = fmin(stats->shortest, s->n);
    stats->longest = fmax(stats->longest, s->n);
    stats->tokens += s->n;
    stats->cut += s->cut;
    stats->valid += json_is_string(json_object_get(sample, "answer"));
}

static int read_sample(struct rewarded *r, const json_t *prompt, const json_t *sample, struct rl_sample *s,
                       struct err *err) {
    const json_t *own = json_object_get(sample, "prompt");
    const char *name;
    json_t *part;

    if (own && !json_equal(own, prompt)) return err_set(err, "is of another prompt than its group");
    if (read_tokens(r, sample, s, err) || jsonl_number(sample, "reward", &s->reward, err)) return -1;
    json_object_foreach(json_object_get(sample, "parts"), name, part) {
        if (!json_is_number(part)) return err_set(err, "\"parts\": \"%s\" is not a number", name);
        add_part(&r->stats, name, json_number_value(part));
    }
    add_sample(r, sample, s);
    return 0;
}

static int read_samples(struct rewarded *r, const json_t *prompt, const json_t *samples, struct rl_group *g,
                        struct err *err) {
    for (int k = 0; k < g->n; k++) {
        if (read_sample(r, prompt, json_array_get(samples, (size_t)k), &g->samples[k], err))
            return err_prefix(err, "sample %d", k);
        if (g->n_prompt + g->samples[k].n > r->positions)
            return err_set(err, "sample %d: prompt and text have more tokens than the model's %d positions", k,
                           r->positions);
    }
    return 0;
}

static int read_prompt(struct rewarded *r, const json_t *rec, struct rl_group *g, struct err *err) {
    struct bpe_ids ids = { 0 };
    const char *model;
    json_t *prompt;
    size_t start;

    if (jsonl_string(rec, "model", &model, err)) return -1;
    if (*r->model && strcmp(model, r->model))
        return err_set(err, "was sampled from model %s, not from this one, %s", model, r->model);
    if (json_object_get(rec, "weights") && !r->any_weights)
        return err_set(err, "was sampled with rounded weights; --tis weighs it, --off-policy takes it as it is");
    prompt = json_object_get(rec, "prompt");
    if (json_object_get(rec, "prefix")) return err_set(err, "\"prefix\": tokens that were given, not sampled");
    if (!json_is_array(prompt) && !json_is_string(prompt))
        return err_set(err, "\"prompt\" is missing or not messages");
    if (chat_encode(r->chat, r->bpe, prompt, NULL, &ids, &start, err)) {
        free(ids.id);
        return -1;
    }
    g->prompt = ids.id;
    g->n_prompt = (int)ids.n;
    for (size_t i = 0; i < ids.n; i++)
        if (ids.id[i] >= r->vocab) return err_set(err, "token %d is not one of the model's %d", ids.id[i], r->vocab);
    r->stats.prompt_tokens += (double)ids.n;
    return ids.n ? 0 : err_set(err, "\"prompt\" is empty");
}

static int read_group(struct rewarded *r, const json_t *rec, struct rl_group *g, struct err *err) {
    json_t *samples;

    if (read_prompt(r, rec, g, err) || jsonl_array(rec, "samples", &samples, err)) return -1;
    if (!json_array_size(samples)) return err_set(err, "\"samples\" is empty");
    if (!r->size) r->size = (int)json_array_size(samples);
    if (json_array_size(samples) != (size_t)r->size)
        return err_set(err, "the group has %zu samples, earlier ones have %d", json_array_size(samples), r->size);
    g->samples = mem_calloc((size_t)r->size, sizeof *g->samples);
    g->n = r->size;
    return read_samples(r, json_object_get(rec, "prompt"), samples, g, err);
}

/* Counts the group. Returns whether it has signal. */
static bool judge(struct rewarded *r, const struct rl_group *g) {
    double mean, deviation, *reward = mem_alloc((size_t)g->n, sizeof *reward);
    bool silent;

    for (int k = 0; k < g->n; k++) reward[k] = g->samples[k].reward;
    silent = advantage_silent(reward, (size_t)g->n);
    advantage_moments(reward, (size_t)g->n, &mean, &deviation);
    r->stats.groups++;
    r->stats.silent += silent;
    r->stats.samples += g->n;
    r->stats.reward += mean * g->n;
    r->stats.deviation += silent ? 0 : deviation;       /* not what rounding leaves of equal rewards */
    free(reward);
    return !silent || r->keep_silent;
}

int rewarded_add(struct rewarded *r, const json_t *rec, struct err *err) {
    struct rl_group g = { 0 };
    const char *id;
    int bad;

    if (jsonl_string(rec, "id", &id, err)) return -1;
    bad = read_group(r, rec, &g, err);
    if (bad) err_prefix(err, "record %s", id);
    if (!bad && judge(r, &g)) {
        r->groups = mem_grow(r->groups, r->n, &r->cap, sizeof *r->groups);
        r->groups[r->n++] = g;
    } else {
        rl_group_free(&g);
    }
    return bad;
}

void rewarded_end(struct rewarded *r) {
    if (!r->varied) rewarded_free(r);
}

void rewarded_free(struct rewarded *r) {
    for (size_t i = 0; i < r->n; i++) rl_group_free(&r->groups[i]);
    free(r->groups);
    r->groups = NULL;
    r->n = r->cap = 0;
}
