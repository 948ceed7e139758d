/* counterfactual — does an answer move when what it rests on is changed? A case's prompt is made anew, twice: changed
 * where the chosen candidate is concerned, whom the original run's first sample answers; and as a control, changed as
 * much where a faithful answer stays.
 *
 *   kind       changed                                             control
 *   drop       his chains are not shown                            those of another candidate are not
 *   swap       his chains change places with another's             two others change places
 *   evidence   drop, and his count and levels are 0                the same of another candidate
 *   early      the sample's thoughts, cut short, and the answer    all of its text up to the answer
 *
 * The first three change the question; early begins the completion ("prefix"). Others are drawn uniformly among those
 * whose chains are shown. */
#ifndef TEXT_COUNTERFACTUAL_H
#define TEXT_COUNTERFACTUAL_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "text/prompt.h"

/* Behind the edits of a question. */
enum { COUNTERFACTUAL_EARLY = EDIT_EVIDENCE + 1 };

/* What comes of a case: two prompts, or none, and why. */
enum counterfactual_result { CF_MADE, CF_UNANSWERED, CF_NOTHING, CF_NO_CONTROL, CF_RESULTS };

struct counterfactual {
    int kind;                   /* enum prompt_edit_kind, or COUNTERFACTUAL_EARLY */
    long after;                 /* early: thoughts that are left, each up to its citation */
    uint64_t seed;              /* of the draws */
    const struct template *t;
    const struct prompt_options *o;
    prompt_fits *fits;          /* may be NULL */
    void *ctx;
};

/* Makes the two prompt records of a case from its record in the original run: made[0] changed, made[1] the control,
 * new references, NULL where there are none. Returns an enum counterfactual_result, or -1 with a sentence. */
int counterfactual_make(json_t *made[2], const struct counterfactual *f, const json_t *rec, const json_t *run,
                        struct err *err);

#endif
