/* coproc — a command that answers lines: one in, one out, in their order. */
#ifndef IO_COPROC_H
#define IO_COPROC_H

#include <stddef.h>

#include "base/err.h"

struct coproc;

/* Starts it by /bin/sh. NULL with a sentence. */
struct coproc *coproc_new(const char *command, struct err *err);

/* Closes its input and waits for its end; if coproc_line failed, ends it. NULL is fine. */
void coproc_free(struct coproc *c);

/* Adds a line, without its newline, to what it is going to read. */
void coproc_send(struct coproc *c, const char *line);

/* Waits for its next line, at most `timeout` seconds: n bytes and a zero byte in place of the newline, borrowed
 * until the next call. Returns 0, or -1: it ended, says nothing, or too much. */
int coproc_line(struct coproc *c, double timeout, const char **line, size_t *n, struct err *err);

#endif
