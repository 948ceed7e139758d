/* rundir — a run's folder: step-N/ complete or absent, `last` a symlink to the newest step.
 *
 * A step is written as step-N.tmp, synced, renamed; then `last` is switched. The step before stays, older
 * ones go, except the one that `best` points to. So a stop at any moment leaves the last complete step.
 * One process at a time: the folder's lock file is held while it is open. */
#ifndef TRAIN_RUNDIR_H
#define TRAIN_RUNDIR_H

#include <stdbool.h>

#include "base/err.h"

struct rundir {
    char *path;
    int lock;               /* file descriptor */
};

/* The model directory that DIR means: DIR itself, or DIR/last where that alone holds a model or an
 * adapter. free() it. */
char *model_dir_resolve(const char *dir);

/* "dir/name"; free() it. */
char *rundir_path(const char *dir, const char *name);

/* Makes the folder if need be, takes its lock, and drops files that were never completed. Returns 0, 1 if
 * another process holds it, -1 with a sentence, also for a folder that is a model itself. Close it in the
 * first case. */
int rundir_open(struct rundir *r, const char *path, struct err *err);
void rundir_close(struct rundir *r);

/* Number of the step that `last` points to, or -1. */
long rundir_last(const struct rundir *r);

/* An empty folder for the files of a step; free() the path. NULL with a sentence. */
char *rundir_begin(const struct rundir *r, long step, struct err *err);

/* Puts the step in its place and drops old ones. Returns 0 or -1. */
int rundir_commit(const struct rundir *r, long step, struct err *err);

/* Makes `best` point to a complete step. Returns 0 or -1. */
int rundir_best(const struct rundir *r, long step, struct err *err);

/* Makes the folder `path` complete or not at all: fill() writes its files into one beside it, which is then
 * renamed. Returns 0 or -1. */
int rundir_fill(const char *path, int (*fill)(void *ctx, const char *dir, struct err *err), void *ctx,
                struct err *err);

/* Removes a folder of plain files. Failure is no error. */
void rundir_remove(const char *path);

#endif
