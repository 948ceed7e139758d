/* near — the items nearest to an item, by the cosine of their users. */
#ifndef GRAPH_NEAR_H
#define GRAPH_NEAR_H

#include <stddef.h>
#include <stdint.h>

#include "graph/graph.h"

struct near {
    int *item;              /* [n], owned */
    size_t n;
};

/* The items c that share a user with `item`, by n(item,c) / sqrt(n(item) n(c)), the greatest first,
 * equal ones by their index; n counts the posted events before a time. free() the list. */
struct near near_items(const struct graph *g, int item, int64_t before);

#endif
