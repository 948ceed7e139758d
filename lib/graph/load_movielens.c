/* load_movielens — the four files of MovieLens 100K and 1M, told apart by their first line:
 *
 *   u.data        user TAB item TAB rating TAB time
 *   u.item        item|title (year)|release date|video date|URL|19 flags of genres
 *   ratings.dat   user::item::rating::time
 *   movies.dat    item::title (year)::genre|genre */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "graph/load_own.h"

enum { EVENT_FIELDS = 4, ITEM_FIELDS = 24, FIRST_FLAG = 5, FLAGS = 19 };

/* u.genre; flag 0 is "unknown", which says nothing. */
static const char *const genre_names[FLAGS] = {
    NULL,      "Action",  "Adventure", "Animation", "Children's", "Comedy", "Crime",
    "Documentary", "Drama", "Fantasy", "Film-Noir", "Horror",     "Musical", "Mystery",
    "Romance", "Sci-Fi",  "Thriller",  "War",       "Western"
};

static int parse_event(struct load *l, char *line, const char *sep, struct err *err) {
    char *f[EVENT_FIELDS + 1];
    size_t n = load_split(line, sep, f, EVENT_FIELDS + 1);
    float rating;
    int64_t time;

    if (n != EVENT_FIELDS) return err_set(err, "not the 4 fields user, item, rating, time");
    if (!*f[0] || !*f[1]) return err_set(err, "the %s is empty", *f[0] ? "item" : "user");
    if (load_rating(f[2], &rating, err) || load_time(f[3], &time, err)) return -1;
    load_event(l, f[0], load_item(l, f[1]), rating, time);
    return 0;
}

/* The year in "01-Jan-1995", or 0. */
static int release_year(const char *date) {
    const char *dash = strrchr(date, '-');

    return dash && strlen(dash) == 5 ? atoi(dash + 1) : 0;
}

static int add_movie(struct load *l, const char *item, char *title, const char *genres, int release,
                     struct err *err) {
    int year = load_take_year(title);

    if (!*item) return err_set(err, "the item is empty");
    load_item_fields(l, load_item(l, item), *title ? title : NULL, genres, year ? year : release);
    return 0;
}

static int parse_item(struct load *l, char *line, struct err *err) {
    char *f[ITEM_FIELDS + 1];
    struct buf genres = { 0 };
    int r;

    if (load_split(line, "|", f, ITEM_FIELDS + 1) != ITEM_FIELDS)
        return err_set(err, "not the 24 fields of u.item");
    for (int k = 1; k < FLAGS; k++)
        if (!strcmp(f[FIRST_FLAG + k], "1"))
            buf_printf(&genres, "%s%s", genres.n ? "|" : "", genre_names[k]);
    r = add_movie(l, f[0], f[1], buf_text(&genres), release_year(f[2]), err);
    buf_free(&genres);
    return r;
}

/* The genres stand behind the last "::": a title may hold one. */
static int parse_movie(struct load *l, char *line, struct err *err) {
    char *title = strstr(line, "::"), *genres = NULL;

    for (char *p = title; p && (p = strstr(p + 2, "::"));) genres = p;
    /* users.dat has five fields and ends in a zip code */
    if (!genres || isdigit((unsigned char)genres[2]))
        return err_set(err, "not the 3 fields item, title, genres");
    *title = *genres = 0;
    genres += 2;
    return add_movie(l, line, title + 2, strcmp(genres, "(no genres listed)") ? genres : "", 0,
                     err);
}

/* Whether the line is that of an event, rather than of a movie. */
static bool is_event(const char *line, const char *sep) {
    struct buf copy = { 0 };
    char *f[EVENT_FIELDS + 1];
    double x;
    bool yes;

    buf_puts(&copy, line);
    yes = load_split(copy.s, sep, f, EVENT_FIELDS + 1) == EVENT_FIELDS;
    for (int k = 0; k < EVENT_FIELDS && yes; k++) yes = !load_number(f[k], &x);
    buf_free(&copy);
    return yes;
}

bool load_is_movielens(const char *line) {
    size_t bars = 0;

    for (const char *p = line; *p; p++) bars += *p == '|';
    return strstr(line, "::") || bars == ITEM_FIELDS - 1 || is_event(line, "\t");
}

int load_movielens(struct load *l, struct lines *in, struct err *err) {
    const char *sep = NULL;
    bool events = false;
    char *line;
    size_t n;
    int r;

    while ((r = lines_next(in, &line, &n, err)) > 0) {
        if (!n) continue;
        if (!sep) {
            sep = strstr(line, "::") ? "::" : strchr(line, '\t') ? "\t" : "|";
            events = *sep == '\t' || is_event(line, sep);
        }
        if (events) r = parse_event(l, line, sep, err);
        else r = *sep == '|' ? parse_item(l, line, err) : parse_movie(l, line, err);
        if (r < 0) break;
    }
    return r;
}
