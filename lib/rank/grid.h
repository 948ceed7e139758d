/* grid — the values of options that tuning tries. Private to lib/rank. */
#ifndef RANK_GRID_H
#define RANK_GRID_H

#include <stdbool.h>

#include "rank/baseline.h"

struct grid_row {
    int kind;                   /* enum baseline_kind */
    const char *option;
    bool fit;                   /* a fitted model is of no use with another value */
    int n;
    double value[10];
};

/* Row number k of the model, in the order in which they are tried; NULL after the last. */
const struct grid_row *grid_row(int kind, int k);

/* The option as a number: a choice is the index of its word. */
double grid_get(const struct baseline_options *o, const char *option);
void grid_set(struct baseline_options *o, const char *option, double value);

#endif
