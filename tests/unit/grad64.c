/* grad64 — gradients of every parameter tensor against central differences, in the build in which
 * a real is a double (Makefile: names that end in 64). Llama, Qwen2 and Qwen3 shapes, tied and
 * untied, grouped heads, sizes that fill no vector; log-probabilities and entropies over packed
 * sequences with shared prompts, and the clipped policy loss with its KL term over groups. AdamW
 * against its formula. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/pool.h"
#include "base/rng.h"
#include "check.h"
#include "model/decoder.h"
#include "model/lora.h"
#include "rl/update.h"

enum { VOCAB = 37, MOST = 192 };            /* tokens, rows of a batch */
enum { ALL = 16, SOME = 6 };                /* entries checked: all up to ALL, else SOME */

/* Differences: their own error is near 1e-15 / STEP + STEP^2. An entry far below the tensor's
 * largest gradient is measured against FLOOR of that. */
static const double STEP = 1e-5, FLOOR = 1e-2, TOLERANCE = 1e-6;

static struct config shape(enum config_arch arch, bool tied) {
    struct config c = config_default(arch);
    struct err err;

    c.vocab = VOCAB, c.hidden = 13, c.layers = 2, c.heads = 4, c.kv_heads = 2, c.intermediate = 15;
    c.head_dim = arch == ARCH_QWEN3 ? 10 : 6;
    c.max_positions = 128, c.tied = tied;
    CHECK(config_check(&c, &err) == 0);
    return c;
}

/* Parameters large enough that nothing is nearly linear. */
static struct model *make(struct config c, const char *what) {
    struct model *m = model_new(&c);
    struct rng r = rng_start(7, what, NULL);

    for (int i = 0; i < m->p.n_tensors; i++)
        for (size_t j = 0; j < m->p.tensors[i].n; j++)
            m->p.data[m->p.tensors[i].offset + j] = m->p.tensors[i].ones + 0.3 * rng_normal(&r);
    return m;
}

typedef double loss_fn(void *ctx);

/* The loss with what is trained at `at` set to x. */
static double loss_at(struct model *m, size_t at, real x, loss_fn *loss, void *ctx) {
    struct pool *one = pool_new(1);

    model_trained(m)->data[at] = x;
    lora_merge(m, one);
    pool_free(one);
    return loss(ctx);
}

/* The derivative of the loss by parameter `at`. */
static double difference(struct model *m, size_t at, loss_fn *loss, void *ctx) {
    double keep = model_trained(m)->data[at];
    double up = loss_at(m, at, keep + STEP, loss, ctx), down = loss_at(m, at, keep - STEP, loss, ctx);

    model_trained(m)->data[at] = keep;
    return (up - down) / (2 * STEP);
}

static void check_tensor(struct model *m, const struct tensor *t, const real *grad, loss_fn *loss,
                         void *ctx) {
    struct rng r = rng_start(11, "entries", t->name);
    size_t n = t->n <= ALL ? t->n : SOME;
    double largest = 0;

    for (size_t i = 0; i < t->n; i++) largest = fmax(largest, fabs(grad[t->offset + i]));
    CHECK(largest > 0);
    for (size_t k = 0; k < n; k++) {
        size_t at = t->offset + (n == t->n ? k : rng_below(&r, t->n));
        double want = difference(m, at, loss, ctx), e = fabs(grad[at] - want);

        e /= fmax(fmax(fabs(grad[at]), fabs(want)), FLOOR * largest);
        if (!(e <= TOLERANCE))
            fprintf(stderr, "%s[%zu]: %.9g is not %.9g\n", t->name, at - t->offset, grad[at], want);
        CHECK(e <= TOLERANCE);
    }
}

static void check_gradient(struct model *m, const real *grad, loss_fn *loss, void *ctx) {
    const struct params *p = model_trained(m);

    for (int i = 0; i < p->n_tensors; i++) check_tensor(m, &p->tensors[i], grad, loss, ctx);
}

/* Whether two blocks agree but for rounding. */
static void check_same(const struct model *m, const real *got, const real *want) {
    double largest = 0;

    for (size_t i = 0; i < m->p.n_block; i++) largest = fmax(largest, fabs(want[i]));
    for (size_t i = 0; i < m->p.n_block; i++) CHECK_NEAR(got[i], want[i], 1e-12 * largest);
}

/* A batch, and a loss: sum of random coefficients times log-probabilities and entropies. */
struct batch {
    int tokens[MOST];
    struct target targets[2 * MOST];
    double dlogprob[2 * MOST], dentropy[2 * MOST], logprob[2 * MOST], entropy[2 * MOST];
    struct packed in;
    struct decoder *d;
};

/* Roots with and without branches, which end within, at and behind the border of a block of keys.
 * A root's last row has a target for each of its branches; some rows are named again much later. */
static const struct seq seqs[] = {
    { 0, 1, -1 },   { 1, 66, -1 },   { 67, 9, 1 },  { 76, 1, 1 },  { 77, 32, 1 },
    { 109, 5, -1 }, { 114, 32, -1 }, { 146, 3, 6 }, { 149, 6, 6 },
};

static int end_of(int seq) {
    return seqs[seq].start + seqs[seq].len;
}

static void add_target(struct batch *b, struct rng *r, int row) {
    int i = b->in.n_targets++;

    b->targets[i] = (struct target){ row, (int)rng_below(r, VOCAB) };
    b->dlogprob[i] = rng_normal(r) / 10;
    b->dentropy[i] = rng_normal(r) / 10;
}

static void batch_make(struct batch *b) {
    struct rng r = rng_start(3, "batch", NULL);
    int n = (int)(sizeof seqs / sizeof *seqs);

    memset(b, 0, sizeof *b);
    b->in = (struct packed){ .tokens = b->tokens, .seqs = seqs, .targets = b->targets, .n_seqs = n,
                             .n_tokens = end_of(n - 1) };
    for (int t = 0; t < b->in.n_tokens; t++) b->tokens[t] = (int)rng_below(&r, VOCAB);
    for (int t = 0; t < b->in.n_tokens; t++) {
        if (t % 5) add_target(b, &r, t);
        for (int s = 0; s < n; s++)
            if (seqs[s].parent >= 0 && end_of(seqs[s].parent) == t + 1) add_target(b, &r, t);
    }
    for (int t = 3; t < b->in.n_tokens; t += 50) add_target(b, &r, t);
}

static double batch_loss(void *ctx) {
    struct batch *b = ctx;
    double sum = 0;

    decoder_forward(b->d, &b->in, b->logprob, b->entropy);
    for (int i = 0; i < b->in.n_targets; i++)
        sum += b->dlogprob[i] * b->logprob[i] + b->dentropy[i] * b->entropy[i];
    return sum;
}

static real *batch_gradient(struct batch *b, const struct model *m, const real *dlogprob,
                            const real *dentropy) {
    real *grad = params_block(model_trained(m));

    decoder_forward(b->d, &b->in, b->logprob, dentropy ? b->entropy : NULL);
    decoder_backward(b->d, &b->in, grad, dlogprob, dentropy);
    return grad;
}

/* The gradient is linear in the coefficients, and without entropies they count as zero. */
static void check_parts(struct batch *b, const struct model *m, const real *grad) {
    static const real zero[2 * MOST];
    real *lp = batch_gradient(b, m, b->dlogprob, NULL);
    real *ent = batch_gradient(b, m, zero, b->dentropy);

    for (size_t i = 0; i < m->p.n_block; i++) lp[i] += ent[i];
    check_same(m, lp, grad);
    free(lp);
    free(ent);
}

static void check_decoder(struct config c, struct pool *pool) {
    struct model *m = make(c, "policy");
    struct batch b;
    struct err err;
    real *grad;

    batch_make(&b);
    CHECK(decoder_check(&c, &b.in, &err) == 0);
    b.d = decoder_new(m, pool);
    grad = batch_gradient(&b, m, b.dlogprob, b.dentropy);
    check_gradient(m, grad, batch_loss, &b);
    check_parts(&b, m, grad);
    decoder_free(b.d);
    model_free(m);
    free(grad);
}

/* An adapter of every matrix learns alone, and backward may compute activations again. */
static void check_lora(struct config c, struct pool *pool) {
    const struct lora_options o = { .rank = 2, .alpha = 3, .targets = (1u << N_PROJ) - 1 };
    struct model *m = make(c, "policy");
    struct rng r = rng_start(8, "lora", NULL);
    struct batch b;
    real *grad, *again;

    lora_init(m, &o, "base", 1);
    for (size_t i = 0; i < m->lora->p.n_block; i++) m->lora->p.data[i] += 0.2 * rng_normal(&r);
    lora_merge(m, pool);
    batch_make(&b);
    b.d = decoder_new(m, pool);
    grad = batch_gradient(&b, m, b.dlogprob, b.dentropy);
    decoder_recompute(b.d);
    again = batch_gradient(&b, m, b.dlogprob, b.dentropy);
    CHECK(!memcmp(grad, again, m->lora->p.n_block * sizeof *grad));
    check_gradient(m, grad, batch_loss, &b);
    decoder_free(b.d);
    model_free(m);
    free(grad);
    free(again);
}

/* The padding token's embedding learns from the head alone; all else stays as it is. */
static void check_padding(struct config c, struct pool *pool) {
    struct config padded = c;
    struct model *m = make(c, "policy"), *p;
    size_t begin = m->embed + 5 * (size_t)c.hidden, end = begin + (size_t)c.hidden;
    struct batch b;
    real *grad, *got;

    padded.pad = 5;
    p = make(padded, "policy");
    batch_make(&b);
    b.d = decoder_new(m, pool);
    grad = batch_gradient(&b, m, b.dlogprob, b.dentropy);
    decoder_free(b.d);
    b.d = decoder_new(p, pool);
    got = batch_gradient(&b, p, b.dlogprob, b.dentropy);
    decoder_free(b.d);
    CHECK(!c.tied);
    for (size_t i = 0; i < m->p.n_block; i++)
        CHECK(i >= begin && i < end ? got[i] == 0 && grad[i] != 0 : got[i] == grad[i]);
    model_free(m);
    model_free(p);
    free(grad);
    free(got);
}

/* Logits are made in chunks of rows, few of a wide vocabulary: all targets at once give the sum of
 * what they give a few at a time. */
static void check_chunks(struct config c, struct pool *pool) {
    enum { WIDE = 700000, FEW = 40 };
    struct model *m;
    struct batch b;
    real *all, *sum;
    int n;

    c.vocab = WIDE;
    c.hidden = 8;
    m = make(c, "policy");
    batch_make(&b);
    b.d = decoder_new(m, pool);
    all = batch_gradient(&b, m, b.dlogprob, b.dentropy);
    sum = params_block(&m->p);
    for (n = b.in.n_targets; n > 0; n -= FEW, b.in.targets += FEW) {
        int at = (int)(b.in.targets - b.targets);

        b.in.n_targets = n < FEW ? n : FEW;
        decoder_forward(b.d, &b.in, b.logprob, b.entropy);
        decoder_backward(b.d, &b.in, sum, b.dlogprob + at, b.dentropy + at);
    }
    check_same(m, sum, all);
    decoder_free(b.d);
    model_free(m);
    free(all);
    free(sum);
}

/* Two groups of three samples, and a pass over them. */
enum { GROUPS = 2, SAMPLES = 3, LONGEST = 36 };
struct rollout {
    struct rl_group groups[GROUPS];
    struct rl_sample samples[GROUPS][SAMPLES];
    int32_t prompt[GROUPS][LONGEST], tokens[GROUPS][SAMPLES][LONGEST];
    double old[GROUPS][SAMPLES][LONGEST], advantage[GROUPS][SAMPLES][LONGEST];
    real ref[GROUPS][SAMPLES][LONGEST];
    struct rl_pass pass;
    const struct model *m;
    int rows;
};

/* Old log-probabilities lie off the policy's by steps of which some are clipped and none is near a
 * bound; the policy's come from the sample behind its own copy of the prompt. */
static void sample_old(struct rollout *ro, const struct rl_group *g, struct rl_sample *s,
                       struct rng *r) {
    static const double off[] = { -0.5, -0.1, 0.1, 0.5 };
    int tokens[2 * LONGEST], n = g->n_prompt + s->n;
    struct target targets[LONGEST];
    struct seq whole = { 0, n, -1 };
    struct packed in = { tokens, &whole, targets, n, 1, s->n };

    for (int t = 0; t < g->n_prompt; t++) tokens[t] = g->prompt[t];
    for (int t = 0; t < s->n; t++) {
        tokens[g->n_prompt + t] = s->tokens[t];
        targets[t] = (struct target){ g->n_prompt + t - 1, s->tokens[t] };
    }
    decoder_forward(ro->pass.policy, &in, s->old, NULL);
    for (int t = 0; t < s->n; t++) s->old[t] -= off[rng_below(r, 4)];
}

static void rollout_make(struct rollout *ro) {
    static const int prompt[GROUPS] = { 33, 6 };
    static const int length[GROUPS][SAMPLES] = { { 1, 36, 5 }, { 7, 2, 11 } };
    static const double advantage[GROUPS][SAMPLES] = { { 1.2, -0.7, -0.5 }, { -0.3, 1.1, -0.8 } };
    struct rng r = rng_start(5, "rollout", NULL);

    for (int g = 0; g < GROUPS; g++) {
        struct rl_group *group = &ro->groups[g];

        *group = (struct rl_group){ ro->prompt[g], prompt[g], ro->samples[g], SAMPLES };
        for (int t = 0; t < prompt[g]; t++) ro->prompt[g][t] = (int32_t)rng_below(&r, VOCAB);
        for (int k = 0; k < SAMPLES; k++) {
            struct rl_sample *s = &ro->samples[g][k];

            *s = (struct rl_sample){ .tokens = ro->tokens[g][k], .old = ro->old[g][k], .n = length[g][k],
                                     .advantage = ro->advantage[g][k], .ref = ro->ref[g][k] };
            for (int t = 0; t < s->n; t++) s->tokens[t] = (int32_t)rng_below(&r, VOCAB);
            for (int t = 0; t < s->n; t++) s->advantage[t] = advantage[g][k];
            sample_old(ro, group, s, &r);
        }
    }
}

/* The gradient of the policy loss; the sums are in ro->pass. */
static real *rollout_gradient(struct rollout *ro) {
    real *grad = params_block(&ro->m->p);

    memset(&ro->pass.stats, 0, sizeof ro->pass.stats);
    rl_gradient(&ro->pass, ro->groups, GROUPS, ro->rows, grad);
    return grad;
}

static double rollout_loss(void *ctx) {
    struct rollout *ro = ctx;

    free(rollout_gradient(ro));
    return ro->pass.stats.loss;
}

/* Log-probabilities under the reference, sample after sample. */
static void hand_out(struct rollout *ro, const real *ref) {
    for (int g = 0; g < GROUPS; g++)
        for (int k = 0; k < SAMPLES; ref += ro->samples[g][k++].n)
            memcpy(ro->ref[g][k], ref, (size_t)ro->samples[g][k].n * sizeof *ref);
}

static void check_policy(struct config c, struct pool *pool) {
    static const struct policy_options o = { 0.2, 0.28, 0.3, RATIO_TOKEN, KL_K3, false };
    struct model *m = make(c, "policy"), *other = make(c, "reference");
    struct rollout ro = { .pass = { .o = &o, .sequences = GROUPS * SAMPLES }, .m = m, .rows = 1 };
    real *grad, *apart, ref[GROUPS * SAMPLES * LONGEST];
    struct decoder *reference = decoder_new(other, pool);

    for (size_t i = 0; i < m->p.n_block; i++)
        other->p.data[i] = 0.9 * m->p.data[i] + 0.1 * other->p.data[i];
    ro.pass.policy = decoder_new(m, pool);
    rollout_make(&ro);
    rl_logprobs(reference, ro.groups, GROUPS, 1, ref, NULL);
    hand_out(&ro, ref);
    apart = rollout_gradient(&ro);          /* group by group */
    ro.rows = MOST;
    grad = rollout_gradient(&ro);           /* in one batch */
    check_same(m, apart, grad);
    CHECK(ro.pass.stats.low + ro.pass.stats.high > 0);
    CHECK(ro.pass.stats.low + ro.pass.stats.high < ro.pass.stats.tokens / 2);
    CHECK(ro.pass.stats.kl > 0);
    CHECK_NEAR(ro.pass.stats.gap, 0.5, 1e-9);       /* what sample_old took off: branch = text */
    check_gradient(m, grad, rollout_loss, &ro);
    decoder_free(ro.pass.policy);
    decoder_free(reference);
    model_free(m);
    model_free(other);
    free(grad);
    free(apart);
}

int main(void) {
    struct pool *pool = pool_new(1);

    for (int arch = ARCH_LLAMA; arch <= ARCH_QWEN3; arch++) {
        for (int tied = 0; tied < 2; tied++) check_decoder(shape(arch, tied), pool);
        check_padding(shape(arch, false), pool);
        check_lora(shape(arch, true), pool);
        check_policy(shape(arch, arch != ARCH_QWEN2), pool);
    }
    check_chunks(shape(ARCH_LLAMA, true), pool);
    check_chunks(shape(ARCH_LLAMA, false), pool);
    pool_free(pool);
    return 0;
}
