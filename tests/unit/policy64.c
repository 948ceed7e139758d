/* policy64 — the gradient of the policy loss against central differences, in the build in which a real is a double:
 * every ratio, estimate of the KL divergence and mean, with and without importance weights. */
#include "rl/policy.h"

#include "base/rng.h"
#include "check.h"

enum { SEQUENCES = 6, LONGEST = 9 };

static const double STEP = 1e-6, TOLERANCE = 1e-8;

struct batch {
    int n[SEQUENCES];
    double logprob[SEQUENCES][LONGEST], old[SEQUENCES][LONGEST], ref[SEQUENCES][LONGEST];
    double advantage[SEQUENCES][LONGEST], trust[SEQUENCES][LONGEST], slope[SEQUENCES][LONGEST];
    double tokens;
};

/* Some ratios are clipped, of tokens and of sequences. */
static struct batch make(void) {
    static const int length[SEQUENCES] = { 1, 9, 4, 7, 2, 5 };
    static const double worth[SEQUENCES] = { 1.1, -0.8, 0.4, -1.6, 0.9, -0.2 };
    static const double shift[SEQUENCES] = { 0.6, -0.5, 0, 0.3, -0.6, 0.1 };
    struct rng r = rng_start(3, "policy64", NULL);
    struct batch b = { .tokens = 0 };

    for (int i = 0; i < SEQUENCES; i++) {
        b.n[i] = length[i];
        b.tokens += length[i];
        for (int t = 0; t < length[i]; t++) {
            b.logprob[i][t] = -4 * rng_real(&r) - 0.5;
            b.old[i][t] = b.logprob[i][t] - shift[i] / length[i] - 0.3 * (2 * rng_real(&r) - 1);
            b.ref[i][t] = b.logprob[i][t] + 0.5 * rng_normal(&r);
            b.advantage[i][t] = worth[i];
            b.trust[i][t] = 0.5 + rng_real(&r);
        }
    }
    return b;
}

static struct policy_stats run(struct batch *b, const struct policy_options *o, enum policy_mean mean, bool trust) {
    struct policy_stats stats = { 0 };

    for (int i = 0; i < SEQUENCES; i++) {
        const struct policy_tokens s = { b->logprob[i], b->old[i], o->kl == KL_NONE ? NULL : b->ref[i], b->advantage[i],
                                         trust ? b->trust[i] : NULL, b->n[i] };

        policy_sequence(b->slope[i], &stats, &s, policy_weight(mean, b->n[i], SEQUENCES, b->tokens, LONGEST), o);
    }
    return stats;
}

static void check(const struct policy_options *o, enum policy_mean mean, bool trust) {
    struct batch b = make(), moved;
    struct policy_stats stats = run(&b, o, mean, trust);

    CHECK(stats.low + stats.high > 0 && stats.low + stats.high < stats.ratios);
    CHECK(stats.ratios == (o->ratio == RATIO_TOKEN ? b.tokens : SEQUENCES));
    for (int i = 0; i < SEQUENCES; i++) {
        for (int t = 0; t < b.n[i]; t++) {
            double up, down;

            moved = b;
            moved.logprob[i][t] += STEP;
            up = run(&moved, o, mean, trust).loss;
            moved.logprob[i][t] -= 2 * STEP;
            down = run(&moved, o, mean, trust).loss;
            CHECK_NEAR(b.slope[i][t], (up - down) / (2 * STEP), TOLERANCE);
        }
    }
}

int main(void) {
    for (int ratio = RATIO_TOKEN; ratio <= RATIO_SUM; ratio++)
        for (int kl = KL_K1; kl <= KL_NONE; kl++)
            for (int mean = MEAN_SEQUENCE; mean <= MEAN_CONSTANT; mean++)
                for (int flags = 0; flags < 4; flags++) {
                    const struct policy_options o = { 0.1, 0.1, 0.3, (enum policy_ratio)ratio, (enum policy_kl)kl,
                                                      flags & 1 };

                    check(&o, (enum policy_mean)mean, flags & 2);
                }
    return 0;
}
