/* tune — chooses a model's options on validation cases, by the mean reciprocal rank.
 *
 * Coordinate search over a grid (man baseline, "Tuning"): from the given options on, one option
 * after another takes each value of its row, and keeps the best; when a whole round changes
 * nothing, the search starts again from a random point, until the budget is spent. Where a model
 * learns by gradients its epochs are no part of the grid: training goes on until ten in a row (and 500 steps)
 * were not better than the best. */
#ifndef RANK_TUNE_H
#define RANK_TUNE_H

#include "base/buf.h"
#include "rank/baseline.h"

enum { TUNE_ROWS = 8 };

struct tune_setting {
    struct baseline_options o;
    double mrr, hr1;
};

struct tune {
    struct baseline_options start;
    struct baseline_options at;     /* tried now: what the model reads */
    const struct grid_row *rows[TUNE_ROWS];
    int n_rows;
    bool stops;                     /* chooses epochs by stopping early */
    struct pool *pool;
    struct rec_case *cases;         /* [n] */
    size_t n, cap, candidates;      /* candidates: of all cases */
    struct baseline *model;         /* fitted with `fitted`, or NULL */
    struct baseline_options fitted;
    double *raw, *room;             /* [candidates] scores by `fitted` without popularity taken out */
    struct tune_setting *tried;     /* [n_tried] */
    size_t n_tried, tried_cap, best;        /* best: index in tried, after tune_run */
};

/* Whether there is anything to tune about the model. */
bool tune_possible(int kind);

/* Starts from o. Free it with tune_free. */
void tune_open(struct tune *t, const struct baseline_options *o, struct pool *pool);
void tune_free(struct tune *t);

/* The option stays as it is: before tune_run. */
void tune_hold(struct tune *t, const char *option);

/* Takes the case over: it is zeroed. Returns 0, or -1 for a test case. */
int tune_add(struct tune *t, struct rec_case *c, struct err *err);

/* Tries `budget` settings, or all there are. `show` hears after each of them. Returns 0 or -1. */
int tune_run(struct tune *t, long budget, void (*show)(void *ctx, const struct tune *t), void *ctx,
             struct err *err);

/* The best options. */
const struct baseline_options *tune_best(const struct tune *t);

/* "ease --recency 5 --pop-power 0.25 --lambda 2000: hr1 0.4900 over 943 validation cases".
 * Borrowed from b. */
const char *tune_line(const struct tune *t, struct buf *b);

/* The choice as a record: a new reference. */
json_t *tune_json(const struct tune *t);

#endif
