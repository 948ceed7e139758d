/* batch — pack, forward, backward, add up. */
#include "train/batch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "train/tree.h"

struct batch {
    const struct model *m;
    struct pool *pool;
    const struct data *d;
    struct decoder *decoder;
    int rows;
    struct tree tree;
    int *tokens;                /* one packed input */
    struct seq *seqs;
    struct target *targets;
    struct packed in;
    size_t cap_tokens, cap_seqs, cap_targets;
    real *logprob, *entropy, *dlogprob;
};

struct batch *batch_new(const struct model *m, struct pool *pool, const struct data *d,
                        const struct batch_options *o) {
    struct batch *b = mem_calloc(1, sizeof *b);

    *b = (struct batch){ .m = m, .pool = pool, .d = d, .rows = o->rows,
                         .tree = { .p = model_trained(m), .pool = pool, .leaves = o->leaves } };
    b->decoder = decoder_new(m, pool);
    if (o->recompute) decoder_recompute(b->decoder);
    decoder_products(b->decoder, o->products, o->products);
    return b;
}

void batch_free(struct batch *b) {
    if (!b) return;
    decoder_free(b->decoder);
    tree_free(&b->tree);
    free(b->tokens);
    free(b->seqs);
    free(b->targets);
    free(b->logprob);
    free(b->entropy);
    free(b->dlogprob);
    free(b);
}

static size_t length(const struct data *d, size_t i) {
    return (size_t)(d->at[i + 1] - d->at[i]);
}

static void add_example(struct batch *b, size_t i) {
    const int32_t *id = b->d->id + b->d->at[i];
    int n = (int)length(b->d, i), begin = b->in.n_tokens;

    b->seqs = mem_grow(b->seqs, (size_t)b->in.n_seqs, &b->cap_seqs, sizeof *b->seqs);
    b->seqs[b->in.n_seqs++] = (struct seq){ begin, n, -1 };
    for (int t = 0; t < n; t++) {
        b->tokens = mem_grow(b->tokens, (size_t)b->in.n_tokens, &b->cap_tokens, sizeof *b->tokens);
        b->tokens[b->in.n_tokens++] = id[t];
        if (t < (int)b->d->start[i]) continue;
        b->targets = mem_grow(b->targets, (size_t)b->in.n_targets, &b->cap_targets, sizeof *b->targets);
        b->targets[b->in.n_targets++] = (struct target){ begin + t - 1, id[t] };
    }
    b->in.tokens = b->tokens;
    b->in.seqs = b->seqs;
    b->in.targets = b->targets;
}

/* Packs examples from the front until `rows` tokens are reached. Returns how many. */
static int pack(struct batch *b, const size_t *examples, int n) {
    int k = 0;

    b->in = (struct packed){ 0 };
    while (k < n && (!k || (size_t)b->in.n_tokens + length(b->d, examples[k]) <= (size_t)b->rows))
        add_example(b, examples[k++]);
    b->logprob = mem_realloc(b->logprob, (size_t)b->in.n_targets, sizeof *b->logprob);
    b->entropy = mem_realloc(b->entropy, (size_t)b->in.n_targets, sizeof *b->entropy);
    b->dlogprob = mem_realloc(b->dlogprob, (size_t)b->in.n_targets, sizeof *b->dlogprob);
    return k;
}

static void add_stats(const struct batch *b, struct batch_stats *s) {
    s->tokens += b->in.n_tokens;
    s->hits += decoder_hits(b->decoder);
    for (int t = 0; t < b->in.n_targets; t++) {
        s->loss -= (double)b->logprob[t];
        s->entropy += (double)b->entropy[t];
    }
}

static double count_targets(const struct data *d, const size_t *examples, int n) {
    double targets = 0;

    for (int k = 0; k < n; k++) targets += (double)(length(d, examples[k]) - d->start[examples[k]]);
    return targets;
}

/* Adds the gradient of a shard's part of the loss; NULL: the loss alone. */
static void run_shard(struct batch *b, const size_t *examples, int n, real *grad, struct batch_stats *s) {
    for (int k = 0; k < n;) {
        k += pack(b, examples + k, n - k);
        decoder_forward(b->decoder, &b->in, b->logprob, b->entropy);
        add_stats(b, s);
        if (!grad) continue;
        for (int t = 0; t < b->in.n_targets; t++) b->dlogprob[t] = (real)(-1 / s->targets);
        decoder_backward(b->decoder, &b->in, grad, b->dlogprob, NULL);
    }
}

size_t batch_bytes(struct batch *b, const size_t *examples, int n) {
    size_t most = 0;

    for (int leaf = 0; leaf < b->tree.leaves; leaf++) {
        int k = tree_first(n, b->tree.leaves, leaf), to = tree_first(n, b->tree.leaves, leaf + 1);

        while (k < to) {
            size_t bytes;

            k += pack(b, examples + k, to - k);
            bytes = decoder_bytes(b->decoder, &b->in);
            if (bytes > most) most = bytes;
        }
    }
    return most;
}

/* A leaf of the tree. */
struct shard {
    struct batch *b;
    const size_t *examples;
    struct batch_stats *stats;
};

static void run_leaf(void *ctx, int from, int to, real *grad) {
    const struct shard *s = ctx;

    run_shard(s->b, s->examples + from, to - from, grad, s->stats);
}

const real *batch_gradient(struct batch *b, const size_t *examples, int n, struct batch_stats *stats) {
    struct shard s = { b, examples, stats };

    *stats = (struct batch_stats){ .targets = count_targets(b->d, examples, n) };
    return tree_run(&b->tree, n, run_leaf, &s);
}

void batch_loss(struct batch *b, const size_t *examples, int n, struct batch_stats *stats) {
    *stats = (struct batch_stats){ .targets = count_targets(b->d, examples, n) };
    run_shard(b, examples, n, NULL, stats);
}
