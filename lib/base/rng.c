/* rng — counter-based random numbers. */
#include "base/rng.h"

#include <math.h>

#include "base/hash.h"

/* SplitMix64: add the golden ratio, then mix; a bijection of 64 bits. */
static uint64_t mix(uint64_t z) {
    z += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t rng_key(uint64_t seed, uint64_t stream) {
    return mix(mix(seed) ^ stream);
}

uint64_t rng_bits(uint64_t seed, uint64_t stream, uint64_t index) {
    return mix(rng_key(seed, stream) ^ index);
}

uint64_t rng_stream(const char *what, const char *id) {
    struct hash h = hash_start();

    hash_string(&h, what);
    if (id) hash_string(&h, id);
    return hash_value(&h);
}

struct rng rng_start(uint64_t seed, const char *what, const char *id) {
    return (struct rng){ .seed = seed, .stream = rng_stream(what, id) };
}

uint64_t rng_next(struct rng *r) {
    return rng_bits(r->seed, r->stream, r->index++);
}

double rng_real(struct rng *r) {
    return (double)(rng_next(r) >> 11) * 0x1p-53;
}

/* Rejects the short last run of the 64-bit range. */
uint64_t rng_below(struct rng *r, uint64_t n) {
    uint64_t reject = -n % n;
    uint64_t x;

    do {
        x = rng_next(r);
    } while (x < reject);
    return x % n;
}

double rng_normal(struct rng *r) {
    double u = 1 - rng_real(r);         /* in (0, 1]: its logarithm is finite */
    double v = rng_real(r);

    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

void rng_permutation(struct rng *r, int *order, int n) {
    for (int i = 0; i < n; i++) {
        int j = (int)rng_below(r, (uint64_t)i + 1);

        order[i] = order[j];
        order[j] = i;
    }
}
