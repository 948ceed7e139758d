/* evaluate — how often the true candidate stands first, for several runs of the same cases.
 *
 * in   {"id":"1#53","target":2,"scores":[...],...}, or rollout records, whose samples[0] counts;
 *      with --probes case records
 * out  {"model":"ease","n":943,"hr1":0.41,"lo":0.38,"hi":0.44,"hr5":...,"valid":null,...} a run;
 *      with --against also {"model","against","n","difference","lo","hi","p","wins","losses"};
 *      by option rows of strata, of positions, or of probes alone; with --faithful a row a run instead:
 *      {"model":"drop","edit":"drop","true_citations":0.98,"n":812,"moved":0.07,...} */
#include <stddef.h>
#include <string.h>

#include "base/cli.h"
#include "base/operand.h"
#include "base/utf8.h"
#include "io/jsonl.h"
#include "rank/report.h"

enum form { FORM_JSONL, FORM_TABLE, FORM_MARKDOWN, FORM_LATEX };

struct options {
    const char *k, *against, *graph;
    long bootstrap, strata, items;
    uint64_t seed;
    int form;
    bool positions, probes, faithful, table;
};

#define AT(field) offsetof(struct options, field)

static const struct cli_opt opts[] = {
    { 'k', "k", CLI_TEXT, AT(k), 0, 0, "the k of HR@k and its kin, apart by commas", "LIST" },
    { 'a', "against", CLI_TEXT, AT(against), 0, 0, "also compare every other run with this one",
      "NAME" },
    { 'b', "bootstrap", CLI_INT, AT(bootstrap), 0, 1e6,
      "draws for intervals and paired tests; 0: none", "B" },
    { 0, "seed", CLI_SEED, AT(seed), 0, 0, "of the draws", NULL },
    { 'g', "graph", CLI_TEXT, AT(graph), 0, 0, "the graph that the cases were drawn from", "FILE" },
    { 0, "items", CLI_INT, AT(items), 0, 1e7,
      "items of a full ranking, for the estimates; 0: what the graph says", "N" },
    { 0, "strata", CLI_INT, AT(strata), 0, 1e6,
      "also rows for so many groups of cases by popularity of the target; 0: none", "N" },
    { 0, "positions", CLI_FLAG, AT(positions), 0, 0,
      "also rows for each place that the target can have", NULL },
    { 0, "probes", CLI_FLAG, AT(probes), 0, 0, "probe case records for artefacts", NULL },
    { 0, "faithful", CLI_FLAG, AT(faithful), 0, 0,
      "true citations, and how far counterfactuals, the later runs, move the first one's answers", NULL },
    { 'f', "format", CLI_CHOICE, AT(form), 0, 0, "of the output", "jsonl|table|markdown|latex" },
    { 't', "table", CLI_FLAG, AT(table), 0, 0, "the same as --format table", NULL },
    { 0 }
};

static const struct cli cli = {
    .name = "evaluate", .operands = "[[name=]file ...]", .opts = opts,
    .purpose = "Measure rankings: hit rates, NDCG, MRR and more, with intervals and paired tests.",
    .example = "evaluate --against ease ease=ease.jsonl sft=sft.jsonl"
};

/* Records carry the names. */
static void check_names(const struct operand *list, size_t n) {
    for (size_t k = 0; k < n; k++)
        if (!utf8_valid(list[k].name, strlen(list[k].name)))
            cli_usage(&cli, "a run's name is not UTF-8");
}

static void check_against(const struct operand *list, size_t n, const char *against) {
    size_t k = 0;

    while (k < n && strcmp(list[k].name, against)) k++;
    if (k == n) cli_usage(&cli, "--against: no run is named '%s'", against);
}

/* Reads the runs and complains by itself. */
static int read_runs(struct runs *rs, const struct operand *list, size_t n) {
    struct err err;
    size_t line;

    for (size_t i = 0; i < n; i++) {
        int r = runs_read(rs, list[i].name, list[i].file, &line, &err);

        if (!r && rs->keep && !rs->run[i].has_scores) {
            line = 0;
            r = err_set(&err, "no scores, so nothing to compare");
        }
        if (r) {
            cli_complain(&cli, list[i].file, line, err.msg);
            return -1;
        }
    }
    return 0;
}

static void print(const struct report *r, int form) {
    if (form == FORM_JSONL) report_write(stdout, r);
    else report_print(stdout, r, (enum table_form)(form - FORM_TABLE));
}

/* Measures the runs and complains by itself. */
static int measure(struct runs *rs, const struct operand *list, size_t n, const struct options *o) {
    struct report_options ask = {
        .bootstrap = (size_t)o->bootstrap, .seed = o->seed, .strata = (size_t)o->strata
    };
    struct report report;
    struct err err;

    if (read_runs(rs, list, n)) return -1;
    if (ask.strata > runs_cases(rs)) {
        err_set(&err, "%zu strata of %zu cases", ask.strata, runs_cases(rs));
        cli_complain(&cli, NULL, 0, err.msg);
        return -1;
    }
    if (o->against) ask.against = runs_find(rs, o->against);
    report_runs(&report, rs, &ask);
    print(&report, o->form);
    report_free(&report);
    return 0;
}

/* Probes case files and complains by itself. */
static int probe(const struct graph *g, char **operands, int form) {
    struct probes p = { 0 };
    struct report report;
    struct jsonl in;
    struct err err;
    json_t *rec = NULL;
    int r;

    case_reader_open(&p.reader, g);
    jsonl_open(&in, operands);
    while ((r = jsonl_next(&in, &rec, &err)) > 0) {
        r = probes_take(&p, rec, &err);
        json_decref(rec);
        if (r < 0) break;
    }
    if (r < 0) {
        cli_complain(&cli, in.name, in.line, err.msg);
    } else {
        report_probes(&report, &p);
        print(&report, form);
        report_free(&report);
    }
    jsonl_close(&in);
    probes_free(&p);
    return r;
}

/* Reads a run and its counterfactuals, and complains by itself. */
static int weigh(const struct operand *list, size_t n, int form) {
    struct faithful f = { 0 };
    struct report report;
    struct err err;
    size_t line;
    int r = 0;

    for (size_t i = 0; i < n && !r; i++) {
        r = faithful_read(&f, list[i].name, list[i].file, &line, &err);
        if (r) cli_complain(&cli, list[i].file, line, err.msg);
    }
    if (!r) {
        report_faithful(&report, &f);
        print(&report, form);
        report_free(&report);
    }
    faithful_free(&f);
    return r;
}

static void check_options(const struct options *o) {
    bool rankings = o->against || o->bootstrap || o->strata || o->positions || o->items;

    if (o->table && o->form != FORM_JSONL && o->form != FORM_TABLE)
        cli_usage(&cli, "--table is a format of its own");
    if (o->faithful && (o->graph || o->probes || rankings)) cli_usage(&cli, "--faithful measures texts, not rankings");
    if (o->strata && !o->graph) cli_usage(&cli, "--strata needs --graph");
    if (o->probes && !o->graph) cli_usage(&cli, "--probes needs --graph");
    if (o->probes && rankings) cli_usage(&cli, "--probes reads cases, not runs");
}

/* Reads the graph, if one is named, and complains by itself. */
static int read_graph(const char *name, struct graph **g) {
    char *files[] = { (char *)name, NULL };
    struct err err;

    *g = NULL;
    if (!name || (*g = graph_read(files, &err))) return 0;
    cli_complain(&cli, NULL, 0, err.msg);
    return -1;
}

int main(int argc, char **argv) {
    struct options o = { .k = "1,5,10", .seed = 1 };
    char **operands = cli_parse(&cli, &o, argc, argv);
    struct operand *list;
    size_t n = operand_list(&list, operands, &cli);
    struct runs rs = { .keep = o.against || o.bootstrap || o.strata, .by_place = o.positions,
                       .items = (size_t)o.items };
    struct known known = { 0 };
    struct graph *g;
    struct err err;
    int r;

    if (cuts_parse(&rs.cuts, o.k, &err)) cli_usage(&cli, "--k: %s", err.msg);
    check_names(list, n);
    if (o.against) check_against(list, n, o.against);
    check_options(&o);
    if (o.table) o.form = FORM_TABLE;
    r = read_graph(o.graph, &g);
    if (g) known_open(&known, g);
    if (g) rs.known = &known;
    if (!r && o.faithful) r = weigh(list, n, o.form);
    else if (!r) r = o.probes ? probe(g, operands, o.form) : measure(&rs, list, n, &o);
    runs_free(&rs);
    known_close(&known);
    graph_free(g);
    operand_free(list, n);
    return cli_finish(&cli) | (r < 0 ? EXIT_DATA : EXIT_OK);
}
