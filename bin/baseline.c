/* baseline — score the candidates of cases by a classical model.
 *
 * in   {"id":"1#53","split":"test","source":{...},"user":"1","candidates":[...],"target":2,...}
 * out  the same without history and chains, with "model":"ease","scores":[...] */
#include "rank/baseline.h"

#include <stdlib.h>

#include "base/cli.h"
#include "base/mem.h"
#include "base/progress.h"
#include "io/jsonl.h"

struct options {
    struct baseline_options b;
    const char *graph, *train;
    long threads;
    bool quiet;
};

#define AT(field) offsetof(struct options, field)

static const struct cli_opt opts[] = {
    { 'm', "model", CLI_CHOICE, AT(b.kind), 0, 0, "what scores", BASELINE_WORDS },
    { 'g', "graph", CLI_TEXT, AT(graph), 0, 0, "the graph that the cases were drawn from", "FILE" },
    { 0, "train", CLI_TEXT, AT(train), 0, 0, "cases with chains that logistic learns from",
      "FILE" },
    { 0, "days", CLI_REAL, AT(b.days), 0, 1e6, "pop: count the last so many days; 0: all", "D" },
    { 0, "shrink", CLI_REAL, AT(b.shrink), 0, 1e9, "itemknn: added to the cosine's denominator",
      NULL },
    { 0, "steps", CLI_INT, AT(b.steps), 1, 1e6, "markov: c within so many events after i", NULL },
    { 0, "lambda", CLI_REAL, AT(b.lambda), 0, 1e9, "ease: ridge", NULL },
    { 0, "l2", CLI_REAL, AT(b.l2), 1e-9, 1e6, "logistic: ridge", NULL },
    { 0, "recency", CLI_REAL, AT(b.recency), 0, 1e6,
      "the user's r-th last item weighs exp(-r/X); 0: all weigh 1", NULL },
    { 0, "pop-power", CLI_REAL, AT(b.pop_power), -10, 10,
      "divide scores by the item's count to the power X", NULL },
    { 0, "seed", CLI_SEED, AT(b.seed), 0, 0, "of random", NULL },
    { 0, "threads", CLI_INT, AT(threads), 0, 256, "0 is all cores that may be used", NULL },
    { 'q', "quiet", CLI_FLAG, AT(quiet), 0, 0, "no progress, and not what was learned", NULL },
    { 0 }
};

static const struct cli cli = {
    .name = "baseline", .operands = "[cases ...]", .opts = opts,
    .purpose = "Score the candidates of cases by a classical model.",
    .example = "baseline --model ease --graph g.jsonl test.jsonl | evaluate"
};

struct run {
    struct case_reader reader;
    struct baseline *model;
};

/* Takes the cases of the file `train` into the model. Complains by itself. */
static int learn(struct run *run, const char *train) {
    char *files[] = { (char *)train, NULL };
    struct jsonl in;
    struct rec_case c;
    struct err err;
    json_t *rec = NULL;
    int r;

    jsonl_open(&in, files);
    while ((r = jsonl_next(&in, &rec, &err)) > 0) {
        if (!(r = case_parse(&run->reader, rec, &c, &err))) {
            r = baseline_learn(run->model, &c, rec, &err);
            case_free(&c);
        }
        json_decref(rec);
        if (r < 0) break;
    }
    if (r < 0) cli_complain(&cli, in.name, in.line, err.msg);
    jsonl_close(&in);
    case_reader_next(&run->reader);
    return r;
}

/* Replaces the evidence by the scores. */
static int score_record(struct run *run, json_t *rec, struct err *err) {
    static const char *const evidence[] = { "history", "drawn", "counts", "chains", "facts" };
    struct rec_case c;
    json_t *list;
    double *scores;
    int r;

    if (case_parse(&run->reader, rec, &c, err)) return -1;
    scores = mem_alloc((size_t)c.n, sizeof *scores);
    if (!(r = baseline_score(run->model, &c, rec, scores, err))) {
        list = json_array();
        for (int k = 0; k < c.n; k++) json_array_append_new(list, jsonl_real(scores[k]));
        for (size_t i = 0; i < sizeof evidence / sizeof *evidence; i++)
            json_object_del(rec, evidence[i]);
        json_object_set_new(rec, "model", json_string(baseline_name(run->model)));
        json_object_set_new(rec, "scores", list);
    }
    free(scores);
    case_free(&c);
    return r;
}

static int score(struct run *run, char **operands, bool quiet) {
    struct progress p = progress_start("cases", 0, quiet);
    struct jsonl in;
    struct err err;
    json_t *rec = NULL;
    size_t done = 0;
    int r;

    jsonl_open(&in, operands);
    while ((r = jsonl_next(&in, &rec, &err)) > 0) {
        if (!(r = score_record(run, rec, &err))) jsonl_write(stdout, rec);
        json_decref(rec);
        if (r < 0) break;
        progress_show(&p, (double)++done, NULL);
    }
    progress_end(&p);
    if (r < 0) cli_complain(&cli, in.name, in.line, err.msg);
    else if (!quiet && baseline_note(run->model)) cli_note(&cli, "%s", baseline_note(run->model));
    jsonl_close(&in);
    return r;
}

int main(int argc, char **argv) {
    struct options o = { .b = BASELINE_DEFAULTS };
    char **operands = cli_parse(&cli, &o, argc, argv), *graph[] = { NULL, NULL };
    struct pool *pool;
    struct graph *g;
    struct run run;
    struct err err;
    int r;

    if (!o.graph) cli_usage(&cli, "--graph is missing");
    if (o.b.kind == BASELINE_LOGISTIC && !o.train)
        cli_usage(&cli, "--model logistic needs --train");
    graph[0] = (char *)o.graph;
    if (!(g = graph_read(graph, &err))) {
        cli_complain(&cli, NULL, 0, err.msg);
        return cli_finish(&cli) | EXIT_DATA;
    }
    pool = pool_new((int)o.threads);
    case_reader_open(&run.reader, g);
    run.model = baseline_new(&o.b, pool);
    r = o.b.kind == BASELINE_LOGISTIC ? learn(&run, o.train) : 0;
    if (!r) r = score(&run, operands, o.quiet);
    baseline_free(run.model);
    case_reader_close(&run.reader);
    graph_free(g);
    pool_free(pool);
    return cli_finish(&cli) | (r < 0 ? EXIT_DATA : EXIT_OK);
}
