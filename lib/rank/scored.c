/* scored — scores, target and answer of a record, by scanning its text. */
#include "rank/scored.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/ids.h"
#include "base/mem.h"
#include "io/jsonl.h"
#include "io/scan.h"

enum field { ID, SOURCE, CANDIDATES, TARGET, SCORES, SAMPLES, ANSWER, FORM, CASE, CANDIDATE, FULL,
             PERMUTATION, TARGET_RATING, FIELDS };

static const char *const fields[FIELDS] = {
    "id", "source", "candidates", "target", "scores", "samples", "answer", "form", "case",
    "candidate", "full", "permutation", "target_rating"
};

static int wrong(const char *field, const char *type, struct err *err) {
    return err_set(err, "\"%s\" is missing or not %s", field, type);
}

static int read_whole(struct scan v, const char *field, size_t lo, size_t hi, size_t *out,
                      struct err *err) {
    double x;

    if (!scan_number(&v, &x)) return wrong(field, "a number", err);
    if (x < (double)lo || x != floor(x) || x > (double)hi)
        return err_set(err, "\"%s\" is not a whole number from %zu to %zu", field, lo, hi);
    *out = (size_t)x;
    return 0;
}

static int read_source(struct scored *s, struct scan v, struct err *err) {
    static const char *const name[] = { "hash", "draw" };
    struct scan part[2];

    buf_clear(&s->hash);
    s->uniform = true;
    if (!v.p) return 0;
    if (!scan_fields(&v, name, 2, part)) return wrong("source", "an object", err);
    if (part[0].p && !scan_string(&part[0], &s->hash)) return wrong("source.hash", "a string", err);
    if (part[1].p && !scan_string(&part[1], &s->said)) return wrong("source.draw", "a string", err);
    s->uniform = !part[1].p || !strcmp(buf_text(&s->said), "uniform");
    return 0;
}

/* How many there are, and their items if each has one. */
static int read_candidates(struct scored *s, struct scan v, struct err *err) {
    static const char *const name[] = { "item" };
    bool first = true;

    s->n = 0;
    s->has_items = v.p != NULL;
    if (!v.p) return 0;
    if (!scan_array(&v)) return wrong("candidates", "an array", err);
    for (; scan_entry(&v, &first); s->n++) {
        struct scan item = { NULL };

        if (scan_peek(&v) == '{') scan_fields(&v, name, 1, &item);
        else scan_skip(&v);
        s->item = mem_grow(s->item, s->n, &s->item_cap, sizeof *s->item);
        s->has_items = s->has_items && item.p && scan_string(&item, &s->said);
        if (s->has_items) s->item[s->n] = ids_fingerprint(s->said.s, s->said.n);
    }
    if (!v.p) return err_set(err, "a candidate names its item twice");
    return s->n ? 0 : err_set(err, "\"candidates\" is empty");
}

/* Numbers and nulls; as many as there are candidates. */
static int read_scores(struct scored *s, struct scan v, struct err *err) {
    bool first = true;
    size_t k = 0;

    if (!scan_array(&v)) return wrong("scores", "an array", err);
    for (; scan_entry(&v, &first); k++) {
        s->scores = mem_grow(s->scores, k, &s->cap, sizeof *s->scores);
        s->scores[k] = NAN;
        if (!scan_null(&v) && !scan_number(&v, &s->scores[k]))
            return err_set(err, "\"scores\" holds what is not a number");
    }
    if (!k) return err_set(err, "\"scores\" is empty");
    if (s->n && s->n != k)
        return err_set(err, "\"scores\" has %zu entries for %zu candidates", k, s->n);
    s->n = k;
    s->has_scores = true;
    return 0;
}

/* The answer that a text gave, against the right one. */
static int read_answer(struct scored *s, struct scan right, struct scan v, struct err *err) {
    s->valid = s->right = false;
    if (scan_null(&v)) return 0;
    if (!scan_string(&v, &s->said)) return wrong("answer", "a string or null", err);
    s->valid = true;
    if (s->rate) return 0;
    if (!scan_string(&right, &s->answer))
        return err_set(err, "\"answer\" of the record is not a string");
    s->right = !strcmp(buf_text(&s->said), buf_text(&s->answer));
    return 0;
}

static int read_rating(struct scored *s, struct scan v, struct err *err) {
    s->scores = mem_grow(s->scores, 0, &s->cap, sizeof *s->scores);
    s->scores[0] = NAN;
    s->has_scores = v.p != NULL;
    if (v.p && !scan_null(&v) && !scan_number(&v, s->scores))
        return wrong("rating", "a number or null", err);
    return 0;
}

/* The first sample. */
static int read_samples(struct scored *s, struct scan v, struct scan right, struct err *err) {
    static const char *const names[] = { "scores", "answer", "rating" };
    struct scan part[3];
    bool first = true;

    if (!scan_array(&v)) return wrong("samples", "an array", err);
    if (!scan_entry(&v, &first)) return err_set(err, "\"samples\" is empty");
    if (!scan_fields(&v, names, 3, part)) return err_set(err, "sample 0 is not an object");
    s->sampled = true;
    if (read_answer(s, right, part[1], err)) return err_prefix(err, "sample 0");
    if (s->rate ? read_rating(s, part[2], err) : part[0].p ? read_scores(s, part[0], err) : 0)
        return err_prefix(err, "sample 0");
    return 0;
}

/* In the form rate the id is the case's, and one candidate is meant. */
static int read_form(struct scored *s, const struct scan *v, enum field *id, struct err *err) {
    struct scan form = v[FORM];

    *id = ID;
    s->rate = false;
    if (form.p && !scan_string(&form, &s->said)) return wrong("form", "a string", err);
    if (!form.p || strcmp(buf_text(&s->said), "rate")) return 0;
    s->rate = true;
    *id = CASE;
    if (!v[CANDIDATES].p) return wrong("candidates", "an array", err);
    if (!v[SAMPLES].p) return wrong("samples", "an array", err);
    return read_whole(v[CANDIDATE], "candidate", 0, s->n - 1, &s->candidate, err);
}

/* "user#ordinal~k": the bytes in front of "~k", and k; 0 where it is no such name. */
static size_t split_id(struct scored *s) {
    const char *id = buf_text(&s->id), *p = strrchr(id, '#');
    char *end;
    unsigned long long k;

    s->base = s->id.n;
    if (!p || p[1] < '1' || p[1] > '9') return 0;
    p += 1 + strspn(p + 1, "0123456789");
    if (*p != '~' || p[1] < '1' || p[1] > '9') return 0;
    k = strtoull(p + 1, &end, 10);
    if (*end || k > UINT32_MAX) return 0;
    s->base = (size_t)(p - id);
    return (size_t)k;
}

static int read_id(struct scored *s, struct scan id, const char *field, struct scan permutation,
                   struct err *err) {
    size_t k;

    if (!scan_string(&id, &s->id)) return wrong(field, "a string", err);
    s->permutation = k = split_id(s);
    if (!permutation.p) return 0;
    if (read_whole(permutation, "permutation", 1, UINT32_MAX, &s->permutation, err)) return -1;
    if (s->permutation == (k ? k : 1)) return 0;
    return err_set(err, "\"permutation\" is %zu, which \"%.100s\" is not", s->permutation,
                   buf_text(&s->id));
}

/* The rank over all items that takes the place of `target`. */
static int read_full(struct scored *s, struct scan v, struct err *err) {
    static const char *const names[] = { "rank", "tied", "of" };
    struct scan part[3];
    size_t rank;

    if (!scan_fields(&v, names, 3, part)) return wrong("full", "an object", err);
    if (s->rate || !s->has_scores) return err_set(err, "\"full\" needs scores of all candidates");
    if (read_whole(part[2], "full.of", s->n, UINT32_MAX, &s->rank.of, err) ||
        read_whole(part[0], "full.rank", 1, s->rank.of, &rank, err) ||
        read_whole(part[1], "full.tied", 1, s->rank.of - rank + 1, &s->rank.tied, err)) return -1;
    s->rank.above = rank - 1;
    return 0;
}

/* Which of the candidates is the true one, or how high it stands. */
static int read_truth(struct scored *s, const struct scan *v, struct err *err) {
    struct scan rating = v[TARGET_RATING];

    s->target_rating = NAN;
    if (rating.p && !scan_null(&rating) && !scan_number(&rating, &s->target_rating))
        return wrong("target_rating", "a number", err);
    s->full = v[FULL].p != NULL;
    if (s->full) return read_full(s, v[FULL], err);
    return read_whole(v[TARGET], "target", 0, s->n ? s->n - 1 : UINT32_MAX, &s->target, err);
}

/* The line is not what the scan asks for: why, in the words of the full parser. */
static int malformed(const char *line, size_t n, struct err *err) {
    json_t *rec = jsonl_parse(line, n, err);

    if (!rec) return -1;
    json_decref(rec);
    return err_set(err, "containers are nested too deep");
}

int scored_read(struct scored *s, const char *line, size_t n, struct err *err) {
    struct scan at = { line }, v[FIELDS];
    enum field id;

    if (!scan_fields(&at, fields, FIELDS, v) || !scan_end(&at, line + n))
        return malformed(line, n, err);
    s->has_scores = s->sampled = s->valid = s->right = false;
    if (read_candidates(s, v[CANDIDATES], err) || read_form(s, v, &id, err)) return -1;
    if (read_id(s, v[id], fields[id], v[PERMUTATION], err)) return -1;
    if (read_source(s, v[SOURCE], err)) return -1;
    if (!v[SAMPLES].p && !v[SCORES].p)
        return err_set(err, "neither \"scores\" nor \"samples\" is there: "
                       "the record was not scored");
    if (v[SAMPLES].p ? read_samples(s, v[SAMPLES], v[ANSWER], err)
                     : read_scores(s, v[SCORES], err)) return -1;
    return read_truth(s, v, err);
}

void scored_free(struct scored *s) {
    buf_free(&s->id);
    buf_free(&s->hash);
    buf_free(&s->answer);
    buf_free(&s->said);
    free(s->scores);
    free(s->item);
}
