/* decoder — forward and backward of a transformer over packed sequences.
 *
 *   embed → L × (rmsnorm → qkv → qk-norm → rope → attention → wo → add → rmsnorm → swiglu → add)
 *         → rmsnorm → logits of the target rows only → log-probability, entropy
 *
 * Sequences lie one after another in one array of tokens: no padding, no attention across borders. A
 * sequence may go on from another one (its parent): the prompt that completions share is computed
 * once and its gradient gathers what all of them send back. Memory grows on demand and is kept: a
 * step of a shape seen before allocates nothing. Results have the same bits with any number of threads,
 * and a row's result has the same bits whatever else is in the batch, in kvcache too. */
#ifndef MODEL_DECODER_H
#define MODEL_DECODER_H

#include "base/err.h"
#include "base/pool.h"
#include "model/model.h"
#include "tensor/products.h"
#include "tensor/real.h"

/* Rows start .. start+len-1 of the token array, len > 0. `parent` is the index of an earlier sequence
 * without parent, all of whose tokens come before this one's, or -1. Row `start` has position 0, or the
 * parent's length. */
struct seq {
    int start, len;
    int parent;
};

/* The distribution after row `row` (that is, of the token that follows it) and the token asked about.
 * A token's own log-probability has the row before it; the first token of a branch, its parent's last
 * row. Several targets may name one row. */
struct target {
    int row, token;
};

/* One call's input; every pointer is borrowed. */
struct packed {
    const int *tokens;              /* [n_tokens] */
    const struct seq *seqs;         /* in order of start, covering all tokens */
    const struct target *targets;   /* in order of row: cheapest; any order is right */
    int n_tokens, n_seqs, n_targets;
};

struct decoder;

/* For this model, whose parameters may change between steps. Both are borrowed. Free with decoder_free. */
struct decoder *decoder_new(const struct model *m, struct pool *pool);
void decoder_free(struct decoder *d);

/* From the next forward on, backward computes the activations of a layer again instead of keeping them all
 * ("activation checkpointing": a layer's memory instead of all layers', for most of a second forward). The same
 * bits. */
void decoder_recompute(struct decoder *d);

/* From the next forward on, products are of these kinds; they are exact otherwise. */
void decoder_products(struct decoder *d, const struct products *forward, const struct products *backward);

/* Bytes of activations and scratch that a forward and backward over `in` will hold; its tokens are not
 * looked at, nothing is allocated for them. */
size_t decoder_bytes(struct decoder *d, const struct packed *in);

/* Whether the input is sound: borders, parents, token ids, positions. 0, or -1 with a sentence. */
int decoder_check(const struct config *cfg, const struct packed *in, struct err *err);

/* Log-probability of each target in logprob[n_targets] and, unless NULL, the entropy of its distribution.
 * `in` has passed decoder_check. */
void decoder_forward(struct decoder *d, const struct packed *in, real *logprob, real *entropy);

/* Adds the gradient of the last forward to grad (a block of model_trained): dlogprob[n_targets] is
 * dLoss/dlogprob of each target: -1/n for a mean cross-entropy over n targets; dentropy, or NULL,
 * is dLoss/dentropy. `in` is that of the forward, unchanged, as are the parameters. */
void decoder_backward(struct decoder *d, const struct packed *in, real *grad, const real *dlogprob,
                      const real *dentropy);

/* Logits [rows, vocab] of the targets' rows of the last forward; neighbouring targets of one row have one. */
void decoder_logits(struct decoder *d, real *logits);

/* How many targets of the last forward were the most probable token of their row. */
int decoder_hits(const struct decoder *d);

#endif
