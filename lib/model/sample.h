/* sample — choose the next token from logits. */
#ifndef MODEL_SAMPLE_H
#define MODEL_SAMPLE_H

#include "base/rng.h"
#include "tensor/real.h"

struct sample_options {
    double temperature;     /* 0: the most probable token, the smaller id of equals */
    long top_k;             /* only the k most probable, and those equal to the k-th; 0: all */
    double top_p;           /* the fewest tokens whose probabilities sum to p or more; 1: all */
};

/* Token ids with their weights; the caller owns the scratch of `vocab` entries. */
struct sample_entry {
    int token;
    real logit;
    double p;
};

/* Draws a token. The order of filters is that of transformers: temperature, top-k, top-p. */
int sample_token(const real *logits, int vocab, const struct sample_options *o, struct rng *r,
                 struct sample_entry *scratch);

#endif
