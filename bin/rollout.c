/* rollout — sample a group of completions for each prompt, with scores for the candidates.
 *
 * in   {"id":"1#53","prompt":[{...}],"slots":{...},...}
 * out  the same record with "model" and "samples":[{"text","tokens","logprobs","finish","scores",...}] */
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/progress.h"
#include "io/jsonl.h"
#include "rl/group.h"
#include "train/rundir.h"

struct options {
    const char *model;
    struct group_options g;
    long batch, threads;
    bool quiet;
};

#define AT(field) offsetof(struct options, field)

static const struct cli_opt opts[] = {
    { 'm', "model", CLI_TEXT, AT(model), 0, 0, "model or run directory", "DIR" },
    { 'n', "samples", CLI_INT, AT(g.samples), 1, 1024, "completions of each prompt", NULL },
    { 0, "temperature", CLI_REAL, AT(g.sampling.temperature), 0, 100, "0 takes the most probable token", NULL },
    { 0, "top-k", CLI_INT, AT(g.sampling.top_k), 0, 1e6, "sample from the k most probable; 0 is all", NULL },
    { 0, "top-p", CLI_REAL, AT(g.sampling.top_p), 0, 1, "sample from the most probable up to p", NULL },
    { 0, "max-tokens", CLI_INT, AT(g.limit), 1, 1e6, "length of a completion", NULL },
    { 0, "no-scores", CLI_FLAG, AT(g.no_scores), 0, 0, "leave out the scores and the work for them", NULL },
    { 0, "batch", CLI_INT, AT(batch), 1, 4096, "sequences decoded at a time", NULL },
    { 0, "seed", CLI_SEED, AT(g.seed), 0, 0, "of the samples", NULL },
    { 0, "threads", CLI_INT, AT(threads), 0, 256, "0 is all cores that may be used", NULL },
    { 'q', "quiet", CLI_FLAG, AT(quiet), 0, 0, "no progress", NULL },
    { 0 }
};

static const struct cli cli = {
    .name = "rollout", .operands = "[file ...]", .opts = opts,
    .purpose = "Sample a group of completions for each prompt, and score its candidates.",
    .example = "rollout -m sft prompts.jsonl | reward | rl-update -m sft -o rl"
};

/* Reads up to n records. Returns their number, or -1. */
static int read_block(struct jsonl *in, json_t **recs, int n, struct err *err) {
    int got = 0, r = 1;

    while (got < n && (r = jsonl_next(in, &recs[got], err)) > 0) got++;
    return r < 0 ? -1 - got : got;
}

static void write_block(json_t **recs, int n) {
    for (int i = 0; i < n; i++) {
        jsonl_write(stdout, recs[i]);
        json_decref(recs[i]);
    }
}

/* Blocks of records: whole groups, about `batch` sequences at a time. */
static int run(struct sampler *s, struct jsonl *in, const struct options *o, struct err *err) {
    int n = (int)((o->batch + o->g.samples - 1) / o->g.samples);
    json_t **recs = mem_calloc((size_t)n, sizeof(json_t *));
    struct progress p = progress_start("records", 0, o->quiet);
    size_t done = 0;
    int got, r = 0;

    while (!r && (got = read_block(in, recs, n, err)) != 0) {
        int have = got < 0 ? -1 - got : got;

        if (have) r = sampler_run(s, recs, have, err);
        if (r) in->line = 0;                    /* the sentence names the record */
        write_block(recs, r ? 0 : have);
        for (int i = 0; r && i < have; i++) json_decref(recs[i]);
        if (got < 0) r = -1;
        progress_show(&p, (double)(done += (size_t)have), NULL);
    }
    progress_end(&p);
    free(recs);
    return r;
}

int main(int argc, char **argv) {
    struct options o = { .g = { .samples = 8, .sampling = { .temperature = 1, .top_p = 1 }, .limit = 256,
                                .seed = 1 }, .batch = 64 };
    char **operands = cli_parse(&cli, &o, argc, argv);
    struct sampler *s;
    struct pool *pool;
    struct jsonl in;
    struct err err;
    int r = -1;

    if (!o.model) cli_usage(&cli, "--model is missing");
    pool = pool_new((int)o.threads);
    s = sampler_new(o.model, &o.g, pool, &err);
    if (s) {
        jsonl_open(&in, operands);
        r = run(s, &in, &o, &err);
        if (r < 0) cli_complain(&cli, in.name, in.line, err.msg);
        jsonl_close(&in);
    } else {
        cli_complain(&cli, NULL, 0, err.msg);
    }
    sampler_free(s);
    pool_free(pool);
    return cli_finish(&cli) | (r < 0 ? EXIT_DATA : EXIT_OK);
}
