/* metric — what the trainers' metric records share. */
#ifndef TRAIN_METRIC_H
#define TRAIN_METRIC_H

#include <jansson.h>

#include "base/err.h"
#include "base/pool.h"

/* The greatest resident memory of this process so far, in bytes. */
json_int_t metric_peak_rss(void);

/* {"products":...,"attention":...,...}: where the seconds of a step went, all that passed since the pool's parts were
 * last read; "other" is what the rest leaves. A new reference. */
json_t *metric_parts(struct pool *pool, double step);

/* Writes a record to stdout at once and drops the reference: a step is saved only after its record is
 * out. Returns 0, or -1 with a sentence when it cannot be written. */
int metric_write(json_t *record, struct err *err);

#endif
