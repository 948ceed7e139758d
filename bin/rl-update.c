/* rl-update — one step of reinforcement learning on rewarded groups: GRPO, clipped, with a KL term.
 *
 * in   rewarded records: {"id","model","prompt","samples":[{"tokens","logprobs","reward",...},...]}
 * out  a metric record per optimizer step; the model and what the next call needs, in a run folder */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/hash.h"
#include "base/progress.h"
#include "io/jsonl.h"
#include "model/lora.h"
#include "rl/rewarded.h"
#include "rl/update.h"
#include "train/checkpoint.h"
#include "train/memory.h"
#include "train/metric.h"
#include "train/tree.h"

struct options {
    const char *model, *out, *ref;
    struct policy_options policy;
    struct adamw_options adamw;
    double lr;
    long epochs, leaves, rows, threads;
    bool no_scale, off_policy;
};

#define AT(field) offsetof(struct options, field)

static const struct cli_opt opts[] = {
    { 'm', "model", CLI_TEXT, AT(model), 0, 0, "model that sampled the records", "DIR" },
    { 'o', "output", CLI_TEXT, AT(out), 0, 0, "run directory; a run that is there goes on", "DIR" },
    { 0, "ref", CLI_TEXT, AT(ref), 0, 0, "reference model of the KL term; without: no KL term", "DIR" },
    { 0, "beta", CLI_REAL, AT(policy.beta), 0, 100, "weight of the KL term", NULL },
    { 0, "clip-low", CLI_REAL, AT(policy.clip_low), 0, 1, "a ratio below 1 - this is clipped", NULL },
    { 0, "clip-high", CLI_REAL, AT(policy.clip_high), 0, 1e6, "a ratio above 1 + this is clipped", NULL },
    { 0, "no-scale", CLI_FLAG, AT(no_scale), 0, 0, "advantages are not divided by the group's deviation", NULL },
    { 0, "epochs", CLI_INT, AT(epochs), 1, 1000, "optimizer steps on these records", NULL },
    { 0, "lr", CLI_REAL, AT(lr), 0, 10, "learning rate", NULL },
    ADAMW_OPTIONS(struct options, adamw),
    { 0, "leaves", CLI_INT, AT(leaves), 1, 8, "micro-shards of a step: 1, 2, 4 or 8", NULL },
    { 0, "rows", CLI_INT, AT(rows), 1, 1e6, "tokens of one forward", NULL },
    { 0, "off-policy", CLI_FLAG, AT(off_policy), 0, 0, "accept records that another model sampled", NULL },
    { 0, "threads", CLI_INT, AT(threads), 0, 256, "0 is all cores that may be used", NULL },
    { 0 }
};

static const struct cli cli = {
    .name = "rl-update", .operands = "[file ...]", .opts = opts,
    .purpose = "Take a step of reinforcement learning on rewarded groups.",
    .example = "rollout -m sft prompts.jsonl | reward | rl-update -m sft --ref sft -o rl"
};

struct update {
    const struct options *o;
    struct pool *pool;
    struct rundir run;
    char *base;                 /* folder of the policy */
    struct model *model, *reference;
    struct bpe *bpe;
    struct chat *chat;
    struct adamw adamw;
    long step;
    double tokens;              /* read since the run began, those of prompts included */
    struct rewarded in;
    struct rl_pass pass;
    struct tree tree;
};

/* Takes over the counts of the run's last step. */
static int take_state(struct update *u, const json_t *state, struct err *err) {
    int64_t step;

    if (json_object_get(state, "options"))
        return err_set(err, "%s is a run of sft-train; choose another folder", u->run.path);
    if (jsonl_int(state, "global_step", 0, INT32_MAX, &step, err) || jsonl_number(state, "num_tokens", &u->tokens, err))
        return err_prefix(err, "%s/last/state.json", u->run.path);
    u->step = (long)step;
    return 0;
}

/* Before the first product; activations are not known yet. */
static int check_memory(const struct update *u, struct err *err) {
    struct memory mem = memory_of(u->model, (int)u->o->leaves, pool_threads(u->pool), 0);

    if (u->o->ref && u->o->policy.beta > 0) mem.reference = mem.weights;
    return memory_check(&mem, err);
}

/* The policy: the run's last step if there is one, else the model. */
static int load_policy(struct update *u, struct err *err) {
    bool goes_on = rundir_last(&u->run) >= 0;
    json_t *state = NULL;
    int r;

    if (!goes_on && !u->o->model) return err_set(err, "%s holds no run; --model is missing", u->run.path);
    u->base = goes_on ? rundir_path(u->run.path, "last") : model_dir_resolve(u->o->model);
    if (!(u->model = model_load_trained(u->base, err)) || check_memory(u, err) ||
        !(u->bpe = checkpoint_tokenizer(u->base, err)) || !(u->chat = chat_new(u->bpe, err)))
        return -1;
    u->adamw = adamw_new(model_trained(u->model));
    if (!goes_on) return 0;
    if (checkpoint_load(&u->run, u->model, &u->adamw, &state, err)) return -1;
    r = take_state(u, state, err);
    json_decref(state);
    return r;
}

static int load_reference(struct update *u, struct err *err) {
    char *dir;

    if (!u->o->ref || u->o->policy.beta <= 0) return 0;
    dir = model_dir_resolve(u->o->ref);
    u->reference = model_load(dir, err);
    free(dir);
    if (!u->reference) return -1;
    if (u->reference->cfg.vocab == u->model->cfg.vocab) return 0;
    return err_set(err, "%s: its vocabulary has %d tokens, the policy's %d", u->o->ref, u->reference->cfg.vocab,
                   u->model->cfg.vocab);
}

static int read_records(struct update *u, char *const *files, struct err *err) {
    struct jsonl in;
    json_t *rec;
    int r;

    u->in = (struct rewarded){ .bpe = u->bpe, .chat = u->chat, .vocab = u->model->cfg.vocab,
                               .positions = u->model->cfg.max_positions, .scale = !u->o->no_scale };
    if (u->reference && u->reference->cfg.max_positions < u->in.positions)
        u->in.positions = u->reference->cfg.max_positions;
    if (!u->o->off_policy) hash_hex(u->in.model, model_hash(u->model));
    jsonl_open(&in, files);
    while ((r = jsonl_next(&in, &rec, err)) > 0) {
        r = rewarded_add(&u->in, rec, err);
        json_decref(rec);
        if (r) break;
    }
    if (r) err_prefix(err, in.line ? "%s:%zu" : "%s", in.name, in.line);
    jsonl_close(&in);
    u->tokens += u->in.stats.prompt_tokens + u->in.stats.tokens;
    return r;
}

static void run_leaf(void *ctx, int from, int to, real *grad) {
    struct update *u = ctx;

    rl_gradient(&u->pass, u->in.groups + from, to - from, (int)u->o->rows, grad);
}

static void add_parts(json_t *j, const struct rewarded_stats *s) {
    for (int k = 0; k < s->n_parts; k++) {
        char name[REWARDED_NAME + 16];

        snprintf(name, sizeof name, "rewards/%s/mean", s->name[k]);
        json_object_set_new(j, name, jsonl_real(s->part[k] / s->part_samples[k]));
    }
}

static json_t *metric(const struct update *u, double norm, double seconds) {
    const struct rewarded_stats *s = &u->in.stats;
    const struct policy_stats *p = &u->pass.stats;
    double tokens = p->tokens > 0 ? p->tokens : 1;
    json_t *j = json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
                  "global_step", (json_int_t)u->step, "loss", jsonl_real(p->loss),
                  "reward", jsonl_real(s->reward / s->samples), "reward_std", jsonl_real(s->deviation / s->groups),
                  "frac_reward_zero_std", jsonl_real(s->silent / s->groups), "kl", jsonl_real(p->kl / tokens),
                  "entropy", jsonl_real(u->pass.entropy / tokens), "clip_ratio", jsonl_real(p->clipped / tokens),
                  "valid_ratio", jsonl_real(s->valid / s->samples),
                  "completions/mean_length", jsonl_real(s->tokens / s->samples),
                  "logprob_gap", jsonl_real(p->gap), "learning_rate", jsonl_real(u->o->lr),
                  "grad_norm", jsonl_real(norm));

    add_parts(j, s);
    json_object_set_new(j, "num_tokens", json_integer((json_int_t)u->tokens));
    json_object_set_new(j, "step_time", jsonl_float((float)seconds));
    json_object_set_new(j, "tokens_per_second", jsonl_float((float)(p->tokens / seconds)));
    json_object_set_new(j, "peak_rss", json_integer(metric_peak_rss()));
    return j;
}

static int save(struct update *u, struct err *err) {
    json_t *state = json_pack("{s:I, s:f}", "global_step", (json_int_t)u->step, "num_tokens", u->tokens);
    int r = checkpoint_save(&u->run, u->step, u->model, &u->adamw, u->base, state, err);

    json_decref(state);
    return r;
}

/* One optimizer step, or none where no group has signal. */
static int take_step(struct update *u, struct err *err) {
    double start = progress_clock(), norm = 0;

    u->pass.stats = (struct policy_stats){ 0 };
    u->pass.entropy = 0;
    if (u->in.n) {
        const real *grad = tree_run(&u->tree, (int)u->in.n, run_leaf, u);

        norm = adamw_step(&u->adamw, model_trained(u->model), grad, u->o->lr, &u->o->adamw, u->pool);
        if (!isfinite(norm) || !isfinite(u->pass.stats.loss))
            return err_set(err, "step %ld: the loss is %g, its gradient's norm %g; the last checkpoint stays",
                           u->step + 1, fabs(u->pass.stats.loss), fabs(norm));
        lora_merge(u->model, u->pool);
    }
    u->step++;
    return metric_write(metric(u, norm, progress_clock() - start), err);
}

/* All steps on the records that were read, then one checkpoint: a stop saves the steps that were taken. */
static int train(struct update *u, struct err *err) {
    long done = 0;

    u->tree = (struct tree){ .p = model_trained(u->model), .pool = u->pool, .leaves = (int)u->o->leaves };
    u->pass = (struct rl_pass){ .policy = decoder_new(u->model, u->pool), .o = &u->o->policy,
                                .reference = u->reference ? decoder_new(u->reference, u->pool) : NULL,
                                .sequences = (int)u->in.n * u->in.size };
    for (; done < u->o->epochs && !cli_stop_signal(); done++)
        if (take_step(u, err)) return -1;
    return done ? save(u, err) : 0;
}

static int run(struct update *u, char *const *files, struct err *err) {
    if (load_policy(u, err) || load_reference(u, err) || read_records(u, files, err)) return -1;
    cli_catch_stop();       /* not before: records that a Ctrl-C cuts short must not become a step */
    return train(u, err);
}

static void close_all(struct update *u) {
    rewarded_free(&u->in);
    tree_free(&u->tree);
    decoder_free(u->pass.policy);
    decoder_free(u->pass.reference);
    adamw_free(&u->adamw);
    model_free(u->model);
    model_free(u->reference);
    chat_free(u->chat);
    bpe_free(u->bpe);
    rundir_close(&u->run);
    pool_free(u->pool);
    free(u->base);
}

int main(int argc, char **argv) {
    struct options o = { .policy = { 0.2, 0.2, 0.04 }, .adamw = { 0.9, 0.99, 1e-8, 0, 1 }, .lr = 1e-5, .epochs = 1,
                         .leaves = 8, .rows = 8192 };
    char **operands = cli_parse(&cli, &o, argc, argv);
    struct update u = { .o = &o, .run = { .lock = -1 } };
    struct err err;
    int r;

    if (!o.out) cli_usage(&cli, "--output is missing");
    if (o.leaves & (o.leaves - 1)) cli_usage(&cli, "--leaves is 1, 2, 4 or 8");
    u.pool = pool_new((int)o.threads);
    if ((r = rundir_open(&u.run, o.out, &err)) > 0) {
        cli_complain(&cli, NULL, 0, err.msg);
        close_all(&u);
        return EXIT_LOCKED;
    }
    if (!r) r = run(&u, operands, &err);
    if (r) cli_complain(&cli, NULL, 0, err.msg);
    close_all(&u);
    r = cli_finish(&cli) | (r ? EXIT_DATA : EXIT_OK);
    return !r && cli_stop_signal() ? 128 + cli_stop_signal() : r;
}
