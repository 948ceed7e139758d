/* fields — numbers, shares with intervals, tests. */
#include "rank/fields.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "io/jsonl.h"
#include "rank/stats.h"

void fields_set(json_t *rec, double x, const char *fmt, ...) {
    char field[64];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(field, sizeof field, fmt, ap);
    va_end(ap);
    json_object_set_new(rec, field, jsonl_real(x));
}

void fields_count(json_t *rec, const char *field, size_t n) {
    json_object_set_new(rec, field, json_integer((json_int_t)n));
}

static void set_ends(json_t *rec, double lo, double hi, const char *ends) {
    fields_set(rec, lo, "%slo", ends);
    fields_set(rec, hi, "%shi", ends);
}

void fields_share(json_t *rec, double share, size_t n, const char *field, const char *ends) {
    double lo = NAN, hi = NAN;

    if (!isnan(share)) stats_wilson(share, n, &lo, &hi);
    fields_set(rec, share, "%s", field);
    set_ends(rec, lo, hi, ends);
}

void fields_mean(json_t *rec, const struct stats *s, double min, double max, const char *field, const char *ends) {
    double lo, hi;

    stats_normal(s, min, max, &lo, &hi);
    fields_set(rec, stats_mean(s), "%s", field);
    set_ends(rec, lo, hi, ends);
}

void fields_p(json_t *list, const double *p, const char *name, const char *end) {
    size_t n = json_array_size(list);
    double *holm = mem_alloc(n, sizeof *holm);

    stats_holm(holm, p, n);
    for (size_t i = 0; i < n; i++) {
        fields_set(json_array_get(list, i), p[i], "%s%s", name, end);
        fields_set(json_array_get(list, i), holm[i], "%s%s_holm", name, end);
    }
    free(holm);
}
