/* chart — what marks and panels are called, and scales with round numbers. */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "plot/chart.h"

bool chart_has_rows(const struct chart_panel *p) {
    return p->kind != CHART_POSITIONS && p->kind != CHART_STEPS;
}

const char *chart_heading(const struct chart_panel *p, size_t k) {
    const char *name = p->groups.name[p->mark[k].group];

    return *name && (!k || p->mark[k - 1].group != p->mark[k].group) ? name : NULL;
}

size_t chart_curve_end(const struct chart_panel *p, size_t k) {
    size_t end = k + 1;

    while (end < p->n && p->mark[end].run == p->mark[k].run && p->mark[end].part == p->mark[k].part)
        end++;
    return end;
}

size_t chart_curves(const struct chart_panel *p) {
    size_t n = 0;

    for (size_t k = 0; k < p->n; k = chart_curve_end(p, k)) n++;
    return n;
}

/* hr1 is HR@1, as evaluate's tables have it, hr1_difference a difference of it; other names stay. */
static void add_field(struct buf *out, const char *field) {
    static const char *const upper[] = { "hr", "ndcg", "mrr", "map", "auc", "rmse", "mae" };
    const char *end;

    if (!strcmp(field, "difference")) field = "hr1_difference";
    end = strstr(field, "_difference");
    if (end && !end[11]) buf_puts(out, "difference of ");
    else end = field + strlen(field);
    for (size_t i = 0; i < sizeof upper / sizeof *upper; i++) {
        size_t n = strlen(upper[i]), digits;

        if (strncmp(field, upper[i], n)) continue;
        digits = strspn(field + n, "0123456789");
        if (field + n + digits != end) continue;
        for (size_t k = 0; k < n; k++) buf_printf(out, "%c", toupper((unsigned char)field[k]));
        buf_printf(out, digits ? "@%.*s" : "%.*s", (int)digits, field + n);
        return;
    }
    buf_add(out, field, (size_t)(end - field));
}

void chart_call(struct buf *out, const struct chart *c, const struct chart_panel *p,
                const struct chart_mark *m) {
    bool run = !p->mixed || p->kind != CHART_STEPS || c->runs.n > 1;

    buf_clear(out);
    if (run) buf_puts(out, c->runs.name[m->run]);
    if (run && p->mixed) buf_puts(out, " ");
    if (p->mixed) add_field(out, p->parts.name[m->part]);
}

static bool has_intervals(const struct chart_panel *p) {
    for (size_t k = 0; k < p->n; k++)
        if (!isnan(p->mark[k].lo)) return true;
    return false;
}

bool chart_has_chance(const struct chart *c, const struct chart_panel *p) {
    return !isnan(c->chance) && p->kind != CHART_PAIRS && p->kind != CHART_STEPS;
}

void chart_describe(struct buf *out, const struct chart *c, const struct chart_panel *p) {
    buf_clear(out);
    for (size_t i = 0; i < p->parts.n; i++) {
        if (!p->mixed && i != p->mark[0].part) continue;
        if (out->n) buf_puts(out, ", ");
        add_field(out, p->parts.name[i]);
    }
    if (p->kind == CHART_POSITIONS) buf_puts(out, " by position");
    if (p->kind == CHART_STEPS) buf_puts(out, " by step");
    if (p->kind == CHART_STEPS && c->smooth > 1) buf_printf(out, ", mean of %zu steps", c->smooth);
    if (has_intervals(p)) buf_puts(out, ", 95 % intervals");
    if (chart_has_chance(c, p)) buf_printf(out, ", chance %g", c->chance);
}

void chart_value(struct buf *out, const struct chart_panel *p, double y) {
    bool sign = p->kind == CHART_PAIRS;

    buf_clear(out);
    if (isnan(y)) buf_puts(out, "-");
    else if (fabs(y) < 100) buf_printf(out, sign ? "%+.3f" : "%.3f", y);
    else buf_printf(out, sign ? "%+.6g" : "%.6g", y);
}

/* Steps of 1, 2 or 5 times a power of ten, about `ticks` of them. Around a single value some extent is
 * made. */
static struct chart_axis axis(double lo, double hi, size_t ticks) {
    double most = fmax(fabs(lo), fabs(hi)), room = most > 0 ? most / 2 : 0.5, power, step;

    if (hi - lo <= 1e-6 * most || most == 0) {
        lo -= room;
        hi += room;
    }
    step = (hi - lo) / (double)ticks;
    power = pow(10, floor(log10(step)));
    step /= power;
    step = step <= 1 ? 1 : step <= 2 ? 2 : step <= 5 ? 5 : 10;
    return (struct chart_axis){ lo, hi, step * power };
}

static void reach(double *lo, double *hi, double x) {
    if (x < *lo) *lo = x;
    if (x > *hi) *hi = x;
}

/* Ticks in units of a step: how many there are from 0 to the first, and to the last. */
static double first_tick(const struct chart_axis *a) {
    return ceil(a->lo / a->step - 1e-6);
}

static double last_tick(const struct chart_axis *a) {
    return floor(a->hi / a->step + 1e-6);
}

struct chart_axis chart_measure(const struct chart *c, const struct chart_panel *p, bool raw,
                                size_t ticks) {
    double lo = INFINITY, hi = -INFINITY, room;
    struct chart_axis a;

    if (p->kind != CHART_STEPS) reach(&lo, &hi, 0);
    if (chart_has_chance(c, p)) reach(&lo, &hi, c->chance);
    for (size_t k = 0; k < p->n; k++) {
        reach(&lo, &hi, p->mark[k].y);
        reach(&lo, &hi, p->mark[k].lo);
        reach(&lo, &hi, p->mark[k].hi);
        if (raw) reach(&lo, &hi, p->mark[k].raw);
    }
    a = axis(lo, hi, ticks);
    room = (a.hi - a.lo) / 30;
    if (p->kind == CHART_STEPS) return (struct chart_axis){ a.lo - room, a.hi + room, a.step };
    a.lo = floor(a.lo / a.step + 1e-6) * a.step;
    a.hi = ceil(a.hi / a.step - 1e-6) * a.step;
    return a;
}

struct chart_axis chart_abscissa(const struct chart_panel *p, size_t ticks) {
    double lo = INFINITY, hi = -INFINITY, room = p->kind == CHART_POSITIONS ? 0.5 : 0;
    struct chart_axis a;

    for (size_t k = 0; k < p->n; k++) reach(&lo, &hi, p->mark[k].x);
    a = axis(lo - room, hi + room, ticks);
    if (a.step < 1) a.step = 1;         /* steps and positions are whole */
    return a;
}

size_t chart_ticks(const struct chart_axis *a) {
    double n = last_tick(a) - first_tick(a) + 1;

    return n > 0 ? (size_t)n : 0;
}

double chart_tick(const struct chart_axis *a, size_t k) {
    return (first_tick(a) + (double)k) * a->step + 0.0;         /* -0 becomes 0 */
}

void chart_tick_text(struct buf *out, const struct chart_axis *a, size_t k) {
    int digits = (int)fmax(0, -floor(log10(a->step) + 1e-9));
    bool plain = digits < 10 && fabs(a->hi) < 1e7 && fabs(a->lo) < 1e7;

    buf_clear(out);
    buf_printf(out, plain ? "%.*f" : "%.*g", plain ? digits : 6, chart_tick(a, k));
}
