/* facts — counts over the known graph, one number for each candidate of a case. They come from the
 * chains' own neighbourhood (evidence for a ranker and for the prompt's digits), never from another model.
 *
 *   follow     sum over u0's last items, weighted exp(-r/3), of how many others took c within five
 *              events after that item
 *   lift       follow / (popular + 10)
 *   path       transition * similarity * recency (graph/chain.h), summed over the enumerated chains to c
 *   near20     of the 20 users nearest by recent overlap (those as near as the 20th too), how many had c
 *   near50     of the 50 nearest
 *   together   mean cosine of c with u0's last three items
 *   popular    known events of c
 *   best       the greatest similarity of a neighbour who had c
 *   fresh      known events of c within seven days before the case
 *   age        days from c's first known event to the case
 *
 * u0's own edges to candidates do not count in any of them. */
#ifndef GRAPH_FACTS_H
#define GRAPH_FACTS_H

#include "base/err.h"
#include "graph/chain.h"

enum { FACTS = 10 };

/* Names, in the order above. */
extern const char *const fact_names[FACTS];

/* Reads "follow,path" (or "all", "none") into the numbers of the facts asked for, in that order. Returns
 * how many, or -1 with a sentence. */
int facts_parse(int which[FACTS], const char *text, struct err *err);

/* values[k * c->n + i] = fact which[k] of candidate i. The case was enumerated into s. */
void facts_count(double *values, const int *which, int n, const struct chain_space *s, const struct rec_case *c);

#endif
