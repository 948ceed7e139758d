/* likelihood — how probable a model of ours holds a completion to be. */
#ifndef RL_LIKELIHOOD_H
#define RL_LIKELIHOOD_H

#include <jansson.h>

#include "base/err.h"

struct likelihood;

/* Loads the model directory, or the last step of a run directory; `threads` as of pool_new. NULL with a sentence. */
struct likelihood *likelihood_new(const char *dir, int threads, struct err *err);

/* NULL is fine. */
void likelihood_free(struct likelihood *l);

/* Mean log-probability of the record's completion's tokens, behind its prompt. Returns 0, or -1. */
int likelihood_of(struct likelihood *l, const json_t *rec, double *mean, struct err *err);

#endif
