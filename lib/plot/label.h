/* label — names from outside, fit to be shown: no control characters, well-formed, not too wide. */
#ifndef PLOT_LABEL_H
#define PLOT_LABEL_H

#include <stddef.h>

#include "base/buf.h"

/* What can be shown: ASCII; what DejaVu Sans holds without gaps of Latin, Greek, Cyrillic and signs; all. */
enum label_set { LABEL_ASCII, LABEL_EUROPEAN, LABEL_ALL };

/* Columns that UTF-8 text takes on a terminal. */
size_t label_columns(const char *s);

/* Adds s to *out: '?' for control characters, bytes that are not UTF-8 and what is not of the set;
 * what is wider than `columns`, from 8, loses its middle. */
void label_add(struct buf *out, const char *s, size_t columns, enum label_set set);

#endif
