/* credit — sample by sample, then over all tokens. */
#include "rl/credit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

double credit_tokens(const struct rl_group *groups, size_t n) {
    double tokens = 0;

    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < groups[i].n; k++) tokens += groups[i].samples[k].n;
    return tokens;
}

/* KL divergence at a token when it was sampled, as it counts in the reward. */
static double kl_at(const struct rl_sample *s, int t, const struct credit_options *o) {
    double slope;

    return o->kl_in_reward && s->ref ? policy_kl(o->kl, s->old[t], (double)s->ref[t], &slope) : 0;
}

static double kl_of(const struct rl_sample *s, const struct credit_options *o) {
    double sum = 0;

    for (int t = 0; t < s->n; t++) sum += kl_at(s, t, o);
    return sum;
}

/* A sample's advantage becomes that of its tokens; without base, what came before a token is none of its doing. */
static void spread(struct rl_sample *s, double advantage, const struct credit_options *o) {
    bool to_come = o->algorithm->base == BASE_NONE;

    s->advantage = mem_alloc((size_t)s->n, sizeof *s->advantage);
    for (int t = 0; t < s->n; t++) {
        s->advantage[t] = advantage;
        if (to_come) advantage += o->beta * kl_at(s, t, o);
    }
    if (!o->kl_in_reward) return;
    free(s->ref);
    s->ref = NULL;
}

/* Leaves out the samples that were cut off. */
static void drop_cut(struct rl_group *g) {
    int left = 0;

    for (int k = 0; k < g->n; k++) {
        if (g->samples[k].cut) rl_sample_free(&g->samples[k]);
        else g->samples[left++] = g->samples[k];
    }
    g->n = left;
}

static void whiten(struct rl_group *groups, size_t n) {
    size_t tokens = (size_t)credit_tokens(groups, n), at = 0;
    double *all = mem_alloc(tokens + 1, sizeof *all);

    for (int back = 0; back < 2; back++, at = 0) {
        for (size_t i = 0; i < n; i++) {
            for (int k = 0; k < groups[i].n; k++) {
                const struct rl_sample *s = &groups[i].samples[k];

                if (back) memcpy(s->advantage, all + at, (size_t)s->n * sizeof *all);
                else memcpy(all + at, s->advantage, (size_t)s->n * sizeof *all);
                at += (size_t)s->n;
            }
        }
        if (!back && tokens) advantage_whiten(all, tokens);
    }
    free(all);
}

double credit_groups(struct rl_group *groups, size_t n, const struct credit_options *o) {
    size_t size = n ? (size_t)groups[0].n : 1;
    double *reward = mem_alloc(n * size + 1, sizeof *reward), *advantage = mem_alloc(n * size + 1, sizeof *advantage);
    double sum = 0;

    for (size_t i = 0; i < n * size; i++) {
        const struct rl_sample *s = &groups[i / size].samples[i % size];
        double kl = kl_of(s, o);

        reward[i] = s->reward - o->beta * kl;
        sum += kl;
    }
    advantage_set(advantage, reward, n * size, size, o->algorithm->base, o->scale);
    for (size_t i = 0; i < n * size; i++) spread(&groups[i / size].samples[i % size], advantage[i], o);
    for (size_t i = 0; i < n && o->mask_cut; i++) drop_cut(&groups[i]);
    if (o->algorithm->whiten) whiten(groups, n);
    free(reward);
    free(advantage);
    return sum;
}

struct credit_trust credit_retake(struct rl_group *groups, size_t n, const real *logprob, double most) {
    struct credit_trust sums = { .least = INFINITY };

    for (size_t i = 0; i < n; i++) {
        for (int k = 0; k < groups[i].n; k++) {
            struct rl_sample *s = &groups[i].samples[k];

            s->trust = mem_alloc((size_t)s->n, sizeof *s->trust);
            for (int t = 0; t < s->n; t++, logprob++) {
                double gap = (double)*logprob - s->old[t], trust = fmin(exp(gap), most);

                s->old[t] = (double)*logprob;
                s->trust[t] = trust;
                sums.least = fmin(sums.least, trust);
                sums.most = fmax(sums.most, trust);
                sums.sum += trust;
                sums.gap = fmax(sums.gap, fabs(gap));
                sums.gaps += fabs(gap);
            }
        }
    }
    return sums;
}

void credit_reference(struct rl_group *groups, size_t n, const real *logprob) {
    for (size_t i = 0; i < n; i++) {
        for (int k = 0; k < groups[i].n; k++) {
            struct rl_sample *s = &groups[i].samples[k];

            s->ref = mem_alloc((size_t)s->n, sizeof *s->ref);
            memcpy(s->ref, logprob, (size_t)s->n * sizeof *s->ref);
            logprob += s->n;
        }
    }
}
