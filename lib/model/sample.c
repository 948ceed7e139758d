/* sample — each filter keeps the first tokens in the order of their logits, so nothing is sorted:
 * top-k finds the k-th logit by a heap, top-p its last token by selection. NaN passes every filter,
 * so that some token is left. */
#include "model/sample.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tensor/kernels.h"

struct sample_dist sample_dist_new(int vocab) {
    size_t n = (size_t)vocab;

    return (struct sample_dist){ .token = mem_alloc(n, sizeof(int)), .logit = mem_alloc(n, sizeof(real)),
                                 .weight = mem_alloc(n, sizeof(double)) };
}

void sample_dist_free(struct sample_dist *d) {
    free(d->token);
    free(d->weight);
    free(d->logit);
}

static void fill(struct sample_dist *d, const real *logits, int vocab) {
    d->n = vocab;
    for (int t = 0; t < vocab; t++) {
        d->token[t] = t;
        d->logit[t] = logits[t];
    }
}

/* From the logits as given, so that a token seen twice is punished once. */
static void punish(struct sample_dist *d, const real *logits, const int *seen, size_t n,
                   real penalty) {
    for (size_t i = 0; i < n; i++) {
        real x = logits[seen[i]];

        d->logit[seen[i]] = x < 0 ? x * penalty : x / penalty;
    }
}

/* Puts x in the place of the least of a heap of k, which is its first. */
static void replace_least(double *heap, int k, double x) {
    int i = 0, child;

    while ((child = 2 * i + 1) < k) {
        if (child + 1 < k && heap[child + 1] < heap[child]) child++;
        if (heap[child] >= x) break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = x;
}

/* The k-th largest logit. Overwrites the weights. */
static double largest(struct sample_dist *d, int k) {
    for (int i = 0; i < k; i++) d->weight[i] = -INFINITY;
    for (int i = 0; i < d->n; i++)
        if ((double)d->logit[i] > d->weight[0]) replace_least(d->weight, k, (double)d->logit[i]);
    return d->weight[0];
}

static void keep_logits(struct sample_dist *d, double least) {
    int n = 0;

    for (int i = 0; i < d->n; i++) {
        if ((double)d->logit[i] < least) continue;
        d->token[n] = d->token[i];
        d->logit[n++] = d->logit[i];
    }
    d->n = n;
}

static void keep_weights(struct sample_dist *d, double least) {
    int n = 0;

    d->sum = 0;
    for (int i = 0; i < d->n; i++) {
        if (d->weight[i] < least) continue;
        d->token[n] = d->token[i];
        d->sum += d->weight[n++] = d->weight[i];
    }
    d->n = n;
}

static void swap(struct sample_dist *d, int i, int j) {
    int token = d->token[i];
    double weight = d->weight[i];

    d->token[i] = d->token[j];
    d->weight[i] = d->weight[j];
    d->token[j] = token;
    d->weight[j] = weight;
}

static bool before(double weight, int token, double other_weight, int other) {
    return weight > other_weight || (weight == other_weight && token < other);
}

/* Cuts begin .. end-1, two or more, at the border returned: all in front of it stand before all behind
 * it, and neither part is empty, since the pivot is not the last (Hoare 1961). */
static int cut(struct sample_dist *d, int begin, int end) {
    int middle = begin + (end - begin - 1) / 2, i = begin - 1, j = end, token = d->token[middle];
    double weight = d->weight[middle];

    for (;;) {
        do i++;
        while (before(d->weight[i], d->token[i], weight, token));
        do j--;
        while (before(weight, token, d->weight[j], d->token[j]));
        if (i >= j) return j + 1;
        swap(d, i, j);
    }
}

/* Keeps the fewest tokens whose weights sum to `want`, by cutting again the part that holds the last. */
static void keep_mass(struct sample_dist *d, double want) {
    int begin = 0, end = d->n;

    while (end - begin > 1) {
        int border = cut(d, begin, end);
        double mass = 0;

        for (int i = begin; i < border; i++) mass += d->weight[i];
        if (mass >= want) {
            end = border;
        } else {
            begin = border;
            want -= mass;
        }
    }
    d->n = end;
    keep_weights(d, 0);             /* sums them */
}

void sample_distribution(struct sample_dist *d, const real *logits, int vocab,
                         const struct sample_options *o, const struct sample_seen *seen) {
    double max, scale = o->temperature > 0 ? fmin(1 / o->temperature, 1e300) : 1;

    fill(d, logits, vocab);
    if (o->penalty != 1) {
        punish(d, logits, seen->prompt, seen->n_prompt, (real)o->penalty);
        punish(d, logits, seen->run, seen->n_run, (real)o->penalty);
    }
    max = largest(d, 1);
    if (o->temperature <= 0) {
        keep_logits(d, max);
        d->n = 1;
    }
    if (o->top_k > 0 && o->top_k < d->n) keep_logits(d, largest(d, (int)o->top_k));
    d->sum = kernels_get()->exponentials(d->weight, d->logit, d->n, max, scale);
    if (o->top_p < 1) {
        double want = o->top_p * d->sum;

        keep_weights(d, (d->sum - want) / d->n);        /* the others sum to less than 1 - p */
        keep_mass(d, want);
    }
    if (o->min_p > 0) keep_weights(d, o->min_p);
}

int sample_token(struct sample_dist *d, const real *logits, int vocab,
                 const struct sample_options *o, const struct sample_seen *seen, struct rng *r) {
    double left = rng_real(r);
    int last;

    sample_distribution(d, logits, vocab, o, seen);
    left *= d->sum;
    for (int i = 0; i < d->n; i++)
        if ((left -= d->weight[i]) < 0) return d->token[i];
    for (last = d->n - 1; last > 0 && !(d->weight[last] > 0); last--) continue;
    return d->token[last];          /* rounding left a crumb beyond it */
}
