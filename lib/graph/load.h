/* load — data sets as they are published → items and events, filtered → graph records or a graph.
 *
 * Layouts: MovieLens 100K (u.data, u.item) and 1M (ratings.dat, movies.dat), RecBole's atomic
 * files (.inter, .item), LLaRA's rows, Amazon reviews and their metadata (JSON lines), tables with named columns
 * (CSV, TSV), graph records, graph files. Every text file may be gzip data. All events are held in
 * memory. */
#ifndef GRAPH_LOAD_H
#define GRAPH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"
#include "graph/graph.h"

/* LOAD_AUTO: recognised from the names in a directory and from the first line of a file. */
enum load_format {
    LOAD_AUTO, LOAD_ML_100K, LOAD_ML_1M, LOAD_RECBOLE, LOAD_LLARA, LOAD_AMAZON, LOAD_CSV, LOAD_JSONL
};
#define LOAD_FORMATS "auto|ml-100k|ml-1m|recbole|llara|amazon|csv|jsonl"

enum load_column {
    COL_USER, COL_ITEM, COL_RATING, COL_TIME, COL_TITLE, COL_YEAR, COL_GENRES, LOAD_COLUMNS
};

struct load_options {
    int format;             /* enum load_format */
    bool latin1;            /* all text is Latin-1, not only what is not UTF-8 */
    bool all_items;         /* keep items without an event */
    double min_rating;      /* drop events below it or without a rating; 0: keep all */
    long k_core;            /* least events of a user and of an item */
    const char *column[LOAD_COLUMNS];   /* names in a table's header, or numbers from 1; NULL: by
                                           the usual names */
    const char *delimiter;  /* of a table, one character or "tab"; NULL: from the header */
};

/* What was read and what is left. */
struct load_counts {
    size_t users, items, events;        /* left */
    size_t repeated;        /* events dropped for a later one of the same user and item */
    size_t low;             /* dropped by min_rating */
    size_t outside;         /* dropped by k_core */
    size_t untimed;         /* events read without a time: if any, no time is written */
    const char *latin1;     /* the first file with lines taken for Latin-1, or NULL */
    const char *skipped;    /* a note about files passed over, or NULL */
};

/* `o` is borrowed. */
struct load *load_new(const struct load_options *o);

/* Reads a file, "-" for stdin, or the data set of a directory: its own or, failing that, that of
 * the only folder in it that has one. May be called again for more. The sentence of a failure
 * names file and line. Returns 0 or -1. */
int load_path(struct load *l, const char *path, struct err *err);

/* After all paths: of a user's events on an item only the last stays (by time, then order of
 * reading); then min_rating, then k_core, until nothing more falls. Returns -1 if no event is
 * left. */
int load_filter(struct load *l, struct err *err);

/* After load_filter. Writes item records, then event records in the order in which they were read.
 * A failed write is sticky in f. */
void load_write(const struct load *l, FILE *f);

/* The graph that reading those records gives. Free it with graph_free. */
struct graph *load_graph(const struct load *l);

/* Strings are borrowed. */
struct load_counts load_count(const struct load *l);

void load_free(struct load *l);

#endif
