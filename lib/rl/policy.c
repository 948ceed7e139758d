/* policy — loss and gradient, ratio by ratio. */
#include "rl/policy.h"

#include <math.h>

/* -min(ratio A, clipped ratio A); *slope is what d(ratio)/dl is multiplied by, over the ratio: -ratio A where the
 * unclipped term counts, else 0. */
static double surrogate(double ratio, double advantage, const struct policy_options *o, struct policy_stats *stats,
                        double *slope) {
    double bound = fmin(fmax(ratio, 1 - o->clip_low), 1 + o->clip_high);
    bool clipped = bound * advantage < ratio * advantage;

    *slope = clipped ? 0 : -ratio * advantage;
    stats->low += clipped && ratio < 1;
    stats->high += clipped && ratio > 1;
    stats->ratios++;
    return -fmin(ratio * advantage, bound * advantage);
}

double policy_kl(enum policy_kl kl, double l, double f, double *slope) {
    double gap = f - l;

    *slope = kl == KL_K1 ? 1 : kl == KL_K2 ? -gap : kl == KL_K3 ? -expm1(gap) : 0;
    return kl == KL_K1 ? -gap : kl == KL_K2 ? gap * gap / 2 : kl == KL_K3 ? expm1(gap) - gap : 0;
}

/* Tokens from .. to-1 share a ratio, whose logarithm moves by `share` with each of theirs. */
static void share_ratio(real *dlogprob, struct policy_stats *stats, const struct policy_tokens *s, int from, int to,
                        double weight, const struct policy_options *o) {
    double share = o->ratio == RATIO_MEAN ? 1.0 / (to - from) : 1, change = 0, ratio, loss, slope, pull = 0;

    for (int t = from; t < to; t++) change += (double)s->logprob[t] - s->old[t];
    ratio = exp(change * share);
    loss = surrogate(ratio, s->advantage[from], o, stats, &slope);
    for (int t = from; t < to; t++) {
        double trust = s->trust ? s->trust[t] : 1, scale = o->weigh_kl ? ratio : 1, dkl = 0, kl = 0;

        if (s->ref) kl = scale * policy_kl(o->kl, (double)s->logprob[t], (double)s->ref[t], &dkl);
        stats->kl += kl;
        stats->loss += weight * (trust * loss + o->beta * kl);
        pull += trust * slope + (o->weigh_kl ? o->beta * kl : 0);
        dlogprob[t] = (real)(weight * o->beta * scale * dkl);
    }
    for (int t = from; t < to; t++) dlogprob[t] += (real)(weight * pull * share);
}

void policy_sequence(real *dlogprob, struct policy_stats *stats, const struct policy_tokens *s, double weight,
                     const struct policy_options *o) {
    double low = stats->low, high = stats->high, ratios = stats->ratios;

    if (o->ratio == RATIO_TOKEN)
        for (int t = 0; t < s->n; t++) share_ratio(dlogprob, stats, s, t, t + 1, weight, o);
    else
        share_ratio(dlogprob, stats, s, 0, s->n, weight, o);
    for (int t = 0; t < s->n; t++) stats->gap = fmax(stats->gap, fabs((double)s->logprob[t] - s->old[t]));
    low = (stats->low - low) / (stats->ratios - ratios);
    high = (stats->high - high) / (stats->ratios - ratios);
    stats->low_min = stats->sequences > 0 ? fmin(stats->low_min, low) : low;
    stats->high_max = fmax(stats->high_max, high);
    stats->tokens += s->n;
    stats->sequences++;
}

double policy_weight(enum policy_mean mean, int n, double sequences, double tokens, double length) {
    switch (mean) {
    case MEAN_SEQUENCE: return 1 / (n * sequences);
    case MEAN_TOKEN: return 1 / tokens;
    default: return 1 / (sequences * length);
    }
}
