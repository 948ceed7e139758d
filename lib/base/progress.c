/* progress — one line on the terminal, rewritten in place. */
#include "base/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

double progress_clock(void) {
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

struct progress progress_start(const char *what, double total, bool quiet) {
    return (struct progress){ .what = what, .total = total, .start = progress_clock(),
                              .on = !quiet && isatty(STDERR_FILENO) };
}

void progress_show(struct progress *p, double done, const char *note) {
    double now = progress_clock();
    double rate = done / (now - p->start + 1e-9);

    if (!p->on || now - p->shown < 0.1) return;
    p->shown = now;
    fprintf(stderr, "\r%.0f", done);
    if (p->total > 0) fprintf(stderr, "/%.0f (%.0f %%)", p->total, 100 * done / p->total);
    fprintf(stderr, " %s, %.1f/s", p->what, rate);
    if (p->total > 0 && rate > 0) fprintf(stderr, ", %.0f s left", (p->total - done) / rate);
    fprintf(stderr, "%s%s\033[K", note ? ", " : "", note ? note : "");
    fflush(stderr);
}

void progress_end(struct progress *p) {
    if (p->on && p->shown > 0) fputs("\r\033[K", stderr);
    p->on = false;
}
