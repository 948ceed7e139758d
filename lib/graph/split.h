/* split — which events are training, validation and test targets, and what is known for each.
 * The one definition of both, used by every program (man r2rec-records, "Splits").
 *
 * loo     the last event of a user is the test target, the one before it validation, each earlier one a
 *         training target. Known for train and valid: all events but the validation and test
 *         targets; for test: all events but the test targets.
 * global  one cut in time at a quantile of all event times; the validation cut is the same quantile of
 *         the events before it. Test targets: each user's first event at or after the cut; validation:
 *         the first at or after the validation cut and before the cut; training: every event before the
 *         validation cut. Known: events before the cut (test), before the validation cut (valid),
 *         before the case's own time (train). A test target may have to lie before a second, later cut.
 * users   users in order of their first event, by time, then by first appearance: the first 8 of 10 are
 *         training users, the next 1 of 10 validation, the rest test users (rounded down, down, and what is
 *         left). Targets: the last event of a validation or test user, each event of a training user. Known:
 *         all events of training users, and, as history alone, the others of the part's users. Nobody may
 *         learn from a user who is held: his events are in his own row, never among the postings.
 * A user with fewer than `min_history` events known before the target gives no case. A case's own
 * target event, and the user's later events, are never his history. */
#ifndef GRAPH_SPLIT_H
#define GRAPH_SPLIT_H

#include <stdint.h>

#include "graph/graph.h"

enum split_kind { SPLIT_LOO, SPLIT_GLOBAL, SPLIT_USERS };
enum split_part { PART_TRAIN, PART_VALID, PART_TEST };

struct split_options {
    int kind;               /* enum split_kind */
    double cut;             /* quantile of event times, global only: 0.9 */
    double until;           /* test targets lie before this quantile, global only; 0: no limit */
    long min_history;       /* 5 */
    double min_gap;         /* days since the user's last event; training cases only; 0: any */
    long max_per_user;      /* training cases: the latest so many of a user; 0: all */
};

/* One case: predict that user u takes `item`. */
struct split_case {
    int user, item;
    size_t event;           /* the target's event number in the whole graph */
    int64_t before;         /* only events with time < before are known (INT64_MAX: no limit) */
};

struct split {
    const struct graph *all;        /* borrowed */
    struct graph *known;            /* events known for this part (before `before`, where that limits more) */
    const bool *held;               /* [users] from whom nobody may learn; NULL: none are held */
    struct split_case *cases;       /* by user, then event */
    size_t n;
};

/* Makes the cases of one part. Returns 0, or -1 when the data have no times (global, min_gap) or no
 * case is left. Free it with split_free. */
int split_make(struct split *s, const struct graph *g, const struct split_options *o,
               enum split_part part, struct err *err);

/* Number of known events of the case's user that are his history: the first so many in known's order. */
size_t split_history(const struct split *s, const struct split_case *c);

/* Frees what split_make made; the whole graph stays. */
void split_free(struct split *s);

/* The case's name "user#ordinal"; free() it. */
char *split_case_id(const struct split *s, const struct split_case *c);

#endif
