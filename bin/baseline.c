/* baseline — score the candidates of cases by a classical model.
 *
 * in   {"id":"1#53","split":"test","source":{...},"user":"1","candidates":[...],"target":2,...}
 * out  the same without history and chains, with "model":"ease","scores":[...] */
#include "rank/baseline.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/mem.h"
#include "base/progress.h"
#include "io/jsonl.h"
#include "rank/full.h"
#include "rank/tune.h"

struct options {
    struct baseline_options b;
    const char *graph, *train, *valid;
    long threads, full, tune;
    bool tune_only, quiet;
};

#define AT(field) offsetof(struct options, field)

static const struct cli_opt opts[] = {
    BASELINE_OPTIONS(struct options, b),
    { 'g', "graph", CLI_TEXT, AT(graph), 0, 0, "the graph that the cases were drawn from", "FILE" },
    { 0, "train", CLI_TEXT, AT(train), 0, 0, "logistic: cases with chains that it learns from",
      "FILE" },
    { 0, "full", CLI_INT, AT(full), 0, 1e9,
      "rank every item the user never touched, and write the best K; 0: the drawn candidates", "K" },
    { 0, "tune", CLI_INT, AT(tune), 0, 1e6, "choose options by trying so many settings; 0: none", "N" },
    { 0, "valid", CLI_TEXT, AT(valid), 0, 0, "cases that --tune chooses on", "FILE" },
    { 0, "tune-only", CLI_FLAG, AT(tune_only), 0, 0, "write what was chosen; score nothing", NULL },
    { 0, "threads", CLI_INT, AT(threads), 0, 256, "0 is all cores that may be used", NULL },
    { 'q', "quiet", CLI_FLAG, AT(quiet), 0, 0, "no progress, and not what was learned or chosen", NULL },
    { 0 }
};

static const struct cli cli = {
    .name = "baseline", .operands = "[cases ...]", .opts = opts, .any_stdin = true,
    .purpose = "Score the candidates of cases by a classical model.",
    .example = "baseline --model ease --graph g.jsonl test.jsonl | evaluate"
};

struct run {
    const struct options *o;
    struct case_reader reader;
    struct pool *pool;
    struct baseline *model;
    struct tune tune;
};

/* One case of the files; takes it over by zeroing it. */
typedef int take(struct run *run, struct rec_case *c, json_t *rec, struct err *err);

/* Gives each case of the files to `one`. Complains by itself. */
static int each_case(struct run *run, char **files, take *one) {
    struct progress p = progress_start("cases", 0, run->o->quiet);
    struct jsonl in;
    struct err err;
    json_t *rec = NULL;
    size_t done = 0;
    int r;

    jsonl_open(&in, files);
    while ((r = jsonl_next(&in, &rec, &err)) > 0) {
        struct rec_case c;

        if (!(r = case_parse(&run->reader, rec, &c, &err))) {
            r = one(run, &c, rec, &err);
            case_free(&c);
        }
        json_decref(rec);
        if (r < 0) break;
        progress_show(&p, (double)++done, NULL);
    }
    progress_end(&p);
    if (r < 0) cli_complain(&cli, in.name, in.line, err.msg);
    jsonl_close(&in);
    case_reader_next(&run->reader);
    return r;
}

static int each_case_of(struct run *run, const char *file, take *one) {
    char *files[] = { (char *)file, NULL };

    return each_case(run, files, one);
}

static int learn_case(struct run *run, struct rec_case *c, json_t *rec, struct err *err) {
    return baseline_learn(run->model, c, rec, err);
}

static int tune_case(struct run *run, struct rec_case *c, json_t *rec, struct err *err) {
    (void)rec;
    return tune_add(&run->tune, c, err);
}

static void put_scores(json_t *rec, const double *scores, int n) {
    json_t *list = json_array();

    for (int k = 0; k < n; k++) json_array_append_new(list, jsonl_real(scores[k]));
    json_object_set_new(rec, "scores", list);
}

/* Replaces the evidence by the scores. */
static int score_case(struct run *run, struct rec_case *c, json_t *rec, struct err *err) {
    static const char *const evidence[] = { "history", "drawn", "counts", "chains", "facts" };
    double *scores = mem_alloc((size_t)c->n, sizeof *scores);
    int r;

    json_object_set_new(rec, "model", json_string(baseline_name(run->o->b.kind)));
    if (run->o->full) r = full_score(run->model, c, run->o->full, rec, err);
    else if (!(r = baseline_score(run->model, c, rec, scores, err))) put_scores(rec, scores, c->n);
    free(scores);
    if (r < 0) return -1;
    for (size_t i = 0; i < sizeof evidence / sizeof *evidence; i++)
        json_object_del(rec, evidence[i]);
    jsonl_write(stdout, rec);
    return 0;
}

static void show_setting(void *ctx, const struct tune *t) {
    progress_show(ctx, (double)t->n_tried, NULL);
}

/* Chooses the options of o. Complains by itself. */
static int tune(struct run *run, struct options *o, const bool *given) {
    struct progress p;
    struct buf line = { 0 };
    struct err err;
    int r;

    tune_open(&run->tune, &o->b, run->pool);
    for (size_t k = 0; opts[k].name; k++)
        if (given[k]) tune_hold(&run->tune, opts[k].name);
    if (!(r = each_case_of(run, o->valid, tune_case))) {
        p = progress_start("settings", (double)o->tune, o->quiet);
        if ((r = tune_run(&run->tune, o->tune, show_setting, &p, &err)))
            cli_complain(&cli, o->valid, 0, err.msg);
        progress_end(&p);
    }
    if (!r) {
        json_t *rec = tune_json(&run->tune);

        o->b = *tune_best(&run->tune);
        if (o->tune_only) jsonl_write(stdout, rec);
        if (!o->quiet) cli_note(&cli, "%s", tune_line(&run->tune, &line));
        json_decref(rec);
    }
    buf_free(&line);
    tune_free(&run->tune);
    return r;
}

/* Learns what the model learns from cases, and scores those of the operands. */
static int score(struct run *run, const struct options *o, char **operands) {
    int r = 0;

    run->model = baseline_new(&o->b, run->pool);
    if (o->train) r = each_case_of(run, o->train, learn_case);
    if (!r) r = each_case(run, operands, score_case);
    if (!r && !o->quiet && baseline_note(run->model)) cli_note(&cli, "%s", baseline_note(run->model));
    baseline_free(run->model);
    return r;
}

/* Refuses what does not go together. */
static void check(const struct options *o, const bool *given, char **operands) {
    const char *name = baseline_name(o->b.kind);
    bool logistic = o->b.kind == BASELINE_LOGISTIC;

    for (size_t k = 0; opts[k].name; k++)
        if (given[k] && !baseline_takes(o->b.kind, opts[k].name))
            cli_usage(&cli, "--model %s takes no --%s", name, opts[k].name);
    if (!o->graph) cli_usage(&cli, "--graph is missing");
    if (logistic && !o->train) cli_usage(&cli, "--model logistic needs --train");
    if (o->train && !logistic) cli_usage(&cli, "--model %s takes no --train", name);
    if (o->full && (logistic || o->b.kind == BASELINE_CHAINVOTE))
        cli_usage(&cli, "--model %s takes no --full: only drawn candidates have chains", name);
    if (!o->tune != !o->valid) cli_usage(&cli, "--tune needs --valid, and --valid needs --tune");
    if (o->tune_only && !o->tune) cli_usage(&cli, "--tune-only needs --tune");
    if (o->tune && !tune_possible(o->b.kind)) cli_usage(&cli, "--model %s has nothing to tune", name);
    if (o->tune_only && *operands)
        cli_usage(&cli, "--tune-only scores nothing, but there is '%s'", *operands);
    if (!o->tune_only && !*operands && isatty(STDIN_FILENO)) cli_usage(&cli, "stdin is a terminal");
}

int main(int argc, char **argv) {
    struct options o = { .b = BASELINE_DEFAULTS };
    bool given[sizeof opts / sizeof *opts] = { false };
    char **operands = cli_parse_given(&cli, &o, argc, argv, given), *graph[] = { NULL, NULL };
    struct run run = { .o = &o };
    struct graph *g;
    struct err err;
    int r = 0;

    check(&o, given, operands);
    baseline_resolve(&o.b);
    graph[0] = (char *)o.graph;
    if (!(g = graph_read(graph, &err))) {
        cli_complain(&cli, NULL, 0, err.msg);
        return cli_finish(&cli) | EXIT_DATA;
    }
    run.pool = pool_new((int)o.threads);
    case_reader_open(&run.reader, g);
    if (o.tune) r = tune(&run, &o, given);
    if (!r && !o.tune_only) r = score(&run, &o, operands);
    case_reader_close(&run.reader);
    graph_free(g);
    pool_free(run.pool);
    return cli_finish(&cli) | (r < 0 ? EXIT_DATA : EXIT_OK);
}
