/* nearest — the K-th greatest of some numbers. Private to lib/rank. */
#ifndef RANK_NEAREST_H
#define RANK_NEAREST_H

#include <stddef.h>

/* The k-th greatest of x[n], k from 1, less what rounding may have done to one that equals it;
 * -INFINITY where k is 0 or greater than n: all are as near. Reorders x. Linear on the whole. */
double nearest_bound(double *x, size_t n, size_t k);

#endif
