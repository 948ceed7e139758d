/* answer — what a generated text says. */
#ifndef TEXT_ANSWER_H
#define TEXT_ANSWER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Index of the one label that follows the last answer prefix of the text and ends it (blanks aside), or
 * -1 where there is none. `labels` holds n strings, compared without the blank in front. */
int answer_parse(const char *text, const char *prefix, const char *const *labels, size_t n);

/* The text, borrowed, and the answer, an index below n or -1 for none, of a rollout record's first sample. 0 or -1. */
int answer_first(const json_t *rec, int n, const char **text, int *answer, struct err *err);

/* A citation [B2.3]: candidate, chain and edge, the last two from 1. */
struct citation {
    int candidate, chain, edge;
};

/* Finds the next citation at or after *pos; moves *pos behind it. Returns false at the end. */
bool answer_citation(const char *text, size_t *pos, struct citation *c);

/* The first place where the word, or words, stand by themselves: no letter, digit or byte above 127 next to them.
 * `fold`: in upper or lower case. NULL: nowhere, or the word is empty. */
const char *answer_word(const char *text, const char *word, bool fold);

#endif
