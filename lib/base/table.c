/* table — cells are kept until the widest is known. */
#include "base/table.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

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

static void print_plain(FILE *f, const struct table *t) {
    size_t *w = mem_calloc(t->columns, sizeof *w);

    for (size_t i = 0; i < t->n; i++)
        if (width(&t->cell[i]) > w[i % t->columns]) w[i % t->columns] = width(&t->cell[i]);
    for (size_t i = 0; i < t->n; i++) {
        print_cell(f, &t->cell[i], i % t->columns, w[i % t->columns]);
        if ((i + 1) % t->columns == 0) putc('\n', f);
    }
    free(w);
}

/* "](", "][" and "]:" make links; elsewhere brackets are text. */
static void print_markdown(FILE *f, const char *s) {
    for (; *s; s++) {
        if (strchr("\\|*_`<>&~", *s) || (*s == ']' && s[1] && strchr("([:", s[1]))) putc('\\', f);
        putc((unsigned char)*s < ' ' ? ' ' : *s, f);
    }
}

/* A bracket behind the end of a row would be its option. */
static void print_latex(FILE *f, const char *s) {
    static const struct { char c; const char *text; } other[] = {
        { '\\', "\\textbackslash{}" }, { '~', "\\textasciitilde{}" },
        { '^', "\\textasciicircum{}" }, { '<', "\\textless{}" }, { '>', "\\textgreater{}" },
        { '|', "\\textbar{}" }, { '[', "{[}" }
    };

    for (; *s; s++) {
        size_t i = 0;

        while (i < sizeof other / sizeof *other && other[i].c != *s) i++;
        if (i < sizeof other / sizeof *other) {
            fputs(other[i].text, f);
            continue;
        }
        if (strchr("&%$#_{}", *s)) putc('\\', f);
        putc((unsigned char)*s < ' ' ? ' ' : *s, f);
    }
}

static void print_rows(FILE *f, const struct table *t, enum table_form form) {
    bool latex = form == TABLE_LATEX;

    for (size_t i = 0; i < t->n; i++) {
        size_t column = i % t->columns;

        if (latex) fputs(column ? " & " : "", f);
        else fputs(column ? " | " : "| ", f);
        (latex ? print_latex : print_markdown)(f, buf_text(&t->cell[i]));
        if (column + 1 < t->columns) continue;
        fputs(latex ? " \\\\\n" : " |\n", f);
        if (i + 1 > t->columns) continue;
        fputs(latex ? "\\hline\n" : "|:--", f);
        for (size_t k = 1; !latex && k < t->columns; k++) fputs("|--:", f);
        if (!latex) fputs("|\n", f);
    }
}

void table_print(FILE *f, const struct table *t, enum table_form form) {
    if (form == TABLE_PLAIN) {
        print_plain(f, t);
        return;
    }
    if (form == TABLE_LATEX) {
        fputs("\\begin{tabular}{l", f);
        for (size_t k = 1; k < t->columns; k++) putc('r', f);
        fputs("}\n", f);
    }
    print_rows(f, t, form);
    if (form == TABLE_LATEX) fputs("\\end{tabular}\n", f);
}

void table_free(struct table *t) {
    for (size_t i = 0; i < t->n; i++) buf_free(&t->cell[i]);
    free(t->cell);
}
