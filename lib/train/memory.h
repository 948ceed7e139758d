/* memory — whether training will find the memory that it needs. OpenBLAS waits for ever when it cannot have
 * its own: ask before the first product. */
#ifndef TRAIN_MEMORY_H
#define TRAIN_MEMORY_H

#include "base/err.h"
#include "model/model.h"

/* Whether so many blocks of the model's size (weights, moments, gradients) fit what can be had without
 * swapping. Returns 0, also where that is not known, or -1 with a sentence. */
int memory_check(const struct model *m, int blocks, struct err *err);

#endif
