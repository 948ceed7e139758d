/* sort — a stable sort by whole numbers, in time that grows with their count alone. */
#ifndef BASE_SORT_H
#define BASE_SORT_H

#include <stddef.h>
#include <stdint.h>

/* Sorts index[n] by key[index[i]]; where keys are equal the order stays. Nothing is moved where all is in
 * order already. */
void sort_by(size_t *index, size_t n, const int64_t *key);

#endif
