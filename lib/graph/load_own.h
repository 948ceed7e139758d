/* load_own — what the readers of the layouts share. Private to lib/graph/load*.c. */
#ifndef GRAPH_LOAD_OWN_H
#define GRAPH_LOAD_OWN_H

#include <jansson.h>

#include "base/buf.h"
#include "base/mem.h"
#include "graph/graph_own.h"
#include "graph/load.h"
#include "io/lines.h"

#define LOAD_NO_TIME INT64_MIN

struct load_item {
    const char *title, *genres;     /* in the arena, genres joined by '|'; NULL where unknown */
    int year;
    bool known;                     /* a record tells of it */
    bool kept;
    json_t *extra;                  /* fields of its graph record that we do not know, or NULL */
};

struct load_event {
    int user, item;
    float rating;                   /* NaN: none */
    bool kept;
    int64_t time;                   /* seconds, or LOAD_NO_TIME */
    json_t *extra;
};

struct load {
    const struct load_options *o;
    struct names user_name, item_name;
    struct name_table user_table, item_table;
    struct load_item *items;
    struct load_event *events;
    size_t n, cap, item_cap;        /* events; users and items are counted by their names */
    struct load_counts counts;
    struct buf latin1, skipped;     /* what counts points to */
    bool found[LOAD_COLUMNS];       /* some table has the column */
    struct arena text;
    struct buf clean;               /* scratch of load_clean */
};

/* Index of an item, entered if it is new. */
int load_item(struct load *l, const char *name);

/* Adds what a record tells of an item; NULL, NULL, 0 where it says nothing. Strings are copied. */
void load_item_fields(struct load *l, int item, const char *title, const char *genres, int year);

/* Adds an event. */
struct load_event *load_event(struct load *l, const char *user, int item, float rating,
                              int64_t time);

/* Reads one file, whatever it holds; the sentence names file and line. */
int load_file(struct load *l, const char *path, struct err *err);

/* Readers of one file from its first line on. Sentences carry no place. */
int load_movielens(struct load *l, struct lines *in, struct err *err);
int load_table(struct load *l, struct lines *in, bool recbole, struct err *err);
int load_llara(struct load *l, struct lines *in, struct err *err);
int load_json(struct load *l, struct lines *in, struct err *err);

/* Takes a row of LLaRA's, from the line that was read last. Returns 0 or -1. */
int load_llara_row(struct load *l, const struct lines *in, const json_t *row, struct err *err);

/* Reads a graph file; the sentence names it. Adds the events in an order in which users and items
 * first appear as they are numbered there, so that load_graph gives the same graph again. */
int load_graph_file(struct load *l, const char *path, struct err *err);

/* Whether a file's first line is that of the layout. */
bool load_is_movielens(const char *line);
bool load_is_recbole(const char *line);
bool load_is_llara(const char *line);

/* Cuts s in place at each `sep`, of one or two characters, and leaves at most `max` fields, the last with the rest in it.
 * Returns their number. */
size_t load_split(char *s, const char *sep, char **field, size_t max);

/* A finite number that fills s but for blanks around it. Returns 0 or -1. */
int load_number(const char *s, double *x);

/* A rating (nothing is NaN) and a time in seconds (nothing is LOAD_NO_TIME; a fraction is cut off).
 * Return 0 or -1. */
int load_rating(const char *s, float *rating, struct err *err);
int load_time(const char *s, int64_t *time, struct err *err);

/* Takes "(1995)" off a title that ends in it, or has only more in parentheses after it. Returns
 * the year, or 0 with the title as it was. */
int load_take_year(char *title);

/* Cuts a table's line in place into at most `max` fields at sep; with `quotes`, fields may stand in
 * double quotes. Returns their number; one that would be beyond max counts as one more. */
size_t load_cut_row(char *s, char sep, bool quotes, char **field, size_t max);

/* Whether a field's quote is still open at the end of the line. */
bool load_open_quote(const char *s, char sep);

/* Joins a list of genres by '|': "a|b", "a, b", "['a', 'b']", and with `blanks` "a b". */
void load_join_genres(struct buf *out, const char *s, bool blanks);

/* Whether a genre is in a list joined by '|'. */
bool load_has_genre(const char *joined, const char *genre);

/* The first number of exactly four digits, or 0. */
int load_find_year(const char *s);

/* The text with HTML entities made into characters and white space into single blanks. Lives until
 * the next call. */
char *load_clean(struct load *l, const char *s);

#endif
