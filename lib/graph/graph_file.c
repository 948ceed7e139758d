/* graph_file — mapping a file and checking it. Writing is in graph_file_write.c. */
#define _GNU_SOURCE
#include "graph/graph_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "graph/graph_own.h"

static uint64_t checksum(const struct graph_header *h, const unsigned char *rest, size_t n) {
    struct graph_header zero = *h;

    zero.checksum = 0;
    return graph_checksum(graph_checksum(0, &zero, sizeof zero), rest, n);
}

bool graph_file_is(const char *path) {
    bool is_stdin = !strcmp(path, "-"), is = false;
    char start[sizeof((struct graph_header *)0)->magic];
    struct stat s;
    int fd;

    /* stat first: to open a named pipe, only to close it again, would break it */
    if ((is_stdin ? fstat(STDIN_FILENO, &s) : stat(path, &s)) || !S_ISREG(s.st_mode)) return false;
    fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    is = pread(fd, start, sizeof start, 0) == (ssize_t)sizeof start &&
         !memcmp(start, GRAPH_MAGIC, sizeof start);
    if (!is_stdin) close(fd);
    return is;
}

static int map_file(struct graph_own *own, const char *path, struct err *err) {
    bool is_stdin = !strcmp(path, "-");
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    struct stat s;
    void *map;

    if (fd < 0 || fstat(fd, &s)) return err_set(err, "%s", strerror(errno));
    map = s.st_size ? mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    if (!is_stdin) close(fd);
    if (map == MAP_FAILED) return err_set(err, "cannot be mapped: %s", strerror(errno));
    own->map = map;
    own->map_bytes = (size_t)s.st_size;
    return 0;
}

/* Each count is held against the bytes that are there: no sum of graph_lay_out overflows. */
static int check_header(const struct graph_header *h, size_t size, struct err *err) {
    bool fits = h->users < INT_MAX / 4 && h->items < INT_MAX / 4 && h->users <= size / 8 &&
                h->items <= size / 8 && h->edges <= size / 8;

    if (h->version != GRAPH_VERSION)
        return err_set(err, "a graph file of version %u, not %d", h->version, GRAPH_VERSION);
    if (h->order != GRAPH_ORDER_MARK)
        return err_set(err, "a graph file of a machine with another order of bytes");
    if (h->size != size)
        return err_set(err, "the file has %zu bytes, its header says %llu", size,
                       (unsigned long long)h->size);
    for (int k = 0; k < TEXTS; k++) fits = fits && h->text[k] <= size;
    if (!fits || h->has_time > 1 || size % GRAPH_ALIGN || graph_lay_out(h).size != size)
        return err_set(err, "the counts in the header do not fit the file");
    if (checksum(h, (const unsigned char *)(h + 1), size - sizeof *h) != h->checksum)
        return err_set(err, "the checksum is wrong: the file is damaged");
    return 0;
}

/* The strings of a table follow one another without gap, each with its zero, and are UTF-8. */
static int check_names(const struct names *names, bool empty, const char *what, struct err *err) {
    size_t at = 0;

    if (names->bytes && names->text[names->bytes - 1])
        return err_set(err, "the last string of the %s is not terminated", what);
    for (size_t i = 0; i < names->n; i++) {
        size_t n;

        if (names->at[i] != at || at >= names->bytes)
            return err_set(err, "string %zu of the %s is out of place", i, what);
        n = strlen(names->text + at);
        if (!utf8_valid(names->text + at, n))
            return err_set(err, "string %zu of the %s is not UTF-8", i, what);
        if (!n && !empty) return err_set(err, "string %zu of the %s is empty", i, what);
        at += n + 1;
    }
    return at == names->bytes ? 0 : err_set(err, "bytes behind the last string of the %s", what);
}

static int enter_names(const struct names *names, struct name_table *table, const char *what,
                       struct err *err) {
    for (size_t i = 0; i < names->n; i++) {
        if (name_find(names, table, names->text + names->at[i]) >= 0)
            return err_set(err, "string %zu of the %s is there twice", i, what);
        name_enter(names, table, i);
    }
    return 0;
}

static int take_names(struct graph_own *own, const struct graph_header *h,
                      const struct graph_layout *l, struct err *err) {
    static const char *const what[TEXTS] = { "users", "items", "titles", "genres" };
    struct names *const tables[] = { &own->user_name, &own->item_name, &own->title, &own->genres };
    char *base = own->map;

    for (int k = 0; k < TEXTS; k++) {
        *tables[k] = (struct names){ .text = base + l->at[TEXT + k],
                                     .bytes = h->text[k],
                                     .at = (size_t *)(base + l->at[AT + k]),
                                     .n = k == TEXT_USER ? h->users : h->items };
        if (check_names(tables[k], k >= TEXT_TITLE, what[k], err)) return -1;
    }
    own->year = (int *)(base + l->at[YEAR]);
    for (size_t c = 0; c < h->items; c++)
        if (own->year[c] < -GRAPH_YEAR_MAX || own->year[c] > GRAPH_YEAR_MAX)
            return err_set(err, "item %zu: the year is out of range", c);
    if (enter_names(&own->user_name, &own->user_table, what[TEXT_USER], err)) return -1;
    return enter_names(&own->item_name, &own->item_table, what[TEXT_ITEM], err);
}

static int take_graph(struct graph *g, struct graph_own *own, struct err *err) {
    const struct graph_header *h = own->map;
    const char *base = own->map;
    struct graph_layout l;

    if (own->map_bytes < sizeof *h) return err_set(err, "the file is too short for a graph file");
    if (check_header(h, own->map_bytes, err)) return -1;
    l = graph_lay_out(h);
    g->users = (int)h->users;
    g->items = (int)h->items;
    g->edges = h->edges;
    g->has_time = h->has_time;
    g->hash = h->hash;
    g->user_row = (const size_t *)(base + l.at[USER_ROW]);
    g->item_row = (const size_t *)(base + l.at[ITEM_ROW]);
    g->edge_user = (const int *)(base + l.at[EDGE_USER]);
    g->edge_item = (const int *)(base + l.at[EDGE_ITEM]);
    g->edge_rating = (const float *)(base + l.at[EDGE_RATING]);
    g->edge_time = (const int64_t *)(base + l.at[EDGE_TIME]);
    g->ordinal = (const size_t *)(base + l.at[ORDINAL]);
    g->item_edge = (const size_t *)(base + l.at[ITEM_EDGE]);
    g->item_user = (const int *)(base + l.at[ITEM_USER]);
    return take_names(own, h, &l, err) || graph_check(g, err) ? -1 : 0;
}

struct graph *graph_file_map(const char *path, struct err *err) {
    struct graph *g = mem_calloc(1, sizeof *g);
    struct graph_own *own = mem_calloc(1, sizeof *own);

    g->own = own;
    if (!map_file(own, path, err) && !take_graph(g, own, err)) return g;
    err_prefix(err, "%s", path);
    graph_free(g);
    return NULL;
}
