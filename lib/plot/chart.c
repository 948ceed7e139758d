/* chart — asking, gathering, smoothing: all but reading, naming, scales and drawing. */
#define _GNU_SOURCE
#include "plot/chart.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "plot/chart_own.h"

static int ask(struct chart_fields *fields, const char *list, struct err *err) {
    size_t panel = 0;

    for (const char *s = list;; s++) {
        size_t n = strcspn(s, ",+");

        if (!n) return err_set(err, "a field's name is empty");
        fields->field = mem_grow(fields->field, fields->n, &fields->cap, sizeof *fields->field);
        fields->field[fields->n++] = (struct chart_field){ strndup(s, n), panel, false };
        s += n;
        if (!*s) return 0;
        if (*s == ',') panel++;
    }
}

int chart_open(struct chart *c, const char *fields, size_t files, struct err *err) {
    static const char *const own[CHART_KINDS] = {
        [CHART_RUNS] = "hr1", [CHART_PAIRS] = "difference", [CHART_POSITIONS] = "hr1",
        [CHART_STRATA] = "hr1", [CHART_STEPS] = "reward,rewards/*/mean,loss+eval_loss,kl,entropy,completions/mean_length,"
                        "eval_hr1+eval_hr1_text"
    };

    c->files = files;
    c->asked = fields;
    for (int k = 0; k < CHART_KINDS; k++)
        if (ask(&c->fields[k], fields ? fields : own[k], err)) return -1;
    return 0;
}

size_t chart_name(struct chart_names *names, const char *name) {
    for (size_t i = 0; i < names->n; i++)
        if (!strcmp(names->name[i], name)) return i;
    names->name = mem_grow(names->name, names->n, &names->cap, sizeof *names->name);
    names->name[names->n] = mem_strdup(name);
    return names->n++;
}

struct chart_panel *chart_panel_of(struct chart *c, enum chart_kind kind,
                                   const struct chart_field *f) {
    const struct chart_fields *fields = &c->fields[kind];
    struct chart_panel *p;

    for (p = c->panel; p < c->panel + c->n; p++)
        if (p->kind == kind && p->place == f->panel) return p;
    c->panel = mem_grow(c->panel, c->n, &c->cap, sizeof *c->panel);
    p = &c->panel[c->n++];
    *p = (struct chart_panel){ .kind = kind, .place = f->panel };
    for (size_t i = 0; i < fields->n; i++)
        if (fields->field[i].panel == f->panel && !strchr(fields->field[i].name, '*'))
            chart_name(&p->parts, fields->field[i].name);
    return p;
}

void chart_add(struct chart_panel *p, struct chart_mark m) {
    p->mark = mem_grow(p->mark, p->n, &p->cap, sizeof *p->mark);
    m.order = p->n;
    m.raw = m.y;
    if (p->n && m.part != p->mark[0].part) p->mixed = true;
    p->mark[p->n++] = m;
}

static int compare(size_t a, size_t b) {
    return (a > b) - (a < b);
}

static int by_place(const void *a, const void *b) {
    const struct chart_panel *p = a, *q = b;

    return p->kind != q->kind ? (int)p->kind - (int)q->kind : compare(p->place, q->place);
}

static int by_order(const void *a, const void *b) {
    const struct chart_mark *m = a, *n = b;

    return m->group != n->group ? compare(m->group, n->group) : compare(m->order, n->order);
}

/* The greatest first, those without a number last. */
static int by_value(const void *a, const void *b) {
    const struct chart_mark *m = a, *n = b;

    if (m->group != n->group) return compare(m->group, n->group);
    if (isnan(m->y) || isnan(n->y) || m->y == n->y)
        return isnan(m->y) != isnan(n->y) ? (isnan(m->y) ? 1 : -1) : compare(m->order, n->order);
    return m->y < n->y ? 1 : -1;
}

static int by_curve(const void *a, const void *b) {
    const struct chart_mark *m = a, *n = b;

    if (m->run != n->run) return compare(m->run, n->run);
    if (m->part != n->part) return compare(m->part, n->part);
    return m->x != n->x ? m->x < n->x ? -1 : 1 : compare(m->order, n->order);
}

/* y = mean of the values less than `span` / 2 steps before or at most as many behind. x ascends. */
static void smooth(struct chart_mark *mark, size_t n, double span) {
    size_t from = 0, to = 0;
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        while (to < n && mark[to].x <= mark[i].x + span / 2) sum += mark[to++].raw;
        while (from < i && mark[from].x <= mark[i].x - span / 2) sum -= mark[from++].raw;
        mark[i].y = sum / (double)(to - from);
    }
}

static void gather(struct chart *c, struct chart_panel *p, bool sort) {
    qsort(p->mark, p->n, sizeof *p->mark,
          !chart_has_rows(p) ? by_curve : sort ? by_value : by_order);
    if (p->kind != CHART_STEPS || c->smooth < 2) return;
    for (size_t k = 0, end; k < p->n; k = end) {
        end = chart_curve_end(p, k);
        smooth(p->mark + k, end - k, (double)c->smooth);
    }
}

/* Whether field i of some kind's list was seen; lists that were asked for are all the same. */
static bool seen(const struct chart *c, size_t i) {
    for (int k = 0; k < CHART_KINDS; k++)
        if (i < c->fields[k].n && c->fields[k].field[i].seen) return true;
    return false;
}

static int check_seen(const struct chart *c, struct err *err) {
    const struct chart_fields *f = &c->fields[0];

    for (size_t i = 0; c->asked && i < f->n; i++)
        if (!seen(c, i)) return err_set(err, "no record has a number in \"%s\"", f->field[i].name);
    for (size_t i = 0; i < c->fields[CHART_STEPS].n; i++)
        if (seen(c, i)) return 0;
    return err_set(err, "nothing to draw: no record has a number in "
                        "\"hr1\", \"difference\", \"reward\" or \"loss\"");
}

int chart_finish(struct chart *c, bool sort, struct err *err) {
    if (check_seen(c, err)) return -1;
    qsort(c->panel, c->n, sizeof *c->panel, by_place);
    for (size_t i = 0; i < c->n; i++) gather(c, &c->panel[i], sort);
    return 0;
}

static void free_names(struct chart_names *names) {
    while (names->n) free(names->name[--names->n]);
    free(names->name);
}

void chart_free(struct chart *c) {
    for (size_t i = 0; i < c->n; i++) {
        free_names(&c->panel[i].groups);
        free_names(&c->panel[i].parts);
        free(c->panel[i].mark);
    }
    for (int k = 0; k < CHART_KINDS; k++) {
        while (c->fields[k].n) free(c->fields[k].field[--c->fields[k].n].name);
        free(c->fields[k].field);
    }
    free_names(&c->runs);
    free(c->panel);
}
