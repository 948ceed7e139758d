/* asking — records that ask a teacher one question after another, many records at a time, and leave in the
 * order in which they came. */
#ifndef RL_ASKING_H
#define RL_ASKING_H

#include <jansson.h>
#include <stdint.h>

#include "rl/teacher.h"

/* A record under way. Programs put it first in a struct of their own. */
struct asker {
    struct asker *next;
    const char *file;       /* where it came from */
    size_t line;
    const char *id;         /* for the teacher's draws, with a number for each question */
    uint64_t number;
    bool waits, done, failed;
    struct err err;
};

/* What a program does with them; `ctx` is its own. */
struct asking {
    void *ctx;
    struct teacher *teacher;        /* NULL: nobody asks */
    long jobs;                      /* questions under way at a time */

    /* The next record: 1, 0 at the end, -1 with err, file and line set in an asker that is new, too. */
    int (*read)(void *ctx, struct asker **a);

    /* The next question, a new reference, or NULL: it has no more. */
    json_t *(*ask)(void *ctx, struct asker *a);

    /* Takes the reply to it. */
    void (*take)(void *ctx, struct asker *a, const struct teacher_reply *reply);

    /* Takes its leave. Returns 0, or -1 with err. */
    int (*leave)(void *ctx, struct asker *a, struct err *err);

    /* Frees an asker, whether it left or not. */
    void (*free)(struct asker *a);
};

/* Runs until the end of the input. Returns 0, or -1 when a record failed: those in front of it have left, and
 * its place is in *file and *line. */
int asking_run(const struct asking *s, const char **file, size_t *line, struct err *err);

#endif
