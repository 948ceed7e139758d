/* sft-train — train a model on prompt records: next-token cross-entropy of the completions, AdamW.
 *
 * in   {"prompt":[{...}],"completion":[{...}]} or {"messages":[{...}]}; other fields are not looked at
 * out  a metric record per step; the model, and all that a stopped run needs to go on, in a run folder */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/mem.h"
#include "base/progress.h"
#include "io/jsonl.h"
#include "model/lora.h"
#include "train/batch.h"
#include "train/checkpoint.h"
#include "train/memory.h"
#include "train/metric.h"
#include "train/schedule.h"
#include "train/tree.h"

struct options {
    const char *model, *out, *valid, *targets;
    long steps, batch, leaves, rows, max_tokens, warmup, save_every, eval_every, threads;
    double epochs, minutes, lr, final, alpha;
    long rank;
    int schedule, products;
    struct adamw_options adamw;
    uint64_t seed;
    bool resume, recompute, dry_run, profile, quiet;
};

#define AT(field) offsetof(struct options, field)

static const struct cli_opt opts[] = {
    { 'm', "model", CLI_TEXT, AT(model), 0, 0, "model or run directory to begin with", "DIR" },
    { 'o', "output", CLI_TEXT, AT(out), 0, 0, "run directory; a run that is there goes on", "DIR" },
    { 0, "resume", CLI_FLAG, AT(resume), 0, 0, "go on with the run's own data; reads no records", NULL },
    { 0, "steps", CLI_INT, AT(steps), 0, 1e9, "optimizer steps of the whole run; 0: by --epochs", NULL },
    { 0, "epochs", CLI_REAL, AT(epochs), 0, 1e6, "passes over the data; 0: one, or all that --minutes allows", NULL },
    { 0, "minutes", CLI_REAL, AT(minutes), 0, 1e6, "stop after so long; 0: no limit", NULL },
    { 0, "batch", CLI_INT, AT(batch), 1, 65536, "examples of a step", NULL },
    { 0, "max-tokens", CLI_INT, AT(max_tokens), 0, 1e6, "longer examples are left out; 0: as the model allows", NULL },
    { 0, "lr", CLI_REAL, AT(lr), 0, 10, "learning rate, the peak", NULL },
    { 0, "schedule", CLI_CHOICE, AT(schedule), 0, 0, "after the warm-up", "constant|linear|cosine" },
    { 0, "warmup", CLI_INT, AT(warmup), 0, 1e6, "steps of warm-up", NULL },
    { 0, "final-lr", CLI_REAL, AT(final), 0, 1, "part of the rate that is left at the end", NULL },
    ADAMW_OPTIONS(struct options, adamw),
    { 0, "lora-rank", CLI_INT, AT(rank), 0, 4096, "train an adapter of this rank; 0: all parameters", NULL },
    { 0, "lora-alpha", CLI_REAL, AT(alpha), 0, 1e6, "the adapter counts alpha / rank; 0: twice the rank", NULL },
    { 0, "lora-targets", CLI_TEXT, AT(targets), 0, 0, "matrices to adapt: all-linear, or names apart by ','", "NAMES" },
    { 0, "gradient-checkpointing", CLI_FLAG, AT(recompute), 0, 0, "less memory: compute activations again in backward",
      NULL },
    { 0, "products", CLI_CHOICE, AT(products), 0, 0, "numbers that matrices are multiplied in", "fp32|bf16" },
    { 0, "dry-run", CLI_FLAG, AT(dry_run), 0, 0, "only tell the memory that this run will take", NULL },
    { 0, "leaves", CLI_INT, AT(leaves), 1, 8, "micro-shards of a step: 1, 2, 4 or 8", NULL },
    { 0, "rows", CLI_INT, AT(rows), 1, 1e6, "tokens of one forward", NULL },
    { 0, "valid", CLI_TEXT, AT(valid), 0, 0, "records for validation; the best step becomes RUN/best", "FILE" },
    { 0, "eval-every", CLI_INT, AT(eval_every), 1, 1e9, "steps between validations", NULL },
    { 0, "save-every", CLI_INT, AT(save_every), 1, 1e9, "steps between checkpoints", NULL },
    { 0, "seed", CLI_SEED, AT(seed), 0, 0, "of the order of examples", NULL },
    { 0, "profile", CLI_FLAG, AT(profile), 0, 0, "tell where each step's time went", NULL },
    { 0, "threads", CLI_INT, AT(threads), 0, 256, "0 is all cores that may be used", NULL },
    { 'q', "quiet", CLI_FLAG, AT(quiet), 0, 0, "no progress", NULL },
    { 0 }
};

static const struct cli cli = {
    .name = "sft-train", .operands = "[file ...]", .opts = opts, .any_stdin = true,
    .purpose = "Train a model on the completions of prompt records.",
    .example = "maskprompt chains.jsonl | sft-train -m base -o sft"
};

struct training {
    const struct options *o;
    struct pool *pool;
    struct rundir run;
    char *base;                 /* model directory whose tokenizer is copied into each step */
    struct model *model;
    struct adamw adamw;
    struct data data, valid;
    struct batch *batch, *valid_batch;
    json_t *options;            /* what must be equal when a run goes on */
    struct lora_options lora;
    long step, total;
    double tokens;              /* seen since the run began */
    double best;                /* least validation loss so far; NaN: none */
    long best_step;
    int *order;
    long epoch;                 /* of `order` */
};

static json_t *options_json(const struct options *o) {
    return json_pack("{s:I, s:f, s:I, s:I, s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:I, s:f, s:s, s:s}",
                     "batch", (json_int_t)o->batch, "lr", o->lr, "warmup", (json_int_t)o->warmup,
                     "max-tokens", (json_int_t)o->max_tokens, "schedule",
                     (const char *[]){ "constant", "linear", "cosine" }[o->schedule], "final-lr", o->final,
                     "beta1", o->adamw.beta1, "beta2", o->adamw.beta2, "eps", o->adamw.eps,
                     "weight-decay", o->adamw.weight_decay, "max-grad-norm", o->adamw.max_grad_norm,
                     "leaves", (json_int_t)o->leaves, "rows", (json_int_t)o->rows, "seed", (json_int_t)o->seed,
                     "lora-rank", (json_int_t)o->rank, "lora-alpha", o->alpha, "lora-targets", o->targets,
                     "products", (const char *[]){ "fp32", "bf16" }[o->products]);
}

/* Reads records into the spool `name` of the run, unless --resume, and maps it. */
static int open_data(struct training *t, const char *name, char *const *files, struct data *d, struct err *err) {
    char *path = rundir_path(t->run.path, name);
    struct data_reader r = { .max_tokens = t->o->max_tokens, .vocab = t->model->cfg.vocab };
    struct chat *chat = NULL;
    struct jsonl in;
    int bad = 0;

    if (!r.max_tokens || r.max_tokens > t->model->cfg.max_positions) r.max_tokens = t->model->cfg.max_positions;
    if (!t->o->resume) {
        r.bpe = checkpoint_tokenizer(t->base, err);
        r.chat = chat = r.bpe ? chat_new(r.bpe, err) : NULL;
        bad = chat ? 0 : -1;
        jsonl_open(&in, files);
        if (!bad && (bad = data_spool(&r, &in, path, err)))
            err_prefix(err, in.line ? "%s:%zu" : "%s", in.name, in.line);
        jsonl_close(&in);
    }
    if (!bad) bad = data_open(d, path, r.vocab, err);
    if (!bad && r.skipped)
        cli_note(&cli, "%zu examples of more than %ld tokens are left out", r.skipped, r.max_tokens);
    chat_free(chat);
    bpe_free(r.bpe);
    free(path);
    return bad;
}

/* Takes the counts of the last step over. A stop between a step and its link `best` is mended here. */
static int take_state(struct training *t, const json_t *state, struct err *err) {
    int64_t step, best = -1;

    if (jsonl_int(state, "global_step", 0, INT32_MAX, &step, err) || jsonl_number(state, "num_tokens", &t->tokens, err))
        return err_prefix(err, "%s/last/state.json", t->run.path);
    t->step = (long)step;
    if (json_is_number(json_object_get(state, "best"))) {
        if (jsonl_number(state, "best", &t->best, err) || jsonl_int(state, "best_step", 0, step, &best, err))
            return err_prefix(err, "%s/last/state.json", t->run.path);
        t->best_step = (long)best;
        if (best == step && rundir_best(&t->run, t->step, err)) return -1;
    }
    return checkpoint_same_options(json_object_get(state, "options"), t->options, err);
}

/* A fresh adapter for the base model, which is named by its place so that other programs find it. */
static int add_adapter(struct training *t, struct err *err) {
    char place[PATH_MAX];

    if (t->model->lora)
        return err_set(err, "%s is an adapter, which is trained as it is; leave out --lora-rank", t->base);
    lora_init(t->model, &t->lora, realpath(t->base, place) ? place : t->base, t->o->seed);
    return 0;
}

/* The model and moments: those of the run's last step, or the base model and zeros. */
static int load_state(struct training *t, struct err *err) {
    long last = rundir_last(&t->run);
    json_t *state = NULL;

    if (last < 0 && !t->o->model) return err_set(err, "%s holds no run; --model is missing", t->run.path);
    t->base = last >= 0 ? rundir_path(t->run.path, "last") : model_dir_resolve(t->o->model);
    if (!(t->model = model_load_trained(t->base, err)) || (last < 0 && t->o->rank && add_adapter(t, err))) return -1;
    t->best = NAN;
    if (last < 0) return 0;
    t->adamw = adamw_new(model_trained(t->model));
    if (checkpoint_load(&t->run, t->model, &t->adamw, &state, err)) return -1;
    last = take_state(t, state, err);
    json_decref(state);
    return (int)last;
}

static int save(struct training *t, struct err *err) {
    json_t *state = json_pack("{s:I, s:f, s:o, s:I, s:O}", "global_step", (json_int_t)t->step,
                              "num_tokens", t->tokens, "best", jsonl_real(t->best),
                              "best_step", (json_int_t)t->best_step, "options", t->options);
    int r = checkpoint_save(&t->run, t->step, t->model, &t->adamw, t->base, state, err);

    json_decref(state);
    if (r) return r;
    free(t->base);                      /* from now on the run has a tokenizer of its own */
    t->base = rundir_path(t->run.path, "last");
    return 0;
}

static int print_metric(const struct training *t, const struct batch_stats *s, double lr, double norm,
                        double seconds, struct err *err) {
    double n = s->targets;
    json_t *j = json_pack("{s:I, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I}",
                          "global_step", (json_int_t)t->step,
                          "epoch", jsonl_real((double)t->step * (double)t->o->batch / (double)t->data.n),
                          "num_tokens", (json_int_t)t->tokens, "loss", jsonl_real(s->loss / n),
                          "entropy", jsonl_real(s->entropy / n), "mean_token_accuracy", jsonl_real(s->hits / n),
                          "learning_rate", jsonl_real(lr), "grad_norm", jsonl_real(norm),
                          "step_time", jsonl_float((float)seconds),
                          "tokens_per_second", jsonl_float((float)(s->tokens / seconds)),
                          "peak_rss", metric_peak_rss());

    if (t->o->profile) json_object_set_new(j, "parts", metric_parts(t->pool, seconds));
    return metric_write(j, err);
}

/* Picks the step's examples, computes the gradient, steps. Returns 0 or -1. */
static int train_step(struct training *t, const struct schedule *schedule, size_t *examples, struct err *err) {
    double start = progress_clock(), lr = schedule_rate(schedule, t->step), norm;
    struct batch_stats s;
    const real *grad;

    pool_seconds(t->pool, (double[POOL_PARTS]){ 0 });
    for (long k = 0; k < t->o->batch; k++)
        examples[k] = data_example(&t->data, t->o->seed, (uint64_t)(t->step * t->o->batch + k), t->order, &t->epoch);
    grad = batch_gradient(t->batch, examples, (int)t->o->batch, &s);
    norm = adamw_step(&t->adamw, model_trained(t->model), grad, lr, &t->o->adamw, t->pool);
    if (!isfinite(norm) || !isfinite(s.loss))
        return err_set(err, "step %ld: the loss is %g, its gradient's norm %g; the last checkpoint stays",
                       t->step + 1, fabs(s.loss / s.targets), fabs(norm));
    lora_merge(t->model, t->pool);
    t->step++;
    t->tokens += s.tokens;
    return print_metric(t, &s, lr, norm, progress_clock() - start, err);
}

/* The loss on the validation records. A better one makes this step the best. */
static int validate(struct training *t, struct err *err) {
    size_t *all = mem_alloc(t->valid.n, sizeof *all);
    struct batch_stats s;
    json_t *j;

    for (size_t i = 0; i < t->valid.n; i++) all[i] = i;
    batch_loss(t->valid_batch, all, (int)t->valid.n, &s);
    free(all);
    j = json_pack("{s:I, s:o, s:o, s:o}", "global_step", (json_int_t)t->step, "eval_loss",
                  jsonl_real(s.loss / s.targets), "eval_entropy", jsonl_real(s.entropy / s.targets),
                  "eval_mean_token_accuracy", jsonl_real(s.hits / s.targets));
    if (metric_write(j, err)) return -1;
    if (!isnan(t->best) && s.loss / s.targets >= t->best) return 0;
    t->best = s.loss / s.targets;
    t->best_step = t->step;
    return save(t, err) || rundir_best(&t->run, t->step, err) ? -1 : 0;
}

static int train(struct training *t, struct err *err) {
    const struct options *o = t->o;
    struct schedule schedule = { o->schedule, o->lr, o->final, o->warmup, t->total };
    struct progress p = progress_start("steps", (double)t->total, o->quiet);
    size_t *examples = mem_alloc((size_t)o->batch, sizeof *examples);
    double start = progress_clock();
    bool over = false;
    int r = 0;

    while (!r && !over && t->step < t->total) {
        bool last;

        if ((r = train_step(t, &schedule, examples, err))) break;
        last = t->step == t->total;
        over = cli_stop_signal() || (o->minutes > 0 && progress_clock() - start >= 60 * o->minutes);
        if (t->valid.n && (last || t->step % o->eval_every == 0)) r = validate(t, err);
        if (!r && (over || last || t->step % o->save_every == 0) && rundir_last(&t->run) != t->step)
            r = save(t, err);           /* a step that is the best so far is saved already */
        progress_show(&p, (double)t->step, NULL);
    }
    progress_end(&p);
    free(examples);
    return r;
}

static long total_steps(const struct options *o, size_t examples) {
    if (o->steps) return o->steps;
    if (o->minutes > 0 && o->epochs <= 0) return 1000000000;
    return (long)ceil((o->epochs > 0 ? o->epochs : 1) * (double)examples / (double)o->batch);
}

/* What the run will hold: activations are those of the largest step of its first epoch. */
static struct memory measure(struct training *t) {
    const struct options *o = t->o;
    long steps = (long)((t->data.n + (size_t)o->batch - 1) / (size_t)o->batch);
    size_t *examples = mem_alloc((size_t)o->batch, sizeof *examples), most = 0;

    for (long s = t->step; s < t->step + steps && s < t->total; s++) {
        size_t bytes;

        for (long k = 0; k < o->batch; k++)
            examples[k] = data_example(&t->data, o->seed, (uint64_t)(s * o->batch + k), t->order, &t->epoch);
        bytes = batch_bytes(t->batch, examples, (int)o->batch);
        if (bytes > most) most = bytes;
    }
    free(examples);
    return memory_of(t->model, tree_blocks((int)o->leaves, (int)o->batch), pool_threads(t->pool), most);
}

static int open_all(struct training *t, char *const *operands, struct err *err) {
    const struct options *o = t->o;
    char *valid[] = { (char *)o->valid, NULL };
    struct batch_options how = { (int)o->leaves, (int)o->rows, o->recompute,
                                 o->products ? &products_bf16 : &products_exact };
    struct memory mem;

    if (load_state(t, err) || open_data(t, "spool", operands, &t->data, err) ||
        (o->valid && open_data(t, "valid", valid, &t->valid, err)))
        return -1;
    t->batch = batch_new(t->model, t->pool, &t->data, &how);
    how.leaves = 1;
    if (o->valid) t->valid_batch = batch_new(t->model, t->pool, &t->valid, &how);
    t->total = total_steps(o, t->data.n);
    t->order = mem_alloc(t->data.n, sizeof *t->order);
    t->epoch = -1;
    mem = measure(t);
    if (o->dry_run) return metric_write(memory_json(&mem), err);
    if (memory_check(&mem, err)) return -1;
    if (!t->adamw.m) t->adamw = adamw_new(model_trained(t->model));
    return 0;
}

static void close_all(struct training *t) {
    batch_free(t->batch);
    batch_free(t->valid_batch);
    data_close(&t->data);
    data_close(&t->valid);
    adamw_free(&t->adamw);
    model_free(t->model);
    json_decref(t->options);
    if (t->o->dry_run && t->run.path) rundir_remove(t->run.path);
    rundir_close(&t->run);
    pool_free(t->pool);
    free(t->base);
    free(t->order);
}

static void check_options(const struct options *o, char *const *operands) {
    if (!o->out && !o->dry_run) cli_usage(&cli, "--output is missing");
    if (o->dry_run && o->resume) cli_usage(&cli, "--dry-run does not go with --resume");
    if (o->dry_run && !o->model) cli_usage(&cli, "--model is missing");
    if (o->leaves & (o->leaves - 1)) cli_usage(&cli, "--leaves is 1, 2, 4 or 8");
    if (o->minutes > 0 && !o->steps && o->epochs <= 0 && o->schedule != SCHEDULE_CONSTANT)
        cli_usage(&cli, "--minutes without --steps or --epochs needs --schedule constant");
    if (o->resume && *operands) cli_usage(&cli, "--resume reads no records, but there is '%s'", *operands);
    if (!o->resume && !*operands && isatty(STDIN_FILENO)) cli_usage(&cli, "stdin is a terminal");
}

/* A folder for a dry run's spool. NULL on failure. */
static const char *scratch_folder(char path[PATH_MAX]) {
    const char *tmp = getenv("TMPDIR");

    snprintf(path, PATH_MAX, "%s/sft-train-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    return mkdtemp(path);
}

int main(int argc, char **argv) {
    struct options o = { .batch = 32, .leaves = 8, .rows = 8192, .lr = 1e-3, .warmup = 10,
                         .schedule = SCHEDULE_COSINE, .adamw = { 0.9, 0.95, 1e-8, 0.01, 1 }, .save_every = 100,
                         .eval_every = 100, .seed = 1, .targets = "all-linear" };
    char **operands = cli_parse(&cli, &o, argc, argv);
    struct training t = { .o = &o, .run = { .lock = -1 } };
    char scratch[PATH_MAX];
    struct err err;
    int r;

    check_options(&o, operands);
    if (lora_targets(o.targets, &t.lora.targets, &err)) cli_usage(&cli, "--lora-targets: %s", err.msg);
    t.lora.rank = o.rank;
    t.lora.alpha = o.alpha > 0 ? o.alpha : 2 * (double)o.rank;
    t.options = options_json(&o);
    t.pool = pool_new((int)o.threads);
    if (o.dry_run && !(o.out = scratch_folder(scratch))) r = err_set(&err, "%s: %s", scratch, strerror(errno));
    else r = rundir_open(&t.run, o.out, &err);
    if (r > 0) {
        cli_complain(&cli, NULL, 0, err.msg);
        close_all(&t);
        return EXIT_LOCKED;
    }
    if (!r && !(r = open_all(&t, operands, &err)) && !o.dry_run) {
        cli_catch_stop();       /* not before: input that a Ctrl-C cuts short must not become the run's data */
        r = train(&t, &err);
    }
    if (r) cli_complain(&cli, NULL, 0, err.msg);
    close_all(&t);
    r = cli_finish(&cli) | (r ? EXIT_DATA : EXIT_OK);
    return !r && cli_stop_signal() ? 128 + cli_stop_signal() : r;
}
