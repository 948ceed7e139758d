/* chart — as a script for gnuplot. Every place is reckoned here, in pixels from the upper left corner,
 * so that no label is cut. Texts from outside reach gnuplot as escaped bytes alone: nothing in them can
 * end a string, run a command or be taken for markup. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "plot/chart.h"
#include "plot/label.h"

/* Pixels: of the font (11 points), of what stands above each other, and of what stands side by side. */
enum { EM = 15 };
enum {
    TITLE = 34, HEAD = 30, ROW = 22, CURVES = 240, LEAST = 80, AXIS = 26, GAP = 10, KEY = 19, MOST = 10000
};
enum { EDGE = 12, SAMPLE = 64, NARROW = 200, WIDE = 800 };
enum { COLUMNS = 40, COLOURS = 7 };     /* of a name; of runs */

/* Okabe and Ito's colours, which the colour-blind tell apart too, less a yellow too light for lines. */
static const unsigned colour[COLOURS] = {
    0x0072b2, 0xd55e00, 0x009e73, 0xcc79a7, 0xe69f00, 0x56b4e9, 0x000000
};
#define GRID "back lt 1 lw 1 lc rgb \"#dddddd\"\nset border 1 lc rgb \"#888888\"\n"

struct sheet {
    struct buf *out;
    const struct chart *c;
    const struct chart_panel *p;
    bool svg;
    size_t width, height;           /* of the picture */
    size_t left, right;             /* margins */
    size_t top, bottom;             /* of the panel's area */
};

/* A string of gnuplot's: letters stay, all else is \ooo. */
static void add_quoted(struct buf *out, const char *s) {
    buf_puts(out, "\"");
    for (; *s; s++) buf_printf(out, isalpha((unsigned char)*s) ? "%c" : "\\%03o", (unsigned char)*s);
    buf_puts(out, "\"");
}

/* A text of at most `columns` as a string. In labels of ticks % begins a format; in SVG gnuplot lets
 * "&#x" pass as the beginning of an entity; in PNG it draws a character that the font lacks as a box
 * larger than the picture. */
static void add_text(const struct sheet *s, const char *text, size_t columns, bool tick) {
    struct buf b = { 0 }, safe = { 0 };

    label_add(&b, text, columns, s->svg ? LABEL_ALL : LABEL_EUROPEAN);
    for (size_t i = 0; i < b.n; i++) {
        if (tick && b.s[i] == '%') buf_puts(&safe, "%");
        buf_add(&safe, b.s + i, 1);
        if (s->svg && !strncmp(b.s + i, "&#x", 3)) buf_puts(&safe, "#x26;");
    }
    add_quoted(s->out, buf_text(&safe));
    buf_free(&b);
    buf_free(&safe);
}

static double across(const struct sheet *s, size_t x) {
    return (double)x / (double)s->width;
}

static double down(const struct sheet *s, size_t y) {
    return 1 - (double)y / (double)s->height;
}

/* Text whose left edge and middle line are at (x, y). */
static void add_label(const struct sheet *s, const char *text, size_t x, size_t y, bool bold) {
    buf_puts(s->out, "set label ");
    add_text(s, text, s->width * 2 / EM, false);
    buf_printf(s->out, " at screen %.6f, screen %.6f left%s\n", across(s, x), down(s, y),
               bold ? s->svg ? " font \"sans-serif,13\"" : " font \"DejaVu Sans,13\"" : "");
}

static void add_ticks(const struct sheet *s, const char *name, const struct chart_axis *a) {
    struct buf b = { 0 };

    buf_printf(s->out, "set %s nomirror textcolor rgb \"#333333\" (", name);
    for (size_t k = 0; k < chart_ticks(a); k++) {
        chart_tick_text(&b, a, k);
        buf_puts(s->out, k ? ", " : "");
        add_quoted(s->out, b.s);
        buf_printf(s->out, " %.10g", chart_tick(a, k));
    }
    buf_puts(s->out, ")\n");
    buf_free(&b);
}

static void add_number(struct buf *out, double x) {
    if (isnan(x)) buf_puts(out, " NaN");
    else buf_printf(out, " %.10g", x);
}

/* Lines of a panel of rows: the rows and the headings. */
static size_t lines_of(const struct chart_panel *p) {
    size_t n = p->n;

    for (size_t k = 0; k < p->n; k++) n += chart_heading(p, k) != NULL;
    return n;
}

/* $d: line, value, lo, hi, colour, the value's text. And the names, at their lines. */
static void add_rows(const struct sheet *s) {
    const struct chart_panel *p = s->p;
    struct buf names = { 0 }, b = { 0 };
    struct sheet to_names = *s;
    size_t line = 0;

    to_names.out = &names;
    buf_puts(s->out, "$d << EOD\n");
    for (size_t k = 0; k < p->n; k++, line++) {
        const struct chart_mark *m = &p->mark[k];

        if (chart_heading(p, k)) line++;
        buf_printf(s->out, "%zu", line);
        add_number(s->out, m->y);
        add_number(s->out, m->lo);
        add_number(s->out, m->hi);
        chart_value(&b, p, m->y);
        buf_printf(s->out, " %u %s\n", colour[p->groups.n > 1 ? m->run % COLOURS : 0], b.s);
        chart_call(&b, s->c, p, m);
        buf_puts(&names, k ? ", " : "");
        add_text(&to_names, b.s, COLUMNS, true);
        buf_printf(&names, " %zu", line);
    }
    buf_printf(s->out, "EOD\nset ytics scale 0 nomirror textcolor rgb \"#000000\" (%s)\n", names.s);
    buf_printf(s->out, "set yrange [%zu.5:-0.5]\n", line - 1);
    buf_free(&names);
    buf_free(&b);
}

static void add_headings(const struct sheet *s, size_t lines) {
    double height = (double)(s->bottom - s->top) / (double)lines;
    size_t line = 0;

    for (size_t k = 0; k < s->p->n; k++, line++) {
        const char *heading = chart_heading(s->p, k);

        if (!heading) continue;
        add_label(s, heading, EDGE, s->top + (size_t)(((double)line + 0.5) * height), false);
        line++;
    }
}

static void add_reference(const struct sheet *s, double x, bool upright, bool dashed) {
    buf_printf(s->out, upright ? "set arrow from %.10g, graph 0 to %.10g, graph 1"
                               : "set arrow from graph 0, first %.10g to graph 1, first %.10g", x, x);
    buf_printf(s->out, " nohead front lc rgb \"#444444\" lw 1.2 dt %d\n", dashed ? 2 : 1);
}

static void draw_rows(const struct sheet *s) {
    size_t area = s->width - s->left - s->right;
    struct chart_axis a = chart_measure(s->c, s->p, false, area / 80 + 2);
    bool pairs = s->p->kind == CHART_PAIRS;

    add_rows(s);
    add_headings(s, lines_of(s->p));
    buf_printf(s->out, "set xrange [%.10g:%.10g]\n", a.lo, a.hi);
    add_ticks(s, "xtics", &a);
    buf_puts(s->out, "unset key\nset grid xtics noytics " GRID);
    if (a.lo < 0) add_reference(s, 0, true, false);
    if (chart_has_chance(s->c, s->p)) add_reference(s, s->c->chance, true, true);
    buf_puts(s->out, "plot ");
    if (!pairs)
        buf_puts(s->out, "$d using 2:1:(0):2:($1-0.34):($1+0.34):5 with boxxyerror "
                         "fs solid 0.75 noborder lc rgb variable, ");
    buf_puts(s->out, "$d using ($3==$3?$2:1/0):1:3:4 with xerrorbars pt 7 ps 0 lw 1.4 "
                     "lc rgb \"#222222\", ");
    if (pairs) buf_puts(s->out, "$d using 2:1:5 with points pt 7 ps 0.8 lc rgb variable, ");
    buf_printf(s->out, "$d using (%.10g):1:6 with labels left offset char 1, 0\n", a.hi);
}

/* $d: a block for each curve: x, y, lo, hi, y before it was smoothed. Curves over positions stand a
 * little beside one another, so that their intervals can be told apart. */
static void add_curves(const struct sheet *s) {
    const struct chart_panel *p = s->p;
    double n = (double)chart_curves(p);
    double apart = p->kind == CHART_POSITIONS ? fmin(0.08, 0.5 / n) : 0, shift = -apart * (n - 1) / 2;

    buf_puts(s->out, "$d << EOD\n");
    for (size_t k = 0, end; k < p->n; k = end, shift += apart) {
        end = chart_curve_end(p, k);
        for (size_t i = k; i < end; i++) {
            buf_printf(s->out, "%.10g", p->mark[i].x + shift);
            add_number(s->out, p->mark[i].y);
            add_number(s->out, p->mark[i].lo);
            add_number(s->out, p->mark[i].hi);
            add_number(s->out, p->mark[i].raw);
            buf_puts(s->out, "\n");
        }
        buf_puts(s->out, "\n\n");
    }
    buf_puts(s->out, "EOD\n");
}

static void plot_curve(const struct sheet *s, const struct chart_mark *m, size_t index, size_t points) {
    bool positions = s->p->kind == CHART_POSITIONS;
    unsigned rgb = colour[m->run % COLOURS];
    struct buf b = { 0 };

    if (positions)
        buf_printf(s->out, "$d index %zu using 1:($3==$3?$2:1/0):3:4 with yerrorbars pt 7 ps 0 lw 1.2 "
                           "lc rgb \"#%06x\" notitle, ", index, rgb);
    else if (s->c->smooth > 1)
        buf_printf(s->out, "$d index %zu using 1:5 with lines lw 1 lc rgb \"#b0%06x\" notitle, ",
                   index, rgb);
    buf_printf(s->out, "$d index %zu using 1:2 with %s lw 2 dt %zu lc rgb \"#%06x\" title ", index,
               positions || points < 2 ? "linespoints pt 7 ps 0.7" : "lines",
               m->run / COLOURS % 2 * 2 + m->part % 2 + 1, rgb);
    chart_call(&b, s->c, s->p, m);
    add_text(s, b.s, COLUMNS, false);
    buf_free(&b);
}

static void draw_curves(const struct sheet *s) {
    size_t height = s->bottom - s->top, width = s->width - s->left - s->right;
    struct chart_axis y = chart_measure(s->c, s->p, s->c->smooth > 1, height / 50 + 2);
    struct chart_axis x = chart_abscissa(s->p, width / 70 + 1);
    size_t index = 0;

    add_curves(s);
    buf_printf(s->out, "set xrange [%.10g:%.10g]\nset yrange [%.10g:%.10g]\n", x.lo, x.hi, y.lo, y.hi);
    add_ticks(s, "xtics", &x);
    add_ticks(s, "ytics scale 0", &y);
    buf_puts(s->out, "set grid xtics ytics " GRID);
    if (chart_has_chance(s->c, s->p)) add_reference(s, s->c->chance, false, true);
    if (chart_curves(s->p) > 1)
        buf_printf(s->out, "set key at screen %.6f, screen %.6f left top Left reverse samplen 3 "
                           "spacing 1.1\n", across(s, s->width - s->right + 4), down(s, s->top));
    else buf_puts(s->out, "unset key\n");
    buf_puts(s->out, "plot ");
    for (size_t k = 0, end; k < s->p->n; k = end, index++) {
        end = chart_curve_end(s->p, k);
        buf_puts(s->out, index ? ", " : "");
        plot_curve(s, &s->p->mark[k], index, end - k);
    }
    buf_puts(s->out, "\n");
}

/* The width of an ASCII character in em, as DejaVu Sans has its kind at most. */
static double width_of(char c) {
    if (strchr("mwMW@%", c)) return 1;
    if (strchr("iljtfrI .,:;'|!()[]-", c)) return 0.42;
    return isupper((unsigned char)c) ? 0.75 : 0.65;
}

/* Pixels that a name takes. */
static size_t text_width(const char *name) {
    struct buf b = { 0 };
    double em = 0;

    label_add(&b, name, COLUMNS, LABEL_ALL);
    for (const char *s = buf_text(&b); *s; s++) {
        if (!(*s & 0x80)) em += width_of(*s);
        else if (*s & 0x40) em += 1;            /* the first byte of a character */
    }
    buf_free(&b);
    return (size_t)(em * EM);
}

static void widen(size_t *margin, size_t need) {
    if (need > *margin) *margin = need;
}

/* Margins that hold the widest name, number and key of all panels. */
static void set_margins(struct sheet *s) {
    struct buf b = { 0 };

    s->left = 3 * EM;
    s->right = 2 * EDGE;
    for (size_t i = 0; i < s->c->n; i++) {
        const struct chart_panel *p = &s->c->panel[i];
        bool rows = chart_has_rows(p), key = !rows && chart_curves(p) > 1;

        for (size_t k = 0; k < p->n && (rows || key); k = rows ? k + 1 : chart_curve_end(p, k)) {
            chart_call(&b, s->c, p, &p->mark[k]);
            if (rows) widen(&s->left, text_width(b.s) + 2 * EDGE);
            else widen(&s->right, text_width(b.s) + SAMPLE);
            chart_value(&b, p, p->mark[k].y);
            if (rows) widen(&s->right, text_width(b.s) + 2 * EDGE);
        }
        if (!rows) {
            struct chart_axis a = chart_measure(s->c, p, s->c->smooth > 1, 6);

            for (size_t k = 0; k < chart_ticks(&a); k++) {
                chart_tick_text(&b, &a, k);
                widen(&s->left, text_width(b.s) + 2 * EDGE);
            }
        }
    }
    buf_free(&b);
}

/* The least height of a panel's area, and the height that it takes by itself. */
static size_t least_height(const struct chart_panel *p) {
    size_t keys = chart_has_rows(p) ? 0 : chart_curves(p);

    if (chart_has_rows(p)) return lines_of(p) * (ROW - 6);
    return keys > 1 && keys * KEY > LEAST ? keys * KEY : LEAST;
}

static size_t own_height(const struct chart_panel *p) {
    if (chart_has_rows(p)) return lines_of(p) * ROW;
    return least_height(p) > CURVES ? least_height(p) : CURVES;
}

/* Heights of the areas, and the picture's. What is more than the least is shared in proportion to what
 * they take by themselves. */
static int set_heights(struct sheet *s, size_t *area, size_t height, struct err *err) {
    size_t fixed = 2 * GAP + (s->c->title ? TITLE : 0), own = 0, least = 0;

    for (size_t i = 0; i < s->c->n; i++) {
        fixed += HEAD + AXIS + (i ? GAP : 0);
        own += own_height(&s->c->panel[i]);
        least += least_height(&s->c->panel[i]);
    }
    if (fixed + least > MOST)
        return err_set(err, "a picture of at most %d pixels has no room for so many rows", MOST);
    s->height = height ? height : fixed + own < MOST ? fixed + own : MOST;
    if (s->height < fixed + least)
        return err_set(err, "the picture needs a height of %zu pixels", fixed + least);
    for (size_t i = 0; i < s->c->n; i++)
        area[i] = least_height(&s->c->panel[i]) +
                  (s->height - fixed - least) * own_height(&s->c->panel[i]) / own;
    return 0;
}

static int set_width(struct sheet *s, size_t width, struct err *err) {
    size_t least;

    set_margins(s);
    least = s->left + s->right + NARROW;
    s->width = width ? width : least < WIDE ? WIDE : least;
    return s->width < least ? err_set(err, "the picture needs a width of %zu pixels", least) : 0;
}

static void add_panel(struct sheet *s, size_t area) {
    struct buf b = { 0 };

    s->bottom = s->top + area;
    buf_printf(s->out, "set lmargin at screen %.6f\nset rmargin at screen %.6f\n",
               across(s, s->left), across(s, s->width - s->right));
    buf_printf(s->out, "set tmargin at screen %.6f\nset bmargin at screen %.6f\n",
               down(s, s->top), down(s, s->bottom));
    chart_describe(&b, s->c, s->p);
    add_label(s, b.s, chart_has_rows(s->p) ? EDGE : s->left, s->top - HEAD / 2, false);
    if (chart_has_rows(s->p)) draw_rows(s);
    else draw_curves(s);
    buf_puts(s->out, "unset label\nunset arrow\n");
    buf_free(&b);
}

int chart_script(struct buf *out, const struct chart *c, bool svg, size_t width, size_t height,
                 struct err *err) {
    struct sheet s = { .out = out, .c = c, .svg = svg };
    size_t *area = mem_alloc(c->n, sizeof *area);
    int r = set_width(&s, width, err) || set_heights(&s, area, height, err) ? -1 : 0;

    if (!r) {
        buf_printf(out, "set encoding utf8\nset terminal %s noenhanced size %zu,%zu font \"%s,11\" "
                        "background \"#ffffff\"\n", svg ? "svg" : "pngcairo", s.width, s.height,
                   svg ? "sans-serif" : "DejaVu Sans");
        buf_puts(out, "set multiplot\n");
        s.top = GAP + (c->title ? TITLE : 0);
        if (c->title) add_label(&s, c->title, EDGE, s.top - TITLE / 2, true);
    }
    for (size_t i = 0; !r && i < c->n; i++) {
        s.p = &c->panel[i];
        s.top += HEAD + (i ? GAP : 0);
        add_panel(&s, area[i]);
        s.top = s.bottom + AXIS;
    }
    if (!r) buf_puts(out, "unset multiplot\n");
    free(area);
    return r;
}
