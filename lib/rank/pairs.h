/* pairs — how often items occur together in users' orders: what itemknn and markov count. Private to
 * lib/rank.
 *
 * n(i,c) is the number of users who have both i and c (steps 0), or of those who had c at most
 * `steps` events after i. Columns are counted when a candidate first asks for one, and kept as long
 * as cases share what they know: the cost is that of the candidates that occur. */
#ifndef RANK_PAIRS_H
#define RANK_PAIRS_H

#include "base/pool.h"
#include "graph/cases.h"

struct pair {
    int item, count;
};

struct pair_column {
    struct pair *pair;          /* [n], NULL: not counted yet */
    size_t n;
};

struct pairs {
    long steps;
    struct pool *pool;          /* borrowed */
    const struct graph *known;  /* what the columns are of */
    int64_t before;
    struct pair_column *column; /* [items] */
    int *scratch;               /* [threads, items], zero between uses */
    int *wanted;                /* [wanted_n] items to be counted */
    size_t wanted_n;
    int items;
};

/* Begins with no column; the pool is borrowed. Free it with pairs_free. */
void pairs_open(struct pairs *p, long steps, struct pool *pool);
void pairs_free(struct pairs *p);

/* Makes the columns of the case's candidates, and drops those of other knowledge. */
void pairs_prepare(struct pairs *p, const struct rec_case *c);

/* Adds n(i, item) for the case, whose own target edge is left out, times `sign` to counts[i]: first
 * with 1, and with -1 to clear it. After pairs_prepare. */
void pairs_add(const struct pairs *p, const struct rec_case *c, int item, int sign, int *counts);

#endif
