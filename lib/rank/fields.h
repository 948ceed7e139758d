/* fields — what a report says, as fields of a record. What does not apply is NaN, and null in the record. */
#ifndef RANK_FIELDS_H
#define RANK_FIELDS_H

#include <jansson.h>

#include "rank/stats.h"

/* Sets a number; the field's name is a format. */
void fields_set(json_t *rec, double x, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

void fields_count(json_t *rec, const char *field, size_t n);

/* A share of n with Wilson's interval, in the fields `ends`lo and `ends`hi. */
void fields_share(json_t *rec, double share, size_t n, const char *field, const char *ends);

/* A mean of numbers from min to max with its normal interval, in field, `ends`lo and `ends`hi. */
void fields_mean(json_t *rec, const struct stats *s, double min, double max, const char *field, const char *ends);

/* Sets a p in each record of a list, and Holm's of them together: name`end` and name`end`_holm. */
void fields_p(json_t *list, const double *p, const char *name, const char *end);

#endif
