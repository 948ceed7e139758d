/* policy — the clipped policy loss of GRPO and its kin, with its gradient.
 *
 * Of a token with log-probability l under the policy, o when it was sampled, f under the reference:
 *     ratio = exp(l - o)
 *     loss  = -trust min(ratio A, clip(ratio, 1 - low, 1 + high) A) + beta kl
 * The tokens of a sequence may share one ratio: exp of the mean of l - o (GSPO, Zheng et al. 2025), or of its sum, the
 * sequence's own (RLOO). Estimates of the KL divergence (Schulman 2020) and their slopes:
 *     k1 = l - f               k2 = (l - f)^2 / 2         k3 = exp(f - l) - (f - l) - 1
 *     dk1/dl = 1               dk2/dl = l - f             dk3/dl = 1 - exp(f - l) */
#ifndef RL_POLICY_H
#define RL_POLICY_H

#include <stdbool.h>

#include "tensor/real.h"

enum policy_ratio { RATIO_TOKEN, RATIO_MEAN, RATIO_SUM };
enum policy_kl { KL_K1, KL_K2, KL_K3, KL_NONE };

struct policy_options {
    double clip_low, clip_high;
    double beta;                    /* of the KL term */
    enum policy_ratio ratio;
    enum policy_kl kl;              /* in the loss */
    bool weigh_kl;                  /* multiply the KL term by the ratio (TRL's use_bias_correction_kl) */
};

/* Sums over sequences; zero it before the first one. */
struct policy_stats {
    double loss;                    /* weighted: the step's loss */
    double kl;                      /* over tokens, before beta */
    double low, high;               /* ratios where the clip counts, below and above 1 */
    double ratios;                  /* one a token, or one a sequence */
    double low_min, high_max;       /* least and greatest share of such ratios in a sequence */
    double gap;                     /* the largest |l - o| */
    double tokens, sequences;
};

/* One sequence of n tokens. */
struct policy_tokens {
    const real *logprob;            /* l */
    const double *old;              /* o */
    const real *ref;                /* f; NULL: no KL term */
    const double *advantage;        /* A; where tokens share a ratio the first counts for all */
    const double *trust;            /* truncated importance weights; NULL: 1 */
    int n;
};

/* Writes dlogprob[n] = dLoss/dl. `weight` multiplies the whole (see policy_weight). */
void policy_sequence(real *dlogprob, struct policy_stats *stats, const struct policy_tokens *s, double weight,
                     const struct policy_options *o);

/* Estimate of the KL divergence at a token; its slope by l into *slope. */
double policy_kl(enum policy_kl kl, double l, double f, double *slope);

/* How tokens are averaged: over a sequence, then over sequences (GRPO); over all tokens (DAPO, BNPO); over sequences
 * of one constant length (Dr. GRPO). */
enum policy_mean { MEAN_SEQUENCE, MEAN_TOKEN, MEAN_CONSTANT };

/* Weight of each token of a sequence of n in a step of so many sequences and tokens. */
double policy_weight(enum policy_mean mean, int n, double sequences, double tokens, double length);

#endif
