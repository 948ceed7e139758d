/* advantage — a group's rewards become what each sample is worth beside its siblings. */
#ifndef RL_ADVANTAGE_H
#define RL_ADVANTAGE_H

#include <stdbool.h>

/* advantage[n] = reward[n] less the group's mean, divided, if `scale`, by the group's unbiased deviation
 * + 1e-4 (GRPO, Shao et al. 2024, as TRL computes it). Returns false, and zeros, where all rewards are
 * equal: a silent group. n >= 1. */
bool advantage_group(double *advantage, const double *reward, int n, bool scale);

/* Mean and unbiased deviation (0 for n < 2) of x[n]. */
void advantage_moments(const double *x, int n, double *mean, double *deviation);

#endif
