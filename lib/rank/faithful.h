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
#include "rank/stats.h"

/* What a case came to. */
struct outcome {
    bool there[2];              /* the original alone; or changed, control */
    signed char answer[2];      /* candidates; -1: none */
    signed char with;           /* swap: who has the chains of the chosen one; -1 */
};

struct faithful_run {
    const char *name, *file;    /* borrowed */
    char edit[16];              /* later runs: the change */
    struct stats_ratio truth;   /* true citations of all, by record; controls are left out */
    size_t uncited;             /* records without a citation */
    struct outcome *of;         /* [cases] */
    size_t cap;
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

/* What the changes of a later run did, over the cases that have both records. */
struct effect {
    struct stats moved[2];      /* the answer is another: changed, control */
    struct stats difference;    /* of the two */
    struct stats followed;      /* swap: the answer went where the chains went */
    size_t wins, losses;        /* moved by the change alone, by the control alone */
};

struct effect faithful_effect(const struct faithful *f, const struct faithful_run *run);

void faithful_free(struct faithful *f);

#endif
