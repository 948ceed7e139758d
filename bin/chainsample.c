/* chainsample — draw interaction chains for cases.
 *
 * in   a graph; --cases FILE: case records, else the training cases are drawn here
 * out  the case with "drawn", "counts" and "chains" per candidate, and "facts" */
#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/progress.h"
#include "graph/cases.h"
#include "graph/chain.h"
#include "graph/facts.h"
#include "io/jsonl.h"

struct options {
    struct case_options cases;
    const char *file, *law, *facts;
    long chains, keep, window, degree, threads;
    bool quiet;
};

#define AT(field) offsetof(struct options, field)

static const struct cli_opt opts[] = {
    { 0, "cases", CLI_TEXT, AT(file), 0, 0, "case records; without: the cases of --split are drawn", "FILE" },
    { 0, "chains", CLI_INT, AT(chains), 1, 1e7, "chains drawn for a case", "T" },
    { 0, "law", CLI_TEXT, AT(law), 0, 0, "uniform, or factors with powers, joined by *", "LAW" },
    { 0, "window", CLI_INT, AT(window), 1, 1e6, "i0 is one of so many latest items", "N" },
    { 0, "degree", CLI_INT, AT(degree), 1, 1e9, "latest events of an item that are followed", "N" },
    { 0, "keep", CLI_INT, AT(keep), 0, 1000, "chains of a candidate that the record shows", "N" },
    { 0, "facts", CLI_TEXT, AT(facts), 0, 0, "counts to add: names joined by commas, all, or none", "LIST" },
    CASE_OPTIONS(struct options, cases),
    { 0, "seed", CLI_SEED, AT(cases.seed), 0, 0, "of the chains, and of the cases drawn here", NULL },
    { 0, "threads", CLI_INT, AT(threads), 0, 256, "0 is all cores that may be used", NULL },
    { 'q', "quiet", CLI_FLAG, AT(quiet), 0, 0, "no warning about the split, no progress", NULL },
    { 0 }
};

static const struct cli cli = {
    .name = "chainsample", .operands = "[graph ...]", .opts = opts,
    .purpose = "Draw interaction chains from a graph for cases: its training cases, or those of a file.",
    .example = "graphload ml-100k | chainsample | maskprompt > prompts.jsonl"
};

enum { BLOCK = 64 };            /* cases that are worked on together */

/* One case of a block. */
struct job {
    struct rec_case c;
    json_t *rec;                /* as read; NULL: to be made from the case set */
    char *text;                 /* the line to be written */
    size_t n;
};

struct sampling {
    const struct options *o;
    struct chain_law law;
    int which[FACTS], facts;
    struct pool *pool;
    struct chain_space *spaces; /* one for each thread */
    struct job jobs[BLOCK];
    const struct case_set *set; /* where cases are drawn here */
};

static json_t *rating_json(const struct graph *g, size_t e) {
    return isnan(g->edge_rating[e]) ? json_null() : jsonl_float(g->edge_rating[e]);
}

static json_t *chain_json(const struct graph *g, const struct chain *c) {
    int item = g->edge_item[c->edge[0]];
    json_t *ratings = json_array();

    for (int k = 0; k < 3; k++) json_array_append_new(ratings, rating_json(g, c->edge[k]));
    return json_pack("{s:s, s:s, s:s, s:o, s:i, s:i, s:o}", "item", graph_item_name(g, item), "title",
                     graph_item_title(g, item), "user", graph_user_name(g, c->user), "ratings", ratings,
                     "gap", c->gap, "count", c->count, "weight", jsonl_float((float)c->weight));
}

/* Adds "drawn", "counts" and "chains": chains[n] lie by candidate, the best first. */
static void set_chains(json_t *rec, const struct rec_case *c, const struct chain *chains, size_t n, long keep) {
    json_t *counts = json_array(), *all = json_array();
    int drawn = 0;
    size_t i = 0;

    for (int k = 0; k < c->n; k++) {
        json_t *list = json_array();
        int count = 0;

        for (; i < n && chains[i].candidate == k; i++) {
            if (json_array_size(list) < (size_t)keep)
                json_array_append_new(list, chain_json(c->split->known, &chains[i]));
            count += chains[i].count;
        }
        drawn += count;
        json_array_append_new(counts, json_integer(count));
        json_array_append_new(all, list);
    }
    json_object_set_new(rec, "drawn", json_integer(drawn));
    json_object_set_new(rec, "counts", counts);
    json_object_set_new(rec, "chains", all);
}

static void set_facts(json_t *rec, const struct sampling *s, struct chain_space *space, const struct rec_case *c) {
    double *x = mem_alloc((size_t)s->facts * (size_t)c->n, sizeof *x);
    json_t *facts = json_object();

    facts_count(x, s->which, s->facts, space, c);
    for (int f = 0; f < s->facts; f++) {
        json_t *list = json_array();

        for (int k = 0; k < c->n; k++) json_array_append_new(list, jsonl_float((float)x[f * c->n + k]));
        json_object_set_new(facts, fact_names[s->which[f]], list);
    }
    json_object_set_new(rec, "facts", facts);
    free(x);
}

/* A task of the pool: one case from its chains to its line. */
static void sample_case(void *ctx, int task, int worker) {
    struct sampling *s = ctx;
    struct job *job = &s->jobs[task];
    struct chain_space *space = &s->spaces[worker];
    struct chain *chains;
    size_t n;
    FILE *f = open_memstream(&job->text, &job->n);

    chain_enumerate(space, &job->c, &s->law, s->o->window, s->o->degree);
    chains = chain_draw(space, &job->c, s->o->chains, s->o->cases.seed, &n);
    if (!job->rec) job->rec = case_json(s->set, &job->c);
    set_chains(job->rec, &job->c, chains, n, s->o->keep);
    if (s->facts) set_facts(job->rec, s, space, &job->c);
    jsonl_write(f, job->rec);
    fclose(f);
    free(chains);
}

/* A failure is told here, where its cause is known, and not again by cli_finish. */
static int write_line(const struct job *job, struct err *err) {
    if (fwrite(job->text, 1, job->n, stdout) == job->n) return 0;
    err_set(err, "stdout: %s", strerror(errno));
    clearerr(stdout);
    return -1;
}

/* Works on the first n jobs, writes them, and clears them. */
static int run_block(struct sampling *s, int n, struct err *err) {
    int r = 0;

    pool_run(s->pool, n, sample_case, s);
    for (int i = 0; i < n; i++) {
        if (!r) r = write_line(&s->jobs[i], err);
        free(s->jobs[i].text);
        json_decref(s->jobs[i].rec);
        case_free(&s->jobs[i].c);
        s->jobs[i] = (struct job){ 0 };
    }
    return r;
}

static void tell(const struct case_set *set) {
    const char *leak = case_options_leak(&set->o);

    if (leak) cli_note(&cli, "%s", leak);
    if (set->note.n) cli_note(&cli, "%s", set->note.s);
}

/* The cases of a split, drawn here. What was drawn before a case that cannot be is written. */
static int sample_split(struct sampling *s, const struct graph *g, struct err *err) {
    struct progress p;
    struct case_set set = { 0 };
    int n = 0, r, w = 0;

    if ((r = case_set_make(&set, g, &s->o->cases, err))) return r;
    if (!s->o->quiet) tell(&set);
    s->set = &set;
    p = progress_start("cases", (double)set.n, s->o->quiet);
    for (size_t i = 0; i < set.n && !r && !w; i++) {
        r = case_set_draw(&set, i, &s->jobs[n].c, err);
        if (r || ++n < BLOCK) continue;
        w = run_block(s, n, err);
        n = 0;
        progress_show(&p, (double)(i + 1), NULL);
    }
    if (!w) w = run_block(s, n, err);
    progress_end(&p);
    case_set_free(&set);
    return r | w;
}

/* The next case of a file into a job. Returns as jsonl_next, with the place in front of the sentence. */
static int read_case(struct jsonl *in, struct case_reader *reader, struct job *job, struct err *err) {
    int r = jsonl_next(in, &job->rec, err);

    if (r > 0 && case_parse(reader, job->rec, &job->c, err)) {
        json_decref(job->rec);
        job->rec = NULL;
        r = -1;
    }
    if (r < 0) err_prefix(err, in->line ? "%s:%zu" : "%s", in->name, in->line);
    return r;
}

/* The cases of a file. Those before one that cannot be read are written. */
static int sample_file(struct sampling *s, const struct graph *g, struct err *err) {
    char *files[] = { (char *)s->o->file, NULL };
    struct progress p = progress_start("cases", 0, s->o->quiet);
    struct case_reader reader;
    struct jsonl in;
    double done = 0;
    int n = 0, r = 0, w = 0;

    case_reader_open(&reader, g);
    jsonl_open(&in, files);
    while (!w && (r = read_case(&in, &reader, &s->jobs[n], err)) > 0) {
        if (++n < BLOCK) continue;
        w = run_block(s, n, err);
        progress_show(&p, done += n, NULL);
        n = 0;
    }
    if (!w) w = run_block(s, n, err);
    progress_end(&p);
    jsonl_close(&in);
    case_reader_close(&reader);
    return r < 0 || w ? -1 : 0;
}

static int run(struct sampling *s, char **files, struct err *err) {
    struct graph *g = graph_read(files, err);
    int threads = pool_threads(s->pool), r;

    if (!g) return -1;
    s->spaces = mem_calloc((size_t)threads, sizeof *s->spaces);
    for (int t = 0; t < threads; t++) chain_space_init(&s->spaces[t], g);
    r = s->o->file ? sample_file(s, g, err) : sample_split(s, g, err);
    for (int t = 0; t < threads; t++) chain_space_free(&s->spaces[t]);
    free(s->spaces);
    graph_free(g);
    return r;
}

int main(int argc, char **argv) {
    struct options o = { .cases = CASE_DEFAULTS, .chains = 60, .window = 50, .degree = 10000, .keep = 2,
                         .law = "transition^2*similarity^2*recency^2",
                         .facts = "follow,path,near50,together,popular" };
    char **files = cli_parse(&cli, &o, argc, argv);
    struct sampling s = { .o = &o };
    struct err err;
    int r;

    if (case_options_check(&o.cases, &err)) cli_usage(&cli, "%s", err.msg);
    if (chain_law_parse(&s.law, o.law, &err) || (s.facts = facts_parse(s.which, o.facts, &err)) < 0)
        cli_usage(&cli, "%s", err.msg);
    s.pool = pool_new((int)o.threads);
    r = run(&s, files, &err);
    if (r) cli_complain(&cli, NULL, 0, err.msg);
    pool_free(s.pool);
    free(o.cases.exclude.values);
    return cli_finish(&cli) | (r ? EXIT_DATA : EXIT_OK);
}
