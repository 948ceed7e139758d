/* schedule — the learning rate of a step: a linear rise from zero, then constant, linear or cosine. */
#ifndef TRAIN_SCHEDULE_H
#define TRAIN_SCHEDULE_H

enum schedule_kind { SCHEDULE_CONSTANT, SCHEDULE_LINEAR, SCHEDULE_COSINE };

struct schedule {
    enum schedule_kind kind;
    double lr;                      /* the peak */
    double final;                   /* the part of the peak that is left at the end, 0 .. 1 */
    long warmup, total;             /* steps */
};

/* The rate of step `step`, counted from 0: the first warm-up step has lr / warmup, so that no step is
 * taken with rate zero; steps at or beyond `total` have the final rate. */
double schedule_rate(const struct schedule *s, long step);

#endif
