/* rng — counter-based random numbers: a number is a function of (seed, stream, index), with no
 * hidden state, so any part of a job can be drawn alone, in any order, by any thread.
 *
 * The function is SplitMix64's finaliser (Steele, Lea, Flood 2014) applied to the three keys in turn.
 * `stream` keeps uses apart: hash what the numbers are for (rng_stream), with the record's id. */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

/* A place in a sequence. Copy it freely; every draw moves `index` on by one. */
struct rng {
    uint64_t seed, stream, index;
};

/* 64 random bits of (seed, stream, index). */
uint64_t rng_bits(uint64_t seed, uint64_t stream, uint64_t index);

/* What seed and stream come to in rng_bits, for kernels that draw many at a time. */
uint64_t rng_key(uint64_t seed, uint64_t stream);

/* A stream for the purpose `what` and the record `id` (NULL: none). */
uint64_t rng_stream(const char *what, const char *id);

/* The sequence of (seed, purpose, record). */
struct rng rng_start(uint64_t seed, const char *what, const char *id);

/* Next 64 bits. */
uint64_t rng_next(struct rng *r);

/* Uniform in [0, 1), 53 bits. */
double rng_real(struct rng *r);

/* Uniform in 0 .. n-1, without bias; n > 0. */
uint64_t rng_below(struct rng *r, uint64_t n);

/* Standard normal (Box-Muller, two draws). */
double rng_normal(struct rng *r);

/* Fills order[n] with a random permutation of 0 .. n-1 (Fisher-Yates). */
void rng_permutation(struct rng *r, int *order, int n);

#endif
