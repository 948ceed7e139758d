/* scored — what an evaluation needs of one record, read without building its JSON.
 *
 * A scored record has `scores`; a rollout record has `samples`, of which the first counts. In the
 * form "rate" a record is about one candidate of the case that its field `case` names. */
#ifndef RANK_SCORED_H
#define RANK_SCORED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/* Zero-initialise it; each reading replaces what the one before it left. */
struct scored {
    struct buf id;              /* of the case */
    struct buf hash;            /* source.hash, empty if there is none */
    size_t n, target;           /* candidates (0: it does not tell), the true one */
    bool rate;
    size_t candidate;           /* rate: which one the record is about */
    bool has_scores;
    double *scores;             /* [n], NaN for null; rate: one, the expected rating */
    bool sampled;               /* it is a rollout: */
    bool valid, right;          /* its text has an answer; the record's own (never in rate) */
    size_t cap;
    struct buf answer, said;
};

/* Reads a line of n bytes that ends in a zero byte. Returns 0, or -1 with a sentence. */
int scored_read(struct scored *s, const char *line, size_t n, struct err *err);

void scored_free(struct scored *s);

#endif
