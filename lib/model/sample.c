/* sample — temperature, top-k, top-p, then one uniform number. */
#include "model/sample.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

static int most_probable(const real *logits, int vocab) {
    int best = 0;

    for (int t = 1; t < vocab; t++)
        if (logits[t] > logits[best]) best = t;
    return best;
}

/* By logit, the largest first; equals by token. */
static int by_logit(const void *a, const void *b) {
    const struct sample_entry *x = a, *y = b;

    if (x->logit != y->logit) return x->logit < y->logit ? 1 : -1;
    return x->token - y->token;
}

/* exp((logit - max) / T) of the first n entries; their sum. */
static double weigh(struct sample_entry *e, int n, real max, double temperature) {
    double sum = 0;

    for (int i = 0; i < n; i++) sum += e[i].p = exp(((double)e[i].logit - (double)max) / temperature);
    return sum;
}

/* Number of the sorted entries that top-k and top-p leave. */
static int keep(struct sample_entry *e, int n, const struct sample_options *o) {
    double sum, seen = 0;

    if (o->top_k > 0 && o->top_k < n) {
        int k = (int)o->top_k;

        while (k < n && e[k].logit == e[o->top_k - 1].logit) k++;
        n = k;
    }
    sum = weigh(e, n, e[0].logit, o->temperature);
    if (o->top_p >= 1) return n;
    for (int i = 0; i < n; i++) {
        seen += e[i].p;
        if (seen >= o->top_p * sum) return i + 1;
    }
    return n;
}

int sample_token(const real *logits, int vocab, const struct sample_options *o, struct rng *r,
                 struct sample_entry *scratch) {
    bool filtered = o->top_k > 0 || o->top_p < 1;
    int best = most_probable(logits, vocab), n = vocab;
    double left;

    if (o->temperature <= 0) return best;
    for (int t = 0; t < vocab; t++) scratch[t] = (struct sample_entry){ .token = t, .logit = logits[t] };
    if (filtered) {
        qsort(scratch, (size_t)vocab, sizeof *scratch, by_logit);
        n = keep(scratch, vocab, o);
    }
    left = weigh(scratch, n, logits[best], o->temperature) * rng_real(r);
    for (int i = 0; i < n; i++)
        if ((left -= scratch[i].p) < 0) return scratch[i].token;
    return best;            /* rounding left a crumb beyond the last token */
}
