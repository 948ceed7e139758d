/* record — one graph record: an item or an event (r2rec-records(5)), checked. */
#ifndef GRAPH_RECORD_H
#define GRAPH_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct graph_record {
    const char *user;           /* NULL: the record is of an item */
    const char *item;
    const char *title;          /* NULL where there is none */
    int year;                   /* 0 where there is none */
    struct buf genres;          /* joined by '|' */
    float rating;               /* NaN where there is none */
    bool has_time;
    int64_t time;               /* seconds */
    char room[2][32];           /* for names that are numbers */
};

/* Parses a JSON object. *r is zero before the first call and serves for many; strings are borrowed
 * from `rec` and *r. Returns 0 or -1. */
int graph_record_parse(struct graph_record *r, const json_t *rec, struct err *err);

/* Frees what *r holds. */
void graph_record_free(struct graph_record *r);

#endif
