/* table — rows of cells for people, in aligned columns: the first to the left, the others to the
 * right; or as Markdown or LaTeX. The first row has the heads. */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include <stddef.h>
#include <stdio.h>

#include "base/buf.h"

enum table_form { TABLE_PLAIN, TABLE_MARKDOWN, TABLE_LATEX };

/* Zero-initialise it but for `columns`. */
struct table {
    size_t columns;
    struct buf *cell;       /* [n] row after row */
    size_t n, cap;
};

/* Adds the next cell, formatted. */
void table_add(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Prints all rows. Plain: two blanks between the columns, a width counted in characters of UTF-8.
 * Markdown: a pipe table. LaTeX: a tabular without packages. What these would take for markup is
 * escaped, a control character is a blank. */
void table_print(FILE *f, const struct table *t, enum table_form form);

void table_free(struct table *t);

#endif
