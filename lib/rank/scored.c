/* scored — scores, target and answer of a record, by scanning its text. */
#include "rank/scored.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/jsonl.h"
#include "io/scan.h"

enum field { ID, SOURCE, CANDIDATES, TARGET, SCORES, SAMPLES, ANSWER, FORM, CASE, CANDIDATE,
             FIELDS };

static const char *const fields[FIELDS] = { "id", "source", "candidates", "target", "scores",
                                            "samples", "answer", "form", "case", "candidate" };

static int wrong(const char *field, const char *type, struct err *err) {
    return err_set(err, "\"%s\" is missing or not %s", field, type);
}

/* A whole number from 0, below `end`. */
static int read_index(struct scan v, const char *field, size_t end, size_t *out, struct err *err) {
    double x;

    if (!scan_number(&v, &x)) return wrong(field, "a number", err);
    if (x < 0 || x != floor(x) || x >= (double)end)
        return err_set(err, "\"%s\" is not a whole number from 0 to %zu", field, end - 1);
    *out = (size_t)x;
    return 0;
}

static int read_source(struct scored *s, struct scan v, struct err *err) {
    static const char *const name[] = { "hash" };
    struct scan hash;

    buf_clear(&s->hash);
    if (!v.p) return 0;
    if (!scan_fields(&v, name, 1, &hash)) return wrong("source", "an object", err);
    if (hash.p && !scan_string(&hash, &s->hash)) return wrong("source.hash", "a string", err);
    return 0;
}

static int count_candidates(struct scored *s, struct scan v, struct err *err) {
    bool first = true;

    s->n = 0;
    if (!v.p) return 0;
    if (!scan_array(&v)) return wrong("candidates", "an array", err);
    while (scan_entry(&v, &first)) {
        scan_skip(&v);
        s->n++;
    }
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
static int read_form(struct scored *s, struct scan *v, struct err *err) {
    enum field id = ID;

    s->rate = false;
    if (v[FORM].p && !scan_string(&v[FORM], &s->said)) return wrong("form", "a string", err);
    if (v[FORM].p && !strcmp(buf_text(&s->said), "rate")) {
        s->rate = true;
        id = CASE;
        if (!v[CANDIDATES].p) return wrong("candidates", "an array", err);
        if (!v[SAMPLES].p) return wrong("samples", "an array", err);
        if (read_index(v[CANDIDATE], "candidate", s->n, &s->candidate, err)) return -1;
    }
    if (!scan_string(&v[id], &s->id)) return wrong(fields[id], "a string", err);
    return 0;
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

    if (!scan_fields(&at, fields, FIELDS, v) || !scan_end(&at, line + n))
        return malformed(line, n, err);
    s->has_scores = s->sampled = s->valid = s->right = false;
    if (count_candidates(s, v[CANDIDATES], err)) return -1;
    if (read_form(s, v, err) || read_source(s, v[SOURCE], err)) return -1;
    if (!v[SAMPLES].p && !v[SCORES].p)
        return err_set(err, "neither \"scores\" nor \"samples\" is there: "
                       "the record was not scored");
    if (v[SAMPLES].p ? read_samples(s, v[SAMPLES], v[ANSWER], err)
                     : read_scores(s, v[SCORES], err)) return -1;
    return read_index(v[TARGET], "target", s->n ? s->n : (size_t)1 << 32, &s->target, err);
}

void scored_free(struct scored *s) {
    buf_free(&s->id);
    buf_free(&s->hash);
    buf_free(&s->answer);
    buf_free(&s->said);
    free(s->scores);
}
