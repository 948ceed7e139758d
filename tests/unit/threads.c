/* threads — forward, backward, policy gradient and AdamW have the same bits with 1, 2 and 3
 * threads, on shapes that are cut into many tasks: several parts of rows, tiles of products, chunks
 * of logits, pieces of a block. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/rng.h"
#include "check.h"
#include "model/decoder.h"
#include "rl/update.h"
#include "train/adamw.h"
#include "train/tree.h"

enum { ROOT = 100, BRANCH = 70, BRANCHES = 3, ROWS = 2 * (ROOT + BRANCHES * BRANCH) };

static struct config shape(enum config_arch arch, int vocab, int hidden, int head_dim) {
    struct config c = config_default(arch);
    struct err err;

    c.vocab = vocab, c.hidden = hidden, c.layers = 2, c.heads = 6, c.kv_heads = 3;
    c.head_dim = head_dim, c.intermediate = 2 * hidden + 4, c.max_positions = 512;
    c.tied = arch != ARCH_QWEN2;
    CHECK(config_check(&c, &err) == 0);
    return c;
}

static void add_block(struct hash *h, const struct model *m, const real *block) {
    uint64_t x = params_hash(&m->p, block);

    hash_bytes(h, &x, sizeof x);
}

/* Two roots with branches; targets: every third row, a root's last row once for each branch. */
struct batch {
    int tokens[ROWS];
    struct seq seqs[2 * (1 + BRANCHES)];
    struct target targets[ROWS];
    real dlogprob[ROWS], dentropy[ROWS], logprob[ROWS], entropy[ROWS];
    struct packed in;
};

static void add_seq(struct batch *b, struct rng *r, int vocab, int len, int parent) {
    struct packed *in = &b->in;

    b->seqs[in->n_seqs++] = (struct seq){ in->n_tokens, len, parent };
    for (int t = 0; t < len; t++) {
        int row = in->n_tokens++, times = t % 3 == 1;

        if (parent < 0 && t == len - 1) times = BRANCHES;
        b->tokens[row] = (int)rng_below(r, (uint64_t)vocab);
        for (; times; times--) {
            int i = in->n_targets++;

            b->targets[i] = (struct target){ row, (int)rng_below(r, (uint64_t)vocab) };
            b->dlogprob[i] = (real)rng_normal(r);
            b->dentropy[i] = (real)rng_normal(r);
        }
    }
}

static void batch_make(struct batch *b, int vocab) {
    struct rng r = rng_start(1, "threads", NULL);

    memset(b, 0, sizeof *b);
    for (int g = 0; g < 2; g++) {
        int root = b->in.n_seqs;

        add_seq(b, &r, vocab, ROOT, -1);
        for (int k = 0; k < BRANCHES; k++) add_seq(b, &r, vocab, BRANCH, root);
    }
    b->in.tokens = b->tokens, b->in.seqs = b->seqs, b->in.targets = b->targets;
}

static void steps(struct hash *h, struct model *m, struct pool *pool) {
    static const struct adamw_options o = { 0.9, 0.95, 1e-8, 0.1, 1 };
    struct adamw a = adamw_new(&m->p);
    struct decoder *d = decoder_new(m, pool);
    struct batch b;
    struct err err;

    batch_make(&b, m->cfg.vocab);
    CHECK(decoder_check(&m->cfg, &b.in, &err) == 0);
    for (int step = 0; step < 2; step++) {
        real *grad = params_block(&m->p);
        double norm;
        int hits;

        decoder_forward(d, &b.in, b.logprob, b.entropy);
        decoder_backward(d, &b.in, grad, b.dlogprob, b.dentropy);
        add_block(h, m, grad);
        norm = adamw_step(&a, &m->p, grad, 1e-3, &o, pool);
        CHECK(norm > 0 && isfinite(norm));
        hits = decoder_hits(d);
        hash_bytes(h, b.logprob, (size_t)b.in.n_targets * sizeof *b.logprob);
        hash_bytes(h, b.entropy, (size_t)b.in.n_targets * sizeof *b.entropy);
        hash_bytes(h, &norm, sizeof norm);
        hash_bytes(h, &hits, sizeof hits);
        add_block(h, m, m->p.data);
        free(grad);
    }
    decoder_free(d);
    adamw_free(&a);
}

/* Groups of one sample after another, through the tree that sums a step's gradient. */
enum { GROUPS = 5, SAMPLES = 3, TOKENS = 40 };

static void leaf(void *ctx, int from, int to, real *grad) {
    void **both = ctx;

    rl_gradient(both[0], (const struct rl_group *)both[1] + from, to - from, 128, grad);
}

static void policy(struct hash *h, struct model *m, struct model *reference, struct pool *pool) {
    static const struct policy_options o = { 0.2, 0.2, 0.1, RATIO_TOKEN, KL_K3, false };
    static const double advantage[SAMPLES] = { 1.4, -0.5, -0.9 };
    int32_t tokens[GROUPS][SAMPLES + 1][TOKENS];
    double old[TOKENS], advantages[SAMPLES][TOKENS];
    real ref[GROUPS * SAMPLES * TOKENS], *own = ref;
    struct rl_sample samples[GROUPS][SAMPLES];
    struct rl_group groups[GROUPS];
    struct rl_pass pass = { .policy = decoder_new(m, pool), .o = &o, .sequences = GROUPS * SAMPLES };
    struct decoder *other = decoder_new(reference, pool);
    struct tree tree = { .p = &m->p, .pool = pool, .leaves = 4 };
    struct rng r = rng_start(2, "threads", NULL);
    void *both[2] = { &pass, groups };

    for (int t = 0; t < TOKENS; t++) old[t] = -log(m->cfg.vocab);
    for (int g = 0; g < GROUPS; g++) {
        groups[g] = (struct rl_group){ tokens[g][SAMPLES], TOKENS - g, samples[g], SAMPLES };
        for (int k = 0; k <= SAMPLES; k++)
            for (int t = 0; t < TOKENS; t++)
                tokens[g][k][t] = (int32_t)rng_below(&r, (uint64_t)m->cfg.vocab);
        for (int k = 0; k < SAMPLES; k++)
            samples[g][k] = (struct rl_sample){ .tokens = tokens[g][k], .old = old, .n = TOKENS - 7 * k,
                                                .advantage = advantages[k] };
    }
    for (int k = 0; k < SAMPLES; k++)
        for (int t = 0; t < TOKENS; t++) advantages[k][t] = advantage[k];
    rl_logprobs(other, groups, GROUPS, 128, ref, NULL);
    for (int i = 0; i < GROUPS * SAMPLES; own += samples[i / SAMPLES][i % SAMPLES].n, i++)
        samples[i / SAMPLES][i % SAMPLES].ref = own;
    add_block(h, m, tree_run(&tree, GROUPS, leaf, both));
    hash_bytes(h, &pass.stats, sizeof pass.stats);
    hash_bytes(h, &pass.entropy, sizeof pass.entropy);
    decoder_free(pass.policy);
    decoder_free(other);
    tree_free(&tree);
}

static uint64_t bits(struct config c, int threads) {
    struct pool *pool = pool_new(threads);
    struct model *m = model_init(&c, 1), *reference = model_init(&c, 2);
    struct hash h = hash_start();

    steps(&h, m, pool);
    policy(&h, m, reference, pool);
    model_free(m);
    model_free(reference);
    pool_free(pool);
    return hash_value(&h);
}

static void check(struct config c) {
    uint64_t one = bits(c, 1);

    CHECK(bits(c, 2) == one);
    CHECK(bits(c, 3) == one);
}

int main(void) {
    for (int arch = ARCH_LLAMA; arch <= ARCH_QWEN3; arch++) check(shape(arch, 1000, 200, 24));
    check(shape(ARCH_LLAMA, 140001, 12, 2));         /* several chunks of logits */
    return 0;
}
