/* advantage — rewards become what each sample, or token, is worth beside the others. */
#ifndef RL_ADVANTAGE_H
#define RL_ADVANTAGE_H

#include <stdbool.h>
#include <stddef.h>

/* What a reward is compared with: the mean of its group (GRPO, Shao et al. 2024), the mean of its siblings alone
 * (RLOO, Ahmadian et al. 2024; zero for a group of one), nothing. */
enum advantage_base { BASE_GROUP, BASE_SIBLINGS, BASE_NONE };

/* What the difference is divided by, + 1e-4: the unbiased deviation of the group's rewards or of all of them, as
 * TRL's scale_rewards has it; nothing. */
enum advantage_scale { SCALE_GROUP, SCALE_BATCH, SCALE_NONE };

/* advantage[n] of reward[n], groups of `size` one after another. n is a multiple of size. */
void advantage_set(double *advantage, const double *reward, size_t n, size_t size, enum advantage_base base,
                   enum advantage_scale scale);

/* Gives x[n] the mean 0 and the unbiased variance 1, 1e-8 added to it: over the tokens of a batch (REINFORCE++, Hu
 * 2025, as verl computes it). n >= 1. */
void advantage_whiten(double *x, size_t n);

/* Whether all n rewards are equal. */
bool advantage_silent(const double *reward, size_t n);

/* Mean and unbiased deviation (0 for n < 2) of x[n]. */
void advantage_moments(const double *x, size_t n, double *mean, double *deviation);

#endif
