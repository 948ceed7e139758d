/* jinja — what a chat template says, apart from how it is spelled. It is not evaluated.
 *
 * The canonical form is the text that transformers' Jinja (trim_blocks, lstrip_blocks) would see,
 * where
 *   - an output is {expression}, and the parts of a sum are outputs of their own: {{ a + 'b' }} is
 *     {a}b
 *   - a statement is {%statement%}; comments, and the marks of {% generation %}, are left out
 *   - within both, blanks stand between words only, strings are in single quotes, x['y'] is x.y
 *   - { in a text, and in a string that is all of an output, is {{ */
#ifndef TEXT_JINJA_H
#define TEXT_JINJA_H

#include <stdbool.h>

#include "base/buf.h"

/* Adds the canonical form of a template. Returns 0, or -1 if it has what the form does not know. */
int jinja_canonical(const char *template, struct buf *out);

/* Whether a canonical form is that of the pattern, in which * is whatever stands between there and
 * the end of the branch around it, and @ a text up to the character behind it and without braces.
 * Adds that text to `hole`. */
bool jinja_matches(const char *pattern, const char *canonical, struct buf *hole);

#endif
