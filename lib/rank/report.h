/* report — runs as evaluation records (man r2rec-records), and as tables for people. */
#ifndef RANK_REPORT_H
#define RANK_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "base/table.h"
#include "rank/faithful.h"
#include "rank/probes.h"
#include "rank/runs.h"

struct report_options {
    const struct run *against;      /* NULL: no paired tests */
    size_t bootstrap;               /* draws; 0: none */
    uint64_t seed;                  /* of the draws */
    size_t strata;                  /* groups; 0: none */
};

/* Lists of records, NULL where there are none. */
struct report {
    json_t *runs, *pairs, *strata, *places, *probes, *faithful;
    struct cuts cuts;
};

/* Everything that the runs and the options ask for. Free it with report_free. */
void report_runs(struct report *r, const struct runs *rs, const struct report_options *o);
void report_probes(struct report *r, const struct probes *p);
void report_faithful(struct report *r, const struct faithful *f);

/* Writes the records as lines. */
void report_write(FILE *f, const struct report *r);

/* Prints a table for each list; a column of nulls alone is left out. */
void report_print(FILE *f, const struct report *r, enum table_form form);

void report_free(struct report *r);

#endif
