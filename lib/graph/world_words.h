/* world_words — titles of a synthetic world. Private to lib/graph. */
#ifndef GRAPH_WORLD_WORDS_H
#define GRAPH_WORLD_WORDS_H

#include "graph/world.h"

/* Gives every item a title of two words, or of three once the pairs are used up; no two share one. */
void world_titles(struct world *w);

#endif
