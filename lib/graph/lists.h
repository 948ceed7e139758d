/* lists — items by user, from files: candidates that are given, pairs that are excluded. */
#ifndef GRAPH_LISTS_H
#define GRAPH_LISTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cli.h"
#include "base/err.h"
#include "base/hash.h"
#include "graph/graph.h"

/* Zero-initialise it: then every list is empty. */
struct lists {
    size_t *row;            /* [users + 1] items row[u] .. row[u + 1] - 1 are u's, in the file's order */
    int *item;
    bool *named;            /* [users] the file has a row of this user, though it may be empty */
    size_t unknown;         /* items passed over, since the graph has none of that name */
    struct hash hash;       /* of the text of the files */
};

/* Reads a row for each user: "user TAB items with blanks between", or {"user":..,"items":[..]}. Users
 * that the graph lacks are passed over. The sentence names file and line. Returns 0 or -1. */
int lists_read_rows(struct lists *l, const struct graph *g, const char *file, struct err *err);

/* Reads pairs "user::item", or with a tab or comma between, whatever follows; users and items that the
 * graph lacks are passed over. Of a user the items are sorted, for lists_have. Returns 0 or -1. */
int lists_read_pairs(struct lists *l, const struct graph *g, const struct cli_list *files,
                     struct err *err);

/* Whether the item is among the user's pairs. */
bool lists_have(const struct lists *l, int user, int item);

void lists_free(struct lists *l);

#endif
