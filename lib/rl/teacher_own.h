/* teacher_own — what the kinds of teachers share. Private to lib/rl/teacher*.c. */
#ifndef RL_TEACHER_OWN_H
#define RL_TEACHER_OWN_H

#include "rl/teacher.h"

/* A question, from teacher_ask to its reply. */
struct question {
    struct question *next;
    void *tag;
    json_t *request;        /* as an endpoint takes it */
    char *text;             /* the same, a line */
    char *key;              /* in the cache; NULL: no cache */
    json_t *answer;         /* {"content","logprob","tokens"}; NULL: none yet, or failed: */
    struct err err;
};

/* Questions in their order. Zero-initialise it. */
struct questions {
    struct question *first, *last;
};

void questions_add(struct questions *list, struct question *q);

/* The first one, or NULL. */
struct question *questions_take(struct questions *list);

/* Frees all that are left. */
void questions_free(struct questions *list);

/* One way to reach a teacher. `ask` may only note the question; `wait` gives one back of those that were
 * asked, answered or failed, and adds the tries beyond the first to *again. */
struct teacher_kind {
    void (*ask)(void *state, struct question *q);
    struct question *(*wait)(void *state, long *again);
    void (*free)(void *state);
};

extern const struct teacher_kind teacher_endpoint, teacher_command, teacher_model, teacher_dry;

/* The state of each kind, or NULL with a sentence. */
void *teacher_endpoint_new(const struct teacher_options *o, struct err *err);
void *teacher_command_new(const struct teacher_options *o, struct err *err);
void *teacher_model_new(const struct teacher_options *o, struct err *err);
void *teacher_dry_new(void);

/* Reads what an endpoint or a command answers: {"choices":[{"message":{"content"}}]} or {"content"}, with
 * "logprobs" or not. A new reference, or NULL with a sentence. */
json_t *teacher_read(const char *body, size_t n, struct err *err);

#endif
