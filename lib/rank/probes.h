/* probes — what a case file gives away to whoever knows nothing of the user: rankings by artefacts
 * of how candidates were drawn and written down. */
#ifndef RANK_PROBES_H
#define RANK_PROBES_H

#include "base/ids.h"
#include "graph/cases.h"
#include "rank/stats.h"

enum { PROBES = 6 };

/* pop, anti-pop: the most and the least known item. id-distance: the item whose name, as a number,
 * is nearest to that of the last item of the history; where either is not a whole number, by their
 * places in the graph. shortest-title, longest-title: in characters. first: by place. */
extern const char *const probe_names[PROBES];

/* Zero-initialise it; reader comes from case_reader_open. */
struct probes {
    struct case_reader reader;
    struct ids bases;               /* of cases: their permutations are one */
    struct probed *probed;          /* [bases] */
    size_t cap;
};

/* Takes a case record of which `id` is the name. Returns 0 or -1. */
int probes_take(struct probes *p, const json_t *rec, struct err *err);

struct probe {
    size_t n;                   /* cases */
    double hr1, chance;         /* chance: mean of 1 / candidates */
    double p;                   /* of so many hits by chance; they are rounded, halves down */
};

/* What probe k, below PROBES, found. */
struct probe probes_of(const struct probes *p, size_t k);

void probes_free(struct probes *p);

#endif
