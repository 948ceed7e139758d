/* child — another program as a filter: bytes in, bytes out, and what it said when it failed. */
#ifndef IO_CHILD_H
#define IO_CHILD_H

#include "base/buf.h"
#include "base/err.h"

/* Runs argv[0], found on PATH, with `in` as its standard input, and adds what it writes to *out.
 * Returns 0, or -1: it is not there, it failed (the sentence ends in the last line that it wrote to
 * standard error), or the system refused. */
int child_filter(struct buf *out, char *const *argv, const struct buf *in, struct err *err);

#endif
