/* strata — the cases in groups of equal size, by how often their targets are known. */
#ifndef RANK_STRATA_H
#define RANK_STRATA_H

#include "rank/runs.h"

struct strata {
    size_t n;                   /* groups */
    size_t *order;              /* [cases] by count, equal ones as the first run has them */
    size_t *begin;              /* [n+1] group g is order[begin[g]] .. order[begin[g+1]-1] */
};

/* Makes n <= cases groups, as equal as whole cases are; the runs have a graph. Free it with
 * strata_free. */
void strata_make(struct strata *s, const struct runs *rs, size_t n);
void strata_free(struct strata *s);

/* The mean of number m of the kept metrics over group g; needs rs->keep. */
double strata_mean(const struct strata *s, const struct runs *rs, const struct run *run, size_t g,
                   size_t m);

#endif
