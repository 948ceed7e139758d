/* family — what a family of classical models gives to baseline.c. Private to lib/rank. */
#ifndef RANK_FAMILY_H
#define RANK_FAMILY_H

#include "rank/baseline.h"

struct family {
    const char *name;
    const char *options;        /* names of those it takes, a space apart; see baseline_takes */
    struct fit_options own;     /* what stands for the zeros in fit_options */
    bool trained;               /* has learned the known targets: training cases are refused; when
                                   fit.epochs grows between two cases, it trains on */
    void *(*make)(const struct baseline_options *o, struct pool *pool);
    int (*learn)(void *state, const struct rec_case *c, const json_t *rec, struct err *err);
    int (*score)(void *state, const struct rec_case *c, const json_t *rec, double *scores,
                 struct err *err);
    const char *(*note)(const void *state);
    void (*drop)(void *state);
};                              /* learn and note may be NULL */

extern const struct family family_random, family_pop, family_recent_pop, family_itemknn,
                           family_userknn, family_markov, family_ease, family_als, family_bpr, family_lightgcn,
                           family_sasrec, family_gru4rec,
                           family_chainvote, family_logistic;

/* An item of the user, with its weight. */
struct owned {
    int item;
    double weight;
};

/* The user's items before the target, the latest first: c->history of them. free() them. */
struct owned *family_items(const struct rec_case *c, double recency);

/* Event number in c->split->known of the case's own target edge, or SIZE_MAX where it is not known. */
size_t family_target_edge(const struct rec_case *c);

/* End of user u's events with time < before. */
size_t family_row_end(const struct graph *g, int u, int64_t before);

/* Reads the numbers of an array field, one per candidate, into out[0], out[stride], ... Returns 0 or -1. */
int family_numbers(const json_t *obj, const char *field, int n, double *out, size_t stride,
                   struct err *err);

#endif
