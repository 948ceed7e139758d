/* teacher — who answers messages: an endpoint that speaks OpenAI's /v1/chat/completions, a command on a pipe, or a
 * model of ours. Several questions are under way at a time; answers come in any order. What an endpoint or
 * a command answered is kept in a folder, if one is given, and never asked again. */
#ifndef RL_TEACHER_H
#define RL_TEACHER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cli.h"
#include "base/err.h"

struct teacher_options {
    const char *endpoint, *command, *model;     /* one of them */
    bool dry_run;                               /* or none: requests are written to stdout */
    const char *key_file, *name, *fields, *cache;
    long retries, jobs, max_tokens, threads;
    double timeout, backoff, temperature;
    uint64_t seed;
};

#define TEACHER_DEFAULTS { .retries = 5, .jobs = 4, .max_tokens = 256, .timeout = 120, .backoff = 1, .seed = 1 }

/* Rows of an option table: T is the program's options struct, m its struct teacher_options. */
#define TEACHER_OPTIONS(T, m) \
    { 0, "endpoint", CLI_TEXT, offsetof(T, m.endpoint), 0, 0, \
      "teacher: a server like OpenAI's, as http://host/v1", "URL" }, \
    { 0, "key-file", CLI_TEXT, offsetof(T, m.key_file), 0, 0, "its key, the first line of this file", "FILE" }, \
    { 0, "model-name", CLI_TEXT, offsetof(T, m.name), 0, 0, "its model", "NAME" }, \
    { 0, "command", CLI_TEXT, offsetof(T, m.command), 0, 0, \
      "teacher: a command that answers a line with a line", "CMD" }, \
    { 0, "fields", CLI_TEXT, offsetof(T, m.fields), 0, 0, "fields of every request; null takes one out", "JSON" }, \
    { 0, "cache", CLI_TEXT, offsetof(T, m.cache), 0, 0, "folder that keeps the replies", "DIR" }, \
    { 0, "jobs", CLI_INT, offsetof(T, m.jobs), 1, 1024, "requests at a time", NULL }, \
    { 0, "retries", CLI_INT, offsetof(T, m.retries), 0, 100, "further tries of a request", NULL }, \
    { 0, "timeout", CLI_REAL, offsetof(T, m.timeout), 0.01, 86400, "seconds that a try may take", NULL }, \
    { 0, "backoff", CLI_REAL, offsetof(T, m.backoff), 0, 3600, \
      "seconds before the second try; then they double", NULL }, \
    { 0, "max-tokens", CLI_INT, offsetof(T, m.max_tokens), 1, 1e6, "of a reply", NULL }, \
    { 0, "temperature", CLI_REAL, offsetof(T, m.temperature), 0, 100, "0 takes the most probable token", NULL }, \
    { 0, "threads", CLI_INT, offsetof(T, m.threads), 0, 256, \
      "of a model of ours; 0 is all cores that may be used", NULL }, \
    { 0, "seed", CLI_SEED, offsetof(T, m.seed), 0, 0, "of what a teacher draws", NULL }

struct teacher;

/* What a question came to. */
struct teacher_reply {
    void *tag;
    char *text;                 /* free() it; NULL when it failed */
    double logprob;             /* sum over the reply's tokens; NaN: not told */
    long tokens;                /* that it is the sum of */
    struct err err;
};

struct teacher_counts {
    long asked, kept, again;    /* sent; found in the cache; tries beyond the first */
};

/* NULL with a sentence. Options are borrowed. */
struct teacher *teacher_new(const struct teacher_options *o, struct err *err);
void teacher_free(struct teacher *t);

/* As records name it: the name of an endpoint's model, or what it was reached by. */
const char *teacher_name(const struct teacher *t);

/* Asks: takes over `messages`. The draws depend on (seed, id, number). */
void teacher_ask(struct teacher *t, json_t *messages, const char *id, uint64_t number, void *tag);

/* Waits for a reply. Returns false when no question is under way. */
bool teacher_wait(struct teacher *t, struct teacher_reply *reply);

struct teacher_counts teacher_counts(const struct teacher *t);

#endif
