/* runs — records to sums, with every check that a comparison rests on. */
#include "rank/runs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/jsonl.h"
#include "rank/scored.h"

/* Means over permutations may differ by less, in whatever order these come. */
#define ROUNDING 1e-6

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
static int check_form(struct runs *rs, struct run *run, const struct scored *s, struct err *err) {
    if (!run->records) {
        run->has_scores = s->has_scores;
        run->sampled = s->sampled;
        run->rate = s->rate;
        run->full = s->full;
        run->has_items = true;
        if (run == rs->run) rs->permuted = s->permutation > 0;
    }
    if (s->rate != run->rate) return err_set(err, "the form is not that of the records before");
    if (s->sampled != run->sampled) return err_set(err, "scored and rollout records in one run");
    if (s->has_scores != run->has_scores)
        return err_set(err, s->has_scores ? "scores, where the records before have none" :
                       "no scores, where the records before have them");
    if (s->full != run->full)
        return err_set(err, "a ranking of all items and one of candidates in one run");
    if (s->full && rs->by_place) return err_set(err, "a ranking of all items has no positions");
    if (run == rs->run && (s->permutation > 0) != rs->permuted)
        return err_set(err, "one of several permutations and a single record in one run");
    return 0;
}

/* The number of candidates is known once one of the case's records tells it. */
static int check_candidates(struct id *of, const struct scored *s, struct err *err) {
    size_t n = s->full ? s->rank.of : s->n;

    if (!of->candidates) of->candidates = (uint32_t)n;
    if (!n || of->candidates == n) return 0;
    return err_set(err, "the case \"%.100s\" has %zu candidates, but %u in another record",
                   buf_text(&s->id), n, of->candidates);
}

/* A record that only the first run may add. */
static void add_record(struct runs *rs, const struct scored *s, size_t line) {
    size_t i = rs->ids.n - 1;

    rs->ids.at[i].line = (uint32_t)line;
    if (!rs->permuted) return;
    rs->base = mem_grow(rs->base, i, &rs->base_cap, sizeof *rs->base);
    rs->permutation = mem_grow(rs->permutation, i, &rs->permutation_cap, sizeof *rs->permutation);
    rs->base[i] = (uint32_t)ids_add(&rs->bases, buf_text(&s->id), s->base);
    rs->permutation[i] = (uint32_t)s->permutation;
    if (s->permutation > rs->permutations) rs->permutations = s->permutation;
}

/* The index of the record's case or permutation. */
static int find_case(struct runs *rs, struct run *run, const struct scored *s, size_t line,
                     size_t *i, struct err *err) {
    const char *id = buf_text(&s->id);
    bool first = run == rs->run;
    size_t known = rs->ids.n;

    if (first && known == IDS_MAX) return err_set(err, "more than %zu cases", IDS_MAX);
    *i = first ? ids_add(&rs->ids, id, s->id.n) : ids_find(&rs->ids, id, s->id.n);
    if (*i == SIZE_MAX)
        return err_set(err, "the case \"%.100s\" is not in %s", id, rs->run->file);
    if (*i == known) add_record(rs, s, line);
    for (; run->seen_n <= *i; run->seen_n++) {
        run->seen = mem_grow(run->seen, run->seen_n, &run->seen_cap, sizeof *run->seen);
        run->seen[run->seen_n] = false;
    }
    if (check_candidates(&rs->ids.at[*i], s, err)) return -1;
    if (rs->permuted && check_candidates(&rs->bases.at[rs->base[*i]], s, err)) return -1;
    if (!run->seen[*i]) return 0;
    return err_set(err, "the case \"%.100s\" was read before", id);
}

/* The metrics of case i. */
static void take_case(const struct runs *rs, struct run *run, size_t i, const double *row) {
    size_t width = metrics_width(&rs->cuts), kept = metrics_kept(&rs->cuts);

    for (size_t k = 0; k < width; k++) stats_add(&run->metric[k], row[k]);
    run->n++;
    if (!rs->keep) return;
    while (i >= run->kept_cap)
        run->kept = mem_grow(run->kept, run->kept_cap, &run->kept_cap, kept * sizeof *run->kept);
    for (size_t k = 0; k < kept; k++) run->kept[i * kept + k] = (float)row[k];
}

/* A permutation's share of its case, which is taken when the run ends. */
static void take_permutation(const struct runs *rs, struct run *run, size_t i, size_t best) {
    size_t width = metrics_width(&rs->cuts);
    double *sum;

    if (run->sum_n < rs->bases.n) {
        run->sum = mem_realloc(run->sum, 2 * rs->bases.n * width, sizeof *run->sum);
        for (size_t k = run->sum_n * width; k < 2 * rs->bases.n * width; k++) run->sum[k] = 0;
        run->sum_n = 2 * rs->bases.n;
    }
    while (i >= run->best_cap)
        run->best = mem_grow(run->best, run->best_cap, &run->best_cap, sizeof *run->best);
    run->best[i] = best == SIZE_MAX ? UINT32_MAX : (uint32_t)best;
    sum = &run->sum[rs->base[i] * width];
    for (size_t k = 0; k < width; k++) sum[k] += rs->row[k];
}

/* One ranking of candidates. */
static void take_ranking(struct runs *rs, struct run *run, size_t i, const struct scored *s,
                         const double *scores) {
    size_t best = SIZE_MAX, items = rs->items ? rs->items : rs->known ? rs->known->ranked : 0;
    size_t width = metrics_width(&rs->cuts);
    struct rank rank;

    for (size_t k = 0; k < width; k++) rs->row[k] = NAN;
    if (s->full || s->n) stats_add(&run->chance, 1 / (double)(s->full ? s->rank.of : s->n));
    if (run->has_scores) {
        rank = s->full ? s->rank : metrics_rank(scores, s->n, s->target);
        metrics_row(rs->row, &rs->cuts, &rank, items && s->uniform && !s->full ?
                    sampled_gains(&rs->sampled_from, &rs->cuts, items, s->n) : NULL);
        if (run->has_items)
            best = tops_take(&run->tops, &rs->catalogue, &rs->cuts, scores,
                              rs->known ? rs->known->bits : NULL, s->n, rank.of);
        if (rs->by_place)
            places_take(&run->places, rs->permuted ? rs->base[i] : (uint32_t)i, scores, s->n,
                        s->target, rs->row[HR1]);
    }
    if (rs->permuted) take_permutation(rs, run, i, best);
    else take_case(rs, run, i, rs->row);
}

/* What the record says of its items and, with a graph, the graph of them. */
static int take_items(struct runs *rs, struct run *run, size_t i, const struct scored *s,
                      const char *text, size_t n, struct err *err) {
    run->has_items = run->has_items && s->has_items;
    if (s->has_items && catalogue_take(&rs->catalogue, s, err)) return -1;
    if (!rs->known) return 0;
    if (known_read(rs->known, text, n, s, err)) return -1;
    if (rs->permuted) i = rs->base[i];
    while (i >= rs->count_cap)
        rs->target_count = mem_grow(rs->target_count, rs->count_cap, &rs->count_cap,
                                    sizeof *rs->target_count);
    rs->target_count[i] = (uint32_t)rs->known->target_count;
    return 0;
}

/* The error of the true candidate's rating. */
static void take_error(struct run *run, const struct scored *s) {
    bool rated = s->candidate == s->target && s->has_scores;
    double error = rated ? s->scores[0] - s->target_rating : NAN;

    stats_add(&run->squares, error * error);
    stats_add(&run->sizes, fabs(error));
}

static int take_record(struct runs *rs, struct run *run, const struct scored *s, const char *text,
                       size_t n, size_t line, struct err *err) {
    double *scores = s->scores;
    size_t i = 0;
    int r = 1;

    if (check_hash(rs, run->file, line, s, err) || check_form(rs, run, s, err)) return -1;
    if (find_case(rs, run, s, line, &i, err)) return -1;
    if (take_items(rs, run, i, s, text, n, err)) return -1;
    run->records++;
    run->valid += s->valid;
    run->right += s->right;
    if (run->rate) {
        take_error(run, s);
        r = rated_take(&run->rated, i, s, line, &scores, err);
    }
    if (r <= 0) return r;
    run->seen[i] = true;
    take_ranking(rs, run, i, s, scores);
    if (run->rate) free(scores);
    return 0;
}

/* Each case has all its permutations. */
static int check_permutations(const struct runs *rs, size_t *line, struct err *err) {
    size_t *got = mem_calloc(rs->bases.n, sizeof *got), i = 0;
    int r = 0;

    for (size_t k = 0; k < rs->ids.n; k++) got[rs->base[k]]++;
    while (i < rs->ids.n && got[rs->base[i]] == rs->permutations) i++;
    if (i < rs->ids.n) {
        *line = rs->ids.at[i].line;
        r = err_set(err, "the case has %zu of %zu permutations", got[rs->base[i]],
                    rs->permutations);
    }
    free(got);
    return r;
}

/* The run has every case, and each with all its candidates and permutations. */
static int check_whole(const struct runs *rs, const struct run *run, size_t *line,
                       struct err *err) {
    size_t missing = 0, first = 0;

    *line = 0;
    if (rated_end(&run->rated, line, err)) return -1;
    for (size_t i = rs->ids.n; i-- > 0;)
        if (i >= run->seen_n || !run->seen[i]) {
            missing++;
            first = i;
        }
    if (missing)
        return err_set(err, "%zu cases of %s are missing, the first is that of its line %u",
                       missing, rs->run->file, rs->ids.at[first].line);
    return run == rs->run && rs->permuted ? check_permutations(rs, line, err) : 0;
}

/* Means over permutations, and an end to what only reading needs. */
static void end_run(struct runs *rs, struct run *run) {
    size_t width = metrics_width(&rs->cuts);

    for (size_t i = 0; i < rs->bases.n; i++) {
        for (size_t k = 0; k < width; k++)
            rs->row[k] = run->sum[i * width + k] / (double)rs->permutations;
        take_case(rs, run, i, rs->row);
    }
    free(run->sum);
    free(run->seen);
    run->sum = NULL;
    run->seen = NULL;
    places_end(&run->places);
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
    run->metric = mem_calloc(metrics_width(&rs->cuts), sizeof *run->metric);
    if (rs->known) case_reader_next(&rs->known->reader);
    if (!rs->row) rs->row = mem_alloc(metrics_width(&rs->cuts), sizeof *rs->row);
    jsonl_open(&in, files);
    while ((r = jsonl_line(&in, &text, &n, err)) > 0) {
        if ((r = scored_read(&s, text, n, err)) < 0) break;
        if ((r = take_record(rs, run, &s, text, n, in.line, err)) < 0) break;
    }
    *line = in.line;
    if (!r) r = check_whole(rs, run, line, err);
    if (!r) end_run(rs, run);
    jsonl_close(&in);
    scored_free(&s);
    return r;
}

const struct run *runs_find(const struct runs *rs, const char *name) {
    size_t i = 0;

    while (i < rs->n && strcmp(rs->run[i].name, name)) i++;
    return i < rs->n ? &rs->run[i] : NULL;
}

size_t runs_cases(const struct runs *rs) {
    return rs->permuted ? rs->bases.n : rs->ids.n;
}

double runs_agreement(const struct runs *rs, const struct run *run) {
    size_t P = rs->permutations, equal = 0;
    uint32_t *best;

    if (!run->has_items || !run->has_scores || P < 2) return NAN;
    best = mem_alloc(rs->bases.n * P, sizeof *best);
    for (size_t i = 0; i < rs->ids.n; i++)
        best[rs->base[i] * P + rs->permutation[i] - 1] = run->best[i];
    for (size_t i = 0; i < rs->bases.n * P; i += P)
        for (size_t a = i; a < i + P; a++)
            for (size_t b = i; b < a; b++) equal += best[a] == best[b] && best[a] != UINT32_MAX;
    free(best);
    return (double)equal / (double)(rs->bases.n * (P * (P - 1) / 2));
}

void runs_pair(struct paired *p, const struct runs *rs, const struct run *a, const struct run *b) {
    size_t kept = metrics_kept(&rs->cuts);

    *p = (struct paired){ 0 };
    for (size_t i = 0; i < runs_cases(rs); i++) {
        float x = a->kept[i * kept + HR1], y = b->kept[i * kept + HR1];

        stats_add(&p->difference, (double)x - (double)y);
        p->wins += x - y > ROUNDING;
        p->losses += y - x > ROUNDING;
    }
}

void runs_free(struct runs *rs) {
    for (size_t k = 0; k < rs->n; k++) {
        struct run *run = &rs->run[k];

        free(run->metric);
        free(run->kept);
        free(run->seen);
        free(run->sum);
        free(run->best);
        tops_free(&run->tops);
        places_free(&run->places);
        rated_free(&run->rated);
    }
    free(rs->run);
    ids_free(&rs->ids);
    ids_free(&rs->bases);
    free(rs->base);
    free(rs->permutation);
    free(rs->target_count);
    catalogue_free(&rs->catalogue);
    sampled_free(&rs->sampled_from);
    free(rs->row);
    buf_free(&rs->hash);
}
