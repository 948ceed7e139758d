/* graph_own — what a graph owns behind its public arrays. Private to lib/graph. */
#ifndef GRAPH_GRAPH_OWN_H
#define GRAPH_GRAPH_OWN_H

#include <stddef.h>
#include <stdint.h>

#include "graph/graph.h"

/* Strings one after another, each with its zero; string i begins at text + at[i]. */
struct names {
    char *text;
    size_t bytes, cap;
    size_t *at;
    size_t n, at_cap;
};

/* Open addressing: slot -> index + 1, 0 is empty; the size is a power of two, at most half full. */
struct name_table {
    uint32_t *slot;
    size_t size;
};

struct graph_own {
    struct names user_name, item_name, title, genres;
    struct name_table user_table, item_table;
    int *year;                  /* [items] */
    const struct graph *parent; /* a filtered graph borrows all of the above from it */
    void *map;                  /* a graph file: all but the tables lies in it */
    size_t map_bytes;
};

/* Whose strings g has: its own or its parent's. */
const struct graph_own *graph_strings(const struct graph *g);

/* Adds a string; its index. */
size_t name_add(struct names *names, const char *s);

/* Index of a string that the table knows, or -1. */
int name_find(const struct names *names, const struct name_table *table, const char *s);

/* Enters string number i, which is not in the table yet. */
void name_enter(const struct names *names, struct name_table *table, size_t i);

/* Index of a string, which is added and entered if the table does not know it: it is names->n - 1 then. */
int name_index(struct names *names, struct name_table *table, const char *s);

/* Fills user_row, edge_* (already in user order), then item_row and item_edge of a graph whose sizes,
 * edge arrays and ordinals are set; events of held users (NULL: none) are not posted. */
void graph_index(struct graph *g, const bool *held);

/* Whether the path is a regular file that begins with the magic of a graph file. "-" is stdin. */
bool graph_file_is(const char *path);

/* Maps a graph file. NULL with "path: ..." in front of the sentence. */
struct graph *graph_file_map(const char *path, struct err *err);

/* Whether arrays that come from a file are those of a graph: rows that cover the events, indices in
 * range, order in time, postings that agree with the events. Returns 0 or -1. */
int graph_check(const struct graph *g, struct err *err);

/* The largest time either side of 0: differences stay far from overflow, and a double holds each. */
#define GRAPH_TIME_MAX (INT64_C(1) << 53)
#define GRAPH_YEAR_MAX 10000

#endif
