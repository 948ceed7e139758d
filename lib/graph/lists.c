/* lists — lines → (user, item) → rows by counting. */
#include "graph/lists.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/jsonl.h"
#include "io/lines.h"

struct pair {
    int user, item;
};

struct reading {
    struct lists *l;
    const struct graph *g;
    struct pair *pairs;
    size_t n, cap;
};

static void add_pair(struct reading *r, int user, const char *item) {
    int c = graph_find_item(r->g, item);

    if (c < 0) {
        r->l->unknown++;
        return;
    }
    r->pairs = mem_grow(r->pairs, r->n, &r->cap, sizeof *r->pairs);
    r->pairs[r->n++] = (struct pair){ user, c };
}

/* The user of a row, or -1 where the graph lacks him. Returns 0, or -1 where he had a row before. */
static int name_user(struct reading *r, const char *user, int *u, struct err *err) {
    *u = graph_find_user(r->g, user);
    if (*u < 0) return 0;
    if (r->l->named[*u]) return err_set(err, "user %s has two rows", user);
    r->l->named[*u] = true;
    return 0;
}

static int take_text_row(struct reading *r, char *line, struct err *err) {
    static const char blanks[] = " \t";
    char *tab = strchr(line, '\t');
    int u;

    if (!tab || tab == line) return err_set(err, "not a user, a tab and items");
    *tab++ = 0;
    if (name_user(r, line, &u, err)) return -1;
    while (u >= 0 && *(tab += strspn(tab, blanks))) {
        char *end = tab + strcspn(tab, blanks), more = *end;

        *end = 0;
        add_pair(r, u, tab);
        tab = end + (more != 0);
    }
    return 0;
}

/* A name that is a string or a whole number: its text, in `room` for a number, or NULL. */
static const char *name_text(const json_t *j, char room[32]) {
    if (!json_is_integer(j)) return json_string_value(j);
    snprintf(room, 32, "%" JSON_INTEGER_FORMAT, json_integer_value(j));
    return room;
}

static int take_record(struct reading *r, const json_t *rec, struct err *err) {
    char room[32];
    const char *user = name_text(json_object_get(rec, "user"), room);
    json_t *items, *item;
    size_t k;
    int u;

    if (!user) return err_set(err, "\"user\" is missing or not a string");
    if (jsonl_array(rec, "items", &items, err) || name_user(r, user, &u, err)) return -1;
    json_array_foreach(items, k, item) {
        const char *name = name_text(item, room);

        if (!name) return err_set(err, "\"items\" holds what is not a string");
        if (u >= 0) add_pair(r, u, name);
    }
    return 0;
}

static int take_row(struct reading *r, char *line, size_t n, struct err *err) {
    json_t *rec;
    int bad;

    if (*line != '{') return take_text_row(r, line, err);
    if (!(rec = jsonl_parse(line, n, err))) return -1;
    bad = take_record(r, rec, err);
    json_decref(rec);
    return bad;
}

static int take_pair(struct reading *r, char *line, size_t n, struct err *err) {
    const char *sep = strstr(line, "::") ? "::" : strchr(line, '\t') ? "\t" : ",";
    char *item = strstr(line, sep), *end;
    int u;

    (void)n;
    if (!item || item == line) return err_set(err, "not a user and an item with ::, a tab or a comma between");
    *item = 0;
    item += strlen(sep);
    if ((end = strstr(item, sep))) *end = 0;
    if ((u = graph_find_user(r->g, line)) >= 0) add_pair(r, u, item);
    return 0;
}

typedef int take_line(struct reading *r, char *line, size_t n, struct err *err);

static int read_file(struct reading *r, const char *file, take_line *take, struct err *err) {
    struct lines in;
    char *line;
    size_t n;
    int more;

    if (lines_open(&in, file, false, err)) return err_prefix(err, "%s", file);
    while ((more = lines_next(&in, &line, &n, err)) > 0) {
        hash_string(&r->l->hash, line);
        if (n && take(r, line, n, err)) {
            more = -1;
            break;
        }
    }
    if (more && in.line) err_prefix(err, "%s:%zu", file, in.line);
    else if (more) err_prefix(err, "%s", file);
    lines_close(&in);
    return more;
}

static struct reading reading_start(struct lists *l, const struct graph *g) {
    *l = (struct lists){ .hash = hash_start(), .named = mem_calloc((size_t)g->users, sizeof *l->named) };
    return (struct reading){ .l = l, .g = g };
}

/* Pairs in the order of reading → rows in that order. */
static void make_rows(struct reading *r) {
    struct lists *l = r->l;
    size_t users = (size_t)r->g->users;

    l->row = mem_calloc(users + 2, sizeof *l->row);
    l->item = mem_alloc(r->n, sizeof *l->item);
    for (size_t k = 0; k < r->n; k++) l->row[r->pairs[k].user + 2]++;
    for (size_t u = 0; u < users; u++) l->row[u + 2] += l->row[u + 1];
    for (size_t k = 0; k < r->n; k++) l->item[l->row[r->pairs[k].user + 1]++] = r->pairs[k].item;
    free(r->pairs);
}

int lists_read_rows(struct lists *l, const struct graph *g, const char *file, struct err *err) {
    struct reading r = reading_start(l, g);
    int bad = read_file(&r, file, take_row, err);

    make_rows(&r);
    return bad;
}

static int by_index(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}

int lists_read_pairs(struct lists *l, const struct graph *g, const struct cli_list *files,
                     struct err *err) {
    struct reading r = reading_start(l, g);
    int bad = 0;

    for (size_t k = 0; k < files->n && !bad; k++) bad = read_file(&r, files->values[k], take_pair, err);
    make_rows(&r);
    for (int u = 0; u < g->users; u++)
        qsort(l->item + l->row[u], l->row[u + 1] - l->row[u], sizeof *l->item, by_index);
    return bad;
}

bool lists_have(const struct lists *l, int user, int item) {
    const int *row = l->row ? l->item + l->row[user] : NULL;

    return row && bsearch(&item, row, l->row[user + 1] - l->row[user], sizeof item, by_index);
}

void lists_free(struct lists *l) {
    free(l->row);
    free(l->item);
    free(l->named);
    *l = (struct lists){ 0 };
}
