/* chart — as text: a row is a bar or a point with its interval, a curve a trail of marks on a canvas of
 * characters. Positions are rows, too: a line each under the name of the run. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "plot/chart.h"
#include "plot/label.h"

enum { MARKS = 8 };

struct glyphs {
    const char *side, *tick_y, *corner, *base, *tick_x, *bar, *from, *line, *to, *value, *chance;
    const char *curve[MARKS];
};

static const struct glyphs unicode = {
    "│", "┤", "└", "─", "┴", "━", "├", "─", "┤", "┼", "┊", { "●", "▲", "■", "◆", "○", "△", "□", "◇" }
};
static const struct glyphs ascii = {
    "|", "+", "+", "-", "+", "=", "[", "-", "]", "+", ":", { "*", "+", "o", "x", "#", "@", "%", "&" }
};

struct page {
    FILE *f;
    const struct chart *c;
    const struct chart_panel *p;
    const struct glyphs *g;
    enum label_set set;
    size_t width;
    size_t indent, names, values;   /* columns left of the area; of curves values alone, for ticks */
    size_t area;
    struct chart_axis axis;         /* of what is measured */
};

static void print_cells(FILE *f, const char *const *cell, size_t n) {
    while (n && *cell[n - 1] == ' ') n--;
    for (size_t i = 0; i < n; i++) fputs(cell[i], f);
    putc('\n', f);
}

static const char **blank_cells(size_t n) {
    const char **cell = mem_alloc(n, sizeof *cell);

    for (size_t i = 0; i < n; i++) cell[i] = " ";
    return cell;
}

/* Which of n columns or rows x belongs to. A tick may stand a little beyond its scale. */
static size_t at(const struct chart_axis *a, double x, size_t n) {
    double t = (x - a->lo) / (a->hi - a->lo);

    return (size_t)lround(fmax(0, fmin(1, t)) * (double)(n - 1));
}

static void fill(const char **cell, size_t from, size_t to, const char *glyph) {
    for (size_t i = from; i <= to; i++) cell[i] = glyph;
}

/* A text in at most `columns`, padded to the left or to the right. */
static void print_text(const struct page *g, const char *s, size_t columns, bool right) {
    struct buf b = { 0 };
    int pad;

    label_add(&b, s, columns, g->set);
    pad = (int)(columns - label_columns(buf_text(&b)));
    fprintf(g->f, "%*s%s%*s", right ? pad : 0, "", buf_text(&b), right ? 0 : pad, "");
    buf_free(&b);
}

static void print_line(const struct page *g, const char *s) {
    struct buf b = { 0 };

    label_add(&b, s, g->width, g->set);
    fprintf(g->f, "%s\n", buf_text(&b));
    buf_free(&b);
}

/* The line under an area whose first column is column `left`, and the numbers under its ticks. */
static void print_axis(const struct page *g, const struct chart_axis *a, size_t left) {
    const char **cell = blank_cells(g->area);
    char *numbers = mem_alloc(g->width + 1, 1);
    struct buf b = { 0 };
    size_t end = 0;

    fill(cell, 0, g->area - 1, g->g->base);
    memset(numbers, ' ', g->width);
    for (size_t k = 0; k < chart_ticks(a); k++) {
        size_t x = at(a, chart_tick(a, k), g->area), start;

        cell[x] = g->g->tick_x;
        chart_tick_text(&b, a, k);
        start = left + x > b.n / 2 ? left + x - b.n / 2 : 0;
        if (start + b.n > g->width) start = g->width - b.n;
        if (end && start < end + 1) continue;
        memcpy(numbers + start, b.s, b.n);
        end = start + b.n;
    }
    fprintf(g->f, "%*s%s", (int)left - 1, "", g->g->corner);
    print_cells(g->f, cell, g->area);
    fprintf(g->f, "%.*s\n", (int)end, numbers);
    buf_free(&b);
    free(numbers);
    free(cell);
}

/* What row k is called, and the heading above it or NULL. */
static void call_row(struct buf *out, const struct page *g, size_t k) {
    const struct chart_mark *m = &g->p->mark[k];

    if (g->p->kind != CHART_POSITIONS) {
        chart_call(out, g->c, g->p, m);
        return;
    }
    buf_clear(out);
    buf_printf(out, "%g", m->x);
}

static bool heads(struct buf *out, const struct page *g, size_t k) {
    const struct chart_panel *p = g->p;
    const char *heading = p->kind == CHART_POSITIONS ? NULL : chart_heading(p, k);

    buf_clear(out);
    if (p->kind == CHART_POSITIONS && (!k || chart_curve_end(p, k - 1) == k))
        chart_call(out, g->c, p, &p->mark[k]);
    if (heading) buf_puts(out, heading);
    return out->n;
}

static void draw_row(const struct page *g, const char **cell, const struct chart_mark *m) {
    bool pairs = g->p->kind == CHART_PAIRS;
    size_t zero = at(&g->axis, 0, g->area), y;

    y = isnan(m->y) ? zero : at(&g->axis, m->y, g->area);
    if (pairs) cell[zero] = g->g->side;
    else if (!isnan(m->y) && m->y != 0) fill(cell, y < zero ? y : zero, y < zero ? zero : y, g->g->bar);
    if (chart_has_chance(g->c, g->p)) cell[at(&g->axis, g->c->chance, g->area)] = g->g->chance;
    if (isnan(m->y)) return;
    if (!isnan(m->lo)) {
        size_t lo = at(&g->axis, m->lo, g->area), hi = at(&g->axis, m->hi, g->area);

        fill(cell, lo, hi, g->g->line);
        cell[lo] = g->g->from;
        cell[hi] = g->g->to;
    }
    if (pairs || !isnan(m->lo)) cell[y] = g->g->value;
}

static void print_row(const struct page *g, size_t k, struct buf *b) {
    const struct chart_mark *m = &g->p->mark[k];
    const char **cell;

    if (heads(b, g, k)) print_line(g, b->s);
    fprintf(g->f, "%*s", (int)g->indent, "");
    call_row(b, g, k);
    print_text(g, b->s, g->names, g->p->kind == CHART_POSITIONS);
    chart_value(b, g->p, m->y);
    fprintf(g->f, "  %*s ", (int)g->values, b->s);
    cell = blank_cells(g->area + 1);
    cell[0] = g->g->side;
    draw_row(g, cell + 1, m);
    print_cells(g->f, cell, g->area + 1);
    free(cell);
}

static void print_rows(struct page *g) {
    struct buf b = { 0 };

    g->indent = g->names = g->values = 0;
    for (size_t k = 0; k < g->p->n; k++) {
        if (heads(&b, g, k)) g->indent = 2;
        call_row(&b, g, k);
        if (label_columns(b.s) > g->names) g->names = label_columns(b.s);
        chart_value(&b, g->p, g->p->mark[k].y);
        if (b.n > g->values) g->values = b.n;
    }
    if (g->names > g->width / 2) g->names = g->width / 2;
    g->area = g->width - g->indent - g->names - g->values - 4;
    g->axis = chart_measure(g->c, g->p, false, g->area / 12 + 3);
    for (size_t k = 0; k < g->p->n; k++) print_row(g, k, &b);
    print_axis(g, &g->axis, g->width - g->area);
    buf_free(&b);
}

/* The row of a canvas that a curve has in each column: the mean of the marks that fall into it, and
 * straight lines between; -1 where the curve is not. */
static void trace(long *row, const struct page *g, const struct chart_axis *x, size_t from, size_t end,
                  size_t height) {
    double *sum = mem_calloc(g->area, sizeof *sum);
    size_t *n = mem_calloc(g->area, sizeof *n), before = g->area;

    for (size_t k = from; k < end; k++) {
        size_t col = at(x, g->p->mark[k].x, g->area);

        sum[col] += g->p->mark[k].y;
        n[col]++;
    }
    for (size_t col = 0; col < g->area; col++) {
        row[col] = -1;
        if (!n[col]) continue;
        sum[col] /= (double)n[col];
        if (before == g->area) before = col;
        for (size_t i = before; i <= col; i++) {
            double t = col > before ? (double)(i - before) / (double)(col - before) : 1;
            double y = sum[before] + t * (sum[col] - sum[before]);

            row[i] = (long)(height - 1 - at(&g->axis, y, height));
        }
        before = col;
    }
    free(sum);
    free(n);
}

/* Draws a curve into cell[height, area]; where it jumps, the column in between is filled. */
static void draw_curve(const char **cell, const long *row, size_t area, const char *glyph) {
    for (size_t col = 0; col < area; col++) {
        long from = row[col], to = row[col];

        if (row[col] < 0) continue;
        if (col && row[col - 1] >= 0 && row[col - 1] < from - 1) from = row[col - 1] + 1;
        if (col && row[col - 1] > to + 1) to = row[col - 1] - 1;
        for (long r = from; r <= to; r++) cell[(size_t)r * area + col] = glyph;
    }
}

static void print_legend(const struct page *g) {
    struct buf b = { 0 };
    size_t curve = 0, used = 0;

    for (size_t k = 0; k < g->p->n; k = chart_curve_end(g->p, k), curve++) {
        struct buf name = { 0 };

        chart_call(&b, g->c, g->p, &g->p->mark[k]);
        label_add(&name, b.s, g->width - 6, g->set);
        if (used && used + label_columns(name.s) + 4 > g->width) used = 0;
        if (curve) fputs(used ? "" : "\n", g->f);
        fprintf(g->f, "%s%s %s", used ? "  " : "", g->g->curve[curve % MARKS], name.s);
        used += label_columns(name.s) + 4;
        buf_free(&name);
    }
    putc('\n', g->f);
    buf_free(&b);
}

static void print_canvas(const struct page *g, const char **cell, size_t height) {
    struct buf *tick = mem_calloc(height, sizeof *tick);

    for (size_t k = 0; k < chart_ticks(&g->axis); k++)
        chart_tick_text(&tick[height - 1 - at(&g->axis, chart_tick(&g->axis, k), height)], &g->axis, k);
    for (size_t r = 0; r < height; r++) {
        fprintf(g->f, "%*s %s", (int)g->values, buf_text(&tick[r]), tick[r].n ? g->g->tick_y : g->g->side);
        print_cells(g->f, cell + r * g->area, g->area);
        buf_free(&tick[r]);
    }
    free(tick);
}

static void print_curves(struct page *g, size_t height) {
    struct buf b = { 0 };
    struct chart_axis x;
    const char **cell;
    long *row;
    size_t curve = 0;

    g->axis = chart_measure(g->c, g->p, false, height / 5 + 2);
    g->values = 0;
    for (size_t k = 0; k < chart_ticks(&g->axis); k++) {
        chart_tick_text(&b, &g->axis, k);
        if (b.n > g->values) g->values = b.n;
    }
    g->area = g->width - g->values - 2;
    x = chart_abscissa(g->p, g->area / 12 + 3);
    cell = blank_cells(height * g->area);
    row = mem_alloc(g->area, sizeof *row);
    for (size_t k = 0, end; k < g->p->n; k = end, curve++) {
        end = chart_curve_end(g->p, k);
        trace(row, g, &x, k, end, height);
        draw_curve(cell, row, g->area, g->g->curve[curve % MARKS]);
    }
    if (curve > 1) print_legend(g);
    print_canvas(g, cell, height);
    print_axis(g, &x, g->width - g->area);
    free(row);
    free(cell);
    buf_free(&b);
}

void chart_print(FILE *f, const struct chart *c, size_t width, size_t height, bool utf8) {
    struct page g = { .f = f, .c = c, .g = utf8 ? &unicode : &ascii, .set = utf8 ? LABEL_ALL : LABEL_ASCII,
                      .width = width };
    struct buf b = { 0 };

    if (c->title) print_line(&g, c->title);
    for (size_t i = 0; i < c->n; i++) {
        g.p = &c->panel[i];
        if (i || c->title) putc('\n', f);
        chart_describe(&b, c, g.p);
        print_line(&g, b.s);
        if (g.p->kind == CHART_STEPS) print_curves(&g, height);
        else print_rows(&g);
    }
    buf_free(&b);
}
