/* prompt — a case with chains becomes a question, and the reasoning and answer to be learned.
 *
 * The question shows history, candidates, how many of the drawn chains reach each and, of the most
 * telling ones, their edges; the closing edge is masked. The completion (built-in writer) visits the
 * contenders in the order of evidence: a thought per uncovered edge of the best chain, then a verdict;
 * it stops at the true candidate with "yes" and repeats its label as the answer. Where the truth is not
 * among the contenders the answer follows the last "no". So
 *     p(c visited k-th) = p(yes_k) * prod_{j<k} p(no_j),   p(c not visited) = prod_j p(no_j) * p(label)
 * is a distribution over the candidates, which is what rollout(1) reads off.
 *
 * Nothing of the question depends on the target. */
#ifndef TEXT_PROMPT_H
#define TEXT_PROMPT_H

#include <jansson.h>

#include "base/err.h"
#include "text/template.h"

enum prompt_form { FORM_CHOOSE, FORM_RATE };
enum prompt_thoughts { THOUGHTS_CHAIN, THOUGHTS_NONE, THOUGHTS_ANSWER };

/* What of the evidence is changed behind the candidates' order and the budget, which stay those of the case:
 * drop: the candidate's chains are not shown; swap: they change places with those of another; evidence: they are
 * not shown, and count and levels say 0. */
enum prompt_edit_kind { EDIT_NONE, EDIT_DROP, EDIT_SWAP, EDIT_EVIDENCE };

struct prompt_edit {
    int kind, candidate, with;
};

struct prompt_options {
    int form;               /* enum prompt_form */
    int thoughts;           /* chain: thoughts and verdicts; none: verdicts; answer: the answer alone */
    long contenders;        /* candidates that the completion visits */
    long show;              /* chains shown of each contender */
    long history;           /* items of history shown */
    bool levels;            /* add what a writer may see at each step */
    struct prompt_edit edit;
};

/* Tells whether a question is within the token budget; `ctx` is the caller's. */
typedef bool prompt_fits(void *ctx, const char *text, size_t n);

enum { PROMPT_LABELS = 26 };

/* Makes the prompt record of a case (of its candidate number `candidate` in the form rate). Fields that
 * the prompt does not consume pass through. While `fits` (may be NULL) says no, the weakest shown chain
 * is left out, then the oldest item of history. Returns a new reference, or NULL with a sentence. */
json_t *prompt_record(const json_t *rec, int candidate, const struct template *t,
                      const struct prompt_options *o, prompt_fits *fits, void *ctx, struct err *err);

#endif
