/* places — how a run fares by the place at which the true candidate stands in the record, and how
 * often it picks each place. */
#ifndef RANK_PLACES_H
#define RANK_PLACES_H

#include <stddef.h>
#include <stdint.h>

struct place_hit;

/* Zero-initialise it. */
struct places {
    struct place_hit *hit;      /* [n] one a record */
    size_t n, cap;
    double *picked;             /* [width] records that put this place first; ties share */
    size_t *offered;            /* [width] records that have this place */
    size_t width, picked_cap, offered_cap;
};

/* Takes a record of the case number `base`: its scores[n], NaN for none, and the hit at the first
 * place. A record without any score picks nothing. */
void places_take(struct places *p, uint32_t base, const double *scores, size_t n, size_t target,
                 double hr1);

/* Sorts the records: after the last places_take. */
void places_end(struct places *p);

/* The cases whose target stood at the place, from 0, and the mean of their hits: those of one case
 * are averaged first. hr1 is NaN if n is 0. After places_end. */
void places_at(const struct places *p, size_t place, size_t *n, double *hr1);

void places_free(struct places *p);

#endif
