/* load_json — JSON lines, each record by its own fields: graph records, LLaRA's rows, and Amazon's reviews and
 * metadata in the names of 2014 and 2018 (reviewerID, asin, overall, unixReviewTime; category) and
 * of 2023 (user_id, parent_asin, rating, timestamp; categories). */
#include <math.h>
#include <string.h>

#include "graph/load_own.h"
#include "graph/record.h"
#include "io/jsonl.h"

/* Times from here on, the year 5138 in seconds, are in milliseconds: 2023's are. */
static const double first_millisecond = 1e11;

/* The longest name of a category; longer ones are bullet points that got into the list. */
enum { CATEGORY = 40 };

static const char *const graph_fields[] = {
    "user", "item", "title", "year", "genres", "rating", "time"
};

/* What is left of a record when its known fields are taken out, or NULL. */
static json_t *unknown_fields(const json_t *rec, bool event) {
    json_t *rest = json_copy((json_t *)rec);

    for (size_t k = 0; k < sizeof graph_fields / sizeof *graph_fields; k++) {
        bool of_event = k == 0 || k > 4, of_item = k > 1 && k < 5;

        if (k == 1 || (event ? of_event : of_item)) json_object_del(rest, graph_fields[k]);
    }
    if (json_object_size(rest)) return rest;
    json_decref(rest);
    return NULL;
}

static int take_record(struct load *l, struct graph_record *r, const json_t *j, struct err *err) {
    json_t *extra;

    if (graph_record_parse(r, j, err)) return -1;
    extra = unknown_fields(j, r->user != NULL);
    if (r->user) {
        struct load_event *e = load_event(l, r->user, load_item(l, r->item), r->rating,
                                          r->has_time ? r->time : LOAD_NO_TIME);

        e->extra = extra;
    } else {
        int item = load_item(l, r->item);

        load_item_fields(l, item, r->title, buf_text(&r->genres), r->year);
        if (extra && l->items[item].extra) {
            json_object_update(l->items[item].extra, extra);
            json_decref(extra);
        } else if (extra) {
            l->items[item].extra = extra;
        }
    }
    return 0;
}

/* The first of two fields that is a string with something in it, or NULL. */
static const char *either(const json_t *j, const char *a, const char *b) {
    const char *s = json_string_value(json_object_get(j, a));

    if (!s || !*s) s = json_string_value(json_object_get(j, b));
    return s && *s ? s : NULL;
}

static int take_number(const json_t *j, const char *a, const char *b, double *x, struct err *err) {
    const char *field = json_object_get(j, a) ? a : b;

    *x = NAN;
    return json_object_get(j, field) ? jsonl_number(j, field, x, err) : 0;
}

static int take_review(struct load *l, const json_t *j, const char *user, const char *item,
                       struct err *err) {
    double rating, time;

    if (take_number(j, "overall", "rating", &rating, err)) return -1;
    if (take_number(j, "unixReviewTime", "timestamp", &time, err)) return -1;
    if (fabs(rating) > 1e6) return err_set(err, "the rating is out of range");
    if (fabs(time) >= first_millisecond) time /= 1000;
    if (fabs(time) >= first_millisecond) return err_set(err, "the time is out of range");
    load_event(l, user, load_item(l, item), (float)rating,
               isnan(time) ? LOAD_NO_TIME : (int64_t)floor(time));
    return 0;
}

/* Adds the categories of a list, and of the lists in it, each once. False: they end here. */
static bool add_categories(struct load *l, struct buf *out, const json_t *list, int depth) {
    for (size_t k = 0; k < json_array_size(list); k++) {
        const json_t *v = json_array_get(list, k);
        const char *s = json_string_value(v);
        char *name, *bar;

        if (depth && json_is_array(v) && !add_categories(l, out, v, depth - 1)) return false;
        if (!s) continue;
        name = load_clean(l, s);
        if (strlen(name) > CATEGORY || strchr(name, '<') ||
            (*name && name[strlen(name) - 1] == '.'))
            return false;
        while ((bar = strchr(name, '|'))) *bar = '/';
        if (*name && !load_has_genre(buf_text(out), name))
            buf_printf(out, "%s%s", out->n ? "|" : "", name);
    }
    return true;
}

static void take_meta(struct load *l, const json_t *j, const char *item) {
    const json_t *list = json_object_get(j, "category");
    const char *title = json_string_value(json_object_get(j, "title"));
    struct buf genres = { 0 };

    add_categories(l, &genres, list ? list : json_object_get(j, "categories"), 1);
    if (title) title = load_clean(l, title);
    load_item_fields(l, load_item(l, item), title && *title ? title : NULL, buf_text(&genres), 0);
    buf_free(&genres);
}

static bool is_amazon(const json_t *j) {
    return json_object_get(j, "asin") || json_object_get(j, "parent_asin");
}

static bool is_llara(const json_t *j) {
    return json_object_get(j, "seq") && json_object_get(j, "next");
}

static int take_amazon(struct load *l, const json_t *j, struct err *err) {
    const char *user = either(j, "reviewerID", "user_id"), *item = either(j, "parent_asin", "asin");

    if (!item) return err_set(err, "\"asin\" is missing or not a string");
    if (user) return take_review(l, j, user, item, err);
    if (json_object_get(j, "overall") || json_object_get(j, "rating"))
        return err_set(err, "\"reviewerID\" is missing or not a string");
    take_meta(l, j, item);
    return 0;
}

int load_json(struct load *l, struct lines *in, struct err *err) {
    struct graph_record rec = { 0 };
    size_t n;
    char *line;
    int r;

    while ((r = lines_next(in, &line, &n, err)) > 0) {
        bool any = l->o->format == LOAD_AUTO;
        json_t *j;

        if (strspn(line, " \t") == n) continue;
        if (!(j = jsonl_parse(line, n, err))) {
            r = -1;
            break;
        }
        if (l->o->format == LOAD_LLARA || (any && is_llara(j))) r = load_llara_row(l, in, j, err);
        else if (l->o->format == LOAD_AMAZON || (any && is_amazon(j))) r = take_amazon(l, j, err);
        else r = take_record(l, &rec, j, err);
        json_decref(j);
        if (r < 0) break;
    }
    graph_record_free(&rec);
    return r;
}
