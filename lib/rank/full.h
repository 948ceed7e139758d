/* full — a case ranked against every item that its user never touched. Private to bin/baseline
 * and tests. */
#ifndef RANK_FULL_H
#define RANK_FULL_H

#include "rank/baseline.h"

/* Scores the target and all items with an event that the user has none with: in the whole graph,
 * or, for a training case, in the known one. Puts into the record the best K as "candidates" and
 * "scores", and "full":{"rank","tied","of"}; "target" goes. Returns 0 or -1. */
int full_score(struct baseline *b, const struct rec_case *c, long K, json_t *rec, struct err *err);

#endif
