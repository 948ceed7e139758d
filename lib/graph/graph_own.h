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
};

/* Adds a string; its index. */
size_t name_add(struct names *names, const char *s);

/* Index of a string that the table knows, or -1. */
int name_find(const struct names *names, const struct name_table *table, const char *s);

/* Enters string number i, which is not in the table yet. */
void name_enter(const struct names *names, struct name_table *table, size_t i);

/* Fills user_row, edge_* (already in user order), then item_row and item_edge of a graph whose sizes,
 * edge arrays and ordinals are set. */
void graph_index(struct graph *g);

#endif
