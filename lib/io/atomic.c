/* atomic — temporary file, fsync, rename, fsync of the folder. */
#define _GNU_SOURCE
#include "io/atomic.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static char *temporary_name(const char *path) {
    char *tmp;

    if (asprintf(&tmp, "%s.tmp.%ld", path, (long)getpid()) < 0) abort();
    return tmp;
}

static int fail(const char *path, struct err *err) {
    return err_set(err, "%s: %s", path, strerror(errno));
}

static void drop(struct atomic_file *a) {
    free(a->path);
    free(a->tmp);
    *a = (struct atomic_file){ 0 };
}

int atomic_open(struct atomic_file *a, const char *path, struct err *err) {
    struct stat old;
    char *real;

    /* the rename would put a file in the place of /dev/stdout, /dev/full or a folder */
    if (!stat(path, &old) && !S_ISREG(old.st_mode)) {
        *a = (struct atomic_file){ 0 };
        return err_set(err, "%s: not a regular file", path);
    }
    /* a symbolic link stays one: what it points to is replaced */
    real = !lstat(path, &old) && S_ISLNK(old.st_mode) ? realpath(path, NULL) : NULL;
    if (!real) real = mem_strdup(path);
    *a = (struct atomic_file){ .path = real, .tmp = temporary_name(real) };
    a->f = fopen(a->tmp, "we");
    if (a->f) return 0;
    fail(a->tmp, err);
    drop(a);
    return -1;
}

int atomic_sync_dir(const char *dir, struct err *err) {
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r;

    if (fd < 0) return fail(dir, err);
    r = fsync(fd);
    if (r) fail(dir, err);
    close(fd);
    return r ? -1 : 0;
}

/* fsync of the folder that holds `path`. */
static int sync_parent(const char *path, struct err *err) {
    const char *slash = strrchr(path, '/');
    char *dir;
    int r;

    if (!slash) return atomic_sync_dir(".", err);
    dir = mem_strdup(path);
    dir[slash == path ? 1 : slash - path] = 0;
    r = atomic_sync_dir(dir, err);
    free(dir);
    return r;
}

/* A file that is replaced keeps its permissions. */
static void keep_mode(const struct atomic_file *a) {
    struct stat old;

    if (!stat(a->path, &old) && fchmod(fileno(a->f), old.st_mode & 07777)) errno = 0;
}

/* A stream remembers that a write failed, not why: one more byte, into a file that is about to go, tells. */
static int fail_write(const struct atomic_file *a, struct err *err) {
    if (write(fileno(a->f), "", 1) == 1) return err_set(err, "%s: a write failed", a->path);
    return fail(a->path, err);
}

int atomic_commit(struct atomic_file *a, struct err *err) {
    int bad = 0;

    keep_mode(a);
    if (ferror(a->f)) bad = fail_write(a, err);
    else if (fflush(a->f) || fsync(fileno(a->f))) bad = fail(a->path, err);
    if (fclose(a->f) && !bad) bad = fail(a->path, err);
    a->f = NULL;
    if (!bad && rename(a->tmp, a->path)) bad = fail(a->path, err);
    if (bad) unlink(a->tmp);
    if (!bad) bad = sync_parent(a->path, err);
    drop(a);
    return bad ? -1 : 0;
}

void atomic_abort(struct atomic_file *a) {
    if (!a->path) return;
    if (a->f) fclose(a->f);
    unlink(a->tmp);
    drop(a);
}

int atomic_symlink(const char *target, const char *link, struct err *err) {
    char *tmp = temporary_name(link);
    int r = 0;

    unlink(tmp);
    if (symlink(target, tmp) || rename(tmp, link)) r = fail(link, err);
    if (r) unlink(tmp);
    free(tmp);
    return r ? r : sync_parent(link, err);
}
