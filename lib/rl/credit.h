/* credit — the advantages of all tokens of a batch: rewards, less the KL divergence where it counts there, beside
 * those of group or batch; importance weights of tokens that another precision sampled. */
#ifndef RL_CREDIT_H
#define RL_CREDIT_H

#include "rl/algorithm.h"
#include "rl/update.h"

struct credit_options {
    const struct algorithm *algorithm;
    enum advantage_scale scale;
    enum policy_kl kl;
    bool kl_in_reward;
    double beta;                    /* of the KL divergence in the reward */
    bool mask_cut;                  /* samples that ended at their limit are left out of the loss */
};

/* Sets the advantages of n groups of one size. With the KL divergence in the reward a sample's reward is less by beta
 * times its sum over the tokens, from `old` and `ref`, which is then dropped; without base it is a token's return: less
 * by the sum from it on. Returns the divergence summed over all tokens. */
double credit_groups(struct rl_group *groups, size_t n, const struct credit_options *o);

/* Tokens of n groups' samples. */
double credit_tokens(const struct rl_group *groups, size_t n);

struct credit_trust {
    double least, most, sum;        /* of the weights */
    double gap, gaps;               /* greatest |difference|, and their sum */
};

/* Takes `logprob`, those of rl_logprobs under the policy, for `old`, and sets the weights of the tokens to
 * min(exp(logprob - old), most): truncated importance sampling (Yao et al. 2025). */
struct credit_trust credit_retake(struct rl_group *groups, size_t n, const real *logprob, double most);

/* Hands each sample its part of `logprob`, those of rl_logprobs under the reference. */
void credit_reference(struct rl_group *groups, size_t n, const real *logprob);

#endif
