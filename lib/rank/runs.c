/* runs — records to sums, with every check that a comparison rests on. */
#include "rank/runs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/jsonl.h"
#include "rank/scored.h"

/* A case of the form rate, until the last of its candidates was read. */
struct open_case {
    size_t n, got, line;            /* candidates, those read, line of the first */
    double *rating;                 /* [n] */
    bool *has;                      /* [n] */
    char *id;
};

/* One draw of cases for all runs. */
static int check_hash(struct runs *rs, const char *file, size_t line, const struct scored *s,
                      struct err *err) {
    if (!s->hash.n || (rs->hash_file && !strcmp(buf_text(&s->hash), rs->hash.s))) return 0;
    if (rs->hash_file)
        return err_set(err, "\"source.hash\" is %.40s, but %.40s in %s:%zu: "
                       "the cases are of another draw", s->hash.s, rs->hash.s, rs->hash_file,
                       rs->hash_line);
    buf_puts(&rs->hash, s->hash.s);
    rs->hash_file = file;
    rs->hash_line = line;
    return 0;
}

/* One form for all records of a run. */
static int check_form(struct run *run, const struct scored *s, struct err *err) {
    if (!run->records) {
        run->has_scores = s->has_scores;
        run->sampled = s->sampled;
        run->rate = s->rate;
    }
    if (s->rate != run->rate) return err_set(err, "the form is not that of the records before");
    if (s->sampled != run->sampled) return err_set(err, "scored and rollout records in one run");
    if (s->has_scores != run->has_scores)
        return err_set(err, s->has_scores ? "scores, where the records before have none" :
                       "no scores, where the records before have them");
    return 0;
}

/* A hit that was not read yet is NaN. */
static void add_hit(struct run *run, size_t i) {
    run->hit = mem_grow(run->hit, i, &run->hit_cap, sizeof *run->hit);
    run->hit[i] = NAN;
    if (!run->rate) return;
    run->open = mem_grow(run->open, i, &run->open_cap, sizeof *run->open);
    run->open[i] = NULL;
}

/* The index of the record's case, which only the first run may add. */
static int find_case(struct runs *rs, struct run *run, const struct scored *s, size_t line,
                     size_t *i, struct err *err) {
    const char *id = buf_text(&s->id);
    bool first = run == rs->run;
    size_t known = rs->ids.n;

    if (first && known == IDS_MAX) return err_set(err, "more than %zu cases", IDS_MAX);
    *i = first ? ids_add(&rs->ids, id, s->id.n) : ids_find(&rs->ids, id, s->id.n);
    if (*i == SIZE_MAX) return err_set(err, "the case \"%.100s\" is not in %s", id, rs->run->file);
    if (*i == known) {
        rs->ids.at[known].line = (uint32_t)line;
        add_hit(run, known);
    }
    if (!rs->ids.at[*i].candidates) rs->ids.at[*i].candidates = (uint32_t)s->n;
    if (s->n && rs->ids.at[*i].candidates != s->n)
        return err_set(err, "the case \"%.100s\" has %zu candidates, but %u in another record",
                       id, s->n, rs->ids.at[*i].candidates);
    return isnan(run->hit[*i]) ? 0 : err_set(err, "the case \"%.100s\" was read before", id);
}

static void take_case(struct run *run, size_t i, const double *scores, size_t n, size_t target) {
    struct metrics m = { 0 };

    if (run->has_scores) metrics_case(&m, scores, n, target);
    metrics_add(&run->sum, &m);
    stats_add(&run->ndcg5, m.ndcg5);
    run->hit[i] = (float)m.hr1;
    run->n++;
}

static struct open_case *open_new(const struct scored *s, size_t line) {
    struct open_case *c = mem_calloc(1, sizeof *c);

    *c = (struct open_case){ .n = s->n, .line = line, .id = mem_strdup(buf_text(&s->id)) };
    c->rating = mem_calloc(c->n, sizeof *c->rating);
    c->has = mem_calloc(c->n, sizeof *c->has);
    return c;
}

static void open_free(struct open_case *c) {
    if (!c) return;
    free(c->rating);
    free(c->has);
    free(c->id);
    free(c);
}

/* One candidate's rating; with the last of them the case is ranked. */
static int take_rating(struct run *run, size_t i, const struct scored *s, size_t line,
                       struct err *err) {
    struct open_case *c = run->open[i];

    if (!c) c = run->open[i] = open_new(s, line);
    if (c->has[s->candidate])
        return err_set(err, "candidate %zu of the case \"%.100s\" was read before", s->candidate,
                       c->id);
    c->has[s->candidate] = true;
    c->rating[s->candidate] = s->has_scores ? s->scores[0] : NAN;
    if (++c->got < c->n) return 0;
    take_case(run, i, c->rating, c->n, s->target);
    run->open[i] = NULL;
    open_free(c);
    return 0;
}

static int take_record(struct runs *rs, struct run *run, const struct scored *s, size_t line,
                       struct err *err) {
    size_t i = 0;

    if (check_hash(rs, run->file, line, s, err) || check_form(run, s, err)) return -1;
    if (!run->records++ && run != rs->run)
        for (size_t k = 0; k < rs->ids.n; k++) add_hit(run, k);
    if (find_case(rs, run, s, line, &i, err)) return -1;
    run->valid += s->valid;
    run->right += s->right;
    if (run->rate) return take_rating(run, i, s, line, err);
    take_case(run, i, s->scores, s->n, s->target);
    return 0;
}

/* The run has every case, and each with all its candidates. */
static int check_whole(const struct runs *rs, const struct run *run, size_t *line,
                       struct err *err) {
    size_t i = 0;

    *line = 0;
    for (size_t k = 0; run->rate && k < rs->ids.n; k++) {
        const struct open_case *c = run->open[k];

        if (!c) continue;
        *line = c->line;
        return err_set(err, "the case \"%.100s\" has %zu of its %zu candidates", c->id, c->got,
                       c->n);
    }
    if (run->n == rs->ids.n) return 0;
    while (!isnan(run->hit[i])) i++;
    return err_set(err, "%zu cases of %s are missing, the first is that of its line %u",
                   rs->ids.n - run->n, rs->run->file, rs->ids.at[i].line);
}

int runs_read(struct runs *rs, const char *name, const char *file, size_t *line, struct err *err) {
    char *files[] = { (char *)file, NULL };
    struct scored s = { 0 };
    struct jsonl in;
    const char *text;
    size_t n;
    struct run *run;
    int r;

    rs->run = mem_grow(rs->run, rs->n, &rs->cap, sizeof *rs->run);
    run = &rs->run[rs->n++];
    *run = (struct run){ .name = name, .file = file };
    jsonl_open(&in, files);
    while ((r = jsonl_line(&in, &text, &n, err)) > 0) {
        if ((r = scored_read(&s, text, n, err)) < 0) break;
        if ((r = take_record(rs, run, &s, in.line, err)) < 0) break;
    }
    *line = in.line;
    if (!r) r = check_whole(rs, run, line, err);
    if (!rs->keep) {
        free(run->hit);
        run->hit = NULL;
    }
    jsonl_close(&in);
    scored_free(&s);
    return r;
}

const struct run *runs_find(const struct runs *rs, const char *name) {
    size_t i = 0;

    while (i < rs->n && strcmp(rs->run[i].name, name)) i++;
    return i < rs->n ? &rs->run[i] : NULL;
}

void runs_pair(struct paired *p, const struct runs *rs, const struct run *a, const struct run *b) {
    *p = (struct paired){ 0 };
    for (size_t i = 0; i < rs->ids.n; i++) {
        stats_add(&p->difference, (double)a->hit[i] - (double)b->hit[i]);
        p->wins += a->hit[i] > b->hit[i];
        p->losses += a->hit[i] < b->hit[i];
    }
}

void runs_free(struct runs *rs) {
    for (size_t k = 0; k < rs->n; k++) {
        for (size_t i = 0; rs->run[k].open && i < rs->ids.n; i++) open_free(rs->run[k].open[i]);
        free(rs->run[k].open);
        free(rs->run[k].hit);
    }
    free(rs->run);
    ids_free(&rs->ids);
    buf_free(&rs->hash);
}
