/* grid — one table; man baseline, "Tuning", lists it. What needs no new fit mostly comes first; of
 * ease lambda, without which recency is worth little. */
#include "rank/grid.h"

#include <assert.h>
#include <stddef.h>

#define RECENCY 9, { 0, 2, 3, 4, 5, 8, 12, 20, 50 }
#define POWER 7, { 0, 0.125, 0.25, 0.375, 0.5, 0.75, 1 }
#define SHRINK 5, { 0, 5, 20, 50, 200 }
#define NEIGHBOURS 6, { 0, 20, 50, 100, 200, 400 }

static const struct grid_row rows[] = {
    { BASELINE_RECENT_POP, "days", false, 8, { 0, 1, 3, 7, 14, 30, 90, 365 } },
    { BASELINE_RECENT_POP, "pop-power", false, POWER },
    { BASELINE_ITEMKNN, "recency", false, RECENCY },
    { BASELINE_ITEMKNN, "pop-power", false, POWER },
    { BASELINE_ITEMKNN, "neighbours", false, NEIGHBOURS },
    { BASELINE_ITEMKNN, "shrink", false, SHRINK },
    { BASELINE_ITEMKNN, "similarity", true, 2, { SIMILARITY_COSINE, SIMILARITY_BM25 } },
    { BASELINE_ITEMKNN, "k1", false, 4, { 0.3, 1.2, 5, 50 } },
    { BASELINE_ITEMKNN, "b", false, 4, { 0.25, 0.5, 0.75, 1 } },
    { BASELINE_USERKNN, "recency", false, RECENCY },
    { BASELINE_USERKNN, "pop-power", false, POWER },
    { BASELINE_USERKNN, "neighbours", false, NEIGHBOURS },
    { BASELINE_USERKNN, "shrink", false, SHRINK },
    { BASELINE_MARKOV, "recency", false, RECENCY },
    { BASELINE_MARKOV, "pop-power", false, POWER },
    { BASELINE_MARKOV, "steps", true, 6, { 1, 2, 3, 5, 10, 20 } },
    { BASELINE_EASE, "lambda", true, 7, { 100, 250, 500, 1000, 2000, 3000, 5000 } },
    { BASELINE_EASE, "recency", false, RECENCY },
    { BASELINE_EASE, "pop-power", false, POWER },
    { BASELINE_ALS, "recency", false, RECENCY },
    { BASELINE_ALS, "pop-power", false, POWER },
    { BASELINE_ALS, "alpha", true, 6, { 0.5, 1, 2, 5, 10, 40 } },
    { BASELINE_ALS, "reg", true, 5, { 0.01, 1, 10, 30, 100 } },
    { BASELINE_ALS, "dim", true, 4, { 16, 32, 64, 128 } },
    { BASELINE_ALS, "epochs", true, 3, { 5, 15, 30 } },
    { BASELINE_BPR, "log-pop", false, 6, { 0, 0.1, 0.25, 0.5, 0.75, 1 } },
    { BASELINE_BPR, "learning-rate", true, 4, { 0.0003, 0.001, 0.003, 0.01 } },
    { BASELINE_BPR, "reg", true, 4, { 0, 0.01, 0.1, 1 } },
    { BASELINE_BPR, "dim", true, 3, { 32, 64, 128 } },
    { BASELINE_LIGHTGCN, "log-pop", false, 6, { 0, 0.1, 0.25, 0.5, 0.75, 1 } },
    { BASELINE_LIGHTGCN, "learning-rate", true, 4, { 0.0005, 0.001, 0.002, 0.005 } },
    { BASELINE_LIGHTGCN, "layers", true, 4, { 1, 2, 3, 4 } },
    { BASELINE_LIGHTGCN, "reg", true, 4, { 1e-5, 1e-4, 1e-3, 1e-2 } },
    { BASELINE_LIGHTGCN, "dim", true, 3, { 32, 64, 128 } },
    { BASELINE_SASREC, "log-pop", false, 6, { 0, 0.1, 0.25, 0.5, 0.75, 1 } },
    { BASELINE_SASREC, "dropout", true, 4, { 0.1, 0.2, 0.3, 0.5 } },
    { BASELINE_SASREC, "learning-rate", true, 3, { 0.0005, 0.001, 0.002 } },
    { BASELINE_SASREC, "length", true, 3, { 20, 50, 100 } },
    { BASELINE_SASREC, "dim", true, 3, { 32, 64, 128 } },
    { BASELINE_GRU4REC, "log-pop", false, 6, { 0, 0.1, 0.25, 0.5, 0.75, 1 } },
    { BASELINE_GRU4REC, "dropout", true, 4, { 0.1, 0.3, 0.5, 0.7 } },
    { BASELINE_GRU4REC, "learning-rate", true, 3, { 0.0005, 0.001, 0.002 } },
    { BASELINE_GRU4REC, "length", true, 3, { 20, 50, 100 } },
    { BASELINE_GRU4REC, "hidden", true, 3, { 64, 128, 256 } }
};

const struct grid_row *grid_row(int kind, int k) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].kind == kind && !k--) return &rows[i];
    return NULL;
}

double grid_get(const struct baseline_options *o, const char *option) {
    const struct cli_opt *row = baseline_option(option);
    const void *at = (const char *)o + row->offset;

    return row->type == CLI_REAL ? *(const double *)at
         : row->type == CLI_INT ? (double)*(const long *)at : *(const int *)at;
}

void grid_set(struct baseline_options *o, const char *option, double value) {
    const struct cli_opt *row = baseline_option(option);
    void *at = (char *)o + row->offset;

    assert(row->type == CLI_REAL || row->type == CLI_INT || row->type == CLI_CHOICE);
    if (row->type == CLI_REAL) *(double *)at = value;
    else if (row->type == CLI_INT) *(long *)at = (long)value;
    else *(int *)at = (int)value;
}
