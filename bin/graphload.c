/* graphload — data sets as they are published → graph records.
 *
 * in   MovieLens 100K and 1M, RecBole atomic files, LLaRA's rows, Amazon reviews and metadata, CSV
 *      and TSV, graph records, graph files
 * out  {"item":"318","title":"...","year":1994,"genres":["Crime"]}, one per item, then
 *      {"user":"1","item":"318","rating":5,"time":978300760}, one per event */
#include <string.h>

#include "base/cli.h"
#include "graph/load.h"

struct options {
    struct load_options load;
    const char *output;
    bool quiet;
};

#define LOAD(field) offsetof(struct options, load.field)
#define COLUMN(c) offsetof(struct options, load.column[c])

static const struct cli_opt opts[] = {
    { 0, "format", CLI_CHOICE, LOAD(format), 0, 0, "layout of the files", LOAD_FORMATS },
    { 0, "min-rating", CLI_REAL, LOAD(min_rating), 0, 1e6,
      "drop events rated below this or not at all, 0: keep all", NULL },
    { 0, "k-core", CLI_INT, LOAD(k_core), 1, 1e6,
      "drop users and items with fewer events, until none is left to drop", NULL },
    { 0, "all-items", CLI_FLAG, LOAD(all_items), 0, 0, "keep items without an event", NULL },
    { 0, "user-column", CLI_TEXT, COLUMN(COL_USER), 0, 0,
      "column of a table: its name, or its number if there is no header", "NAME" },
    { 0, "item-column", CLI_TEXT, COLUMN(COL_ITEM), 0, 0, "the same for items", "NAME" },
    { 0, "rating-column", CLI_TEXT, COLUMN(COL_RATING), 0, 0, "the same for ratings", "NAME" },
    { 0, "time-column", CLI_TEXT, COLUMN(COL_TIME), 0, 0, "the same for times", "NAME" },
    { 0, "title-column", CLI_TEXT, COLUMN(COL_TITLE), 0, 0, "the same for titles", "NAME" },
    { 0, "year-column", CLI_TEXT, COLUMN(COL_YEAR), 0, 0, "the same for years", "NAME" },
    { 0, "genres-column", CLI_TEXT, COLUMN(COL_GENRES), 0, 0, "the same for genres", "NAME" },
    { 0, "delimiter", CLI_TEXT, LOAD(delimiter), 0, 0,
      "of a table's columns: a character or \"tab\"; without: seen from the header", "CHAR" },
    { 0, "latin1", CLI_FLAG, LOAD(latin1), 0, 0,
      "all text is Latin-1; without: lines that are not UTF-8", NULL },
    { 'o', "output", CLI_TEXT, offsetof(struct options, output), 0, 0,
      "write a graph file, for mmap, instead of records", "FILE" },
    { 'q', "quiet", CLI_FLAG, offsetof(struct options, quiet), 0, 0, "no summary on stderr", NULL },
    { 0 }
};

static const struct cli cli = {
    .name = "graphload", .operands = "[path ...]", .opts = opts,
    .purpose = "Turn a data set, from files or a directory, into graph records.",
    .example = "graphload --k-core 5 ml-100k > graph.jsonl"
};

static int read_paths(struct load *l, char *const *paths, struct err *err) {
    if (!*paths) return load_path(l, "-", err);
    for (; *paths; paths++)
        if (load_path(l, *paths, err)) return -1;
    return 0;
}

static void tell(const struct load_counts *c) {
    if (c->skipped) cli_note(&cli, "%s", c->skipped);
    if (c->latin1) cli_note(&cli, "%s: lines that are not UTF-8 are taken for Latin-1", c->latin1);
    if (c->untimed)
        cli_note(&cli, "%zu events without a time: times are left out, the order of reading counts",
                 c->untimed);
    if (c->repeated)
        cli_note(&cli, "%zu events dropped for later ones of the same pair", c->repeated);
    if (c->low) cli_note(&cli, "%zu events dropped by --min-rating", c->low);
    if (c->outside) cli_note(&cli, "%zu events dropped by --k-core", c->outside);
    cli_note(&cli, "%zu users, %zu items, %zu events", c->users, c->items, c->events);
}

static int save(const struct load *l, const char *path, struct err *err) {
    struct graph *g = load_graph(l);
    int r = graph_save(g, path, err);

    graph_free(g);
    return r;
}

int main(int argc, char **argv) {
    struct options o = { .load = { .k_core = 1 } };
    char **paths = cli_parse(&cli, &o, argc, argv);
    struct load *l;
    struct err err;
    int r;

    if (o.load.delimiter && strcmp(o.load.delimiter, "tab") && strlen(o.load.delimiter) != 1)
        cli_usage(&cli, "--delimiter takes one character or tab, not '%s'", o.load.delimiter);
    l = load_new(&o.load);
    r = read_paths(l, paths, &err) || load_filter(l, &err);
    if (!r) {
        struct load_counts c = load_count(l);

        if (!o.quiet) tell(&c);
        if (o.output) r = save(l, o.output, &err);
        else load_write(l, stdout);
    }
    if (r) cli_complain(&cli, NULL, 0, err.msg);
    load_free(l);
    return cli_finish(&cli) | (r ? EXIT_DATA : EXIT_OK);
}
