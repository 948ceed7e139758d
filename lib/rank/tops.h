/* tops — what the top of a run's rankings is made of: coverage, Gini, novelty.
 *
 * A case's list at k holds the k candidates of the highest scores, those that tie in the order of
 * the record; a candidate without a score is in no list. */
#ifndef RANK_TOPS_H
#define RANK_TOPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ids.h"
#include "rank/metrics.h"
#include "rank/scored.h"

/* The items of all records, in the order of coming. Zero-initialise it. */
struct catalogue {
    struct ids items;
    uint32_t *seen;             /* [items] number of the record that had the item last */
    size_t cap;
    uint32_t records;
    size_t *of;                 /* [n] the record's candidates as items */
    size_t of_cap;
};

/* Takes the candidates of a record with items. Returns 0, or -1 where an item is there twice. */
int catalogue_take(struct catalogue *c, const struct scored *s, struct err *err);
void catalogue_free(struct catalogue *c);

/* The lists of one run. Zero-initialise it. */
struct tops {
    uint32_t *count;            /* [items, cuts] lists at the cut that hold the item */
    size_t rows;                /* items that count has room for */
    double novelty[CUTS_MAX];   /* sum over what the lists hold */
    double entries[CUTS_MAX];   /* how much that is */
    bool cut_short[CUTS_MAX];   /* a record lists fewer than k of what it ranks */
    size_t *top;                /* [greatest cut] scratch */
};

/* Adds the lists of the record that the catalogue took last: the best n of `of`, ranked by
 * scores[n]; bits[n], or NULL, is the novelty of each. Returns its best item: of several that tie
 * the one the catalogue met first, wherever the record has it; SIZE_MAX: none has a score. */
size_t tops_take(struct tops *l, const struct catalogue *c, const struct cuts *cuts,
                  const double *scores, const double *bits, size_t n, size_t of);

/* Over a catalogue of `items`: share of the items that are in a list at cut i; inequality of how
 * often the items are there, RecBole's GiniIndex, from 0 (all alike) to 1; mean novelty of what the
 * lists hold. NaN where no list holds anything, and where one is cut short. */
double tops_coverage(const struct tops *l, const struct cuts *cuts, size_t i, size_t items);
double tops_gini(const struct tops *l, const struct cuts *cuts, size_t i, size_t items);
double tops_novelty(const struct tops *l, size_t i);

void tops_free(struct tops *l);

#endif
