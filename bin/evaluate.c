/* evaluate — how often the true candidate stands first, for several runs of the same cases.
 *
 * in   {"id":"1#53","target":2,"scores":[...],...}, or rollout records, whose samples[0] counts
 * out  {"model":"ease","n":943,"hr1":0.41,"lo":0.38,"hi":0.44,"hr5":...,"valid":null,...} a run;
 *      with --against also {"model","against","n","difference","lo","hi","p","wins","losses"} */
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/operand.h"
#include "base/table.h"
#include "io/jsonl.h"
#include "rank/runs.h"

struct options {
    const char *against;
    bool table;
};

#define AT(field) offsetof(struct options, field)

static const struct cli_opt opts[] = {
    { 'a', "against", CLI_TEXT, AT(against), 0, 0, "also compare every other run with this one",
      "NAME" },
    { 't', "table", CLI_FLAG, AT(table), 0, 0, "a table for people in place of records", NULL },
    { 0 }
};

static const struct cli cli = {
    .name = "evaluate", .operands = "[[name=]file ...]", .opts = opts,
    .purpose = "Measure rankings: hit rates, NDCG, MRR, with intervals and paired tests.",
    .example = "evaluate --against ease ease=ease.jsonl sft=sft.jsonl"
};

/* What one run amounts to. NaN: does not apply. */
struct summary {
    struct metrics mean;
    double lo, hi, ndcg5_lo, ndcg5_hi, valid, text;
};

static void summarize(struct summary *s, const struct run *run) {
    double n = (double)run->n, records = (double)run->records;
    const struct metrics *m = &run->sum;

    *s = (struct summary){ { NAN, NAN, NAN, NAN, NAN, NAN }, NAN, NAN, NAN, NAN, NAN, NAN };
    if (run->has_scores) {
        s->mean = (struct metrics){ m->hr1 / n, m->hr5 / n, m->hr10 / n,
                                    m->ndcg5 / n, m->ndcg10 / n, m->mrr / n };
        stats_wilson(s->mean.hr1, run->n, &s->lo, &s->hi);
        stats_normal(&run->ndcg5, 0, 1, &s->ndcg5_lo, &s->ndcg5_hi);
    }
    if (run->sampled) s->valid = (double)run->valid / records;
    if (run->sampled && !run->rate) s->text = (double)run->right / records;
}

static void set(json_t *rec, const char *field, double x) {
    json_object_set_new(rec, field, jsonl_real(x));
}

static void write_record(json_t *rec) {
    jsonl_write(stdout, rec);
    json_decref(rec);
}

static void write_run(const struct run *run) {
    json_t *rec = json_pack("{s:s, s:I}", "model", run->name, "n", (json_int_t)run->n);
    struct summary s;

    summarize(&s, run);
    set(rec, "hr1", s.mean.hr1);
    set(rec, "lo", s.lo);
    set(rec, "hi", s.hi);
    set(rec, "hr5", s.mean.hr5);
    set(rec, "hr10", s.mean.hr10);
    set(rec, "ndcg5", s.mean.ndcg5);
    set(rec, "ndcg5_lo", s.ndcg5_lo);
    set(rec, "ndcg5_hi", s.ndcg5_hi);
    set(rec, "ndcg10", s.mean.ndcg10);
    set(rec, "mrr", s.mean.mrr);
    set(rec, "valid", s.valid);
    set(rec, "hr1_text", s.text);
    write_record(rec);
}

static void write_pair(const struct runs *rs, const struct run *run, const struct run *against) {
    json_t *rec = json_pack("{s:s, s:s, s:I}", "model", run->name, "against", against->name,
                            "n", (json_int_t)run->n);
    struct paired p;
    double lo, hi;

    runs_pair(&p, rs, run, against);
    stats_normal(&p.difference, -1, 1, &lo, &hi);
    set(rec, "difference", p.difference.mean);
    set(rec, "lo", lo);
    set(rec, "hi", hi);
    set(rec, "p", stats_mcnemar(p.wins, p.losses));
    json_object_set_new(rec, "wins", json_integer((json_int_t)p.wins));
    json_object_set_new(rec, "losses", json_integer((json_int_t)p.losses));
    write_record(rec);
}

static void write_records(const struct runs *rs, const struct run *against) {
    for (size_t i = 0; i < rs->n; i++) write_run(&rs->run[i]);
    for (size_t i = 0; against && i < rs->n; i++)
        if (&rs->run[i] != against) write_pair(rs, &rs->run[i], against);
}

/* A number with three digits, signed or not, and its interval: two cells. */
static void add_number(struct table *t, double x, bool sign) {
    if (isnan(x)) table_add(t, "-");
    else table_add(t, sign ? "%+.3f" : "%.3f", x);
}

static void add_interval(struct table *t, double lo, double hi, bool sign) {
    if (isnan(lo)) table_add(t, "-");
    else table_add(t, sign ? "[%+.3f, %+.3f]" : "[%.3f, %.3f]", lo, hi);
}

static void add_heads(struct table *t, const char *const *heads) {
    for (; *heads; heads++) table_add(t, "%s", *heads);
}

static void print_runs(const struct runs *rs) {
    static const char *const heads[] = { "model", "HR@1", "95 % interval", "NDCG@5",
                                         "95 % interval", "n", "valid", "HR@1 text", NULL };
    struct table t = { .columns = sizeof heads / sizeof *heads - 1 };

    add_heads(&t, heads);
    for (size_t i = 0; i < rs->n; i++) {
        struct summary s;

        summarize(&s, &rs->run[i]);
        table_add(&t, "%s", rs->run[i].name);
        add_number(&t, s.mean.hr1, false);
        add_interval(&t, s.lo, s.hi, false);
        add_number(&t, s.mean.ndcg5, false);
        add_interval(&t, s.ndcg5_lo, s.ndcg5_hi, false);
        table_add(&t, "%zu", rs->run[i].n);
        add_number(&t, s.valid, false);
        add_number(&t, s.text, false);
    }
    table_print(stdout, &t);
    table_free(&t);
}

static void print_pairs(const struct runs *rs, const struct run *against) {
    static const char *const heads[] = { "difference", "95 % interval", "wins", "losses", "p",
                                         NULL };
    struct table t = { .columns = sizeof heads / sizeof *heads };

    table_add(&t, "less %s", against->name);
    add_heads(&t, heads);
    for (size_t i = 0; i < rs->n; i++) {
        struct paired p;
        double lo, hi;

        if (&rs->run[i] == against) continue;
        runs_pair(&p, rs, &rs->run[i], against);
        stats_normal(&p.difference, -1, 1, &lo, &hi);
        table_add(&t, "%s", rs->run[i].name);
        add_number(&t, p.difference.mean, true);
        add_interval(&t, lo, hi, true);
        table_add(&t, "%zu", p.wins);
        table_add(&t, "%zu", p.losses);
        table_add(&t, "%.2g", stats_mcnemar(p.wins, p.losses));
    }
    printf("\n");
    table_print(stdout, &t);
    table_free(&t);
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

int main(int argc, char **argv) {
    struct options o = { 0 };
    char **operands = cli_parse(&cli, &o, argc, argv);
    struct operand *list;
    size_t n = operand_list(&list, operands, &cli);
    struct runs rs = { .keep = o.against };
    const struct run *against = NULL;
    int r;

    if (o.against) check_against(list, n, o.against);
    r = read_runs(&rs, list, n);
    if (!r && o.against) against = runs_find(&rs, o.against);
    if (!r && o.table) {
        print_runs(&rs);
        if (against) print_pairs(&rs, against);
    } else if (!r) {
        write_records(&rs, against);
    }
    runs_free(&rs);
    operand_free(list, n);
    return cli_finish(&cli) | (r < 0 ? EXIT_DATA : EXIT_OK);
}
