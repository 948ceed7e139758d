/* policy — loss and gradient, token by token. */
#include "rl/policy.h"

#include <math.h>
#include <stdbool.h>

/* d(-min(ratio A, clipped ratio A))/dl = -ratio A where the unclipped term counts, else 0. */
static double surrogate(double ratio, double advantage, const struct policy_options *o, bool *clipped,
                        double *slope) {
    double bound = fmin(fmax(ratio, 1 - o->clip_low), 1 + o->clip_high);

    *clipped = bound * advantage < ratio * advantage;
    *slope = *clipped ? 0 : -ratio * advantage;
    return -fmin(ratio * advantage, bound * advantage);
}

void policy_sequence(real *dlogprob, struct policy_stats *stats, const real *logprob, const double *old,
                     const real *ref, int n, double advantage, double weight,
                     const struct policy_options *o) {
    for (int t = 0; t < n; t++) {
        double change = (double)logprob[t] - old[t], slope;
        bool clipped;
        double loss = surrogate(exp(change), advantage, o, &clipped, &slope);

        if (ref) {
            double gap = (double)ref[t] - (double)logprob[t];
            double k3 = expm1(gap) - gap;       /* dk3/dl = 1 - exp(f - l) */

            loss += o->beta * k3;
            slope -= o->beta * expm1(gap);
            stats->kl += k3;
        }
        dlogprob[t] = (real)(weight * slope);
        stats->loss += weight * loss;
        stats->clipped += clipped;
        stats->gap = fmax(stats->gap, fabs(change));
        stats->tokens++;
    }
}
