/* steps — progressive masked prompting: what a teacher is asked, step by step, and the completion that his
 * thoughts make.
 *
 * At step k he sees edges 1..k of a contender's chain, the rest masked, and his thoughts on the edges before; not the
 * question, which shows all edges but the closing one. When all thoughts are there he is shown the question with
 * the thoughts, without verdicts, and asked for the answer: that is his answer where nothing guided him, and the
 * answer re-derived where the right one did. */
#ifndef TEXT_STEPS_H
#define TEXT_STEPS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "text/answer.h"
#include "text/completion.h"

enum { STEPS_VISITS = 26, STEPS_EDGES = 3 };

/* A prompt record as it is needed here. Everything is borrowed from the record. */
struct steps {
    const json_t *prompt, *last;        /* messages; the last of them */
    bool rate;
    struct completion_words words;
    const char *label[STEPS_VISITS];    /* as they stand in a completion */
    int labels;
    int right;                          /* index of the right answer's label, or -1: not known */
    const char *known;                  /* the right answer in words: a title, a rating */
    int visits;
    int candidate[STEPS_VISITS];        /* of each visit */
    bool levels;                        /* the record says what may be seen: */
    int edges[STEPS_VISITS];            /* 3, or 0 where no chain is shown */
    const char *seen[STEPS_VISITS][STEPS_EDGES];
    const char *before[STEPS_VISITS], *after[STEPS_VISITS];
};

/* Reads a prompt record, with what `maskprompt --levels` adds if `levels` is set. 0 or -1. */
int steps_read(struct steps *s, const json_t *rec, bool levels, struct err *err);

/* Messages that ask for thought `edge` (from 0) on visit k; `thoughts` are those before, an array of strings.
 * `guided`: the right answer is told. A new reference. */
json_t *steps_ask(const struct steps *s, int k, int edge, const json_t *thoughts, bool guided);

/* Messages that ask for the answer: the question, then the thoughts on each visit, an array of arrays. */
json_t *steps_ask_answer(const struct steps *s, const json_t *thoughts);

/* Index of the label that a reply names: behind the answer's prefix, or the last that stands alone; -1. */
int steps_answer(const struct steps *s, const char *reply);

/* Number of a label, without what stands in front of it: "C", "4". */
const char *steps_label(const struct steps *s, int label, char text[2]);

/* Whether the record's question shows the edge that is cited. */
bool steps_shows(const json_t *rec, const struct citation *c);

/* Adds a reply as a thought: on one line, with the citation of its edge if it has none of it. */
void steps_thought(struct buf *out, const struct steps *s, int k, int edge, const char *reply);

/* Adds the completion of these thoughts that answers with the label; -1: none. */
void steps_completion(struct buf *out, const struct steps *s, const json_t *thoughts, int label);

#endif
