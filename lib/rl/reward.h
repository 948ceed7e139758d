/* reward — how good a sample is, in parts.
 *
 *   hit          1 if the parsed answer is the right label
 *   mrr          1 / rank of the true candidate by the sample's scores (ties count half a rank each)
 *   ndcg         1 / log2(1 + rank) up to rank `top`, 0 beyond
 *   prob         probability of the true candidate under the scores
 *   rating       1 - |expected rating - true rating| / 4, in the form rate
 *   format       1 if the text stopped by itself and holds a valid answer
 *   grounding    share of the citations that name a chain and edge which the prompt shows; 1 without any
 *   leak         share of the thoughts, each the text of a line up to its citation, that name what is masked at their
 *                step: the closing edge, or the candidate's title before edge 3, which leads to it; 0 without any
 *   length       tokens of the text / 100
 *   overlong     0 up to `soft` tokens, falling to -1 at `most`: DAPO's soft punishment (Yu et al. 2025, eq. 13)
 *   repetition   share of the runs of `ngram` tokens that the text had before
 *
 * Leak, length and repetition ask for a negative weight. A part that the sample gives no ground for is 0. */
#ifndef RL_REWARD_H
#define RL_REWARD_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"

enum reward_part {
    REWARD_HIT, REWARD_MRR, REWARD_NDCG, REWARD_PROB, REWARD_RATING, REWARD_FORMAT, REWARD_GROUNDING, REWARD_LEAK,
    REWARD_LENGTH, REWARD_OVERLONG, REWARD_REPETITION, REWARD_PARTS
};

/* Names of the parts, as records spell them. */
extern const char *const reward_names[REWARD_PARTS];

struct reward_options {
    long top;               /* ranks that have a gain */
    long soft, most;        /* tokens, soft < most */
    long ngram;             /* tokens */
};

/* Sets the parts of one sample of a rollout record. Returns 0, or -1 on a malformed record. */
int reward_sample(double parts[REWARD_PARTS], const json_t *rec, const json_t *sample,
                  const struct reward_options *o, struct err *err);

/* Whether the sample's text holds an answer. */
bool reward_answered(const json_t *sample);

/* Whether the record knows the right answer: not where it is "?". */
bool reward_known(const json_t *rec);

/* Rank of entry k among n scores, from 1: those above it, plus half of those equal to it. */
double reward_rank(const double *scores, size_t n, size_t k);

#endif
