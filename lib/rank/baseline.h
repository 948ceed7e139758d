/* baseline — classical models that score the candidates of a case.
 *
 * A model sees what the case may know and no more: the known graph's events before the case's time,
 * without its target edge. What is fitted is kept for as long as the cases share their known graph,
 * and a training case's own edge is taken out of it exactly. The formulas are in man baseline. */
#ifndef RANK_BASELINE_H
#define RANK_BASELINE_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "base/pool.h"
#include "graph/cases.h"

enum baseline_kind {
    BASELINE_RANDOM, BASELINE_POP, BASELINE_ITEMKNN, BASELINE_MARKOV, BASELINE_EASE,
    BASELINE_CHAINVOTE, BASELINE_LOGISTIC, BASELINES
};

#define BASELINE_WORDS "random|pop|itemknn|markov|ease|chainvote|logistic"

struct baseline_options {
    int kind;                   /* enum baseline_kind */
    double days;                /* pop: events of the last so many days; 0: all */
    double shrink;              /* itemknn: added to the cosine's denominator */
    long steps;                 /* markov: c within so many events after an item */
    double lambda;              /* ease: ridge */
    double l2;                  /* logistic: ridge */
    double recency;             /* the user's item of rank r weighs exp(-r/recency); 0: 1 */
    double pop_power;           /* scores are divided by count^pop_power */
    uint64_t seed;              /* random */
};

/* ease: lambda 250 (evidence.md's floor on ML-100K); markov: 5 steps (its m5). */
#define BASELINE_DEFAULTS { .kind = BASELINE_POP, .steps = 5, .lambda = 250, .l2 = 1e-3, .seed = 1 }

struct baseline;

/* Name of the model, as in BASELINE_WORDS. */
const char *baseline_name(const struct baseline *b);

/* Options and pool are borrowed. Free it with baseline_free. */
struct baseline *baseline_new(const struct baseline_options *o, struct pool *pool);
void baseline_free(struct baseline *b);

/* Adds a case to learn from, before the first baseline_score: needed by BASELINE_LOGISTIC alone, the
 * others let it pass. Returns 0 or -1. */
int baseline_learn(struct baseline *b, const struct rec_case *c, const json_t *rec,
                   struct err *err);

/* Fills scores[c->n]; greater is better. rec is the record of the case, with the evidence that
 * chainvote and logistic read. Cases may borrow from one case_reader, which must stay open.
 * Returns 0 or -1. */
int baseline_score(struct baseline *b, const struct rec_case *c, const json_t *rec, double *scores,
                   struct err *err);

/* One line about what was learned ("count 1.02, share 0.3, ..."), or NULL. Borrowed. */
const char *baseline_note(const struct baseline *b);

#endif
