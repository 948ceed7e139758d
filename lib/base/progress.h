/* progress — a line on a terminal: how much is done, the rate, the time left. Silent when stderr is
 * not a terminal, so logs of cron jobs stay clean. */
#ifndef BASE_PROGRESS_H
#define BASE_PROGRESS_H

#include <stdbool.h>

struct progress {
    const char *what;       /* unit, plural: "records", "tokens" */
    double total;           /* units in all; 0: not known */
    double start, shown;    /* seconds */
    bool on;
};

/* Seconds of a clock that never goes back. */
double progress_clock(void);

/* Begins; `quiet` turns it off even on a terminal. */
struct progress progress_start(const char *what, double total, bool quiet);

/* Shows that `done` units are done, at most ten times a second. `note` (or NULL) is added at the end. */
void progress_show(struct progress *p, double done, const char *note);

/* Clears the line. */
void progress_end(struct progress *p);

#endif
