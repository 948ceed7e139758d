/* view — a case record, checked and put in order. */
#include "text/view.h"

#include <math.h>
#include <string.h>

#include "io/jsonl.h"

const char *view_title(const json_t *item) {
    const char *title = json_string_value(json_object_get(item, "title"));

    if (title && *title) return title;
    title = json_string_value(json_object_get(item, "item"));
    return title ? title : "";
}

double view_weight(const struct view *v, int c, size_t k) {
    return json_number_value(json_object_get(json_array_get(v->chains[c], k), "weight"));
}

/* An array field with one entry a candidate. */
static int per_candidate(const struct view *v, const json_t *rec, const char *field, json_t **out,
                         struct err *err) {
    if (jsonl_array(rec, field, out, err)) return -1;
    if (json_array_size(*out) == (size_t)v->n) return 0;
    return err_set(err, "\"%s\" has %zu entries, not one for each of the %d candidates", field,
                   json_array_size(*out), v->n);
}

static int read_candidates(struct view *v, const json_t *rec, struct err *err) {
    json_t *list;
    int64_t target = 0;

    if (jsonl_array(rec, "candidates", &list, err)) return -1;
    if (json_array_size(list) < 1 || json_array_size(list) > VIEW_MAX)
        return err_set(err, "\"candidates\" has %zu entries, not 1 to %d", json_array_size(list), VIEW_MAX);
    v->n = (int)json_array_size(list);
    for (int c = 0; c < v->n; c++) {
        const char *item;

        v->candidate[c] = json_array_get(list, (size_t)c);
        if (jsonl_string(v->candidate[c], "item", &item, err)) return -1;
    }
    if (jsonl_int(rec, "target", 0, v->n - 1, &target, err)) return -1;
    v->target = (int)target;
    return 0;
}

static int check_chain(const json_t *chain, struct err *err) {
    const char *text;
    json_t *ratings;

    if (jsonl_string(chain, "item", &text, err) || jsonl_string(chain, "user", &text, err) ||
        jsonl_array(chain, "ratings", &ratings, err))
        return err_prefix(err, "a chain");
    if (json_array_size(ratings) != 3) return err_set(err, "a chain: \"ratings\" has not three entries");
    return 0;
}

static int read_chains(struct view *v, const json_t *rec, struct err *err) {
    json_t *chains, *counts;
    int64_t drawn = 0;

    if (jsonl_int(rec, "drawn", 0, INT32_MAX, &drawn, err)) return -1;
    v->drawn = (int)drawn;
    if (per_candidate(v, rec, "chains", &chains, err) || per_candidate(v, rec, "counts", &counts, err))
        return -1;
    for (int c = 0; c < v->n; c++) {
        const json_t *count = json_array_get(counts, (size_t)c);
        double x = json_number_value(count);

        v->chains[c] = json_array_get(chains, (size_t)c);
        if (!json_is_array(v->chains[c])) return err_set(err, "\"chains\" holds what is not an array");
        if (!json_is_number(count) || x != floor(x) || x < 0 || x > (double)drawn)
            return err_set(err, "\"counts\" holds what is not a whole number from 0 to \"drawn\"");
        v->count[c] = (int)x;
        for (size_t k = 0; k < json_array_size(v->chains[c]); k++)
            if (check_chain(json_array_get(v->chains[c], k), err)) return -1;
    }
    return 0;
}

static char level(double x, double rest) {
    if (!(x > 0)) return '0';
    if (!(rest > 0)) return '9';
    return (char)('0' + (int)fmax(1, fmin(9, round(6 + log2(x / rest)))));
}

static void set_levels(char *level_of, size_t stride, const double *x, int n) {
    double sum = 0;

    for (int c = 0; c < n; c++) sum += fmax(0, x[c]);
    for (int c = 0; c < n; c++) level_of[(size_t)c * stride] = level(x[c], sum - x[c]);
}

static int read_facts(struct view *v, const json_t *rec, struct err *err) {
    json_t *facts = json_object_get(rec, "facts"), *list;
    double x[VIEW_MAX];
    const char *name;
    int k = 0;

    for (int c = 0; c < v->n; c++) x[c] = v->count[c];
    set_levels(v->level, 1, x, v->n);
    if (!facts) return 0;
    if (!json_is_object(facts)) return err_set(err, "\"facts\" is not an object");
    json_object_foreach(facts, name, list) {
        if (k == VIEW_FACTS) return err_set(err, "\"facts\" has more than %d entries", VIEW_FACTS);
        if (per_candidate(v, facts, name, &list, err)) return err_prefix(err, "\"facts\"");
        for (int c = 0; c < v->n; c++) {
            if (!json_is_number(json_array_get(list, (size_t)c)))
                return err_set(err, "\"facts\": \"%s\" holds what is not a number", name);
            x[c] = json_number_value(json_array_get(list, (size_t)c));
        }
        set_levels(&v->levels[0][k++], sizeof v->levels[0], x, v->n);
    }
    return 0;
}

/* More chains first, then the heavier best chain, then the given order. */
static int before(const struct view *v, int a, int b) {
    if (v->count[a] != v->count[b]) return v->count[a] > v->count[b];
    if (view_weight(v, a, 0) != view_weight(v, b, 0)) return view_weight(v, a, 0) > view_weight(v, b, 0);
    return a < b;
}

static void sort_by_evidence(struct view *v) {
    for (int i = 0; i < v->n; i++) {
        int k = i;

        for (; k > 0 && before(v, i, v->by_evidence[k - 1]); k--) v->by_evidence[k] = v->by_evidence[k - 1];
        v->by_evidence[k] = i;
    }
}

int view_read(struct view *v, const json_t *rec, struct err *err) {
    json_t *history;

    memset(v, 0, sizeof *v);
    if (read_candidates(v, rec, err) || jsonl_array(rec, "history", &history, err) ||
        read_chains(v, rec, err) || read_facts(v, rec, err))
        return -1;
    v->history = history;
    sort_by_evidence(v);
    return 0;
}

/* The array with its entries in the order of evidence. */
static json_t *permuted(const struct view *v, const json_t *list) {
    json_t *out = json_array();

    for (int k = 0; k < v->n; k++) json_array_append(out, json_array_get(list, (size_t)v->by_evidence[k]));
    return out;
}

json_t *view_sorted(const json_t *rec, struct err *err) {
    static const char *const fields[] = { "candidates", "counts", "chains" };
    struct view v;
    const char *name;
    json_t *out, *facts, *list;

    if (view_read(&v, rec, err)) return NULL;
    out = json_copy((json_t *)rec);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        json_object_set_new(out, fields[i], permuted(&v, json_object_get(rec, fields[i])));
    if (json_object_get(rec, "facts")) {
        facts = json_object();
        json_object_foreach(json_object_get(rec, "facts"), name, list)
            json_object_set_new(facts, name, permuted(&v, list));
        json_object_set_new(out, "facts", facts);
    }
    for (int k = 0; k < v.n; k++)
        if (v.by_evidence[k] == v.target) json_object_set_new(out, "target", json_integer(k));
    return out;
}
