/* table — cells are kept until the widest is known. */
#include "base/table.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/mem.h"

void table_add(struct table *t, const char *fmt, ...) {
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    t->cell = mem_grow(t->cell, t->n, &t->cap, sizeof *t->cell);
    t->cell[t->n] = (struct buf){ 0 };
    buf_puts(&t->cell[t->n++], text);
}

/* Characters: the bytes that do not continue one. */
static size_t width(const struct buf *b) {
    size_t n = 0;

    for (size_t i = 0; i < b->n; i++) n += (b->s[i] & 0xc0) != 0x80;
    return n;
}

static void print_cell(FILE *f, const struct buf *b, size_t column, size_t w) {
    int pad = (int)(w - width(b));

    if (column) fprintf(f, "  %*s%s", pad, "", buf_text(b));
    else fprintf(f, "%s%*s", buf_text(b), pad, "");
}

void table_print(FILE *f, const struct table *t) {
    size_t *w = mem_calloc(t->columns, sizeof *w);

    for (size_t i = 0; i < t->n; i++)
        if (width(&t->cell[i]) > w[i % t->columns]) w[i % t->columns] = width(&t->cell[i]);
    for (size_t i = 0; i < t->n; i++) {
        print_cell(f, &t->cell[i], i % t->columns, w[i % t->columns]);
        if ((i + 1) % t->columns == 0) putc('\n', f);
    }
    free(w);
}

void table_free(struct table *t) {
    for (size_t i = 0; i < t->n; i++) buf_free(&t->cell[i]);
    free(t->cell);
}
