/* decoder_head — from the final stream to log-probabilities, and back:
 *   n = rmsnorm(x_r);  z = n W^T;  lse = log sum e^z;  logprob = z_token - lse;  H = lse - sum p z
 *   dz = coef (onehot - p) - dent p (log p + H);  dn = dz W;  dW += dz^T n */
#include <string.h>

#include "model/decoder_impl.h"
#include "tensor/kernels.h"
#include "tensor/rows.h"

enum { ROWS = 8 };               /* rows a task takes */

struct job {
    struct decoder *d;
    const struct packed *in;
    const struct kernels *k;
    int begin;                  /* first row of the chunk */
    real *logprob, *entropy;
};

int head_chunks(const struct decoder *d) {
    return rows_parts(d->head.n_rows, d->head.chunk);
}

/* The final stream from a head's row on. */
static const real *head_stream(const struct decoder *d, int row) {
    return d->some.next + (size_t)row * d->m->cfg.hidden;
}

int head_logits(struct decoder *d, int chunk, int *begin) {
    struct head *h = &d->head;
    int n;

    *begin = chunk * h->chunk;
    n = h->n_rows - *begin < h->chunk ? h->n_rows - *begin : h->chunk;
    if (h->resident != chunk)
        layer_logits(&d->pass, head_stream(d, *begin), n, h->rstd, h->norm, h->logits);
    h->resident = chunk;
    return n;
}

static bool most_probable(const real *z, int V, int token) {
    real best = z[0];

    for (int v = 1; v < V; v++) best = z[v] > best ? z[v] : best;
    return z[token] == best;
}

static void softmax_rows(void *ctx, int begin, int end, int part) {
    const struct job *j = ctx;
    const struct head *h = &j->d->head;
    int V = j->d->m->cfg.vocab, hits = 0;

    (void)part;
    for (int r = begin; r < end; r++) {
        const real *z = h->logits + (size_t)r * V;
        int row = j->begin + r;

        h->lse[row] = j->k->logsumexp(z, V, &h->H[row]);
        for (int t = h->first[row]; t < h->first[row + 1]; t++) {
            j->logprob[t] = z[j->in->targets[t].token] - h->lse[row];
            if (j->entropy) j->entropy[t] = h->H[row];
            hits += most_probable(z, V, j->in->targets[t].token);
        }
    }
    __atomic_add_fetch(&j->d->head.hits, hits, __ATOMIC_RELAXED);
}

void head_forward(struct decoder *d, const struct packed *in, real *logprob, real *entropy) {
    struct job j = { .d = d, .in = in, .k = kernels_get(), .logprob = logprob, .entropy = entropy };

    d->head.hits = 0;
    for (int c = 0; c < head_chunks(d); c++) {
        int n = head_logits(d, c, &j.begin);

        rows_run(d->pool, n, ROWS, softmax_rows, &j);
    }
}

static void softmax_back_rows(void *ctx, int begin, int end, int part) {
    const struct job *j = ctx;
    const struct head *h = &j->d->head;
    int V = j->d->m->cfg.vocab;

    (void)part;
    for (int r = begin; r < end; r++) {
        real *z = h->logits + (size_t)r * V, coef = 0, dent = 0;
        int row = j->begin + r;

        for (int t = h->first[row]; t < h->first[row + 1]; t++) {
            coef += h->dlogprob[t];
            dent += h->dentropy ? h->dentropy[t] : 0;
        }
        j->k->softmax_backward(z, V, h->lse[row], coef, dent, h->H[row]);
        for (int t = h->first[row]; t < h->first[row + 1]; t++) z[j->in->targets[t].token] += h->dlogprob[t];
    }
}

void head_backward(struct decoder *d, const struct packed *in, real *grad) {
    struct job j = { .d = d, .in = in, .k = kernels_get() };
    const struct model *m = d->m;
    struct head *h = &d->head;
    int C = m->cfg.hidden, V = m->cfg.vocab;

    for (int c = head_chunks(d) - 1; c >= 0; c--) {
        int n = head_logits(d, c, &j.begin);

        rows_run(d->pool, n, ROWS, softmax_back_rows, &j);
        h->resident = -1;
        if (!m->lora) d->backward->backward_weight(grad + m->head, h->logits, V, h->norm, n, V, C, d->pool);
        d->backward->backward_input(h->norm, h->logits, V, m->p.data + m->head, n, V, C, false, d->pool);
        norm_backward(d, d->back.some_dx + (size_t)j.begin * C, m->lora ? NULL : grad + m->norm, h->norm,
                      head_stream(d, j.begin), m->p.data + m->norm, h->rstd, n);
    }
}
