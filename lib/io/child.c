/* child — posix_spawnp. Input, output and complaints are files in memory: with pipes the two processes
 * could wait for each other, and a child that ends early would send SIGPIPE. */
#define _GNU_SOURCE
#include "io/child.h"

#include <errno.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STREAMS = 3 };       /* standard input, output and error */

static int fail(const char *what, int cause, struct err *err) {
    return err_set(err, "%s: %s", what, strerror(cause));
}

static int fill(int fd, const struct buf *in) {
    for (size_t done = 0; done < in->n;) {
        ssize_t n = write(fd, in->s + done, in->n - done);

        if (n < 0 && errno != EINTR) return -1;
        if (n > 0) done += (size_t)n;
    }
    return lseek(fd, 0, SEEK_SET) ? -1 : 0;
}

static int read_back(struct buf *out, int fd) {
    char chunk[1 << 16];
    off_t at = 0;
    ssize_t n;

    while ((n = pread(fd, chunk, sizeof chunk, at)) > 0) {
        buf_add(out, chunk, (size_t)n);
        at += n;
    }
    return n < 0 ? -1 : 0;
}

/* Starts argv with fd[] as its streams. Returns 0 or what went wrong. */
static int spawn(pid_t *pid, char *const *argv, const int *fd) {
    posix_spawn_file_actions_t actions;
    int cause = posix_spawn_file_actions_init(&actions);

    if (cause) return cause;
    for (int k = 0; k < STREAMS && !cause; k++)
        cause = posix_spawn_file_actions_adddup2(&actions, fd[k], k);
    if (!cause) cause = posix_spawnp(pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return cause;
}

/* The last line of text; cut into *said. */
static const char *last_line(struct buf *said) {
    char *line;

    while (said->n && strchr(" \r\n", said->s[said->n - 1])) said->s[--said->n] = 0;
    line = said->n ? strrchr(said->s, '\n') : NULL;
    line = line ? line + 1 : (char *)buf_text(said);
    return line + strspn(line, " ");
}

static int judge(const char *name, int status, int fd, struct err *err) {
    struct buf said = { 0 };

    if (WIFEXITED(status) && !WEXITSTATUS(status)) return 0;
    read_back(&said, fd);
    if (WIFSIGNALED(status)) err_set(err, "%s was ended by signal %d", name, WTERMSIG(status));
    else err_set(err, "%s failed with status %d", name, WEXITSTATUS(status));
    if (said.n) {
        struct err how = *err;

        err_set(err, "%s: %s", how.msg, last_line(&said));
    }
    buf_free(&said);
    return -1;
}

static int run(struct buf *out, char *const *argv, const struct buf *in, const int *fd, struct err *err) {
    pid_t pid;
    int status, cause;

    if (fill(fd[0], in)) return fail("memory for a child", errno, err);
    cause = spawn(&pid, argv, fd);
    if (cause == ENOENT) return err_set(err, "%s is not on PATH", argv[0]);
    if (cause) return fail(argv[0], cause, err);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return fail(argv[0], errno, err);
    if (judge(argv[0], status, fd[2], err)) return -1;
    return read_back(out, fd[1]) ? fail(argv[0], errno, err) : 0;
}

int child_filter(struct buf *out, char *const *argv, const struct buf *in, struct err *err) {
    int fd[STREAMS], n = 0, r = -1;

    while (n < STREAMS && (fd[n] = memfd_create(argv[0], MFD_CLOEXEC)) >= 0) n++;
    if (n == STREAMS) r = run(out, argv, in, fd, err);
    else fail("memory for a child", errno, err);
    while (n) close(fd[--n]);
    return r;
}
