/* algorithm — the algorithms by name: which ratio, mean and advantage each is made of.
 *
 *   name                   ratio      mean over             advantage                    KL
 *   grpo                   token      a sequence, then all  group, its deviation         k3 in the loss
 *   dr_grpo                token      a constant length     group, not divided           k3 in the loss
 *   dapo                   token      tokens of all steps   group, its deviation         k3 in the loss
 *   bnpo                   token      tokens of the step    group, its deviation         k3 in the loss
 *   gspo                   sequence   a sequence, then all  group, its deviation         k3 in the loss
 *   reinforce++            token      tokens of the step    none, whitened over tokens   k1 in the reward
 *   reinforce++-baseline   token      tokens of the step    group, whitened over tokens  k2 in the loss
 *   rloo                   sequence   sequences             siblings, not divided        k1 in the reward
 *
 * as TRL's GRPOTrainer and RLOOTrainer and verl's core_algos define them. The KL term and the scale are defaults. */
#ifndef RL_ALGORITHM_H
#define RL_ALGORITHM_H

#include <stdbool.h>

#include "rl/advantage.h"
#include "rl/policy.h"

#define ALGORITHM_NAMES "grpo|dr_grpo|dapo|bnpo|gspo|reinforce++|reinforce++-baseline|rloo"

struct algorithm {
    enum policy_ratio ratio;
    enum policy_mean mean;
    bool all_steps;                 /* tokens of all minibatches of an epoch are counted, not of the step's alone */
    enum advantage_base base;
    bool whiten;                    /* over the tokens of the batch, and a token's return is what is still to come */
    enum advantage_scale scale;
    enum policy_kl kl;
    bool kl_in_reward;
};

/* The algorithm that stands at this place among the names. */
const struct algorithm *algorithm_get(int index);

#endif
