/* step — the metric record of a step of rl-update, with the names of TRL's GRPOTrainer. */
#ifndef RL_STEP_H
#define RL_STEP_H

#include <jansson.h>

#include "base/pool.h"
#include "rl/credit.h"
#include "rl/policy.h"
#include "rl/rewarded.h"

struct step {
    long number;                        /* steps taken since the run began */
    const struct rewarded_stats *in;    /* of all records */
    const struct policy_stats *policy;  /* of the step's own groups */
    double kl;                          /* mean over tokens; NaN: that of `policy` */
    double entropy;                     /* summed over the step's tokens */
    double lr, norm;
    const struct credit_trust *trust;   /* NULL: no importance weights */
    double trusted;                     /* tokens that have one */
    double tokens;                      /* read since the run began */
    double seconds;
    struct pool *pool;                  /* whose times are told; NULL: none are */
};

/* A new reference. */
json_t *step_json(const struct step *s);

#endif
