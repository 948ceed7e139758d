/* rundir — folders, links and the lock. */
#define _GNU_SOURCE
#include "train/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/atomic.h"

char *rundir_path(const char *dir, const char *name) {
    char *path;

    if (asprintf(&path, "%s/%s", dir, name) < 0) abort();
    return path;
}

enum { STEP_NAME = 32 };

static const char *step_name(char name[STEP_NAME], long step) {
    snprintf(name, STEP_NAME, "step-%ld", step);
    return name;
}

static char *step_path(const char *dir, long step, const char *suffix) {
    char name[2 * STEP_NAME];

    snprintf(name, sizeof name, "step-%ld%s", step, suffix);
    return rundir_path(dir, name);
}

static bool exists(const char *dir, const char *name) {
    char *path = rundir_path(dir, name);
    struct stat st;
    bool yes = !stat(path, &st);

    free(path);
    return yes;
}

/* Whether the folder holds a model or an adapter. */
static bool is_model(const char *dir) {
    return exists(dir, "config.json") || exists(dir, "adapter_config.json");
}

char *model_dir_resolve(const char *dir) {
    char *last = rundir_path(dir, "last");

    if (!is_model(dir) && is_model(last)) return last;
    free(last);
    return mem_strdup(dir);
}

static int fail(const char *path, struct err *err) {
    return err_set(err, "%s: %s", path, strerror(errno));
}

/* mkdir -p. */
static int make_folders(const char *path, struct err *err) {
    char *part = mem_strdup(path);
    int r = 0;

    for (char *p = part + 1; !r; p++) {
        char c = *p;

        if (c && c != '/') continue;
        *p = 0;
        if (mkdir(part, 0777) && errno != EEXIST) r = fail(part, err);
        *p = c;
        if (!c) break;
    }
    free(part);
    return r;
}

void rundir_remove(const char *path) {
    DIR *d = opendir(path);
    struct dirent *e;

    if (!d) return;
    while ((e = readdir(d)))
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..")) unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
    rmdir(path);
}

int rundir_fill(const char *path, int (*fill)(void *ctx, const char *dir, struct err *err), void *ctx,
                struct err *err) {
    int n = (int)strlen(path), r;
    char *tmp;

    while (n > 1 && path[n - 1] == '/') n--;
    if (asprintf(&tmp, "%.*s.tmp.%ld", n, path, (long)getpid()) < 0) abort();
    if (mkdir(tmp, 0777)) {
        r = fail(tmp, err);
    } else {
        r = fill(ctx, tmp, err);
        if (!r) r = atomic_sync_dir(tmp, err);
        if (!r && rename(tmp, path)) r = fail(path, err);
        if (r) rundir_remove(tmp);
    }
    free(tmp);
    return r;
}

/* Drops the files, not folders, that a killed process left beside their targets (io/atomic). */
static void drop_leftovers(const char *path) {
    DIR *d = opendir(path);
    struct dirent *e;

    if (!d) return;
    while ((e = readdir(d)))
        if (strstr(e->d_name, ".tmp.")) unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
}

int rundir_open(struct rundir *r, const char *path, struct err *err) {
    char *lock;

    *r = (struct rundir){ .lock = -1 };
    if (make_folders(path, err)) return -1;
    if (is_model(path)) return err_set(err, "%s: a model directory cannot be a run directory", path);
    lock = rundir_path(path, "lock");
    r->lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (r->lock < 0 || flock(r->lock, LOCK_EX | LOCK_NB)) {
        int locked = r->lock >= 0 && errno == EWOULDBLOCK;

        if (locked) err_set(err, "%s: another process works in this run", path);
        else fail(lock, err);
        if (r->lock >= 0) close(r->lock);
        free(lock);
        return locked ? 1 : -1;
    }
    free(lock);
    drop_leftovers(path);
    r->path = mem_strdup(path);
    return 0;
}

void rundir_close(struct rundir *r) {
    if (!r->path) return;
    close(r->lock);
    free(r->path);
    *r = (struct rundir){ .lock = -1 };
}

/* The step a link of the folder points to, or -1. */
static long linked(const struct rundir *r, const char *name) {
    char target[64], *path = rundir_path(r->path, name), *end;
    ssize_t n = readlink(path, target, sizeof target - 1);
    long step = -1;

    free(path);
    if (n <= 0) return -1;
    target[n] = 0;
    if (!strncmp(target, "step-", 5)) step = strtol(target + 5, &end, 10);
    return step >= 0 && !*end ? step : -1;
}

long rundir_last(const struct rundir *r) {
    return linked(r, "last");
}

char *rundir_begin(const struct rundir *r, long step, struct err *err) {
    char *path = step_path(r->path, step, ".tmp");

    rundir_remove(path);
    if (!mkdir(path, 0777)) return path;
    fail(path, err);
    free(path);
    return NULL;
}

/* Drops what was never completed, and all but the newest complete steps. Failure to remove is no error. */
static void prune(const struct rundir *r) {
    DIR *d = opendir(r->path);
    long last = linked(r, "last"), best = linked(r, "best"), before = -1;
    struct dirent *e;

    for (int pass = 0; d && pass < 2; pass++, rewinddir(d)) {
        while ((e = readdir(d))) {
            char *end = NULL, *path;
            long step = strncmp(e->d_name, "step-", 5) ? -1 : strtol(e->d_name + 5, &end, 10);

            if (step < 0 || end == e->d_name + 5) continue;
            if (!pass && !*end && step < last && step > before) before = step;
            if (!pass || (!*end && (step == last || step == before || step == best))) continue;
            path = rundir_path(r->path, e->d_name);
            rundir_remove(path);
            free(path);
        }
    }
    if (d) closedir(d);
}

int rundir_commit(const struct rundir *r, long step, struct err *err) {
    char *tmp = step_path(r->path, step, ".tmp"), *path = step_path(r->path, step, "");
    char *link = rundir_path(r->path, "last"), name[STEP_NAME];
    int bad = atomic_sync_dir(tmp, err);

    if (!bad) {
        rundir_remove(path);              /* there only if a stop came between rename and link */
        if (rename(tmp, path)) bad = fail(path, err);
    }
    if (!bad) bad = atomic_sync_dir(r->path, err);
    if (!bad) bad = atomic_symlink(step_name(name, step), link, err);
    if (!bad) prune(r);
    free(tmp);
    free(path);
    free(link);
    return bad ? -1 : 0;
}

int rundir_best(const struct rundir *r, long step, struct err *err) {
    char name[STEP_NAME], *link = rundir_path(r->path, "best");
    int bad = atomic_symlink(step_name(name, step), link, err);

    free(link);
    return bad;
}
