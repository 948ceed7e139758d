/* buf — text that grows. Zero-initialise it; buf_free when done. `s` ends in a zero byte once
 * something was added, and is NULL before. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>

struct buf {
    char *s;
    size_t n, cap;          /* bytes of text, bytes allocated */
};

/* Adds n bytes, a string, one formatted piece. */
void buf_add(struct buf *b, const char *bytes, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Empties it and keeps the memory. */
void buf_clear(struct buf *b);

/* The text, never NULL. Borrowed. */
const char *buf_text(const struct buf *b);

/* Frees the memory; the buf may be used again. */
void buf_free(struct buf *b);

#endif
