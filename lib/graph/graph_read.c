/* graph_read — graph records to a graph. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "graph/graph.h"
#include "io/jsonl.h"

/* An identifier: a string, or a whole number written as one. */
static int read_id(const json_t *rec, const char *field, char room[32], const char **id, struct err *err) {
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

static int add_item(struct graph_builder *b, const json_t *rec, struct err *err) {
    const json_t *title = json_object_get(rec, "title"), *genres = json_object_get(rec, "genres");
    const char *item;
    char room[32];
    int64_t year = 0;
    struct buf joined = { 0 };

    if (read_id(rec, "item", room, &item, err)) return -1;
    if (title && !json_is_string(title)) return err_set(err, "\"title\" is not a string");
    if (json_object_get(rec, "year") && jsonl_int(rec, "year", -10000, 10000, &year, err)) return -1;
    if (genres && !json_is_array(genres)) return err_set(err, "\"genres\" is not an array");
    for (size_t k = 0; k < json_array_size(genres); k++) {
        const char *genre = json_string_value(json_array_get(genres, k));

        if (!genre) {
            buf_free(&joined);
            return err_set(err, "\"genres\" holds what is not a string");
        }
        buf_printf(&joined, "%s%s", k ? "|" : "", genre);
    }
    graph_add_item(b, item, json_string_value(title), (int)year, buf_text(&joined));
    buf_free(&joined);
    return 0;
}

static int add_event(struct graph_builder *b, const json_t *rec, bool *has_time, struct err *err) {
    const char *user, *item;
    char user_room[32], item_room[32];
    double rating = NAN;
    int64_t time = 0;

    if (read_id(rec, "user", user_room, &user, err) || read_id(rec, "item", item_room, &item, err)) return -1;
    if (json_object_get(rec, "rating") && jsonl_number(rec, "rating", &rating, err)) return -1;
    if (!json_object_get(rec, "time")) *has_time = false;
    else if (jsonl_int(rec, "time", -(INT64_C(1) << 53), INT64_C(1) << 53, &time, err)) return -1;
    graph_add_event(b, user, item, (float)rating, time);
    return 0;
}

struct graph *graph_read(char *const *files, struct err *err) {
    struct graph_builder *b = graph_builder_new();
    bool has_time = true;
    struct jsonl in;
    json_t *rec = NULL;
    struct graph *g;
    int r;

    jsonl_open(&in, files);
    while ((r = jsonl_next(&in, &rec, err)) > 0) {
        r = json_object_get(rec, "user") ? add_event(b, rec, &has_time, err) : add_item(b, rec, err);
        json_decref(rec);
        if (r < 0) break;
    }
    if (r < 0) err_prefix(err, "%s:%zu", in.name, in.line);
    jsonl_close(&in);
    g = graph_build(b, has_time);
    if (r >= 0) return g;
    graph_free(g);
    return NULL;
}
