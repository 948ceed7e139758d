/* template — the wording of prompts and thoughts, in a file that a user can replace.
 *
 * A template is text in sections: a line "@name" begins one, the lines up to the next such line are its
 * text, without the last newline. Lines before the first section are comments. In a text,
 * {name} is replaced by a value, "{{" is a brace, "\n" a newline. Every section of
 * `enum section` must be there, once; a section may use the names that are its own and no others, so
 * a thought cannot name an edge that is still masked. The man page maskprompt(1) lists both. */
#ifndef TEXT_TEMPLATE_H
#define TEXT_TEMPLATE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

enum section {
    SEC_PROMPT,         /* the user's message of the form choose */
    SEC_RATE,           /* the user's message of the form rate */
    SEC_HISTORY,        /* one item of the user's history */
    SEC_CANDIDATE,      /* one candidate that the completion may visit, on a line of its own */
    SEC_OTHER,          /* one of the others, right behind what stands before */
    SEC_CHAIN,          /* one chain in the prompt: its edges, the closing one masked */
    SEC_EDGE1,          /* the edges in words: (u0,i0), (u1,i0), (u1,c), (u0,c) */
    SEC_EDGE2,
    SEC_EDGE3,
    SEC_EDGE4,
    SEC_MASK,           /* what stands for an edge that is masked */
    SEC_VISIT,          /* a candidate in the completion, up to its verdict */
    SEC_STEP1,          /* thought k is written from edges 1..k */
    SEC_STEP2,
    SEC_STEP3,
    SEC_NONE,           /* in place of the thoughts where a candidate has no chain */
    SEC_YES,            /* the verdicts, each one token in its place */
    SEC_NO,
    SEC_NEXT,           /* between a refused candidate and the next */
    SEC_ANSWER,         /* in front of the answer */
    SEC_LABEL,          /* the answer's letter, one token in its place */
    SECTIONS
};

struct template;

/* Reads a template by file name; "words" and "compact" are built in. Returns NULL with the sentence
 * "file:line: ..." on an unknown or missing section, a name that the section may not use, or bytes that
 * are not UTF-8. */
struct template *template_load(const char *name, struct err *err);

/* Text of SEC_YES, SEC_NO, SEC_NEXT or SEC_ANSWER, which use no names. Borrowed. */
const char *template_text(const struct template *t, enum section s);

/* A value for a placeholder; arrays of them end with a NULL name. */
struct value {
    const char *name, *text;
};

/* Adds the section to `out` with its placeholders replaced. A name without a value gives "". */
void template_fill(struct buf *out, const struct template *t, enum section s,
                   const struct value *values);

/* The same, parted at the placeholder `hole`: what stands in front of it and what behind it. */
void template_fill_around(struct buf *before, struct buf *after, const struct template *t, enum section s,
                          const char *hole, const struct value *values);

/* NULL is fine. */
void template_free(struct template *t);

#endif
