/* step — means of sums. */
#include "rl/step.h"

#include <math.h>
#include <stdio.h>

#include "io/jsonl.h"
#include "train/metric.h"

static void add(json_t *j, const char *name, double x) {
    json_object_set_new(j, name, jsonl_real(x));
}

static void add_policy(json_t *j, const struct step *s) {
    const struct policy_stats *p = s->policy;
    double tokens = p->tokens > 0 ? p->tokens : 1, ratios = p->ratios > 0 ? p->ratios : 1;

    add(j, "kl", isnan(s->kl) ? p->kl / tokens : s->kl);
    add(j, "entropy", s->entropy / tokens);
    add(j, "clip_ratio/low_mean", p->low / ratios);
    add(j, "clip_ratio/low_min", p->low_min);
    add(j, "clip_ratio/high_mean", p->high / ratios);
    add(j, "clip_ratio/high_max", p->high_max);
    add(j, "clip_ratio/region_mean", (p->low + p->high) / ratios);
    add(j, "logprob_gap", p->gap);
    if (!s->trust) return;
    add(j, "sampling/sampling_logp_difference/mean", s->trust->gaps / s->trusted);
    add(j, "sampling/sampling_logp_difference/max", s->trust->gap);
    add(j, "sampling/importance_sampling_ratio/min", s->trust->least);
    add(j, "sampling/importance_sampling_ratio/mean", s->trust->sum / s->trusted);
    add(j, "sampling/importance_sampling_ratio/max", s->trust->most);
}

static void add_completions(json_t *j, const struct rewarded_stats *in) {
    add(j, "valid_ratio", in->valid / in->samples);
    add(j, "completions/mean_length", in->tokens / in->samples);
    add(j, "completions/min_length", in->shortest);
    add(j, "completions/max_length", in->longest);
    add(j, "completions/clipped_ratio", in->cut / in->samples);
}

static void add_parts(json_t *j, const struct rewarded_stats *in) {
    for (int k = 0; k < in->n_parts; k++) {
        char name[REWARDED_NAME + 16];

        snprintf(name, sizeof name, "rewards/%s/mean", in->name[k]);
        add(j, name, in->part[k]);
        snprintf(name, sizeof name, "rewards/%s/std", in->name[k]);
        add(j, name, in->part_samples[k] > 1 ? sqrt(in->part_square[k] / (in->part_samples[k] - 1)) : 0);
    }
}

json_t *step_json(const struct step *s) {
    const struct rewarded_stats *in = s->in;
    json_t *j = json_object();

    json_object_set_new(j, "global_step", json_integer(s->number));
    add(j, "loss", s->policy->loss);
    add(j, "reward", in->reward / in->samples);
    add(j, "reward_std", in->deviation / in->groups);
    add(j, "frac_reward_zero_std", in->silent / in->groups);
    add_policy(j, s);
    add_completions(j, in);
    add(j, "learning_rate", s->lr);
    add(j, "grad_norm", s->norm);
    add_parts(j, in);
    json_object_set_new(j, "num_tokens", json_integer((json_int_t)s->tokens));
    json_object_set_new(j, "step_time", jsonl_float((float)s->seconds));
    json_object_set_new(j, "tokens_per_second", jsonl_float((float)(s->policy->tokens / s->seconds)));
    json_object_set_new(j, "peak_rss", json_integer(metric_peak_rss()));
    if (s->pool) json_object_set_new(j, "parts", metric_parts(s->pool, s->seconds));
    return j;
}
