/* chart — reading: which kind a record is of, whose mark it makes, and under which heading. */
#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/jsonl.h"
#include "plot/chart.h"
#include "plot/chart_own.h"

enum { FOUND = 64 };        /* fields, with those that a * finds: rl-update has 32 parts of a reward */
enum { FAR = 100 };         /* 10^FAR: greater numbers leave no room for scales */

static bool has(const json_t *rec, const char *field) {
    return json_object_get(rec, field);
}

/* Told by the first field that is there. */
static enum chart_kind kind_of(const json_t *rec) {
    static const char *const telling[] = {
        [CHART_PAIRS] = "against", [CHART_POSITIONS] = "position", [CHART_STRATA] = "stratum",
        [CHART_STEPS] = "global_step"
    };
    enum chart_kind kind = CHART_PAIRS;

    while (kind < CHART_KINDS && !has(rec, telling[kind])) kind++;
    return kind < CHART_KINDS ? kind : CHART_RUNS;
}

/* A number of the record, NaN where it is absent or null. */
static int number(const json_t *rec, const char *field, double *x, struct err *err) {
    const json_t *v = json_object_get(rec, field);

    *x = NAN;
    if (!v || json_is_null(v)) return 0;
    if (jsonl_number(rec, field, x, err)) return -1;
    if (fabs(*x) > pow(10, FAR)) return err_set(err, "\"%s\" is beyond 1e%d", field, FAR);
    if (fabs(*x) < pow(10, -FAR)) *x = 0;
    return 0;
}

static int needed(const json_t *rec, const char *field, double *x, struct err *err) {
    return jsonl_number(rec, field, x, err) || number(rec, field, x, err) ? -1 : 0;
}

/* STEM + lo and STEM + hi, if both are there. Returns 1, 0: they are not, -1. */
static int bounds(const json_t *rec, const char *stem, size_t n, const char *end,
                  struct chart_mark *m, struct err *err) {
    struct buf lo = { 0 }, hi = { 0 };
    int r = 0;

    buf_printf(&lo, "%.*s%slo", (int)n, stem, end);
    buf_printf(&hi, "%.*s%shi", (int)n, stem, end);
    if (number(rec, lo.s, &m->lo, err) || number(rec, hi.s, &m->hi, err)) r = -1;
    else if (m->lo > m->hi) r = err_set(err, "\"%s\" is greater than \"%s\"", lo.s, hi.s);
    else r = !isnan(m->lo) && !isnan(m->hi);
    buf_free(&lo);
    buf_free(&hi);
    return r;
}

/* The interval of a field, as evaluate names it: lo, hi are those of what comes first in a record;
 * ndcg5_lo; from the bootstrap mrr_boot_lo, also of mrr_difference. */
static int interval(const json_t *rec, const char *field, struct chart_mark *m, struct err *err) {
    const char *end = strstr(field, "_difference");
    size_t n = end ? (size_t)(end - field) : strlen(field);
    int r = 0;

    if (!strcmp(field, "hr1") || !strcmp(field, "difference")) r = bounds(rec, "", 0, "", m, err);
    if (!r) r = bounds(rec, field, strlen(field), "_", m, err);
    if (!r) r = bounds(rec, field, n, "_boot_", m, err);
    if (!r) m->lo = m->hi = NAN;
    return r < 0 ? -1 : 0;
}

/* A stratum: its name, or its number and what it holds. */
static void add_stratum(struct buf *out, const json_t *rec) {
    const json_t *v = json_object_get(rec, "stratum");
    const json_t *from = json_object_get(rec, "known_from"), *to = json_object_get(rec, "known_to");
    char *s = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));

    if (json_is_string(v)) buf_puts(out, json_string_value(v));
    else buf_printf(out, "stratum %s", s);
    if (json_is_integer(from) && json_is_integer(to))
        buf_printf(out, ", known %lld to %lld", (long long)json_integer_value(from),
                   (long long)json_integer_value(to));
    free(s);
}

/* What the marks of a record share: x, run, and into *heading the text above its row. */
static int place(struct chart *c, const json_t *rec, enum chart_kind kind, const char *file,
                 struct chart_mark *m, struct buf *heading, struct err *err) {
    const char *name = has(rec, "probe") ? "probe" : "model", *model = file, *against;
    struct buf run = { 0 };
    bool several = c->files > 1;

    if (kind != CHART_STEPS && jsonl_string(rec, name, &model, err)) return -1;
    if (kind == CHART_PAIRS && jsonl_string(rec, "against", &against, err)) return -1;
    if (kind == CHART_POSITIONS && needed(rec, "position", &m->x, err)) return -1;
    if (kind == CHART_STEPS && needed(rec, "global_step", &m->x, err)) return -1;
    if (several && kind != CHART_STEPS && kind != CHART_POSITIONS) buf_puts(heading, file);
    if (heading->n && kind != CHART_RUNS) buf_puts(heading, ": ");
    if (kind == CHART_PAIRS) buf_printf(heading, "less %s", against);
    if (kind == CHART_STRATA) add_stratum(heading, rec);
    if (several && kind == CHART_POSITIONS) buf_printf(&run, "%s: ", file);
    buf_puts(&run, model);
    m->run = chart_name(&c->runs, run.s);
    buf_free(&run);
    return 0;
}

static bool is_known(const struct chart_fields *fields, const char *name, size_t panel) {
    for (size_t i = 0; i < fields->n; i++)
        if (fields->field[i].panel == panel && !strcmp(fields->field[i].name, name)) return true;
    return false;
}

/* Adds the numbers of a record that fit a field with a *. */
static void find(struct chart_fields *fields, const json_t *rec) {
    for (size_t i = 0; i < fields->n; i++) {
        const struct chart_field f = fields->field[i];
        const char *name;
        json_t *value;

        if (!strchr(f.name, '*')) continue;
        json_object_foreach((json_t *)rec, name, value) {
            if (!json_is_number(value) || strchr(name, '*') || fnmatch(f.name, name, 0)) continue;
            fields->field[i].seen = true;
            if (fields->n >= FOUND || is_known(fields, name, f.panel)) continue;
            fields->field = mem_grow(fields->field, fields->n, &fields->cap, sizeof *fields->field);
            fields->field[fields->n++] = (struct chart_field){ mem_strdup(name), f.panel, false };
        }
    }
}

/* Adds the marks of a record: one for each field that it has. */
static int add_record(struct chart *c, const json_t *rec, const char *file, struct buf *heading,
                      struct err *err) {
    enum chart_kind kind = kind_of(rec);
    struct chart_fields *fields = &c->fields[kind];
    struct chart_mark m = { 0 };

    if (place(c, rec, kind, file, &m, heading, err)) return -1;
    find(fields, rec);
    for (struct chart_field *f = fields->field; f < fields->field + fields->n; f++) {
        struct chart_panel *p;

        if (!has(rec, f->name)) continue;
        if (number(rec, f->name, &m.y, err) || interval(rec, f->name, &m, err)) return -1;
        f->seen |= !isnan(m.y);
        if (isnan(m.y) && (kind == CHART_POSITIONS || kind == CHART_STEPS)) continue;
        p = chart_panel_of(c, kind, f);
        m.group = chart_name(&p->groups, buf_text(heading));
        m.part = chart_name(&p->parts, f->name);
        chart_add(p, m);
    }
    return 0;
}

int chart_read(struct chart *c, const char *name, const char *file, size_t *line, struct err *err) {
    char *files[] = { (char *)file, NULL };
    struct buf heading = { 0 };
    struct jsonl in;
    json_t *rec;
    int r;

    jsonl_open(&in, files);
    while ((r = jsonl_next(&in, &rec, err)) > 0) {
        buf_clear(&heading);
        r = add_record(c, rec, name, &heading, err);
        json_decref(rec);
        if (r) break;
    }
    *line = in.line;
    jsonl_close(&in);
    buf_free(&heading);
    return r;
}
