/* update — groups of rewarded samples become a gradient: forward, policy loss, backward. The prompt of a
 * group is computed once and its samples branch off it. */
#ifndef RL_UPDATE_H
#define RL_UPDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/decoder.h"
#include "rl/policy.h"

/* One completion; the arrays [n] are owned. */
struct rl_sample {
    int32_t *tokens;
    double *old;            /* log-probabilities that ratios start from */
    int n;
    bool cut;               /* it ended at its limit, not by itself */
    double reward;
    double *advantage;
    real *ref;              /* log-probabilities under the reference; NULL: no KL term */
    double *trust;          /* truncated importance weights; NULL: 1 */
};

/* A prompt and its samples. */
struct rl_group {
    int32_t *prompt;        /* [n_prompt], owned */
    int n_prompt;
    struct rl_sample *samples;      /* [n], owned */
    int n;
};

/* Frees what the group, the sample owns. */
void rl_group_free(struct rl_group *g);
void rl_sample_free(struct rl_sample *s);

/* What a pass over groups needs; the pointers are borrowed. */
struct rl_pass {
    struct decoder *policy;
    const struct policy_options *o;
    enum policy_mean mean;
    double sequences, tokens, length;       /* of the whole step: see policy_weight */
    struct policy_stats stats;      /* zero before the first call */
    double entropy;                 /* summed over tokens */
};

/* Adds to grad (a block of the model) the gradient of the policy loss over n groups, which are packed
 * about `rows` tokens at a time; the borders depend on the data alone. */
void rl_gradient(struct rl_pass *pass, const struct rl_group *groups, int n, int rows, real *grad);

/* Log-probabilities of all tokens of n groups' samples, one after another; entropies too, unless NULL. */
void rl_logprobs(struct decoder *d, const struct rl_group *groups, int n, int rows, real *logprob, real *entropy);

#endif
