/* kvcache — decoding with the keys and values of what was read before.
 *
 * A sequence is a root (a prompt) or a branch of a root, which shares the root's keys and values: the G
 * completions of a prompt store it once. `kvcache_feed` reads any number of tokens of any number of
 * sequences at once: prompts, one-token steps of many sequences, forced tokens. Log-probabilities
 * have the same bits as decoder_forward's, whatever else is in the batch; with packed weights (model/packing.h) of
 * less than full precision they are near them: keys, values and the factors of attention are rounded to bf16 as well. */
#ifndef MODEL_KVCACHE_H
#define MODEL_KVCACHE_H

#include "base/pool.h"
#include "model/model.h"
#include "tensor/real.h"

struct kvcache;

/* Tokens that sequence `id` reads next. */
struct kv_feed {
    int id;
    const int *tokens;
    int n;
};

/* An empty cache for this model, which is packed before if to less than full precision; both are borrowed. Free with
 * kvcache_free. */
struct kvcache *kvcache_new(const struct model *m, struct pool *pool);
void kvcache_free(struct kvcache *kv);

/* A new empty sequence that may grow to max_len tokens; its id, small and reused after release. */
int kvcache_root(struct kvcache *kv, int max_len);

/* The same with a copy of the first n tokens that root `other` has read. n = 0: without another. */
int kvcache_root_like(struct kvcache *kv, int other, int n, int max_len);

/* A new sequence that goes on after all that root `root` has read (which must not grow any more), by up
 * to max_len tokens. Its id. */
int kvcache_branch(struct kvcache *kv, int root, int max_len);

/* Gives a sequence back; its memory serves the next. A root goes when its last branch has gone, too. */
void kvcache_release(struct kvcache *kv, int id);

/* Tokens read so far, those of the root included. */
int kvcache_len(const struct kvcache *kv, int id);

/* Reads the tokens of n feeds, each of another sequence. logits [n, vocab] are those after the last
 * token of each feed; NULL: not computed. Token ids and lengths are the caller's promise. */
void kvcache_feed(struct kvcache *kv, const struct kv_feed *feeds, int n, real *logits);

/* The same; logits [sum of n, vocab] after every token of every feed. */
void kvcache_feed_all(struct kvcache *kv, const struct kv_feed *feeds, int n, real *logits);

/* Logits of one vector to the log-probability of a token: x[token] - logsumexp(x), with the bits of
 * decoder_forward. */
real kvcache_logprob(const real *logits, int vocab, int token);

#endif
