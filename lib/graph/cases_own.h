/* cases_own — how negatives are chosen. Private to lib/graph/cases*.c. */
#ifndef GRAPH_CASES_OWN_H
#define GRAPH_CASES_OWN_H

#include "graph/cases.h"
#include "graph/near.h"

/* The cases behind one cut in time; where none is made there is one of these. */
struct case_cut {
    struct split split;
    const int *pool;                /* a negative is a random element of the pool */
    size_t pool_n;
    int distinct;                   /* different items in the pool */
    int *items;                     /* owned: the pool, where the graph has no such array */
    struct near *near;              /* hard: [items] of the graph, filled for the targets; NULL: none are kept */
    json_t *source;                 /* owned: the records' field */
};

/* Makes the pool of a cut whose split is there. */
void draw_open(const struct case_set *s, struct case_cut *cut);

/* Finds what is near to a target, once. */
void draw_prepare(struct case_cut *cut, const struct split_case *at);

/* Fills negatives[o.negatives]; the numbers of r move on. Returns how many there are: fewer where too few
 * are left. */
int draw_negatives(const struct case_set *s, const struct case_cut *cut, const struct split_case *at,
                   struct rng *r, int *negatives);

void draw_close(struct case_cut *cut);

#endif
