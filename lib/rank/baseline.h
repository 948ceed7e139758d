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
#include "rank/fit.h"

enum baseline_kind {
    BASELINE_RANDOM, BASELINE_POP, BASELINE_RECENT_POP, BASELINE_ITEMKNN, BASELINE_USERKNN,
    BASELINE_MARKOV, BASELINE_EASE, BASELINE_ALS, BASELINE_BPR, BASELINE_LIGHTGCN,
    BASELINE_SASREC, BASELINE_GRU4REC,
    BASELINE_CHAINVOTE, BASELINE_LOGISTIC, BASELINES
};

#define BASELINE_WORDS \
    "random|pop|recent-pop|itemknn|userknn|markov|ease|als|bpr|lightgcn|sasrec|gru4rec|chainvote|logistic"

enum baseline_similarity { SIMILARITY_COSINE, SIMILARITY_BM25 };

struct baseline_options {
    int kind;                   /* enum baseline_kind */
    double days;                /* recent-pop: events of the last so many days; 0: all */
    int similarity;             /* itemknn: enum baseline_similarity */
    double k1, b;               /* itemknn: of BM25 */
    double shrink;              /* itemknn, userknn: added to the cosine's denominator */
    long neighbours;            /* itemknn, userknn: the nearest that count; 0: all */
    long steps;                 /* markov: c within so many events after an item */
    double lambda;              /* ease: ridge */
    double alpha;               /* als: confidence in a known edge, above that in an unknown one */
    double l2;                  /* logistic: ridge */
    double recency;             /* the user's item of rank r weighs exp(-r/recency); 0: 1 */
    double pop_power;           /* scores are divided by count^pop_power */
    double log_pop;             /* scores lose log_pop log(1 + count) */
    struct fit_options fit;     /* als, and the models that learn by gradients */
    uint64_t seed;              /* random, and what is fitted from a random start */
};

/* ease: lambda 250 (evidence.md's floor on ML-100K); markov: 5 steps (its m5); BM25 and als:
 * those of the library implicit. */
#define BASELINE_DEFAULTS { .kind = BASELINE_POP, .days = 14, .k1 = 1.2, .b = 0.75, .steps = 5, \
                            .lambda = 250, .alpha = 1, .l2 = 1e-3, .fit = FIT_DEFAULTS, .seed = 1 }

/* Rows of an option table: T is the program's options struct, m its struct baseline_options. */
#define BASELINE_OPTIONS(T, m) \
    { 'm', "model", CLI_CHOICE, offsetof(T, m.kind), 0, 0, "what scores", BASELINE_WORDS }, \
    { 0, "days", CLI_REAL, offsetof(T, m.days), 0, 1e6, \
      "recent-pop: count the last so many days; 0: all", "D" }, \
    { 0, "similarity", CLI_CHOICE, offsetof(T, m.similarity), 0, 0, "itemknn: of two items", \
      "cosine|bm25" }, \
    { 0, "k1", CLI_REAL, offsetof(T, m.k1), 0, 1e6, "itemknn: of bm25", NULL }, \
    { 0, "b", CLI_REAL, offsetof(T, m.b), 0, 1, "itemknn: of bm25", NULL }, \
    { 0, "shrink", CLI_REAL, offsetof(T, m.shrink), 0, 1e9, \
      "itemknn, userknn: added to the cosine's denominator", NULL }, \
    { 0, "neighbours", CLI_INT, offsetof(T, m.neighbours), 0, 1e9, \
      "itemknn, userknn: the nearest that count; 0: all", "K" }, \
    { 0, "steps", CLI_INT, offsetof(T, m.steps), 1, 1e6, \
      "markov: c within so many events after i", NULL }, \
    { 0, "lambda", CLI_REAL, offsetof(T, m.lambda), 0, 1e9, "ease: ridge", NULL }, \
    { 0, "alpha", CLI_REAL, offsetof(T, m.alpha), 0, 1e9, "als: confidence in an edge", NULL }, \
    { 0, "l2", CLI_REAL, offsetof(T, m.l2), 1e-9, 1e6, "logistic: ridge", NULL }, \
    FIT_OPTIONS(T, m.fit), \
    { 0, "recency", CLI_REAL, offsetof(T, m.recency), 0, 1e6, \
      "itemknn, userknn, markov, ease, als: the user's r-th last item weighs exp(-r/X); 0: 1", \
      NULL }, \
    { 0, "pop-power", CLI_REAL, offsetof(T, m.pop_power), -10, 10, \
      "the same, and pop, recent-pop, chainvote: divide by the item's count to the power X", \
      NULL }, \
    { 0, "log-pop", CLI_REAL, offsetof(T, m.log_pop), -1e6, 1e6, \
      "all but random: subtract X log(1 + the item's count)", NULL }, \
    { 0, "seed", CLI_SEED, offsetof(T, m.seed), 0, 0, \
      "of random, of what starts at random, and of --tune", NULL }

/* The row of BASELINE_OPTIONS (offsets in struct baseline_options) with this name, or NULL. */
const struct cli_opt *baseline_option(const char *name);

/* Whether the model takes the option; an option outside BASELINE_OPTIONS, the model and the seed
 * belong to all. */
bool baseline_takes(int kind, const char *option);

struct baseline;

/* Name of a model, as in BASELINE_WORDS. */
const char *baseline_name(int kind);

/* Puts the model's own values in place of zeros in o->fit. */
void baseline_resolve(struct baseline_options *o);

/* Options, which must be resolved, and pool are borrowed. Free it with baseline_free. */
struct baseline *baseline_new(const struct baseline_options *o, struct pool *pool);
void baseline_free(struct baseline *b);

/* Adds a case to learn from, before the first baseline_score: needed by BASELINE_LOGISTIC alone,
 * the others let it pass. Returns 0 or -1. */
int baseline_learn(struct baseline *b, const struct rec_case *c, const json_t *rec,
                   struct err *err);

/* Fills scores[c->n]; greater is better. rec is the record of the case, with the evidence that
 * chainvote and logistic read. Cases may borrow from one case_reader, which must stay open.
 * Returns 0 or -1. */
int baseline_score(struct baseline *b, const struct rec_case *c, const json_t *rec, double *scores,
                   struct err *err);

/* The same without popularity taken out, and the taking out. */
int baseline_raw(struct baseline *b, const struct rec_case *c, const json_t *rec, double *scores,
                 struct err *err);
void baseline_correct(const struct baseline_options *o, const struct rec_case *c, double *scores);

/* Whether training is cut into epochs that go on from one another (--epochs). */
bool baseline_trained(int kind);

/* One line about what was learned ("count 1.02, share 0.3, ..."), or NULL. Borrowed. */
const char *baseline_note(const struct baseline *b);

#endif
