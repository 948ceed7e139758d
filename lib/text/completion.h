/* completion — visits and an answer as one text, whoever thought: the built-in writer or a teacher.
 *
 *   before thoughts after no | next | before thoughts after yes | answer label
 *
 * The visits go up to the chosen candidate, who gets the yes; where he is not among them all get a no. */
#ifndef TEXT_COMPLETION_H
#define TEXT_COMPLETION_H

#include "base/buf.h"

/* The words of a template, as a record's "slots" has them. Without verdicts `yes` is NULL: a form with
 * one visit at most. Borrowed. */
struct completion_words {
    const char *yes, *no, *next, *answer;
};

struct visit {
    int candidate;
    const char *before, *thoughts, *after;
};

/* Adds the completion that chooses `chosen` and answers `label`, as it stands behind the prefix. */
void completion_write(struct buf *out, const struct completion_words *w, const struct visit *visits, int n,
                      int chosen, const char *label);

#endif
