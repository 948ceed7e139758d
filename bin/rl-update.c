/* rl-update — a step of reinforcement learning on rewarded groups, by GRPO or one of its kin.
 *
 * in   rewarded records: {"id","model","prompt","samples":[{"tokens","logprobs","reward",...},...]}
 * out  a metric record per optimizer step; the model and what the next call needs, in a run folder */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/progress.h"
#include "io/jsonl.h"
#include "io/times.h"
#include "model/lora.h"
#include "rl/algorithm.h"
#include "rl/credit.h"
#include "rl/rewarded.h"
#include "rl/step.h"
#include "rl/update.h"
#include "train/checkpoint.h"
#include "train/memory.h"
#include "train/metric.h"
#include "train/tree.h"

struct options {
    const char *model, *out, *ref, *times;
    int products, loss, scale, kl, kl_in;       /* the last three: 0 for the algorithm's own, or 1 + a value */
    double beta, clip_low, clip_high, tis, min_entropy, max_growth, lr;
    bool weigh_kl, mask_cut, off_policy, recompute, profile;
    long epochs, minibatches, length, leaves, rows, threads;
    struct adamw_options adamw;
};

#define AT(field) offsetof(struct options, field)

static const struct cli_opt opts[] = {
    { 'm', "model", CLI_TEXT, AT(model), 0, 0, "model that sampled the records", "DIR" },
    { 'o', "output", CLI_TEXT, AT(out), 0, 0, "run directory; a run that is there goes on", "DIR" },
    { 0, "loss", CLI_CHOICE, AT(loss), 0, 0, "algorithm", ALGORITHM_NAMES },
    { 0, "scale", CLI_CHOICE, AT(scale), 0, 0, "deviation that advantages are divided by", "auto|group|batch|none" },
    { 0, "clip-low", CLI_REAL, AT(clip_low), 0, 1, "a ratio below 1 - this is clipped", NULL },
    { 0, "clip-high", CLI_REAL, AT(clip_high), 0, 1e6, "a ratio above 1 + this is clipped", NULL },
    { 0, "max-tokens", CLI_INT, AT(length), 1, 1e6, "length that dr_grpo divides by", NULL },
    { 0, "mask-truncated", CLI_FLAG, AT(mask_cut), 0, 0, "samples that ended at their limit are not learned", NULL },
    { 0, "tis", CLI_REAL, AT(tis), 0, 1e6, "most that an importance weight may be; 0: no such weights", NULL },
    { 0, "ref", CLI_TEXT, AT(ref), 0, 0, "reference of the KL term, or adapter-off", "DIR" },
    { 0, "beta", CLI_REAL, AT(beta), 0, 100, "weight of the KL term", NULL },
    { 0, "kl", CLI_CHOICE, AT(kl), 0, 0, "its estimate", "auto|k1|k2|k3|none" },
    { 0, "kl-in", CLI_CHOICE, AT(kl_in), 0, 0, "where it counts", "auto|loss|reward" },
    { 0, "weigh-kl", CLI_FLAG, AT(weigh_kl), 0, 0, "multiply the KL term by the ratio", NULL },
    { 0, "epochs", CLI_INT, AT(epochs), 1, 1000, "passes over these records", NULL },
    { 0, "minibatches", CLI_INT, AT(minibatches), 1, 1000, "optimizer steps of a pass", NULL },
    { 0, "min-entropy", CLI_REAL, AT(min_entropy), 0, 100, "a step that leaves less ends the run", NULL },
    { 0, "max-length-growth", CLI_REAL, AT(max_growth), 0, 1000, "so do samples longer by more; 0: never", NULL },
    { 0, "lr", CLI_REAL, AT(lr), 0, 10, "learning rate", NULL },
    ADAMW_OPTIONS(struct options, adamw),
    { 0, "leaves", CLI_INT, AT(leaves), 1, 8, "micro-shards of a step: 1, 2, 4 or 8", NULL },
    { 0, "rows", CLI_INT, AT(rows), 1, 1e6, "tokens of one forward", NULL },
    { 0, "gradient-checkpointing", CLI_FLAG, AT(recompute), 0, 0, "compute activations again in backward", NULL },
    { 0, "products", CLI_CHOICE, AT(products), 0, 0, "numbers that gradients are multiplied in", "fp32|bf16" },
    { 0, "off-policy", CLI_FLAG, AT(off_policy), 0, 0, "accept records that another model sampled", NULL },
    { 0, "times", CLI_TEXT, AT(times), 0, 0, "add to this file where the seconds went", "FILE" },
    { 0, "profile", CLI_FLAG, AT(profile), 0, 0, "tell where each step's time went", NULL },
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
    struct policy_options policy;
    struct credit_options credit;
    struct pool *pool;
    struct rundir run;
    char *base;                 /* folder of the policy */
    struct model *model, *reference;
    bool adapter_off;           /* the reference is the model without its adapter */
    struct bpe *bpe;
    struct chat *chat;
    struct adamw adamw;
    long step, sampled;         /* taken; and when these records were sampled */
    double tokens;              /* read since the run began, those of prompts included */
    double first_length;        /* of a sample in the run's first call; 0: this is the first */
    struct rewarded in;
    struct credit_trust trust;
    double kl, trained;         /* KL divergence in the reward, summed over tokens; tokens of groups with signal */
    struct rl_pass pass;
    const struct rl_group *groups;      /* of the present step */
    struct tree tree;
    struct times times;
};

/* What the options leave to the algorithm is its own. */
static void choose(struct update *u) {
    const struct options *o = u->o;
    const struct algorithm *a = algorithm_get(o->loss);
    enum policy_kl kl = o->kl ? (enum policy_kl)(o->kl - 1) : a->kl;
    bool in_reward = o->kl_in ? o->kl_in == 2 : a->kl_in_reward;

    if (o->beta <= 0) kl = KL_NONE;
    u->policy = (struct policy_options){ o->clip_low, o->clip_high, o->beta, a->ratio, kl, o->weigh_kl };
    u->credit = (struct credit_options){ a, o->scale ? (enum advantage_scale)(o->scale - 1) : a->scale, kl, in_reward,
                                         o->beta, o->mask_cut };
}

/* Takes over the counts of the run's last step. */
static int take_state(struct update *u, const json_t *state, struct err *err) {
    int64_t step;

    if (json_object_get(state, "options"))
        return err_set(err, "%s is a run of sft-train; choose another folder", u->run.path);
    if (jsonl_int(state, "global_step", 0, INT32_MAX, &step, err) ||
        jsonl_number(state, "num_tokens", &u->tokens, err))
        return err_prefix(err, "%s/last/state.json", u->run.path);
    u->step = (long)step;
    u->first_length = json_number_value(json_object_get(state, "first_length"));
    u->sampled = (long)json_integer_value(json_object_get(state, "sampled"));
    return 0;
}

/* The policy: the run's last step if there is one, else the model. */
static int load_policy(struct update *u, struct err *err) {
    bool goes_on = rundir_last(&u->run) >= 0;
    struct memory mem;
    json_t *state = NULL;
    int r;

    if (!goes_on && !u->o->model) return err_set(err, "%s holds no run; --model is missing", u->run.path);
    u->base = goes_on ? rundir_path(u->run.path, "last") : model_dir_resolve(u->o->model);
    if (!(u->model = model_load_trained(u->base, err))) return -1;
    /* Before the first product; activations are not known yet, nor whether there will be more than one group. */
    mem = memory_of(u->model, tree_blocks((int)u->o->leaves, 1), pool_threads(u->pool), 0);
    if (u->o->ref && !u->adapter_off && u->policy.kl != KL_NONE) mem.reference = mem.weights;
    if (memory_check(&mem, err) ||
        !(u->bpe = checkpoint_tokenizer(u->base, err)) || !(u->chat = chat_new(u->bpe, err)))
        return -1;
    u->adamw = adamw_new(model_trained(u->model));
    if (!goes_on) return 0;
    if (checkpoint_load(&u->run, u->model, &u->adamw, &state, err)) return -1;
    r = take_state(u, state, err);
    json_decref(state);
    return r;
}

/* Another model, or this one without its adapter, which is also what an adapter has when no other is named. */
static int load_reference(struct update *u, struct err *err) {
    char *dir;

    if (u->policy.kl == KL_NONE) {
        u->adapter_off = false;
        return 0;
    }
    if (u->adapter_off && !u->model->lora)
        return err_set(err, "--ref adapter-off: %s holds no adapter that could be switched off", u->base);
    u->adapter_off = u->model->lora && (u->adapter_off || !u->o->ref);
    if (u->adapter_off || !u->o->ref) return 0;
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
                               .positions = u->model->cfg.max_positions,
                               .any_weights = u->o->off_policy || u->o->tis > 0,
                               .keep_silent = u->credit.algorithm->base == BASE_NONE };
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
    rewarded_end(&u->in);
    u->tokens += u->in.stats.prompt_tokens + u->in.stats.tokens;
    return r;
}

/* A reward for length, or a model that finds no end, shows in the samples: they come from the last checkpoint, so the
 * one before it is the last whose samples were in bounds. */
static int check_length(struct update *u, struct err *err) {
    double length = u->in.stats.tokens / u->in.stats.samples;
    char good[32] = "the model it began with";

    if (!(u->first_length > 0)) u->first_length = length;
    if (!(u->o->max_growth > 0) || length <= u->o->max_growth * u->first_length) return 0;
    if (u->sampled) snprintf(good, sizeof good, "step-%ld", u->sampled);
    return err_set(err, "samples have %.1f tokens, more than %g times the %.1f of the run's first call: it collapses; "
                   "no step is taken, the last good one is %s", length, u->o->max_growth, u->first_length, good);
}

static int check_entropy(const struct update *u, double entropy, double tokens, struct err *err) {
    if (!tokens || entropy >= u->o->min_entropy * tokens) return 0;
    return err_set(err, "step %ld leaves an entropy of %.4g a token, less than %g: the run collapses; "
                   "the last checkpoint stays", u->step, entropy / tokens, u->o->min_entropy);
}

/* Log-probabilities of all samples under the model as it is now, and the sum of entropies: a block to free. */
static real *score(struct update *u, const struct model *m, double *entropy) {
    size_t n = (size_t)credit_tokens(u->in.groups, u->in.n);
    real *logprob = mem_alloc(2 * n + 1, sizeof *logprob);
    struct decoder *d = decoder_new(m, u->pool);

    rl_logprobs(d, u->in.groups, (int)u->in.n, (int)u->o->rows, logprob, logprob + n);
    decoder_free(d);
    *entropy = 0;
    for (size_t t = 0; t < n; t++) *entropy += (double)logprob[n + t];
    return logprob;
}

static void refer(struct update *u) {
    double entropy;
    real *logprob;

    if (u->adapter_off) lora_switch_off(u->model, u->pool);
    logprob = score(u, u->adapter_off ? u->model : u->reference, &entropy);
    credit_reference(u->in.groups, u->in.n, logprob);
    free(logprob);
    if (u->adapter_off) lora_merge(u->model, u->pool);
    model_free(u->reference);
    u->reference = NULL;
}

/* All that is known of the samples before the first step: reference, importance weights, advantages. */
static void prepare(struct update *u) {
    u->trained = credit_tokens(u->in.groups, u->in.n);
    if (!u->in.n) {
        cli_note(&cli, "all %.0f groups are silent, the rewards in each are equal: the model stays as it is",
                 u->in.stats.groups);
        return;
    }
    if (u->reference || u->adapter_off) refer(u);
    if (u->o->tis > 0) {
        double entropy;
        real *logprob = score(u, u->model, &entropy);

        u->trust = credit_retake(u->in.groups, u->in.n, logprob, u->o->tis);
        free(logprob);
    }
    u->kl = credit_groups(u->in.groups, u->in.n, &u->credit);
}

static void run_leaf(void *ctx, int from, int to, real *grad) {
    struct update *u = ctx;

    rl_gradient(&u->pass, u->groups + from, to - from, (int)u->o->rows, grad);
}

static int write_metric(const struct update *u, double norm, double seconds, struct err *err) {
    const struct step s = {
        .number = u->step, .in = &u->in.stats, .policy = &u->pass.stats, .entropy = u->pass.entropy,
        .kl = u->credit.kl_in_reward && u->trained > 0 ? u->kl / u->trained : NAN, .lr = u->o->lr, .norm = norm,
        .trust = u->o->tis > 0 && u->in.n ? &u->trust : NULL, .trusted = u->trained, .tokens = u->tokens,
        .seconds = seconds, .pool = u->o->profile ? u->pool : NULL
    };

    return metric_write(step_json(&s), err);
}

static int save(struct update *u, long sampled, struct err *err) {
    json_t *state = json_pack("{s:I, s:f, s:f, s:I}", "global_step", (json_int_t)u->step, "num_tokens", u->tokens,
                              "first_length", u->first_length, "sampled", (json_int_t)sampled);
    int r = checkpoint_save(&u->run, u->step, u->model, &u->adamw, u->base, state, err);

    json_decref(state);
    return r;
}

/* Groups from .. to-1 and what a token of theirs counts. */
static void set_pass(struct update *u, size_t from, size_t to) {
    const struct algorithm *a = u->credit.algorithm;

    u->groups = u->in.groups + from;
    u->pass.stats = (struct policy_stats){ 0 };
    u->pass.entropy = 0;
    u->pass.mean = a->mean;
    u->pass.sequences = (double)(to - from) * u->in.size;
    u->pass.length = (double)u->o->length;
    u->pass.tokens = a->all_steps ? credit_tokens(u->in.groups, u->in.n) / (double)u->o->minibatches
                                  : credit_tokens(u->groups, to - from);
}

/* One optimizer step on a minibatch, or none where it has no group. */
static int take_step(struct update *u, bool first, size_t from, size_t to, struct err *err) {
    double start = progress_clock(), norm = 0;

    set_pass(u, from, to);
    pool_seconds(u->pool, (double[POOL_PARTS]){ 0 });
    if (to > from) {
        const real *grad = tree_run(&u->tree, (int)(to - from), run_leaf, u);

        if (!first && check_entropy(u, u->pass.entropy, u->pass.stats.tokens, err)) return -1;
        norm = adamw_step(&u->adamw, model_trained(u->model), grad, u->o->lr, &u->o->adamw, u->pool);
        if (!isfinite(norm) || !isfinite(u->pass.stats.loss))
            return err_set(err, "step %ld: the loss is %g, its gradient's norm %g; the last checkpoint stays",
                           u->step + 1, fabs(u->pass.stats.loss), fabs(norm));
        lora_merge(u->model, u->pool);
    }
    u->step++;
    return write_metric(u, norm, progress_clock() - start, err);
}

/* The entropy that the last step leaves, on the same samples. */
static int check_end(struct update *u, struct err *err) {
    double entropy;

    if (!u->in.n || !(u->o->min_entropy > 0)) return 0;
    free(score(u, u->model, &entropy));
    return check_entropy(u, entropy, credit_tokens(u->in.groups, u->in.n), err);
}

/* All steps on the records that were read, then one checkpoint: a stop saves the steps that were taken. */
static int train(struct update *u, struct err *err) {
    long sampled = u->step, n = u->o->epochs * u->o->minibatches, done = 0;

    u->tree = (struct tree){ .p = model_trained(u->model), .pool = u->pool, .leaves = (int)u->o->leaves };
    u->pass = (struct rl_pass){ .policy = decoder_new(u->model, u->pool), .o = &u->policy };
    if (u->o->recompute) decoder_recompute(u->pass.policy);
    if (u->o->products) decoder_products(u->pass.policy, &products_exact, &products_bf16);
    for (; done < n && !cli_stop_signal(); done++) {
        size_t k = (size_t)(done % u->o->minibatches), of = (size_t)u->o->minibatches;

        if (take_step(u, !done, u->in.n * k / of, u->in.n * (k + 1) / of, err)) return -1;
    }
    if (!done) return 0;
    if (check_end(u, err)) return -1;
    times_lap(&u->times, TIMES_WORK);
    if (save(u, sampled, err)) return -1;
    times_lap(&u->times, TIMES_SAVE);
    return 0;
}

static int run(struct update *u, char *const *files, struct err *err) {
    if (load_policy(u, err) || load_reference(u, err)) return -1;
    times_lap(&u->times, TIMES_LOAD);
    if (read_records(u, files, err) || check_length(u, err)) return -1;
    times_lap(&u->times, TIMES_JSON);
    cli_catch_stop();       /* not before: records that a Ctrl-C cuts short must not become a step */
    prepare(u);
    return train(u, err) || times_append(&u->times, cli.name, u->o->times, err) ? -1 : 0;
}

static void close_all(struct update *u) {
    rewarded_free(&u->in);
    tree_free(&u->tree);
    decoder_free(u->pass.policy);
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
    struct options o = { .beta = 0.04, .clip_low = 0.2, .clip_high = 0.2, .epochs = 1, .minibatches = 1, .length = 256,
                         .adamw = { 0.9, 0.99, 1e-8, 0, 1 }, .lr = 1e-5, .leaves = 8, .rows = 8192 };
    char **operands = cli_parse(&cli, &o, argc, argv);
    struct update u = { .o = &o, .run = { .lock = -1 }, .times = times_start() };
    struct err err;
    int r;

    if (!o.out) cli_usage(&cli, "--output is missing");
    if (o.leaves & (o.leaves - 1)) cli_usage(&cli, "--leaves is 1, 2, 4 or 8");
    choose(&u);
    if (o.scale && u.credit.algorithm->whiten) cli_usage(&cli, "--scale: this loss whitens advantages by itself");
    u.adapter_off = o.ref && !strcmp(o.ref, "adapter-off");
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
