/* table — rows of cells for people, in aligned columns: the first to the left, the others to the
 * right. */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include <stddef.h>
#include <stdio.h>

#include "base/buf.h"

/* Zero-initialise it but for `columns`. */
struct table {
    size_t columns;
    struct buf *cell;       /* [n] row after row */
    size_t n, cap;
};

/* Adds the next cell, formatted. */
void table_add(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Prints all rows, two blanks between the columns. A width is counted in characters of UTF-8. */
void table_print(FILE *f, const struct table *t);

void table_free(struct table *t);

#endif
