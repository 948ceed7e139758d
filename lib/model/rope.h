/* rope — tables of the rotary position embedding (Su et al. 2021), in Hugging Face's order of pairs:
 * (x[i], x[i + half]). With Llama 3.1's scaling when the configuration asks for it. */
#ifndef MODEL_ROPE_H
#define MODEL_ROPE_H

#include "model/config.h"
#include "tensor/real.h"

/* Zero-initialise it; rope_free when done. */
struct rope {
    int positions, half;
    real *cosine, *sine;            /* [positions, half] */
};

/* Radians that pair i turns from one position to the next, with the scaling. */
double rope_frequency(const struct config *cfg, int i);

/* Makes the tables reach at least `positions`. */
void rope_reach(struct rope *r, const struct config *cfg, int positions);
void rope_free(struct rope *r);

#endif
