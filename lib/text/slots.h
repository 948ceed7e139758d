/* slots — where in a completion scores are read, as token ids: the two verdicts, the answer's prefix,
 * the labels. Each verdict and label is one token in its place. */
#ifndef TEXT_SLOTS_H
#define TEXT_SLOTS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "text/bpe.h"

enum { SLOTS_LABELS = 26 };

struct slots {
    bool verdicts;                      /* the form has verdicts */
    int yes, no;                        /* tokens */
    const char *next, *answer;          /* text between two visits; in front of the answer. Borrowed */
    struct bpe_ids answer_ids;          /* the prefix as tokens */
    int n;                              /* labels */
    const char *text[SLOTS_LABELS];     /* as they stand behind the prefix. Borrowed */
    int label[SLOTS_LABELS];            /* tokens */
};

/* Reads the "slots" of a prompt record. Borrows its strings. Returns 0, or -1 with a sentence: a verdict
 * or a label is not one token of this tokenizer. Call slots_free in both cases. */
int slots_read(struct slots *s, struct bpe *bpe, const json_t *rec, struct err *err);
void slots_free(struct slots *s);

/* Index of the label that begins the last line of the text (a line begins after `next`), or -1. */
int slots_visited(const struct slots *s, const char *text);

/* Whether the text ends with the answer's prefix. */
bool slots_at_answer(const struct slots *s, const char *text, size_t n);

#endif
