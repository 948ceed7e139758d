/* prompt_own — what the question's writer and the completion's share. Private to lib/text/prompt*.c. */
#ifndef TEXT_PROMPT_OWN_H
#define TEXT_PROMPT_OWN_H

#include "base/buf.h"
#include "text/prompt.h"
#include "text/view.h"

/* What is rendered: the view, the template, and how much of the evidence the question shows. */
struct prompt_job {
    struct view v;
    const struct template *t;
    const struct prompt_options *o;
    int only;                   /* the one candidate in question (rate), or -1 */
    int contenders;             /* candidates that the completion visits */
    bool other[VIEW_MAX];       /* behind the contenders in the order of evidence */
    size_t shown[VIEW_MAX];     /* chains shown of each candidate */
    size_t history;             /* items of history shown */
};

/* "A" for candidate 0; a rating, or "?". */
void prompt_label(char out[2], int c);
void prompt_rating(char out[16], const json_t *rating);

/* Values of chain k of candidate c, for the edges and the thoughts; `s` holds texts that they point at. */
enum { CHAIN_VALUES = 10 };

struct chain_text {
    char cite[24], gap[24], r[3][16];
};

void prompt_chain_values(struct value values[CHAIN_VALUES], struct chain_text *s, const struct prompt_job *j,
                         int c, size_t k);

/* Adds a chain with edges 1 .. uncovered in words and the rest masked. */
void prompt_chain(struct buf *out, const struct prompt_job *j, int c, size_t k, int uncovered);

/* Candidate number k of those that the completion visits. */
int prompt_visited(const struct prompt_job *j, int k);

/* The built-in writer (prompt_writer.c): the completion; "slots"; and what --levels adds, for each visit:
 * what the writer of a thought may see, what stands around the thoughts, what he wrote, whom he named. */
void prompt_completion(struct buf *out, const struct prompt_job *j, const json_t *rating);
json_t *prompt_slots(const struct prompt_job *j);
void prompt_levels(json_t *rec, const struct prompt_job *j);

#endif
