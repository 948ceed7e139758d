/* chain — interaction chains u0 -> i0 -> u1 -> c for a case: u0 its user, i0 an item of his history, u1
 * a neighbour who had i0 too, c a candidate that u1 had. The closing edge (u0,c) is what is asked.
 *
 * A neighbour shares two or more items of the history with u0. The chains of a case are drawn
 * together, over all of (i0, u1, c), each with a probability in proportion to the law: a product of
 * named factors, each to a power (0 leaves it out):
 *     recency      exp(-r / 3), r the rank of i0 in u0's history, 0 the latest
 *     similarity   sum of ln(1 + users / n_i) over the shared items i, divided by sqrt(n_u1)
 *     transition   exp(-|g| / 4), g the place of c less the place of i0 in u1's order of events
 *     agreement    1 / (1 + |difference of u0's and u1's ratings of i0|), 1 where one is missing
 * n counts known events, users those who have one. Nothing depends on the target: u0's own edges to
 * candidates are not looked at.
 * Source: R2Rec (arXiv 2506.05069), section 3; the laws are measured in chainsample(1). */
#ifndef GRAPH_CHAIN_H
#define GRAPH_CHAIN_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "graph/cases.h"

enum chain_factor { LAW_TRANSITION, LAW_SIMILARITY, LAW_RECENCY, LAW_AGREEMENT, LAW_FACTORS };

/* exp(-|g| / 4) and exp(-r / 3), each to a power, for the first so many. */
enum { CHAIN_TABLE = 256 };
struct chain_decay {
    double transition[CHAIN_TABLE], recency[CHAIN_TABLE];
};

struct chain_law {
    double power[LAW_FACTORS];
    struct chain_decay decay;
};

/* Reads "transition^2*similarity^2*recency^2", a power of 1 left out, or "uniform". Returns 0, or -1 with
 * a sentence. */
int chain_law_parse(struct chain_law *law, const char *text, struct err *err);

/* A chain that was drawn. */
struct chain {
    int candidate;              /* index in the case */
    int user;                   /* u1 */
    size_t edge[3];             /* events (u0,i0), (u1,i0), (u1,c) of the known graph */
    int gap;
    int count;                  /* how often it was drawn */
    double weight;              /* its share of the law's mass over all chains of the case */
};

/* A shared item in the window: one of u1's links to u0. */
struct chain_link {
    size_t edge;                /* event (u1,i0) */
    int rank;                   /* of the item in u0's history, 0 the latest */
    double recency, agreement;  /* to the law's powers */
};

/* One of all chains of a case, with the law's mass of it and those before it. */
struct chain_entry {
    double upto;
    int link, arc;
};

/* An event (u1,c) on a candidate. */
struct chain_arc {
    size_t edge;
    int candidate;
};

/* What another user has in common with u0: small, for it is met at random many times over. */
struct neighbour {
    double overlap;             /* sum of ln(1 + users / n_i) over the shared items */
    double recent;              /* the same, each item times exp(-r / 10), divided by sqrt(n_u1) */
    int shared;                 /* items */
    int links;                  /* those in the window */
};

/* Room to work in; one thread's own. After chain_enumerate it describes the case. A known graph that was
 * enumerated in it must live as long as it does. */
struct chain_space {
    const struct graph *known;  /* of the last case */
    size_t degree;              /* events of an item that were followed */
    int64_t *first;             /* when each user of it had his first event, sorted */
    size_t n_first;
    struct neighbour *near;     /* [users] */
    double *similarity;         /* [users] overlap / sqrt(n_u1); 0 unless two items are shared */
    double *mass;               /* [users] similarity to the law's power */
    int *begin;                 /* [users] of the links of a neighbour who has any, else -1 */
    int *touched, n_touched;    /* users with a shared item */
    int *place;                 /* [items] index of the candidate, -1: it is none */
    int *candidates, n_candidates, cap_candidates;      /* of the last case */
    struct chain_link *links;   /* by neighbour, the earliest item first */
    struct chain_arc *arcs;
    struct chain_entry *entries;
    size_t n_links, n_arcs, n_entries, cap_links, cap_arcs, cap_entries;
    struct chain_decay decay;   /* to the power 1 */
};

/* Room for cases of this graph; chain_space_free. */
void chain_space_init(struct chain_space *s, const struct graph *g);
void chain_space_free(struct chain_space *s);

/* Finds all chains of the case whose i0 is among the last `window` items of the history. Of each item only
 * the latest `degree` events are followed, so that a case costs the same in any large graph. */
void chain_enumerate(struct chain_space *s, const struct rec_case *c, const struct chain_law *law,
                     long window, long degree);

struct chain_range {
    size_t begin, end;
};

/* The postings begin .. end - 1 of an item that are followed, in order of time: all that the case may know,
 * or the latest `degree` of them. His own are among them. */
struct chain_range chain_followed(const struct chain_space *s, const struct rec_case *c, int item);

/* Probability of entry i of the enumeration. */
double chain_probability(const struct chain_space *s, size_t i);

/* path[k] = transition * similarity * recency, summed over all chains to candidate k of the enumeration. */
void chain_path(double *path, const struct chain_space *s);

/* Draws T chains of the enumerated case; the draws depend on the seed and the case's id. Returns the
 * different ones, by candidate, then weight, then order of enumeration: an array to be freed, *n long
 * (none where the case has no chain). */
struct chain *chain_draw(const struct chain_space *s, const struct rec_case *c, long T, uint64_t seed,
                         size_t *n);

#endif
