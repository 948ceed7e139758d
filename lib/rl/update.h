/* update — groups of rewarded samples become a gradient: forward, policy loss, backward. The prompt of a
 * group is computed once and its samples branch off it. */
#ifndef RL_UPDATE_H
#define RL_UPDATE_H

#include <stddef.h>
#include <stdint.h>

#include "model/decoder.h"
#include "rl/policy.h"

/* One completion. */
struct rl_sample {
    int32_t *tokens;        /* [n], owned */
    double *old;            /* [n] log-probabilities when it was sampled, owned */
    int n;
    double advantage;
};

/* A prompt and its samples; a group without signal is never made into one. */
struct rl_group {
    int32_t *prompt;        /* [n_prompt], owned */
    int n_prompt;
    struct rl_sample *samples;      /* [n], owned */
    int n;
};

/* Frees what the group owns. */
void rl_group_free(struct rl_group *g);

/* What a pass over groups needs; all but `stats` and `entropy` are borrowed. */
struct rl_pass {
    struct decoder *policy;
    struct decoder *reference;      /* NULL: no KL term */
    const struct policy_options *o;
    int sequences;                  /* samples of the whole step: each counts 1 / sequences */
    struct policy_stats stats;      /* zero before the first call */
    double entropy;                 /* summed over tokens */
};

/* Adds to grad (a block of the model) the gradient of the policy loss over n groups, which are packed
 * about `rows` tokens at a time; the borders depend on the data alone. */
void rl_gradient(struct rl_pass *pass, const struct rl_group *groups, int n, int rows, real *grad);

#endif
