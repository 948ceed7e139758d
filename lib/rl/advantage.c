/* advantage — relative to the group, its siblings or the batch. */
#include "rl/advantage.h"

#include <math.h>

static const double TINY = 1e-4;        /* added to a deviation, as in TRL's GRPOTrainer */
static const double TINY_VARIANCE = 1e-8;       /* as in verl's masked_whiten */

void advantage_moments(const double *x, size_t n, double *mean, double *deviation) {
    double sum = 0, squares = 0;

    for (size_t i = 0; i < n; i++) sum += x[i];
    *mean = sum / (double)n;
    for (size_t i = 0; i < n; i++) squares += (x[i] - *mean) * (x[i] - *mean);
    *deviation = n > 1 ? sqrt(squares / (double)(n - 1)) : 0;
}

bool advantage_silent(const double *reward, size_t n) {
    for (size_t i = 1; i < n; i++)
        if (reward[i] != reward[0]) return false;
    return true;
}

/* One group; `deviation` is the batch's. */
static void set_group(double *advantage, const double *reward, size_t n, enum advantage_base base,
                      enum advantage_scale scale, double deviation) {
    double mean, own;

    advantage_moments(reward, n, &mean, &own);
    if (scale == SCALE_GROUP) deviation = own;
    for (size_t i = 0; i < n; i++) {
        advantage[i] = base == BASE_NONE ? reward[i] : reward[i] - mean;
        if (base == BASE_SIBLINGS) advantage[i] = n > 1 ? advantage[i] * (double)n / (double)(n - 1) : 0;
        if (scale != SCALE_NONE) advantage[i] /= deviation + TINY;
    }
}

void advantage_set(double *advantage, const double *reward, size_t n, size_t size, enum advantage_base base,
                   enum advantage_scale scale) {
    double mean, deviation;

    advantage_moments(reward, n, &mean, &deviation);
    for (size_t g = 0; g < n; g += size) set_group(advantage + g, reward + g, size, base, scale, deviation);
}

void advantage_whiten(double *x, size_t n) {
    double mean, deviation;

    advantage_moments(x, n, &mean, &deviation);
    for (size_t i = 0; i < n; i++) x[i] = (x[i] - mean) / sqrt(deviation * deviation + TINY_VARIANCE);
}
