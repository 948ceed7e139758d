/* child — a command that answers lines: one in, one out, in their order. */
#ifndef IO_CHILD_H
#define IO_CHILD_H

#include <stddef.h>

#include "base/err.h"

struct child;

/* Starts it by /bin/sh. NULL with a sentence. */
struct child *child_new(const char *command, struct err *err);

/* Closes its input and waits for its end, which comes at once if child_line failed. NULL is fine. */
void child_free(struct child *c);

/* Adds a line, without its newline, to what it is going to read. */
void child_send(struct child *c, const char *line);

/* Waits for its next line, at most `timeout` seconds: n bytes and a zero byte in place of the newline, borrowed
 * until the next call. Returns 0, or -1: it ended, says nothing, or too much. */
int child_line(struct child *c, double timeout, const char **line, size_t *n, struct err *err);

#endif
