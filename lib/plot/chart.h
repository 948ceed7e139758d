/* chart — what a picture shows: panels one under another, each of marks with intervals, read from
 * evaluation and metric records; and the two ways to draw it, as text and as a script for gnuplot.
 *
 * A mark belongs to a run: a model, or a run of training. Runs are numbered through the whole chart,
 * and have a colour each. Panels are of rows, a line each (runs, pairs, strata), or of curves
 * (positions, steps). */
#ifndef PLOT_CHART_H
#define PLOT_CHART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"

enum chart_kind {
    CHART_RUNS, CHART_PAIRS, CHART_POSITIONS, CHART_STRATA, CHART_STEPS, CHART_KINDS
};

struct chart_mark {
    size_t group, run, part;    /* indices; part: which of the panel's fields */
    size_t order;               /* of reading */
    double x, y;                /* x: of curves. NaN y: a row without a number */
    double lo, hi;              /* NaN: no interval */
    double raw;                 /* y before it was smoothed */
};

struct chart_names {
    char **name;
    size_t n, cap;
};

struct chart_panel {
    enum chart_kind kind;
    size_t place;               /* among the panels of its kind */
    struct chart_names groups;  /* headings of rows; "": none */
    struct chart_names parts;   /* the panel's fields */
    bool mixed;                 /* marks are of several fields */
    struct chart_mark *mark;
    size_t n, cap;
};

/* A field to draw, and in which panel among those of its kind. One with a * stands for all whose names fit. */
struct chart_field {
    char *name;
    size_t panel;
    bool seen;                  /* some record has a number there */
};

struct chart_fields {
    struct chart_field *field;
    size_t n, cap;
};

struct chart {
    struct chart_names runs;
    struct chart_panel *panel;
    size_t n, cap;
    struct chart_fields fields[CHART_KINDS];
    bool asked;                 /* the fields are not each kind's own */
    size_t files;               /* how many will be read: of several, names are shown */
    const char *title;          /* borrowed; NULL: none */
    double chance;              /* where a line for reference is drawn; NaN: none */
    size_t smooth;              /* steps of a mean, from 1 */
};

/* Prepares a zeroed chart to read `files` files for the fields "a,b+c,d*": a panel for each that a comma
 * sets apart, which several may share, as do those that a * finds; NULL: each kind's own. Returns 0, or -1: the
 * list is wrong. */
int chart_open(struct chart *c, const char *fields, size_t files, struct err *err);

/* Adds the records of a file ("-": stdin), which is called `name`. Returns 0, or -1 and *line. */
int chart_read(struct chart *c, const char *name, const char *file, size_t *line, struct err *err);

/* After reading: gathers groups and curves, rows in falling order if `sort`, else as they came, and
 * smooths steps. Returns 0, or -1: a field that was asked for has no number, or nothing can be drawn. */
int chart_finish(struct chart *c, bool sort, struct err *err);

void chart_free(struct chart *c);

/* Draws text of `width` columns, from 40; curves are `height` lines high, from 4. `utf8` or ASCII. */
void chart_print(FILE *f, const struct chart *c, size_t width, size_t height, bool utf8);

/* Adds to *out the script by which gnuplot writes a picture, in SVG or PNG, to its standard output.
 * Width and height in pixels, 0: what it needs. Returns 0, or -1: it does not fit. */
int chart_script(struct buf *out, const struct chart *c, bool svg, size_t width, size_t height,
                 struct err *err);

/* What both ways need. Texts are put into *out, which is emptied before. */

/* Whether the panel's marks are lines of their own. */
bool chart_has_rows(const struct chart_panel *p);

/* The heading that stands above row k, or NULL. */
const char *chart_heading(const struct chart_panel *p, size_t k);

/* The end of the curve that begins at mark k; the number of curves. */
size_t chart_curve_end(const struct chart_panel *p, size_t k);
size_t chart_curves(const struct chart_panel *p);

/* What a mark is called: by run, field or both, whatever tells it from others. */
void chart_call(struct buf *out, const struct chart *c, const struct chart_panel *p,
                const struct chart_mark *m);

/* What a panel shows: "HR@1, 95 % intervals, chance 0.05". */
void chart_describe(struct buf *out, const struct chart *c, const struct chart_panel *p);

/* Whether the line for reference belongs into a panel. */
bool chart_has_chance(const struct chart *c, const struct chart_panel *p);

/* A row's value: 0.417, of pairs +0.417; "-" for NaN. */
void chart_value(struct buf *out, const struct chart_panel *p, double y);

/* A scale from lo to hi, with ticks at the multiples of step. */
struct chart_axis {
    double lo, hi, step;
};

/* Scales with about `ticks` ticks, from 3: of what is measured (with 0, but for steps; `raw`: also
 * before it was smoothed), and of a curve's x. */
struct chart_axis chart_measure(const struct chart *c, const struct chart_panel *p, bool raw,
                                size_t ticks);
struct chart_axis chart_abscissa(const struct chart_panel *p, size_t ticks);

/* How many ticks a scale has, where the k-th stands, and its number. */
size_t chart_ticks(const struct chart_axis *a);
double chart_tick(const struct chart_axis *a, size_t k);
void chart_tick_text(struct buf *out, const struct chart_axis *a, size_t k);

#endif
