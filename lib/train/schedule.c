/* schedule — learning rate by step. */
#include "train/schedule.h"

#include <math.h>

static const double pi = 3.14159265358979324;

double schedule_rate(const struct schedule *s, long step) {
    double done = 1;

    if (step < s->warmup) return s->lr * (double)(step + 1) / (double)s->warmup;
    if (s->kind == SCHEDULE_CONSTANT) return s->lr;
    if (step < s->total) done = (double)(step - s->warmup) / (double)(s->total - s->warmup);
    if (s->kind == SCHEDULE_LINEAR) return s->lr * (1 - (1 - s->final) * done);
    return s->lr * (s->final + (1 - s->final) * (1 + cos(pi * done)) / 2);
}
