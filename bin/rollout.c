/* rollout — sample a group of completions for each prompt, with scores for the candidates.
 *
 * in   {"id":"1#53","prompt":[{...}],"slots":{...},...}; only "prompt" is needed
 * out  the same record with "model" and "samples":[{"text","tokens","logprobs","finish","scores",...}] */
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/progress.h"
#include "base/utf8.h"
#include "io/jsonl.h"
#include "io/times.h"
#include "rl/group.h"

struct options {
    const char *model, *times;
    struct group_options g;
    long threads;
    bool greedy, quiet;
};

#define AT(field) offsetof(struct options, field)

static const struct cli_opt opts[] = {
    { 'm', "model", CLI_TEXT, AT(model), 0, 0, "model or run directory", "DIR" },
    { 'n', "samples", CLI_INT, AT(g.samples), 0, 1024, "for each prompt; 0 is 8, or 1 when greedy", NULL },
    { 0, "greedy", CLI_FLAG, AT(greedy), 0, 0, "the same as --temperature 0", NULL },
    { 0, "repetition-penalty", CLI_REAL, AT(g.sampling.penalty), 0.01, 100, "on tokens seen", NULL },
    { 0, "temperature", CLI_REAL, AT(g.sampling.temperature), 0, 100, "0 takes the most probable token", NULL },
    { 0, "top-k", CLI_INT, AT(g.sampling.top_k), 0, 1e6, "sample from the k most probable; 0 is all", NULL },
    { 0, "top-p", CLI_REAL, AT(g.sampling.top_p), 0, 1, "sample from the most probable up to p", NULL },
    { 0, "min-p", CLI_REAL, AT(g.sampling.min_p), 0, 1, "leave out what is below p times the best", NULL },
    { 0, "stop", CLI_MANY, AT(g.stops), 0, 0, "end in front of this text", NULL },
    { 0, "stop-token", CLI_MANY, AT(g.stop_tokens), 0, 0, "end at this id or spelling", "TOKEN" },
    { 0, "max-tokens", CLI_INT, AT(g.limit), 1, 1e6, "length of a completion", NULL },
    { 0, "no-scores", CLI_FLAG, AT(g.no_scores), 0, 0, "leave out the scores and the work for them", NULL },
    { 0, "weights", CLI_CHOICE, AT(g.weights), 0, 0, "what they are held in", PACKED_NAMES },
    { 0, "batch", CLI_INT, AT(g.batch), 1, 4096, "sequences decoded at a time", NULL },
    { 0, "seed", CLI_SEED, AT(g.seed), 0, 0, "of records that name none", NULL },
    { 0, "threads", CLI_INT, AT(threads), 0, 256, "0 is all cores that may be used", NULL },
    { 0, "times", CLI_TEXT, AT(times), 0, 0, "add to this file where the seconds went", "FILE" },
    { 'q', "quiet", CLI_FLAG, AT(quiet), 0, 0, "no progress", NULL },
    { 0 }
};

static const struct cli cli = {
    .name = "rollout", .operands = "[file ...]", .opts = opts,
    .purpose = "Sample a group of completions for each prompt, and score its candidates.",
    .example = "rollout -m sft prompts.jsonl | reward | rl-update -m sft -o rl"
};

/* The next record into the sampler. 1, 0 at the end of the input, -1. */
static int add_record(struct sampler *s, struct jsonl *in, struct times *p, struct err *err) {
    json_t *rec = NULL;
    int r = jsonl_next(in, &rec, err);

    times_lap(p, TIMES_JSON);
    if (r > 0 && sampler_add(s, rec, err)) r = -1;
    times_lap(p, TIMES_WORK);
    return r;
}

/* Records in front of a bad one are finished and written. */
static int run(struct sampler *s, struct jsonl *in, const struct options *o, struct times *times, struct err *err) {
    struct progress p = progress_start("records", 0, o->quiet);
    bool busy = true;
    double done = 0;
    json_t *rec;
    int r = 1;

    while (r > 0 || busy) {
        while (r > 0 && sampler_wants(s)) r = add_record(s, in, times, err);
        busy = sampler_step(s);
        times_lap(times, TIMES_WORK);
        while ((rec = sampler_next(s))) {
            jsonl_write(stdout, rec);
            json_decref(rec);
            progress_show(&p, ++done, NULL);
        }
        times_lap(times, TIMES_JSON);
    }
    progress_end(&p);
    return r;
}

/* What the table cannot say: checks of texts, options that stand for others. */
static void settle(struct options *o) {
    if (!o->model) cli_usage(&cli, "--model is missing");
    for (size_t i = 0; i < o->g.stops.n; i++) {
        const char *s = o->g.stops.values[i];

        if (!*s || !utf8_valid(s, strlen(s)))
            cli_usage(&cli, "--stop takes a text in UTF-8, not '%s'", s);
    }
    if (o->greedy) o->g.sampling.temperature = 0;
    if (!o->g.samples) o->g.samples = o->g.sampling.temperature > 0 ? 8 : 1;
}

int main(int argc, char **argv) {
    struct options o = { .g = { .sampling = { .penalty = 1, .temperature = 1, .top_p = 1 },
                                .limit = 256, .batch = 64, .seed = 1 } };
    char **operands = cli_parse(&cli, &o, argc, argv);
    struct times times = times_start();
    struct sampler *s;
    struct pool *pool;
    struct jsonl in;
    struct err err;
    int r = -1;

    settle(&o);
    pool = pool_new((int)o.threads);
    s = sampler_new(o.model, &o.g, pool, &err);
    times_lap(&times, TIMES_LOAD);
    if (s) {
        jsonl_open(&in, operands);
        r = run(s, &in, &o, &times, &err);
        if (r < 0) cli_complain(&cli, in.name, in.line, err.msg);
        jsonl_close(&in);
    } else {
        cli_complain(&cli, NULL, 0, err.msg);
    }
    if (!r && (r = times_append(&times, cli.name, o.times, &err))) cli_complain(&cli, NULL, 0, err.msg);
    sampler_free(s);
    pool_free(pool);
    free(o.g.stops.values);
    free(o.g.stop_tokens.values);
    return cli_finish(&cli) | (r < 0 ? EXIT_DATA : EXIT_OK);
}
