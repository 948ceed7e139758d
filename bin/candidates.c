/* candidates — draw the cases of one part of a split: a target, its negatives, their order.
 *
 * in   a graph
 * out  {"id":"1#53","split":"test","source":{...},"user":"1","history":[...],"candidates":[...],
 *       "target":2,...}, one per case */
#include <stdlib.h>

#include "base/cli.h"
#include "graph/cases.h"
#include "io/jsonl.h"

struct options {
    struct case_options cases;
    bool quiet;
};

static const struct cli_opt opts[] = {
    CASE_OPTIONS(struct options, cases),
    { 0, "seed", CLI_SEED, offsetof(struct options, cases.seed), 0, 0, "of the random numbers", NULL },
    { 'q', "quiet", CLI_FLAG, offsetof(struct options, quiet), 0, 0,
      "no warning about the split, and not what was left out", NULL },
    { 0 }
};

static const struct cli cli = {
    .name = "candidates", .operands = "[graph ...]", .opts = opts,
    .purpose = "Draw cases from a graph: a target among items the user never touched.",
    .example = "candidates --split test graph.jsonl > test.jsonl"
};

static int write_cases(const struct case_set *s, struct err *err) {
    for (size_t i = 0; i < s->n; i++) {
        struct rec_case c;
        json_t *rec;

        if (case_set_draw(s, i, &c, err)) return -1;
        rec = case_json(s, &c);
        jsonl_write(stdout, rec);
        json_decref(rec);
        case_free(&c);
    }
    return 0;
}

static void tell(const struct case_set *s) {
    const char *leak = case_options_leak(&s->o);

    if (leak) cli_note(&cli, "%s", leak);
    if (s->note.n) cli_note(&cli, "%s", s->note.s);
}

int main(int argc, char **argv) {
    struct options o = { .cases = CASE_DEFAULTS };
    char **files = cli_parse(&cli, &o, argc, argv);
    struct case_set s = { 0 };
    struct graph *g;
    struct err err;
    int r = -1;

    if (case_options_check(&o.cases, &err)) cli_usage(&cli, "%s", err.msg);
    if ((g = graph_read(files, &err)) && !case_set_make(&s, g, &o.cases, &err)) {
        if (!o.quiet) tell(&s);
        r = write_cases(&s, &err);
    }
    if (r) cli_complain(&cli, NULL, 0, err.msg);
    case_set_free(&s);
    graph_free(g);
    free(o.cases.exclude.values);
    return cli_finish(&cli) | (r ? EXIT_DATA : EXIT_OK);
}
