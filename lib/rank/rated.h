/* rated — records of the form rate, one a candidate in whatever order, joined into cases. */
#ifndef RANK_RATED_H
#define RANK_RATED_H

#include "rank/scored.h"

struct open_case;

/* Cases with some of their candidates. Zero-initialise it. */
struct rated {
    struct open_case **open;        /* [n] by the case's index; NULL: none, or all */
    size_t n, cap;
};

/* Takes one candidate's rating of case i, from the record at `line`. Returns 1 with the last of
 * them and *scores[s->n], to be freed; 0 before it; -1 where the candidate was read before. */
int rated_take(struct rated *r, size_t i, const struct scored *s, size_t line, double **scores,
               struct err *err);

/* 0 if no case lacks candidates; else -1 and the line of one that does. */
int rated_end(const struct rated *r, size_t *line, struct err *err);

void rated_free(struct rated *r);

#endif
