/* buf — text that grows by doubling. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void reserve(struct buf *b, size_t more) {
    size_t cap = b->cap ? b->cap : 64;

    while (cap - b->n <= more) cap *= 2;
    if (cap == b->cap) return;
    b->s = mem_realloc(b->s, cap, 1);
    b->cap = cap;
}

void buf_add(struct buf *b, const char *bytes, size_t n) {
    reserve(b, n);
    memcpy(b->s + b->n, bytes, n);
    b->n += n;
    b->s[b->n] = 0;
}

void buf_puts(struct buf *b, const char *s) {
    buf_add(b, s, strlen(s));
}

void buf_printf(struct buf *b, const char *fmt, ...) {
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0) abort();             /* only a format of our own can be wrong */
    reserve(b, (size_t)n);
    va_start(ap, fmt);
    vsnprintf(b->s + b->n, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->n += (size_t)n;
}

void buf_clear(struct buf *b) {
    b->n = 0;
    if (b->s) *b->s = 0;
}

const char *buf_text(const struct buf *b) {
    return b->s ? b->s : "";
}

void buf_free(struct buf *b) {
    free(b->s);
    *b = (struct buf){ 0 };
}
