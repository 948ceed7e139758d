/* faithful — whether answers rest on what their texts cite: citations that are true, and answers that move when the
 * evidence of the chosen candidate is changed (text/counterfactual.h).
 *
 * The first run is the original, each later one a file of its counterfactuals, paired with it by case. Of each record
 * the first sample counts. A citation is true if the record's prompt shows the edge. */
#ifndef RANK_FAITHFUL_H
#define RANK_FAITHFUL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/ids.h"

/* What a sample came to. */
struct outcome {
    int answer, best;           /* candidates: of the text, of the scores; -1: none */
    float score;                /* of the chosen one; NaN: none */
    bool there;
};

struct faithful_run {
    const char *name, *file;    /* borrowed */
    size_t n, cited;            /* records; those with a citation */
    size_t citations, shown;    /* all; the true ones */
    double tt, tn, nn;          /* sums over records: true^2, true * all, all^2 */
    char edit[16];              /* later runs: the change */
    struct outcome *of[2];      /* [cases] original; later runs: changed, control */
    size_t cap;
    int *with;                  /* later runs: [cases] who has the chains of the chosen one; -1: nobody */
};

/* Zero-initialise it. */
struct faithful {
    struct faithful_run *run;   /* [n] */
    size_t n, cap;
    struct ids ids;             /* of the original run's cases */
    struct buf model;
};

/* Reads all records of a file, "-" is stdin, as one more run. Returns 0, or -1 with a sentence and the line it is
 * about, 0 if none. */
int faithful_read(struct faithful *f, const char *name, const char *file, size_t *line, struct err *err);

/* A record a run about citations, and one a later run about its effects; new references. */
json_t *faithful_citations(const struct faithful *f);
json_t *faithful_effects(const struct faithful *f);

void faithful_free(struct faithful *f);

#endif
