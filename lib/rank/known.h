/* known — what the graph that cases were drawn from says of a record: how often its items are
 * known. Every record is held against the graph on the way: fingerprint, case and items. */
#ifndef RANK_KNOWN_H
#define RANK_KNOWN_H

#include "graph/cases.h"
#include "rank/scored.h"

/* Open it with known_open. */
struct known {
    const struct graph *g;          /* borrowed */
    struct case_reader reader;
    size_t items;                   /* that have an event: the catalogue */
    const struct graph *counted;    /* the known graph that `users` is of: */
    size_t users;                   /* who have a known event on some item */
    /* of the record read last: */
    size_t target_count;            /* known events on its target */
    size_t ranked;                  /* items that a full ranking of the case has: those that the
                                     * user never touched, and the target */
    double *bits;                   /* [candidates] -log2(count / users), count at least 1 */
    size_t cap;
};

void known_open(struct known *k, const struct graph *g);

/* Reads the line of n bytes that scored_read took *s from. Returns 0 or -1. */
int known_read(struct known *k, const char *line, size_t n, const struct scored *s,
               struct err *err);

void known_close(struct known *k);

#endif
