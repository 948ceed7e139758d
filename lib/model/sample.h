/* sample — the distribution that temperature and filters leave of a row of logits, and a token drawn
 * from it. */
#ifndef MODEL_SAMPLE_H
#define MODEL_SAMPLE_H

#include <stddef.h>

#include "base/rng.h"
#include "tensor/real.h"

/* In the order in which they act, that of transformers. */
struct sample_options {
    double penalty;         /* of tokens seen: negative logits times it, others over it; 1: none */
    double temperature;     /* 0: the most probable token, the smaller id of equals */
    long top_k;             /* only the k most probable, and those equal to the k-th; 0: all */
    double top_p;           /* the fewest that sum to p or more, of equals the smaller ids; 1: all */
    double min_p;           /* only those with p times the greatest probability or more; 0: all */
};

/* What the penalty takes for seen: the tokens of a prompt and of its completion so far. */
struct sample_seen {
    const int *prompt, *run;
    size_t n_prompt, n_run;
};

/* Tokens in no order, and their weights: the probability of token[i] is weight[i] / sum. */
struct sample_dist {
    int n;
    int *token;             /* [vocab] */
    double *weight;         /* [vocab]; the greatest is 1 */
    double sum;
    real *logit;            /* [vocab], on the way there */
};

struct sample_dist sample_dist_new(int vocab);
void sample_dist_free(struct sample_dist *d);

/* The distribution of the next token. `seen` may be NULL when there is no penalty. */
void sample_distribution(struct sample_dist *d, const real *logits, int vocab,
                         const struct sample_options *o, const struct sample_seen *seen);

/* Draws a token from it, by the next number of r; d is left holding it. */
int sample_token(struct sample_dist *d, const real *logits, int vocab,
                 const struct sample_options *o, const struct sample_seen *seen, struct rng *r);

#endif
