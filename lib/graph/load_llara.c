/* load_llara — LLaRA's splits (SIGIR 2024):
 *
 *   *.jsonl               {"user_id":253,"seq":[[704,5],...],"len_seq":10,"next":[3,4]}, where items
 *                         are rated, or {"seq":[1221,...],"len_seq":4,"next":1417}
 *   train.sequences.tsv   user TAB item:rating item:rating ...
 *   id2name.txt           item::name
 *
 * Events come in the order of the lists and have no times. Rated items are MovieLens's, counted from 0: they
 * get back the identifiers of u.item, which count from 1. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/load_own.h"
#include "io/jsonl.h"

enum { MOST_ITEMS = 1000000000 };

struct element {
    int64_t item;
    float rating;           /* NaN: none */
};

static bool read_element(struct element *e, const json_t *j) {
    bool rated = json_is_array(j);
    const json_t *item = rated ? json_array_get(j, 0) : j, *rating = json_array_get(j, 1);

    if (!json_is_integer(item) || (rated && !json_is_number(rating))) return false;
    e->item = json_integer_value(item);
    e->rating = rated ? (float)json_number_value(rating) : NAN;
    return e->item >= 0 && e->item < MOST_ITEMS && !(fabsf(e->rating) > 1e6f);
}

static void add(struct load *l, const char *user, struct element e) {
    char name[24];

    snprintf(name, sizeof name, "%lld", (long long)e.item + !isnan(e.rating));
    load_event(l, user, load_item(l, name), e.rating, LOAD_NO_TIME);
}

/* "test:17": the file's name up to its first dot, and the row's number. */
static void name_row(struct buf *out, const char *path, size_t line, const json_t *row) {
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    const json_t *number = json_object_get(row, "row");

    buf_printf(out, "%.*s:%lld", (int)strcspn(base, "."), base,
               json_is_integer(number) ? (long long)json_integer_value(number) : (long long)line);
}

/* The user of a row: its own, or made from its place. */
static int name_user(struct buf *out, const struct lines *in, const json_t *row, struct err *err) {
    const json_t *id = json_object_get(row, "user_id");

    if (!id) name_row(out, in->name, in->line, row);
    else if (json_is_integer(id)) buf_printf(out, "%lld", (long long)json_integer_value(id));
    else if (json_is_string(id) && *json_string_value(id)) buf_puts(out, json_string_value(id));
    else return err_set(err, "\"user_id\" is not a name or a whole number");
    return 0;
}

/* What fills a list that is not full stands at its end; an empty list says that it has one element. */
static int take_list(struct load *l, const char *user, const json_t *seq, int64_t real, struct err *err) {
    size_t n = json_array_size(seq);
    struct element e, fill = { -1, NAN };

    if ((size_t)real < n && !read_element(&fill, json_array_get(seq, n - 1)))
        return err_set(err, "\"seq\" holds what is not an item");
    for (size_t k = 0; k < (size_t)real; k++) {
        if (!read_element(&e, json_array_get(seq, k)))
            return err_set(err, "\"seq\" holds what is not an item");
        if (e.item != fill.item) add(l, user, e);
    }
    return 0;
}

int load_llara_row(struct load *l, const struct lines *in, const json_t *row, struct err *err) {
    struct buf user = { 0 };
    struct element next;
    int64_t real;
    json_t *seq;
    int r = -1;

    if (jsonl_array(row, "seq", &seq, err) ||
        jsonl_int(row, "len_seq", 0, (int64_t)json_array_size(seq), &real, err))
        return -1;
    if (!read_element(&next, json_object_get(row, "next")))
        return err_set(err, "\"next\" is missing or not an item");
    if (!name_user(&user, in, row, err) && !(r = take_list(l, user.s, seq, real, err))) add(l, user.s, next);
    buf_free(&user);
    return r;
}

/* Reads "item:rating" and moves on behind it and the blanks that follow. */
static bool read_pair(struct element *e, char **s) {
    char *end;
    double rating;

    if (!(**s >= '0' && **s <= '9')) return false;
    e->item = strtoll(*s, &end, 10);
    if (*end != ':' || e->item >= MOST_ITEMS) return false;
    *s = end + 1;
    rating = strtod(*s, &end);
    if (end == *s || !(fabs(rating) <= 1e6) || (*end && *end != ' ')) return false;
    e->rating = (float)rating;
    *s = end + strspn(end, " ");
    return true;
}

static int take_sequence(struct load *l, char *line, struct err *err) {
    char *s = strchr(line, '\t');
    struct element e;

    if (!s || s == line) return err_set(err, "not a user, a tab and items with ratings");
    *s++ = 0;
    while (*s) {
        if (!read_pair(&e, &s)) return err_set(err, "not \"item:rating\" at \"%.40s\"", s);
        add(l, line, e);
    }
    return 0;
}

/* A name may hold more "::". */
static int take_name(struct load *l, char *line, struct err *err) {
    char *name = strstr(line, "::");

    if (!name || name == line) return err_set(err, "not an item, :: and its name");
    *name = 0;
    name += 2;
    load_item_fields(l, load_item(l, line), *name ? name : NULL, NULL, 0);
    return 0;
}

bool load_is_llara(const char *line) {
    size_t digits = strspn(line, "0123456789");
    const char *tab = strchr(line, '\t'), *mark = strstr(line, "::");

    if (tab) {
        size_t item = strspn(tab + 1, "0123456789");

        return item && tab[1 + item] == ':';
    }
    return digits && mark == line + digits && !strstr(mark + 2, "::");
}

int load_llara(struct load *l, struct lines *in, struct err *err) {
    char *line;
    size_t n;
    int r;

    while ((r = lines_next(in, &line, &n, err)) > 0)
        if (n && (strchr(line, '\t') ? take_sequence(l, line, err) : take_name(l, line, err))) return -1;
    return r;
}
