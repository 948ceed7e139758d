/* pairs — how often items occur together in users' orders: what itemknn and markov count.
 * Private to lib/rank.
 *
 * n(i,c) is the number of users who have both i and c (steps 0), or of those who had c at most
 * `steps` events after i; with idf, the sum over them of (log N - log(1 + n_u))^2, N items in
 * all, n_u of the user. Columns are counted when a candidate first asks for one, and kept as
 * long as cases share what they know: the cost is that of the candidates that occur. */
#ifndef RANK_PAIRS_H
#define RANK_PAIRS_H

#include "base/pool.h"
#include "graph/cases.h"

struct pair_column {
    int *item;                  /* [n] in ascending order; NULL: not counted yet */
    double *count;              /* [n] above 0 */
    size_t n;
};

struct pairs {
    long steps;
    bool idf;
    struct pool *pool;          /* borrowed */
    const struct graph *known;  /* what the columns are of */
    int64_t before;
    struct pair_column *column; /* [items] */
    double *scratch;            /* [threads, items], zero between uses */
    int *wanted;                /* [wanted_n] items to be counted */
    size_t wanted_n;
    int items;
};

/* Begins with no column; the pool is borrowed. Free it with pairs_free. */
void pairs_open(struct pairs *p, long steps, bool idf, struct pool *pool);
void pairs_free(struct pairs *p);

/* Makes the columns of the case's candidates, and drops those of other knowledge. */
void pairs_prepare(struct pairs *p, const struct rec_case *c);

/* The column of one of the case's candidates after pairs_prepare, without his own target edge.
 * Borrows from p and from *own, which is to be freed. */
struct pair_column pairs_column(const struct pairs *p, const struct rec_case *c, int item,
                                double **own);

/* Place of item i in the column; col->n where it is not there. Logarithmic. */
size_t pair_find(const struct pair_column *col, int i);

#endif
