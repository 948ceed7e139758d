/* near — counts over the rows of the item's users, then a sort. */
#include "graph/near.h"

#include <stdlib.h>

#include "base/mem.h"

struct distance {
    double cosine;          /* its square times n(item), which is the same for all */
    int item;
};

static int by_cosine(const void *a, const void *b) {
    const struct distance *x = a, *y = b;

    if (x->cosine != y->cosine) return x->cosine > y->cosine ? -1 : 1;
    return x->item - y->item;
}

/* Adds the user's events before the time to the counts. */
static void count_row(int *counts, const struct graph *g, int u, int64_t before) {
    size_t end = g->user_row[u + 1];

    for (size_t e = g->user_row[u]; e < end && g->edge_time[e] < before; e++) counts[g->edge_item[e]]++;
}

struct near near_items(const struct graph *g, int item, int64_t before) {
    int *counts = mem_calloc((size_t)g->items, sizeof *counts);
    struct distance *d = mem_alloc((size_t)g->items, sizeof *d);
    size_t begin = g->item_row[item], end = begin + graph_posted(g, item, before);
    struct near near = { 0 };

    for (size_t k = begin; k < end; k++) count_row(counts, g, g->item_user[k], before);
    counts[item] = 0;
    for (int c = 0; c < g->items; c++) {
        double both = counts[c];

        /* equal fractions are equal doubles: roots would round them apart */
        if (both > 0) d[near.n++] = (struct distance){ both * both / (double)graph_posted(g, c, before), c };
    }
    qsort(d, near.n, sizeof *d, by_cosine);
    near.item = mem_alloc(near.n, sizeof *near.item);
    for (size_t k = 0; k < near.n; k++) near.item[k] = d[k].item;
    free(counts);
    free(d);
    return near;
}
