/* rope — angles are computed in double precision and rounded once. */
#include "model/rope.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

static const double two_pi = 6.283185307179586;

/* Llama 3.1: long waves are slowed down by `factor`, short ones kept, those between blended
 * (transformers, modeling_rope_utils.py, _compute_llama3_parameters). */
static double scaled(double freq, const struct rope_scaling *s) {
    double wave = two_pi / freq, old = s->original_positions, smooth;

    if (!s->factor || wave < old / s->high_freq) return freq;
    if (wave > old / s->low_freq) return freq / s->factor;
    smooth = (old / wave - s->low_freq) / (s->high_freq - s->low_freq);
    return (1 - smooth) * freq / s->factor + smooth * freq;
}

double rope_frequency(const struct config *cfg, int i) {
    return scaled(pow(cfg->rope_theta, -2.0 * i / cfg->head_dim), &cfg->scaling);
}

void rope_reach(struct rope *r, const struct config *cfg, int positions) {
    int n = r->positions ? r->positions : 256;

    if (positions <= r->positions) return;
    while (n < positions) n *= 2;
    r->half = cfg->head_dim / 2;
    r->cosine = mem_realloc(r->cosine, (size_t)n * r->half, sizeof *r->cosine);
    r->sine = mem_realloc(r->sine, (size_t)n * r->half, sizeof *r->sine);
    for (int i = 0; i < r->half; i++) {
        double freq = rope_frequency(cfg, i);

        for (int p = r->positions; p < n; p++) {
            r->cosine[(size_t)p * r->half + i] = (real)cos(p * freq);
            r->sine[(size_t)p * r->half + i] = (real)sin(p * freq);
        }
    }
    r->positions = n;
}

void rope_free(struct rope *r) {
    free(r->cosine);
    free(r->sine);
    *r = (struct rope){ 0 };
}
