/* record — fields of a JSON object into a struct. */
#include "graph/record.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

#include "graph/graph_own.h"
#include "io/jsonl.h"

/* An identifier: a string, or a whole number written as one. */
static int parse_id(const json_t *rec, const char *field, char room[32], const char **id,
                    struct err *err) {
    const json_t *v = json_object_get(rec, field);

    if (json_is_integer(v)) {
        snprintf(room, 32, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
        *id = room;
    } else if (json_is_string(v) && *json_string_value(v)) {
        *id = json_string_value(v);
    } else {
        return err_set(err, "\"%s\" is missing or not a string", field);
    }
    return 0;
}

static int parse_genres(struct buf *out, const json_t *genres, struct err *err) {
    buf_clear(out);
    if (genres && !json_is_array(genres)) return err_set(err, "\"genres\" is not an array");
    for (size_t k = 0; k < json_array_size(genres); k++) {
        const char *genre = json_string_value(json_array_get(genres, k));

        if (!genre) return err_set(err, "\"genres\" holds what is not a string");
        if (k) buf_puts(out, "|");
        buf_puts(out, genre);
    }
    return 0;
}

static int parse_item(struct graph_record *r, const json_t *rec, struct err *err) {
    const json_t *title = json_object_get(rec, "title");
    int64_t year = 0;

    r->user = NULL;
    if (parse_id(rec, "item", r->room[1], &r->item, err)) return -1;
    if (title && !json_is_string(title)) return err_set(err, "\"title\" is not a string");
    r->title = json_string_value(title);
    if (json_object_get(rec, "year") &&
        jsonl_int(rec, "year", -GRAPH_YEAR_MAX, GRAPH_YEAR_MAX, &year, err))
        return -1;
    r->year = (int)year;
    return parse_genres(&r->genres, json_object_get(rec, "genres"), err);
}

static int parse_event(struct graph_record *r, const json_t *rec, struct err *err) {
    double rating = NAN;

    if (parse_id(rec, "user", r->room[0], &r->user, err) ||
        parse_id(rec, "item", r->room[1], &r->item, err))
        return -1;
    if (json_object_get(rec, "rating") && jsonl_number(rec, "rating", &rating, err)) return -1;
    if (fabs(rating) > FLT_MAX) return err_set(err, "\"rating\" is out of range");
    r->rating = (float)rating;
    r->has_time = json_object_get(rec, "time") != NULL;
    r->time = 0;
    return r->has_time ? jsonl_int(rec, "time", -GRAPH_TIME_MAX, GRAPH_TIME_MAX, &r->time, err) : 0;
}

int graph_record_parse(struct graph_record *r, const json_t *rec, struct err *err) {
    return json_object_get(rec, "user") ? parse_event(r, rec, err) : parse_item(r, rec, err);
}

void graph_record_free(struct graph_record *r) {
    buf_free(&r->genres);
}
