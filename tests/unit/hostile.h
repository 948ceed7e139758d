/* hostile — what tests of hostile files share: the sentence that refuses, and bounds on time and memory. */
#ifndef TESTS_UNIT_HOSTILE_H
#define TESTS_UNIT_HOSTILE_H

#define _GNU_SOURCE
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "check.h"

#ifdef __SANITIZE_ADDRESS__
enum { MAX_MS = 1000, MAX_RSS = 1 << 30 };
#else
enum { MAX_MS = 100, MAX_RSS = 50 << 20 };
#endif

/* Milliseconds. */
static double now(void) {
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* r and the sentence are those of a refusal that says `want`, or of a success if want is NULL. */
static void check_sentence(const char *what, int r, const char *got, const char *want) {
    if (!want && r) fprintf(stderr, "%s\n  %s\n", what, got);
    if (want && (!r || strcmp(got, want))) fprintf(stderr, "%s\n  says  %s\n  not   %s\n", what, r ? got : "-", want);
    CHECK(want ? r && !strcmp(got, want) : !r);
}

/* All that was done so far took little memory. */
static void check_rss(void) {
    struct rusage use;

    getrusage(RUSAGE_SELF, &use);
    CHECK(use.ru_maxrss * 1024 < MAX_RSS);
}

#endif
