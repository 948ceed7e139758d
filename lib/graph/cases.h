/* cases — case records: a target and its negatives, drawn once for a split; and the way back, from a
 * record to what is known about it (man r2rec-records, "case record").
 *
 * Negatives are different items that the user never touched: in the known graph (train), in the whole
 * graph (valid, test). Under `uniform` any that has an event anywhere in the data may be one, under
 * `popular` those that are known, each in proportion to its count; `hard` takes the known items nearest to
 * the target (graph/near.h), `given` the first that a file has for the user (graph/lists.h).
 * The draws of a case depend on the seed and its id alone. */
#ifndef GRAPH_CASES_H
#define GRAPH_CASES_H

#include <jansson.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/cli.h"
#include "base/ids.h"
#include "base/rng.h"
#include "graph/lists.h"
#include "graph/split.h"

enum case_draw { DRAW_UNIFORM, DRAW_POPULAR, DRAW_HARD, DRAW_GIVEN };

struct case_options {
    struct split_options split;     /* but for its cuts */
    const char *cuts;       /* global: quantiles of event times, rising, joined by commas */
    int part;               /* enum split_part */
    int draw;               /* enum case_draw */
    const char *given;      /* the file of DRAW_GIVEN */
    struct cli_list exclude;        /* files of pairs that are no negatives */
    long negatives;         /* 19 */
    long permutations;      /* records of a case, each with its candidates in another order; 1 */
    long history;           /* events of the history that a record carries, the latest; 20 */
    long limit;             /* first so many cases; 0: all */
    bool shuffle;           /* cases in random order */
    uint64_t seed;
};

/* The defaults that every program which draws cases shares. */
#define CASE_DEFAULTS \
    { .split = { .kind = SPLIT_LOO, .min_history = 5 }, .cuts = "0.9", .part = PART_TRAIN, .negatives = 19, \
      .permutations = 1, .history = 20, .seed = 1 }

#define SPLIT_WORDS "loo|global|users"

/* Rows of an option table: T is the program's options struct, m its struct case_options. */
#define CASE_OPTIONS(T, m) \
    { 0, "split", CLI_CHOICE, offsetof(T, m.part), 0, 0, "part of the split", "train|valid|test" }, \
    { 0, "protocol", CLI_CHOICE, offsetof(T, m.split.kind), 0, 0, \
      "how events are split: each user's last ones, cuts in time, or users", SPLIT_WORDS }, \
    { 0, "cut", CLI_TEXT, offsetof(T, m.cuts), 0, 0, \
      "share of the events before the cut in time, or rising shares of several cuts (global)", "Q,..." }, \
    { 0, "negatives", CLI_INT, offsetof(T, m.negatives), 1, 1e6, \
      "candidates beside the target", "N" }, \
    { 0, "draw", CLI_CHOICE, offsetof(T, m.draw), 0, 0, "law of the negatives", "uniform|popular|hard|given" }, \
    { 0, "given", CLI_TEXT, offsetof(T, m.given), 0, 0, "candidates by user, for --draw given", "FILE" }, \
    { 0, "exclude", CLI_MANY, offsetof(T, m.exclude), 0, 0, "pairs of user and item that are no negatives", \
      "FILE" }, \
    { 0, "permutations", CLI_INT, offsetof(T, m.permutations), 1, 1000, \
      "records of a case, each with its candidates in another order", "P" }, \
    { 0, "min-history", CLI_INT, offsetof(T, m.split.min_history), 1, 1e6, \
      "known events that a user needs before the target", "N" }, \
    { 0, "min-gap", CLI_REAL, offsetof(T, m.split.min_gap), 0, 1e5, \
      "training targets follow the user's last event by so many days; 0: any", "DAYS" }, \
    { 0, "max-per-user", CLI_INT, offsetof(T, m.split.max_per_user), 0, 1e6, \
      "training targets of a user, the latest; 0: all", "N" }, \
    { 0, "history", CLI_INT, offsetof(T, m.history), 0, 1e6, \
      "events of the history that a record carries, the latest", "N" }, \
    { 0, "limit", CLI_INT, offsetof(T, m.limit), 0, 1e9, "cases drawn; 0: all", "N" }, \
    { 0, "shuffle", CLI_FLAG, offsetof(T, m.shuffle), 0, 0, "cases in random order", NULL }

/* What the table cannot check: returns -1 with what is wrong with --cut, --draw and --given. */
int case_options_check(const struct case_options *o, struct err *err);

/* What the cases of these options show that no one could know at their time, or NULL. */
const char *case_options_leak(const struct case_options *o);

/* A case tied to its graph. */
struct rec_case {
    char *id;                       /* owned */
    enum split_part part;
    const struct split *split;      /* borrowed: split->known is what may be looked at, and of that */
    struct split_case at;           /* only events with time < at.before, and never edge (user,item) */
    size_t history;                 /* the first so many events of the user in split->known's order */
    int n;                          /* candidates */
    int *candidates;                /* [n] items, owned */
    int target;                     /* index in candidates */
    int permutation;                /* of the candidates, when drawn: 1 is the order of --permutations 1 */
};

/* The cases of one part, to be drawn one by one. */
struct case_set {
    struct case_options o;
    size_t n;                       /* records, after --limit: each case o.permutations times */
    struct case_cut *cuts;          /* private: [n_cuts] what each cut in time has; one where none is made */
    int n_cuts;
    size_t *order;                  /* private: the cases, as the number in all cuts */
    struct lists given, excluded;   /* private */
    struct buf note;                /* what of the given candidates could not be used; may be empty */
};

/* Prepares the cases of o->part; g is borrowed. Returns 0 or -1. Free it with case_set_free. */
int case_set_make(struct case_set *s, const struct graph *g, const struct case_options *o,
                  struct err *err);

/* Draws record i < s->n. Returns 0, or -1 where too few items are left to draw from. The case borrows
 * s; free it with case_free. Safe to call from several threads. */
int case_set_draw(const struct case_set *s, size_t i, struct rec_case *c, struct err *err);

/* Frees what case_set_make made. */
void case_set_free(struct case_set *s);

/* The record of a case of s: a new reference. */
json_t *case_json(const struct case_set *s, const struct rec_case *c);

/* Frees what a case owns. A zeroed case is fine. */
void case_free(struct rec_case *c);

/* Reads case records back. The known graph of each (split, cut, part) is made once and kept. */
struct case_reader {
    const struct graph *all;        /* borrowed */
    struct case_known *known;       /* private: a list */
    struct ids ids;                 /* of the records of this input */
};

/* Prepares to read cases of graph g. */
void case_reader_open(struct case_reader *r, const struct graph *g);

/* Another input begins, which may have the cases of the one before again. */
void case_reader_next(struct case_reader *r);

/* Ties a case record (or any record that kept its fields: id, split, source, user, candidates, target)
 * to the graph. Returns 0, or -1 where a field is wrong, the graph is another one, an item is unknown
 * to it, no such case exists in it, a candidate stands twice or is one that the user had, or the record
 * was read before. The case borrows r; free it with case_free. */
int case_parse(struct case_reader *r, const json_t *rec, struct rec_case *c, struct err *err);

/* The same without candidates and target, which the record need not have, and as often as it comes: n
 * is 0. */
int case_find(struct case_reader *r, const json_t *rec, struct rec_case *c, struct err *err);

/* Frees the known graphs; cases that were parsed lose what they borrowed. */
void case_reader_close(struct case_reader *r);

/* Events of item `item` that the case may know: those before at.before, his target edge left out. */
size_t case_item_count(const struct rec_case *c, int item);

#endif
