/* reward — how good a sample is, in parts.
 *
 *   hit          1 if the parsed answer is the right label
 *   mrr          1 / rank of the true candidate by the sample's scores (ties count half a rank each)
 *   ndcg         1 / log2(1 + rank)
 *   prob         probability of the true candidate under the scores
 *   rating       1 - |expected rating - true rating| / 4, in the form rate
 *   format       1 if the text stopped by itself and holds a valid answer
 *   grounding    share of the citations that name a chain and edge which the prompt shows; 1 without any
 *   length       tokens of the text / 100: give it a negative weight
 *
 * A part that the sample gives no ground for is 0. */
#ifndef RL_REWARD_H
#define RL_REWARD_H

#include <jansson.h>

#include "base/err.h"

enum reward_part {
    REWARD_HIT, REWARD_MRR, REWARD_NDCG, REWARD_PROB, REWARD_RATING, REWARD_FORMAT, REWARD_GROUNDING,
    REWARD_LENGTH, REWARD_PARTS
};

/* Names of the parts, as records spell them. */
extern const char *const reward_names[REWARD_PARTS];

/* Sets the parts of one sample of a rollout record. Returns 0, or -1 on a malformed record. */
int reward_sample(double parts[REWARD_PARTS], const json_t *rec, const json_t *sample, struct err *err);

/* Rank of entry k among n scores, from 1: those above it, plus half of those equal to it. */
double reward_rank(const double *scores, size_t n, size_t k);

#endif
