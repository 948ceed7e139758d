/* advantage — relative to the group. */
#include "rl/advantage.h"

#include <math.h>

static const double TINY = 1e-4;        /* added to the deviation, as in TRL's GRPOTrainer */

void advantage_moments(const double *x, int n, double *mean, double *deviation) {
    double sum = 0, squares = 0;

    for (int i = 0; i < n; i++) sum += x[i];
    *mean = sum / n;
    for (int i = 0; i < n; i++) squares += (x[i] - *mean) * (x[i] - *mean);
    *deviation = n > 1 ? sqrt(squares / (n - 1)) : 0;
}

bool advantage_group(double *advantage, const double *reward, int n, bool scale) {
    double mean, deviation;
    bool silent = true;

    advantage_moments(reward, n, &mean, &deviation);
    for (int i = 1; i < n; i++) silent &= reward[i] == reward[0];
    for (int i = 0; i < n; i++) {
        advantage[i] = silent ? 0 : reward[i] - mean;
        if (scale) advantage[i] /= deviation + TINY;
    }
    return !silent;
}
