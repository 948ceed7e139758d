/* coproc — two pipes and poll, so that neither side waits for the other to read. */
#define _GNU_SOURCE
#include "io/coproc.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/progress.h"

extern char **environ;

enum { CHUNK = 1 << 16, LINE_MAX_BYTES = 16 << 20 };

struct coproc {
    pid_t pid;
    int to, from;           /* pipes; -1: closed */
    struct buf out, in;     /* still to be written; read and not yet taken */
    size_t written, taken;
    bool failed;            /* it is not waited for */
};

static int start(struct coproc *c, const char *command, const int to[2], const int from[2], struct err *err) {
    char *argv[] = { "sh", "-c", (char *)command, NULL };
    posix_spawn_file_actions_t actions;
    int code;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO);
    code = posix_spawn(&c->pid, "/bin/sh", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(to[0]);
    close(from[1]);
    c->to = to[1];
    c->from = from[0];
    if (code) {
        c->pid = 0;
        return err_set(err, "/bin/sh: %s", strerror(code));
    }
    fcntl(c->to, F_SETFL, O_NONBLOCK);
    return 0;
}

struct coproc *coproc_new(const char *command, struct err *err) {
    struct coproc *c = mem_calloc(1, sizeof *c);
    int to[2], from[2];

    c->to = c->from = -1;
    if (pipe2(to, O_CLOEXEC)) {
        err_set(err, "%s", strerror(errno));
    } else if (pipe2(from, O_CLOEXEC)) {
        err_set(err, "%s", strerror(errno));
        close(to[0]);
        close(to[1]);
    } else if (!start(c, command, to, from, err)) {
        return c;
    }
    coproc_free(c);
    return NULL;
}

void coproc_free(struct coproc *c) {
    if (!c) return;
    if (c->to >= 0) close(c->to);
    if (c->from >= 0) close(c->from);
    if (c->pid && c->failed) kill(c->pid, SIGTERM);
    if (c->pid) while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR) continue;
    buf_free(&c->out);
    buf_free(&c->in);
    free(c);
}

void coproc_send(struct coproc *c, const char *line) {
    buf_puts(&c->out, line);
    buf_puts(&c->out, "\n");
}

/* write(), but EPIPE is an error and no signal, though the program dies of a SIGPIPE on its own output. */
static ssize_t write_quietly(int fd, const char *bytes, size_t n) {
    const struct timespec now = { 0, 0 };
    sigset_t pipe, before;
    ssize_t w;
    int cause;

    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    w = write(fd, bytes, n);
    cause = errno;
    if (w < 0 && cause == EPIPE) sigtimedwait(&pipe, NULL, &now);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = cause;
    return w;
}

/* Writes what the pipe takes. A command that reads no more is found out when it ends. */
static void write_some(struct coproc *c) {
    ssize_t w = write_quietly(c->to, c->out.s + c->written, c->out.n - c->written);

    if (w > 0) c->written += (size_t)w;
    if (c->written < c->out.n && (w >= 0 || errno == EAGAIN || errno == EINTR)) return;
    buf_clear(&c->out);
    c->written = 0;
}

/* Reads what is there. Returns 0, or -1: its end, or a failure. */
static int read_some(struct coproc *c, struct err *err) {
    char bytes[CHUNK];
    ssize_t r = read(c->from, bytes, sizeof bytes);

    if (r < 0 && errno == EINTR) return 0;
    if (r < 0) return err_set(err, "%s", strerror(errno));
    if (!r) return err_set(err, "it ended without an answer");
    buf_add(&c->in, bytes, (size_t)r);
    return c->in.n - c->taken > LINE_MAX_BYTES ? err_set(err, "a line of more than %d MiB", LINE_MAX_BYTES >> 20) : 0;
}

/* Forgets the line that was taken. */
static void drop_taken(struct coproc *c) {
    memmove(c->in.s, c->in.s + c->taken, c->in.n - c->taken);
    c->in.n -= c->taken;
    c->taken = 0;
}

static int next_line(struct coproc *c, double timeout, const char **line, size_t *n, struct err *err) {
    double end = progress_clock() + timeout;

    if (c->taken) drop_taken(c);
    for (size_t looked = 0;;) {
        struct pollfd fds[] = { { c->from, POLLIN, 0 }, { c->written < c->out.n ? c->to : -1, POLLOUT, 0 } };
        char *newline = c->in.n > looked ? memchr(c->in.s + looked, '\n', c->in.n - looked) : NULL;
        double left = end - progress_clock();

        if (newline) {
            *newline = 0;
            *line = c->in.s;
            *n = (size_t)(newline - c->in.s);
            c->taken = *n + 1;
            return 0;
        }
        looked = c->in.n;
        if (left <= 0) return err_set(err, "no answer within %g seconds", timeout);
        if (poll(fds, 2, (int)ceil(fmin(left, 1000) * 1000)) < 0 && errno != EINTR)
            return err_set(err, "%s", strerror(errno));
        if (fds[1].revents) write_some(c);
        if (fds[0].revents && read_some(c, err)) return -1;
    }
}

int coproc_line(struct coproc *c, double timeout, const char **line, size_t *n, struct err *err) {
    int bad = next_line(c, timeout, line, n, err);

    c->failed |= bad != 0;
    return bad;
}
