/* counterfactual — what becomes of an answer when what it rests on is changed: a case's prompt made anew, twice.
 *
 * Changed is the evidence of the chosen candidate, the one that the original run's first sample answers, or the
 * sample's own thoughts on him; beside it stands a control that should not move a faithful answer:
 *
 *   kind       changed                                             control
 *   drop       his chains are not shown                            those of another candidate are not
 *   swap       his chains change places with another's             two others change places
 *   evidence   drop, and his count and levels are 0                the same of another candidate
 *   thoughts   he is thought of as the case before thought of its  his own thoughts stand there
 *   early      he is not thought of at all                         his own thoughts stand there
 *
 * The first three change the question; the others begin the completion with the sample's own text up to the verdict
 * on the chosen one ("prefix"). Others are drawn uniformly among those whose chains are shown. */
#ifndef TEXT_COUNTERFACTUAL_H
#define TEXT_COUNTERFACTUAL_H

#include <jansson.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "text/prompt.h"

enum counterfactual_kind { CF_NONE, CF_DROP, CF_SWAP, CF_EVIDENCE, CF_THOUGHTS, CF_EARLY };

/* Why a case has no counterfactual. */
enum counterfactual_lack { CF_UNANSWERED, CF_NOTHING, CF_NO_CONTROL, CF_LACKS };

/* Zero-initialise it but for the first members. */
struct counterfactual {
    int kind;
    uint64_t seed;              /* of the draws */
    const struct template *t;
    const struct prompt_options *o;
    prompt_fits *fits;          /* may be NULL */
    void *ctx;
    size_t made, lacks[CF_LACKS];
    struct buf thoughts;        /* of the case before */
};

/* Makes the two prompt records of a case from its record in the original run: made[0] changed, made[1] the
 * control, new references, both NULL where the case lacks what it takes. Returns 0 or -1. */
int counterfactual_make(struct counterfactual *f, json_t *made[2], const json_t *rec, const json_t *run,
                        struct err *err);

void counterfactual_free(struct counterfactual *f);

#endif
