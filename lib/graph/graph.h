/* graph — the user-item graph: events (edges) of users on items, in CSR both ways.
 *
 * Users and items are numbered from 0 in the order in which they first appear in an event; items known
 * only by their record come after those. Events of a user are ordered by (time, line of input).
 * A graph is read from records (JSONL) or from the flat file that graph_save writes, through mmap;
 * graph_read tells them apart by the magic. A graph is never changed once it is made. */
#ifndef GRAPH_GRAPH_H
#define GRAPH_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct graph {
    int users, items;
    size_t edges;
    const size_t *user_row;     /* [users+1]: events user_row[u] .. user_row[u+1]-1 are u's, oldest first */
    const int *edge_user;       /* [edges] in that order */
    const int *edge_item;       /* [edges] */
    const float *edge_rating;   /* [edges]; NaN where the input has none */
    const int64_t *edge_time;   /* [edges] in seconds; the line of input where the data have no times */
    const size_t *item_row;     /* [items+1]: postings of item c are item_edge[item_row[c] ..] */
    const size_t *item_edge;    /* [item_row[items]]: event numbers, by (time, event number) within an item;
                                   all events, but in a graph that holds users back (graph_filter) */
    const int *item_user;       /* the user of each posting, edge_user[item_edge[k]] */
    const size_t *ordinal;      /* [edges]: place of the event in its user's order in the *whole* graph, from 1 */
    bool has_time;
    uint64_t hash;              /* of the whole graph: names, events, titles; a filtered graph keeps it */
    void *own;                  /* private: the memory and the string tables */
};

/* Names. Borrowed from the graph; the empty string where the data have none; year 0 is unknown. */
const char *graph_user_name(const struct graph *g, int u);
const char *graph_item_name(const struct graph *g, int c);
const char *graph_item_title(const struct graph *g, int c);     /* the name where there is no title */
int graph_item_year(const struct graph *g, int c);
const char *graph_item_genres(const struct graph *g, int c);    /* joined by '|' */

/* Index of a name, or -1. */
int graph_find_user(const struct graph *g, const char *name);
int graph_find_item(const struct graph *g, const char *name);

/* Whether user u, who is not held back, has an event on item c. As long as the shorter of the two rows. */
bool graph_has(const struct graph *g, int u, int c);

/* Number of postings of item c before a time: they are its first ones. */
size_t graph_posted(const struct graph *g, int c, int64_t before);

/* Reads graph records or a graph file; `files` as for jsonl_open. On failure returns NULL, with the
 * place in front of the sentence ("file:line: ..."). Free it with graph_free. */
struct graph *graph_read(char *const *files, struct err *err);

/* Writes the flat file: magic, version, counts, checksum, arrays, string tables. Returns 0 or -1. */
int graph_save(const struct graph *g, const char *path, struct err *err);

/* The same users and items with the events e for which keep[e] is true. Events of users u with held[u]
 * (NULL: none are) are in their own rows only, not among the postings, which so are fewer than the events.
 * Borrows g's names: g must outlive it. Free it with graph_free. */
struct graph *graph_filter(const struct graph *g, const bool *keep, const bool *held);

/* NULL is fine. */
void graph_free(struct graph *g);

/* Builder: what graphload, graphsynth and tests call. Strings are copied. */
struct graph_builder *graph_builder_new(void);

/* Adds or completes an item; title and genres may be NULL, year 0. */
void graph_add_item(struct graph_builder *b, const char *item, const char *title, int year,
                    const char *genres);

/* Adds an event; rating NaN where there is none. A later event of the same user on the same item
 * replaces nothing here: graph_build keeps the last one. */
void graph_add_event(struct graph_builder *b, const char *user, const char *item, float rating,
                     int64_t time);

/* The same in two steps, for those who know their users and items by number: the builder's index of a name,
 * entered if it is new, and an event on such. */
int graph_enter_user(struct graph_builder *b, const char *user);
int graph_enter_item(struct graph_builder *b, const char *item);
void graph_put_event(struct graph_builder *b, int user, int item, float rating, int64_t time);

/* Makes the graph and frees the builder. Where a user has several events on an item, the last one
 * (by time, then order of adding) stays. `has_time` false: the order of adding is the time. */
struct graph *graph_build(struct graph_builder *b, bool has_time);

#endif
