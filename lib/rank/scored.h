/* scored — what an evaluation needs of one record, read without building its JSON.
 *
 * A scored record has `scores`; a rollout record has `samples`, of which the first counts. In the
 * form "rate" a record is about one candidate of the case that its field `case` names. A record of
 * a full ranking lists the best items only, and `full` tells the true one's rank. */
#ifndef RANK_SCORED_H
#define RANK_SCORED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "rank/metrics.h"

/* Zero-initialise it; each reading replaces what the one before it left. */
struct scored {
    struct buf id;              /* of the case: "user#ordinal", with "~k" in permutation k > 1 */
    size_t base, permutation;   /* bytes of id without "~k"; from 1, 0: the case is there once */
    struct buf hash;            /* source.hash, empty if there is none */
    bool uniform;               /* source.draw does not say otherwise */
    size_t n;                   /* candidates (0: it does not tell) */
    uint64_t *item;             /* [n] fingerprints of the candidates' items, if has_items */
    bool has_items;
    size_t target;              /* the true one; not in a full ranking */
    bool full;
    struct rank rank;           /* full: what it says */
    bool rate;
    size_t candidate;           /* rate: which one the record is about */
    double target_rating;       /* NaN if there is none */
    bool has_scores;
    double *scores;             /* [n], NaN for null; rate: one, the expected rating */
    bool sampled;               /* it is a rollout: */
    bool valid, right;          /* its text has an answer; the record's own (never in rate) */
    size_t cap, item_cap;
    struct buf answer, said;
};

/* Reads a line of n bytes that ends in a zero byte. Returns 0, or -1 with a sentence. */
int scored_read(struct scored *s, const char *line, size_t n, struct err *err);

void scored_free(struct scored *s);

#endif
