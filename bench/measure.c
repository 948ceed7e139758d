/* measure — run a command; its seconds, those of the processor, its greatest memory and OpenBLAS's name of
 * the core go to a file.
 *
 *   measure FILE COMMAND [ARGUMENT ...]
 * out  {"seconds":1.25,"cpu_seconds":1.2,"peak_rss":12345678,"core":"Zen"}       in FILE
 *
 * The command has our stdin and stdout; its status is ours. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/progress.h"
#include "tensor/gemm.h"

static int fail(const char *what) {
    fprintf(stderr, "measure: %s: %s\n", what, strerror(errno));
    return 1;
}

static double seconds_of(struct timeval t) {
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static int write_record(const char *path, double seconds, const struct rusage *used) {
    FILE *f = fopen(path, "w");

    if (!f) return fail(path);
    fprintf(f, "{\"seconds\":%.6f,\"cpu_seconds\":%.6f,\"peak_rss\":%ld,\"core\":\"%s\"}\n", seconds,
            seconds_of(used->ru_utime) + seconds_of(used->ru_stime), used->ru_maxrss * 1024, gemm_core());
    return fclose(f) ? fail(path) : 0;
}

int main(int argc, char **argv) {
    double start = progress_clock();
    struct rusage used;
    int status;
    pid_t child;

    if (argc < 3) {
        fputs("usage: measure FILE COMMAND [ARGUMENT ...]\n", stderr);
        return 2;
    }
    if ((child = fork()) < 0) return fail("fork");
    if (!child) {
        execvp(argv[2], argv + 2);
        fail(argv[2]);
        _exit(127);
    }
    while (wait4(child, &status, 0, &used) < 0)
        if (errno != EINTR) return fail("wait");
    if (write_record(argv[1], progress_clock() - start, &used)) return 1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
