/* policy — the clipped, group-relative policy loss of GRPO and its gradient.
 *
 * Of a token with log-probability l under the policy, o when it was sampled, f under the reference:
 *     ratio = exp(l - o)
 *     loss  = -min(ratio A, clip(ratio, 1 - low, 1 + high) A) + beta k3,   k3 = exp(f - l) - (f - l) - 1
 * (Schulman's k3 estimate of the KL divergence). A sequence's loss is the mean over its tokens, the
 * step's the mean over its sequences, as `weight` says. */
#ifndef RL_POLICY_H
#define RL_POLICY_H

#include "tensor/real.h"

struct policy_options {
    double clip_low, clip_high;     /* 0.2 and 0.2 */
    double beta;                    /* of the KL term; 0: none */
};

/* Sums over tokens; zero it before the first sequence. */
struct policy_stats {
    double loss;                    /* weighted: the step's loss */
    double kl;                      /* of k3 */
    double clipped;                 /* tokens where the clip is what counts */
    double gap;                     /* the largest |l - o| */
    double tokens;
};

/* One sequence of n tokens: writes dlogprob[n] = dLoss/dl. `weight` multiplies the whole: 1 / (n *
 * sequences) for GRPO. `ref` may be NULL when beta is 0. */
void policy_sequence(real *dlogprob, struct policy_stats *stats, const real *logprob, const double *old,
                     const real *ref, int n, double advantage, double weight,
                     const struct policy_options *o);

#endif
