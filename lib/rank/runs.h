/* runs — several models' records of the same cases, read one after another and summed.
 *
 * The first run says which cases there are; every later one must have exactly these, drawn alike
 * (source.hash). Nothing but an identifier's fingerprint is kept of a case, unless it is asked for.
 *
 * Permutations of a case are records of the same candidates in other orders: the case's metrics are
 * the means of theirs, and whatever counts cases counts it once. */
#ifndef RANK_RUNS_H
#define RANK_RUNS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/ids.h"
#include "rank/known.h"
#include "rank/metrics.h"
#include "rank/places.h"
#include "rank/rated.h"
#include "rank/sampled.h"
#include "rank/stats.h"
#include "rank/tops.h"

struct run {
    const char *name, *file;        /* borrowed */
    size_t n, records;              /* cases; records: one a permutation, or a rated candidate */
    bool has_scores, sampled, rate, full, has_items;
    struct stats *metric;           /* [metrics_width] over the cases */
    struct stats chance;            /* over the records: one in the number of items ranked */
    size_t valid, right;            /* sampled: records whose text has an answer, the right one */
    struct stats squares, sizes;    /* rate: of the errors of the true candidates' ratings */
    float *kept;                    /* [cases, metrics_kept] if the runs keep */
    size_t kept_cap;
    struct tops tops;
    struct places places;
    struct rated rated;
    bool *seen;                     /* [ids] */
    size_t seen_n, seen_cap;
    double *sum;                    /* permutations: [sum_n, metrics_width] by case */
    uint32_t *best;                 /* permutations: [ids] the best item; UINT32_MAX: none */
    size_t sum_n, best_cap;
};

/* Zero-initialise it but for the first members. */
struct runs {
    struct cuts cuts;
    bool keep;                      /* the metrics of each case: metrics_kept of them */
    bool by_place;                  /* fill `places` */
    struct known *known;            /* NULL: no graph */
    size_t items;                   /* ranked in full, for the estimates; 0: what the graph says */
    struct run *run;                /* [n] */
    size_t n, cap;
    struct ids ids;                 /* of cases, or of their permutations: */
    bool permuted;
    struct ids bases;               /* permutations: the cases */
    uint32_t *base, *permutation;   /* permutations: [ids] index of the case; number, from 1 */
    size_t base_cap, permutation_cap, permutations;
    uint32_t *target_count;         /* with a graph: [cases] known events on the target */
    size_t count_cap;
    struct catalogue catalogue;
    struct sampled sampled_from;
    double *row;                    /* [metrics_width] scratch */
    struct buf hash;                /* of the first record that has one; from where: */
    const char *hash_file;
    size_t hash_line;
};

/* Reads all records of a file, "-" is stdin, as one more run. Returns 0, or -1 with a sentence and
 * the line it is about, 0 if none. */
int runs_read(struct runs *rs, const char *name, const char *file, size_t *line, struct err *err);

/* The run of that name, or NULL. */
const struct run *runs_find(const struct runs *rs, const char *name);

size_t runs_cases(const struct runs *rs);

/* Share of the pairs of permutations of a case that have the same best item; NaN where items or
 * scores are not known, or there is one permutation. */
double runs_agreement(const struct runs *rs, const struct run *run);

struct paired {
    struct stats difference;        /* hr1 of a less that of b */
    size_t wins, losses;            /* cases that a ranks better at the first place, and worse */
};

/* Compares two runs with scores, case by case; needs `keep`. */
void runs_pair(struct paired *p, const struct runs *rs, const struct run *a, const struct run *b);

void runs_free(struct runs *rs);

#endif
