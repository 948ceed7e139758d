/* view — what a prompt needs of a case record, checked once: candidates with titles, counts, levels and
 * chains, and the order of evidence. Strings and objects are borrowed from the record. */
#ifndef TEXT_VIEW_H
#define TEXT_VIEW_H

#include <jansson.h>

#include "base/err.h"

enum { VIEW_MAX = 26, VIEW_FACTS = 32 };

struct view {
    int n;                              /* candidates */
    int target;
    int drawn;                          /* chains drawn for the case */
    int count[VIEW_MAX];                /* chains that reach each candidate */
    const json_t *candidate[VIEW_MAX];
    const json_t *chains[VIEW_MAX];     /* arrays, the best first */
    const json_t *history;              /* array, oldest first */
    char level[VIEW_MAX];               /* digit of the count */
    char levels[VIEW_MAX][VIEW_FACTS + 1];      /* digits of the facts, in the record's order */
    int by_evidence[VIEW_MAX];          /* candidates by count, then best chain's weight, then index */
};

/* Reads a case record with chains. A level is a digit that weighs a candidate's number x against
 * the sum of the others' numbers: 0 where x is 0, else 6 + log2(x / others) rounded, within 1 .. 9. So 6
 * means: as much as all others together. Returns 0 or -1. */
int view_read(struct view *v, const json_t *rec, struct err *err);

/* The record with its candidates, and all that is told of each, in the order of evidence: A is the strongest.
 * A new reference, or NULL with a sentence. */
json_t *view_sorted(const json_t *rec, struct err *err);

/* Text of a candidate's, item's or chain's title, or its identifier where there is none. */
const char *view_title(const json_t *item);

/* Weight of chain k of candidate c, 0 where there is none. */
double view_weight(const struct view *v, int c, size_t k);

#endif
