/* load_find — a path: a file, or a directory whose files are known by their names. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "graph/load_own.h"

/* Patterns of file names, ".gz" taken off; '*' stands for anything. A file that marks a format says that its
 * directory holds such a data set; where there are several, the first of enum load_format is read. */
static const struct {
    enum load_format format;
    bool marks, items;      /* items: read before the others */
    const char *pattern;
} known[] = {
    { LOAD_ML_100K, true, false, "u.data" },      { LOAD_ML_100K, false, true, "u.item" },
    { LOAD_ML_1M, true, false, "ratings*.dat" },  { LOAD_ML_1M, false, true, "movies.dat" },
    { LOAD_RECBOLE, true, false, "*.inter" },     { LOAD_RECBOLE, false, true, "*.item" },
    { LOAD_LLARA, true, false, "train.sequences.tsv" }, { LOAD_LLARA, true, true, "id2name.txt" },
    { LOAD_LLARA, false, false, "val.jsonl" },    { LOAD_LLARA, false, false, "test.jsonl" },
    { LOAD_LLARA, false, false, "train.sample*.jsonl" },
    { LOAD_CSV, true, false, "ratings.csv" },     { LOAD_CSV, true, false, "ratings.tsv" },
    { LOAD_CSV, true, false, "events.csv" },      { LOAD_CSV, true, false, "events.tsv" },
    { LOAD_CSV, false, true, "movies.csv" },      { LOAD_CSV, false, true, "movies.tsv" },
    { LOAD_CSV, false, true, "items.csv" },       { LOAD_CSV, false, true, "items.tsv" },
    { LOAD_JSONL, true, false, "*.json" },        { LOAD_JSONL, true, false, "*.jsonl" },
};

enum { PATTERNS = sizeof known / sizeof *known };

static bool matches(const char *pattern, const char *name) {
    size_t n = strlen(name), head = strcspn(pattern, "*");
    const char *tail = pattern[head] ? pattern + head + 1 : pattern + head;

    if (n > 3 && !strcmp(name + n - 3, ".gz")) n -= 3;
    if (!pattern[head]) return n == head && !memcmp(pattern, name, n);
    return n >= head + strlen(tail) && !memcmp(pattern, name, head) &&
           !memcmp(name + n - strlen(tail), tail, strlen(tail));
}

/* The format's pattern that a name matches, or -1. */
static int pattern_of(enum load_format format, const char *name) {
    for (int k = 0; k < PATTERNS; k++)
        if (known[k].format == format && matches(known[k].pattern, name)) return k;
    return -1;
}

/* Whether the options let a directory's files of this format be read. */
static bool allowed(enum load_format format, const struct load_options *o) {
    return o->format == LOAD_AUTO || o->format == (int)format ||
           (o->format == LOAD_AMAZON && format == LOAD_JSONL);
}

static int visible(const struct dirent *d) {
    return d->d_name[0] != '.';
}

struct listing {
    struct dirent **entry;
    int n;
};

static int list(struct listing *ls, const char *dir, struct err *err) {
    ls->n = scandir(dir, &ls->entry, visible, alphasort);
    return ls->n < 0 ? err_set(err, "%s: %s", dir, strerror(errno)) : 0;
}

static void free_list(struct listing *ls) {
    for (int i = 0; i < ls->n; i++) free(ls->entry[i]);
    free(ls->entry);
}

static bool marks(enum load_format format, const char *name) {
    int k = pattern_of(format, name);

    return k >= 0 && known[k].marks;
}

/* The format of the data set that is read, LOAD_AUTO if there is none, and whether there is another
 * (*other). */
static enum load_format find_set(const struct listing *ls, const struct load_options *o,
                                 bool *other) {
    enum load_format best = LOAD_AUTO;

    *other = false;
    for (enum load_format f = LOAD_AUTO + 1; f <= LOAD_JSONL; f++) {
        for (int i = 0; i < ls->n && allowed(f, o); i++) {
            if (!marks(f, ls->entry[i]->d_name)) continue;
            if (best == LOAD_AUTO) best = f;
            else *other |= pattern_of(best, ls->entry[i]->d_name) < 0;
        }
    }
    return best;
}

static char *join_path(const char *dir, const char *name) {
    struct buf path = { 0 };

    buf_printf(&path, "%s%s%s", dir, *dir && dir[strlen(dir) - 1] == '/' ? "" : "/", name);
    return path.s;
}

/* A benchmark's parts in the order of time; all else before them. */
static int part_of(const char *name) {
    static const struct {
        const char *word;
        int part;
    } parts[] = { { "train.", 1 }, { "valid.", 2 }, { "val.", 2 }, { "test.", 3 } };

    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
        const char *at = strstr(name, parts[k].word);

        if (at && (at == name || at[-1] == '.')) return parts[k].part;
    }
    return 0;
}

/* Reads the files of one format: items first, so that they keep their file's order, then events. */
static int read_set(struct load *l, const char *dir, const struct listing *ls,
                    enum load_format format, struct err *err) {
    int r = 0;

    for (int round = -1; round <= 3; round++) {
        for (int i = 0; i < ls->n && !r; i++) {
            const char *name = ls->entry[i]->d_name;
            int k = pattern_of(format, name);
            char *path;

            if (k < 0 || round != (known[k].items ? -1 : part_of(name))) continue;
            path = join_path(dir, name);
            r = load_file(l, path, err);
            free(path);
        }
    }
    return r;
}

static bool is_directory(const char *path) {
    struct stat s;

    return strcmp(path, "-") && !stat(path, &s) && S_ISDIR(s.st_mode);
}

/* Whether a directory has a data set of its own. */
static bool has_set(const char *dir, const struct load_options *o) {
    struct listing ls;
    struct err ignored;
    bool other, has;

    if (!is_directory(dir) || list(&ls, dir, &ignored)) return false;
    has = find_set(&ls, o, &other) != LOAD_AUTO;
    free_list(&ls);
    return has;
}

/* The only folder in a directory that has a data set: its path, or NULL with a sentence. */
static char *only_folder(const struct load *l, const char *dir, const struct listing *ls,
                         struct err *err) {
    struct buf names = { 0 };
    char *found = NULL;
    int n = 0;

    for (int i = 0; i < ls->n; i++) {
        char *path = join_path(dir, ls->entry[i]->d_name);

        if (has_set(path, l->o)) {
            buf_printf(&names, "%s%s", n++ ? ", " : "", ls->entry[i]->d_name);
            free(found);
            found = path;
        } else {
            free(path);
        }
    }
    if (n == 1) {
        buf_free(&names);
        return found;
    }
    if (n) err_set(err, "%s: several folders hold data sets: %s", dir, names.s);
    else err_set(err, "%s: no file of a data set that is known: u.data, ratings.dat, *.inter, "
                 "train.sequences.tsv, id2name.txt, ratings.csv, *.json, *.jsonl", dir);
    free(found);
    buf_free(&names);
    return NULL;
}

static int load_directory(struct load *l, const char *dir, bool deeper, struct err *err) {
    struct listing ls;
    enum load_format format;
    bool other;
    int r = -1;

    if (list(&ls, dir, err)) return -1;
    format = find_set(&ls, l->o, &other);
    if (format != LOAD_AUTO) {
        static const char *const words[] = {
            "", "ml-100k", "ml-1m", "recbole", "llara", "amazon", "csv", "jsonl"
        };

        if (other && !l->skipped.n)
            buf_printf(&l->skipped, "%s holds several data sets; %s is read", dir, words[format]);
        r = read_set(l, dir, &ls, format, err);
    } else if (deeper) {
        char *folder = only_folder(l, dir, &ls, err);

        if (folder) r = load_directory(l, folder, false, err);
        free(folder);
    }
    free_list(&ls);
    return r;
}

int load_path(struct load *l, const char *path, struct err *err) {
    return is_directory(path) ? load_directory(l, path, true, err) : load_file(l, path, err);
}
