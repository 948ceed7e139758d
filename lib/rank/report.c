/* report — one JSON object a row. */
#include "rank/report.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/mem.h"
#include "io/jsonl.h"
#include "rank/bootstrap.h"
#include "rank/strata.h"

__attribute__((format(printf, 3, 4)))
static void set(json_t *rec, double x, const char *fmt, ...) {
    char field[64];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(field, sizeof field, fmt, ap);
    va_end(ap);
    json_object_set_new(rec, field, jsonl_real(x));
}

static void set_count(json_t *rec, const char *field, size_t n) {
    json_object_set_new(rec, field, json_integer((json_int_t)n));
}

/* A share of n with its interval, whose fields are those of `ends`. */
static void set_share(json_t *rec, double share, size_t n, const char *field, const char *ends) {
    double lo = NAN, hi = NAN;

    if (!isnan(share)) stats_wilson(share, n, &lo, &hi);
    set(rec, share, "%s", field);
    set(rec, lo, "%slo", ends);
    set(rec, hi, "%shi", ends);
}

static void set_hits(json_t *rec, double hr1, size_t n) {
    set_share(rec, hr1, n, "hr1", "");
}

static double mean_of(const struct runs *rs, const struct run *run, enum metric m, size_t i) {
    return stats_mean(&run->metric[metrics_at(&rs->cuts, m, i)]);
}

/* A mean with its normal interval. */
static void set_mean(json_t *rec, const struct stats *s, double min, double max, const char *field) {
    double lo, hi;

    stats_normal(s, min, max, &lo, &hi);
    set(rec, stats_mean(s), "%s", field);
    set(rec, lo, "%s_lo", field);
    set(rec, hi, "%s_hi", field);
}

static void set_ndcg(json_t *rec, const struct runs *rs, const struct run *run, size_t i) {
    char field[32];

    snprintf(field, sizeof field, "ndcg%zu", rs->cuts.k[i]);
    set_mean(rec, &run->metric[metrics_at(&rs->cuts, NDCG, i)], 0, 1, field);
}

static void set_hits_at(json_t *rec, double share, size_t n, size_t k) {
    char field[32], ends[32];

    snprintf(field, sizeof field, "hr%zu", k);
    snprintf(ends, sizeof ends, "hr%zu_", k);
    set_share(rec, share, n, field, ends);
}

static void set_ranks(json_t *rec, const struct runs *rs, const struct run *run) {
    const struct cuts *c = &rs->cuts;

    set_hits(rec, mean_of(rs, run, HR1, 0), run->n);
    for (size_t i = 0; i < c->n; i++)
        if (c->k[i] != 1) set_hits_at(rec, mean_of(rs, run, HR, i), run->n, c->k[i]);
    for (size_t i = 0; i < c->n; i++) set_ndcg(rec, rs, run, i);
    set(rec, mean_of(rs, run, MRR, 0), "mrr");
    for (size_t i = 0; i < c->n; i++) set(rec, mean_of(rs, run, MAP, i), "map%zu", c->k[i]);
    set(rec, mean_of(rs, run, AUC, 0), "auc");
}

static void set_lists(json_t *rec, const struct runs *rs, const struct run *run) {
    const struct cuts *c = &rs->cuts;
    size_t items = rs->known ? rs->known->items : rs->catalogue.items.n;
    bool any = run->has_items && run->has_scores;

    for (size_t i = 0; i < c->n; i++)
        set(rec, any ? tops_coverage(&run->tops, c, i, items) : NAN, "coverage%zu", c->k[i]);
    for (size_t i = 0; i < c->n; i++)
        set(rec, any ? tops_gini(&run->tops, c, i, items) : NAN, "gini%zu", c->k[i]);
    for (size_t i = 0; i < c->n; i++)
        set(rec, any && rs->known ? tops_novelty(&run->tops, i) : NAN, "novelty%zu", c->k[i]);
}

static void set_texts(json_t *rec, const struct run *run) {
    double records = (double)run->records;

    set(rec, sqrt(stats_mean(&run->squares)), "rmse");
    set(rec, stats_mean(&run->sizes), "mae");
    set_share(rec, run->sampled ? (double)run->valid / records : NAN, run->records, "valid", "valid_");
    set_share(rec, run->sampled && !run->rate ? (double)run->right / records : NAN, run->records, "hr1_text",
              "hr1_text_");
}

static void set_estimates(json_t *rec, const struct runs *rs, const struct run *run) {
    const struct cuts *c = &rs->cuts;

    if (!rs->known && !rs->items) return;
    for (size_t i = 0; i < c->n; i++)
        set(rec, mean_of(rs, run, HR_FULL, i), "hr%zu_full", c->k[i]);
    for (size_t i = 0; i < c->n; i++)
        set(rec, mean_of(rs, run, NDCG_FULL, i), "ndcg%zu_full", c->k[i]);
}

/* The name of number m of the kept metrics. */
static const char *kept_name(char name[32], const struct cuts *c, size_t m) {
    static const char *const fixed[] = { "hr1", "mrr" };

    if (m < NDCG) return fixed[m];
    snprintf(name, 32, "ndcg%zu", c->k[m - NDCG]);
    return name;
}

static void set_bootstrap(json_t *rec, const struct runs *rs, const struct run *run,
                          const struct bootstrap *b) {
    double *x = mem_alloc(b->draws, sizeof *x), lo, hi;
    char name[32];

    for (size_t m = 0; m < b->kept; m++) {
        bootstrap_of(b, rs, run, NULL, m, x);
        bootstrap_interval(x, b->draws, &lo, &hi);
        set(rec, run->has_scores ? lo : NAN, "%s_boot_lo", kept_name(name, &rs->cuts, m));
        set(rec, run->has_scores ? hi : NAN, "%s_boot_hi", kept_name(name, &rs->cuts, m));
    }
    free(x);
}

static json_t *make_run(const struct runs *rs, const struct run *run, const struct bootstrap *b) {
    json_t *rec = json_pack("{s:s, s:I}", "model", run->name, "n", (json_int_t)run->n);

    if (rs->hash.n) json_object_set_new(rec, "hash", json_string(rs->hash.s));
    set(rec, stats_mean(&run->chance), "chance");
    set_ranks(rec, rs, run);
    set_lists(rec, rs, run);
    set_texts(rec, run);
    set_estimates(rec, rs, run);
    if (rs->permuted) {
        set_count(rec, "permutations", rs->permutations);
        set(rec, runs_agreement(rs, run), "agreement");
    }
    if (b->draws) set_bootstrap(rec, rs, run, b);
    return rec;
}

/* Sets a p in each record, and Holm's of them together. */
static void set_p(json_t *list, const double *p, const char *name, const char *end) {
    size_t n = json_array_size(list);
    double *holm = mem_alloc(n, sizeof *holm);

    stats_holm(holm, p, n);
    for (size_t i = 0; i < n; i++) {
        set(json_array_get(list, i), p[i], "%s%s", name, end);
        set(json_array_get(list, i), holm[i], "%s%s_holm", name, end);
    }
    free(holm);
}

/* The other run of record i. */
static const struct run *other(const struct runs *rs, const struct run *against, size_t i) {
    return &rs->run[i + (i >= (size_t)(against - rs->run))];
}

/* Differences of number m of the kept metrics under the bootstrap. */
static void add_bootstrap(json_t *list, const struct runs *rs, const struct run *against,
                          const struct bootstrap *b, size_t m) {
    double *x = mem_alloc(b->draws, sizeof *x), *p = mem_alloc(rs->n, sizeof *p), lo, hi;
    char room[32];
    const char *name = kept_name(room, &rs->cuts, m);

    for (size_t i = 0; i < rs->n - 1; i++) {
        json_t *rec = json_array_get(list, i);
        const struct run *run = other(rs, against, i);
        double d = stats_mean(&run->metric[m]) - stats_mean(&against->metric[m]);

        bootstrap_of(b, rs, run, against, m, x);
        p[i] = bootstrap_p(x, b->draws, d);
        bootstrap_interval(x, b->draws, &lo, &hi);
        if (m != HR1) set(rec, d, "%s_difference", name);
        set(rec, lo, "%s_boot_lo", name);
        set(rec, hi, "%s_boot_hi", name);
    }
    set_p(list, p, name, "_boot_p");
    free(x);
    free(p);
}

static json_t *make_pairs(const struct runs *rs, const struct run *against,
                          const struct bootstrap *b) {
    json_t *list = json_array();
    double *p = mem_alloc(rs->n, sizeof *p), lo, hi;

    for (size_t i = 0; i < rs->n - 1; i++) {
        const struct run *run = other(rs, against, i);
        json_t *rec = json_pack("{s:s, s:s, s:I}", "model", run->name, "against", against->name,
                                "n", (json_int_t)run->n);
        struct paired pair;

        runs_pair(&pair, rs, run, against);
        stats_normal(&pair.difference, -1, 1, &lo, &hi);
        p[i] = stats_mcnemar(pair.wins, pair.losses);
        set(rec, stats_mean(&pair.difference), "difference");
        set(rec, lo, "lo");
        set(rec, hi, "hi");
        set_count(rec, "wins", pair.wins);
        set_count(rec, "losses", pair.losses);
        json_array_append_new(list, rec);
    }
    set_p(list, p, "p", "");
    for (size_t m = 0; b->draws && m < b->kept; m++) add_bootstrap(list, rs, against, b, m);
    free(p);
    return list;
}

static json_t *make_strata(const struct runs *rs, size_t n) {
    json_t *list = json_array();
    struct strata s;

    strata_make(&s, rs, n);
    for (size_t i = 0; i < rs->n * n; i++) {
        const struct run *run = &rs->run[i / n];
        size_t g = i % n, cases = s.begin[g + 1] - s.begin[g];
        json_t *rec;

        if (!cases) continue;
        rec = json_pack("{s:s}", "model", run->name);
        set_count(rec, "stratum", g + 1);
        set_count(rec, "known_from", rs->target_count[s.order[s.begin[g]]]);
        set_count(rec, "known_to", rs->target_count[s.order[s.begin[g + 1] - 1]]);
        set_count(rec, "n", cases);
        set_hits(rec, strata_mean(&s, rs, run, g, HR1), cases);
        for (size_t k = 0; k < rs->cuts.n; k++)
            set(rec, strata_mean(&s, rs, run, g, NDCG + k), "ndcg%zu", rs->cuts.k[k]);
        json_array_append_new(list, rec);
    }
    strata_free(&s);
    return list;
}

static json_t *make_places(const struct runs *rs) {
    json_t *list = json_array();

    for (size_t r = 0; r < rs->n; r++) {
        const struct places *p = &rs->run[r].places;

        for (size_t place = 0; place < p->width; place++) {
            json_t *rec = json_pack("{s:s}", "model", rs->run[r].name);
            double hr1;
            size_t n;

            places_at(p, place, &n, &hr1);
            set_count(rec, "position", place);
            set_count(rec, "n", n);
            set_hits(rec, hr1, n);
            set(rec, p->picked[place] / (double)p->offered[place], "picked");
            json_array_append_new(list, rec);
        }
    }
    return list;
}

void report_runs(struct report *r, const struct runs *rs, const struct report_options *o) {
    struct bootstrap b = { 0 };

    *r = (struct report){ .runs = json_array(), .cuts = rs->cuts };
    if (o->bootstrap) bootstrap_make(&b, rs, o->bootstrap, o->seed);
    for (size_t i = 0; i < rs->n; i++)
        json_array_append_new(r->runs, make_run(rs, &rs->run[i], &b));
    if (o->against) r->pairs = make_pairs(rs, o->against, &b);
    if (o->strata) r->strata = make_strata(rs, o->strata);
    if (rs->by_place) r->places = make_places(rs);
    bootstrap_free(&b);
}

void report_probes(struct report *r, const struct probes *p) {
    *r = (struct report){ .probes = json_array() };
    for (size_t k = 0; k < PROBES; k++) {
        struct probe found = probes_of(p, k);
        json_t *rec = json_pack("{s:s, s:I}", "probe", probe_names[k], "n", (json_int_t)found.n);

        set_hits(rec, found.hr1, found.n);
        set(rec, found.chance, "chance");
        set(rec, found.p, "p");
        json_array_append_new(r->probes, rec);
    }
}

static json_t *make_citations(const struct faithful_run *run) {
    json_t *rec = json_pack("{s:s, s:s?}", "model", run->name, "edit", *run->edit ? run->edit : NULL);
    double lo, hi, share = stats_ratio_share(&run->truth, &lo, &hi);

    set_count(rec, "uncited", run->uncited);
    set_count(rec, "citations", (size_t)run->truth.parts);
    set(rec, share, "true_citations");
    set(rec, lo, "true_citations_lo");
    set(rec, hi, "true_citations_hi");
    return rec;
}

static void set_effect(json_t *rec, const struct effect *e) {
    set_count(rec, "n", e->difference.n);
    set_share(rec, stats_mean(&e->moved[0]), e->moved[0].n, "moved", "moved_");
    set_share(rec, stats_mean(&e->moved[1]), e->moved[1].n, "control_moved", "control_moved_");
    set_mean(rec, &e->difference, -1, 1, "difference");
    set_count(rec, "wins", e->wins);
    set_count(rec, "losses", e->losses);
    set_share(rec, stats_mean(&e->followed), e->followed.n, "followed", "followed_");
}

void report_faithful(struct report *r, const struct faithful *f) {
    json_t *effects = json_array();
    double *p = mem_alloc(f->n, sizeof *p);

    *r = (struct report){ .faithful = json_array() };
    for (size_t i = 0; i < f->n; i++) {
        struct effect e = faithful_effect(f, &f->run[i]);
        json_t *rec = make_citations(&f->run[i]);

        json_array_append_new(r->faithful, rec);
        if (!i) continue;
        set_effect(rec, &e);
        p[i - 1] = stats_mcnemar(e.wins, e.losses);
        json_array_append(effects, rec);
    }
    set_p(effects, p, "p", "");
    json_decref(effects);
    free(p);
}

static void write_list(FILE *f, const json_t *list) {
    for (size_t i = 0; i < json_array_size(list); i++) jsonl_write(f, json_array_get(list, i));
}

void report_write(FILE *f, const struct report *r) {
    write_list(f, r->runs);
    write_list(f, r->pairs);
    write_list(f, r->strata);
    write_list(f, r->places);
    write_list(f, r->probes);
    write_list(f, r->faithful);
}

void report_free(struct report *r) {
    json_decref(r->runs);
    json_decref(r->pairs);
    json_decref(r->strata);
    json_decref(r->places);
    json_decref(r->probes);
    json_decref(r->faithful);
}
