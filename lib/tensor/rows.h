/* rows — work on rows of a matrix, cut into parts of a fixed number of rows and given to the pool. */
#ifndef TENSOR_ROWS_H
#define TENSOR_ROWS_H

#include <stddef.h>

#include "base/pool.h"

/* Works on rows begin .. end-1, which are part number `part`. */
typedef void rows_work(void *ctx, int begin, int end, int part);

/* Cuts n rows into parts of `step` (the last may be shorter) and works on all of them. */
void rows_run(struct pool *pool, int n, int step, rows_work *work, void *ctx);

/* The same in parts of at most `most` rows, as many as there are threads at least: for work on rows one by one, whose
 * parts are all alike. */
void rows_spread(struct pool *pool, int n, int most, rows_work *work, void *ctx);

/* Number of parts of `step`. */
int rows_parts(int n, int step);

/* The step of the fewest parts of at most `most` rows that are alike, a multiple of `unit`; 0 for n = 0. */
int rows_alike(int n, int most, int unit);

#endif
