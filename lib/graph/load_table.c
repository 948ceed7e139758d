/* load_table — rows under a header that names the columns: CSV, TSV, and RecBole's atomic files,
 * whose names carry types (user_id:token) and whose lists (token_seq) are separated by blanks. A
 * table with a column of users holds events, one with titles, years or genres tells of items, and
 * it may do both. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "graph/load_own.h"

enum { MAX_FIELDS = 1000 };

struct table {
    struct load *l;
    struct lines *in;
    char sep;
    bool recbole, quotes;
    size_t fields;              /* of each row */
    int col[LOAD_COLUMNS];      /* -1: not there */
    int list;                   /* RecBole's item_id_list: the items before the row's own; -1 */
    struct buf row, genres;
    char *field[MAX_FIELDS];
    char none[1];               /* the field of a column that is not there */
};

/* The usual names, in small letters and without the marks between words. */
static const char *const usual[LOAD_COLUMNS] = {
    [COL_USER] = " user userid uid reviewerid ",
    [COL_ITEM] = " item itemid iid movieid asin parentasin productid bookid ",
    [COL_RATING] = " rating score stars overall ",
    [COL_TIME] = " timestamp time unixreviewtime unixtime ",
    [COL_TITLE] = " title movietitle name itemname itemtitle ",
    [COL_YEAR] = " year releaseyear publicationyear ",
    [COL_GENRES] = " genres genre class category categories ",
};

bool load_is_recbole(const char *line) {
    static const char types[] = " token token_seq float float_seq ";

    for (const char *s = line;; s++) {
        size_t n = strcspn(s, "\t");
        const char *colon = memchr(s, ':', n);
        char word[16];

        if (!colon || n - (size_t)(colon - s) > 12) return false;
        snprintf(word, sizeof word, " %.*s ", (int)(s + n - colon - 1), colon + 1);
        if (!strstr(types, word)) return false;
        s += n;
        if (!*s) return true;
    }
}

/* Whether a column's name is among the usual ones. */
static bool is_usual(const char *name, const char *words) {
    char plain[40] = " ";
    size_t n = 1;

    for (; *name && n < sizeof plain - 2; name++)
        if (isalnum((unsigned char)*name)) plain[n++] = (char)tolower((unsigned char)*name);
    plain[n++] = ' ';
    plain[n] = 0;
    return n > 2 && strstr(words, plain);
}

/* A number of a column from 1, or 0. */
static int column_number(const char *s) {
    return s && *s && strspn(s, "0123456789") == strlen(s) && strlen(s) < 4 ? atoi(s) : 0;
}

static int find_column(const struct table *t, enum load_column c) {
    const char *asked = t->l->o->column[c];

    for (size_t k = 0; k < t->fields; k++)
        if (asked ? !strcmp(t->field[k], asked) : is_usual(t->field[k], usual[c])) return (int)k;
    return -1;
}

/* Whether the columns are asked for by number alone, so that the table has no header. */
static bool by_number(const struct load_options *o) {
    int asked = 0;

    for (int c = 0; c < LOAD_COLUMNS; c++) {
        if (o->column[c] && !column_number(o->column[c])) return false;
        asked += o->column[c] != NULL;
    }
    return asked > 0;
}

/* The delimiter that is asked for, or the one that the line holds most often. */
static char delimiter(const struct table *t, const char *line) {
    const char *asked = t->l->o->delimiter;
    char best = ',';
    size_t most = 0;

    if (t->recbole || (asked && !strcmp(asked, "tab"))) return '\t';
    if (asked) return *asked;
    for (const char *d = "\t,;|"; *d; d++) {
        size_t n = 0;

        for (const char *p = line; *p; p++) n += *p == *d;
        if (n > most) {
            most = n;
            best = *d;
        }
    }
    return best;
}

/* "a, b, c" of the header, for a message. */
static const char *names_text(struct table *t) {
    buf_clear(&t->genres);
    for (size_t k = 0; k < t->fields && k < 20; k++)
        buf_printf(&t->genres, "%s%s", k ? ", " : "", t->field[k]);
    return buf_text(&t->genres);
}

static int check_columns(struct table *t, bool header, struct err *err) {
    bool item = t->col[COL_TITLE] >= 0 || t->col[COL_YEAR] >= 0 || t->col[COL_GENRES] >= 0;

    if (t->col[COL_ITEM] < 0)
        return header ? err_set(err, "no column of items among \"%.300s\": name one", names_text(t))
                      : err_set(err, "the column of items has no number");
    if (t->col[COL_USER] < 0 && !item)
        return header ? err_set(err, "no column of users or titles among \"%.300s\": name one",
                                names_text(t))
                      : err_set(err, "the columns of users and titles have no numbers");
    for (int c = 0; c < LOAD_COLUMNS; c++) t->l->found[c] |= t->col[c] >= 0;
    return 0;
}

/* Finds the columns in the first line, which is given back if it is not a header. */
static int read_header(struct table *t, struct err *err) {
    char *line;
    size_t n;
    bool header;
    int r = lines_next(t->in, &line, &n, err);

    if (r <= 0) return r;
    t->sep = delimiter(t, line);
    t->quotes = t->sep != '\t';
    buf_clear(&t->row);
    buf_add(&t->row, line, n);
    t->fields = load_cut_row(t->row.s, t->sep, t->quotes, t->field, MAX_FIELDS);
    if (t->fields > MAX_FIELDS) return err_set(err, "more than %d columns", MAX_FIELDS);
    header = !by_number(t->l->o);
    t->list = -1;
    for (size_t k = 0; t->recbole && k < t->fields; k++) {
        *strchr(t->field[k], ':') = 0;
        if (!strcmp(t->field[k], "item_id_list")) t->list = (int)k;
    }
    for (int c = 0; c < LOAD_COLUMNS; c++)
        t->col[c] =
            header ? find_column(t, (enum load_column)c) : column_number(t->l->o->column[c]) - 1;
    for (int c = 0; c < LOAD_COLUMNS; c++)
        if (t->col[c] >= (int)t->fields)
            return err_set(err, "there is no column %d", t->col[c] + 1);
    if (!header) lines_back(t->in);
    return check_columns(t, header, err) ? -1 : 1;
}

/* The field of a column, "" where the table has none. */
static char *field_of(struct table *t, enum load_column c) {
    return t->col[c] < 0 ? t->none : t->field[t->col[c]];
}

static void take_item(struct table *t, int item) {
    char *title = t->col[COL_TITLE] < 0 ? NULL : load_clean(t->l, field_of(t, COL_TITLE));
    int in_title = title ? load_take_year(title) : 0, year = load_find_year(field_of(t, COL_YEAR));

    load_join_genres(&t->genres, field_of(t, COL_GENRES), t->recbole);
    load_item_fields(t->l, item, title && *title ? title : NULL, t->genres.n ? t->genres.s : NULL,
                     year ? year : in_title);
}

static int take_row(struct table *t, struct err *err) {
    const char *user = field_of(t, COL_USER), *name = field_of(t, COL_ITEM);
    float rating;
    int64_t time;

    if (!*name) return err_set(err, "the item is empty");
    if (t->col[COL_TITLE] >= 0 || t->col[COL_YEAR] >= 0 || t->col[COL_GENRES] >= 0)
        take_item(t, load_item(t->l, name));
    if (t->col[COL_USER] < 0) return 0;
    if (!*user) return err_set(err, "the user is empty");
    if (load_rating(field_of(t, COL_RATING), &rating, err)) return -1;
    if (load_time(field_of(t, COL_TIME), &time, err)) return -1;
    for (char *p = t->list < 0 ? t->none : t->field[t->list]; *(p += strspn(p, " "));) {
        char *end = p + strcspn(p, " "), more = *end;

        *end = 0;
        load_event(t->l, user, load_item(t->l, p), rating, time);
        p = end + (more != 0);
    }
    load_event(t->l, user, load_item(t->l, name), rating, time);
    return 0;
}

/* The next row, joined from several lines where a quoted field holds ends of lines. */
static int next_row(struct table *t, struct err *err) {
    size_t n;
    char *line;
    int r;

    do {
        if ((r = lines_next(t->in, &line, &n, err)) <= 0) return r;
    } while (!n);
    buf_clear(&t->row);
    buf_add(&t->row, line, n);
    while (t->quotes && load_open_quote(t->row.s, t->sep)) {
        if ((r = lines_next(t->in, &line, &n, err)) < 0) return r;
        if (!r) return err_set(err, "a quote is not closed");
        buf_puts(&t->row, "\n");
        buf_add(&t->row, line, n);
    }
    n = load_cut_row(t->row.s, t->sep, t->quotes, t->field, t->fields);
    if (n != t->fields)
        return err_set(err, "%s than %zu fields", n < t->fields ? "fewer" : "more", t->fields);
    return 1;
}

int load_table(struct load *l, struct lines *in, bool recbole, struct err *err) {
    struct table *t = mem_calloc(1, sizeof *t);
    int r;

    *t = (struct table){ .l = l, .in = in, .recbole = recbole };
    r = read_header(t, err);
    while (r > 0 && (r = next_row(t, err)) > 0)
        if (take_row(t, err)) r = -1;
    buf_free(&t->row);
    buf_free(&t->genres);
    free(t);
    return r;
}
