/* seq_loss — in chunks of targets, so that the scores of all items for all of them never exist:
 *   s = h E';  p = softmax(s);  ds = p - onehot;  dh = ds E;  dE += ds' h */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "rank/seq.h"
#include "tensor/gemm.h"
#include "tensor/kernels.h"
#include "tensor/rows.h"

enum {
    SCORES = 1 << 21,           /* reals of a chunk of scores, about */
    CHUNK = 384,                /* its rows at most: two tiles of gemm */
    LEAST = 16,                 /* and at least */
    PART = 16                   /* rows a task takes */
};

struct job {
    struct seq_loss *l;
    const struct kernels *k;
    const struct seq_batch *b;
    const real *out;
    int begin;                  /* first target of the chunk */
    real weight;
};

static int padded(const struct seq_net *net) {
    return (net->shape.items + SEQ_PAD - 1) / SEQ_PAD * SEQ_PAD;
}

static int chunk_of(const struct seq_net *net) {
    int n = SCORES / padded(net);

    return n > CHUNK ? CHUNK : n < LEAST ? LEAST : n;
}

size_t seq_loss_size(const struct seq_net *net) {
    return (size_t)net->room * (size_t)net->shape.dim + (size_t)chunk_of(net) * (size_t)padded(net);
}

void seq_loss_make(struct seq_loss *l, struct seq_net *net, enum fit_loss kind) {
    size_t states = (size_t)net->room * (size_t)net->shape.dim;

    *l = (struct seq_loss){ .net = net, .kind = kind, .chunk = chunk_of(net) };
    l->dout = mem_aligned(states, sizeof *l->dout);
    l->losses = mem_alloc((size_t)net->room, sizeof *l->losses);
    if (kind == FIT_FULL)
        l->scores = mem_aligned((size_t)l->chunk * (size_t)padded(net), sizeof *l->scores);
}

void seq_loss_free(struct seq_loss *l) {
    free(l->dout);
    free(l->scores);
    free(l->losses);
    *l = (struct seq_loss){ 0 };
}

/* Scores of all items to weight (p - onehot). The rows that fill the table up have p = 0. */
static void softmax_rows(void *ctx, int begin, int end, int part) {
    const struct job *j = ctx;
    int n = padded(j->l->net), items = j->l->net->shape.items;

    (void)part;
    for (int r = begin; r < end; r++) {
        real *s = j->l->scores + (size_t)r * (size_t)n, max = -INFINITY, sum = 0;
        int target = j->b->target[j->begin + r];
        double own = (double)s[target];

        j->k->softmax_block(s, n, items, &max, &sum);
        j->l->losses[j->begin + r] = (double)max + log((double)sum) - own;
        j->k->scale(s, j->weight / sum, (size_t)n);
        s[target] -= j->weight;
    }
}

static void full(struct seq_loss *l, struct job *j, real *grad) {
    struct seq_net *net = l->net;
    int C = net->shape.dim, N = padded(net);
    const real *table = net->p.data + net->table;

    for (j->begin = 0; j->begin < j->b->n; j->begin += l->chunk) {
        int n = j->b->n - j->begin < l->chunk ? j->b->n - j->begin : l->chunk;
        size_t at = (size_t)j->begin * (size_t)C;

        gemm_forward(l->scores, j->out + at, table, n, N, C, net->pool);
        rows_run(net->pool, n, PART, softmax_rows, j);
        gemm_backward_input(l->dout + at, l->scores, N, table, n, N, C, false, net->pool);
        gemm_backward_weight(grad + net->table, l->scores, N, j->out + at, n, N, C, net->pool);
    }
}

/* d log(1 + e^x) = sigmoid(x). */
static double softplus(double x, double *slope) {
    *slope = 1 / (1 + exp(-x));
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

/* One item of one target: sign -1 is to score high, 1 low. Returns the loss. */
static double binary(const struct job *j, int target, int item, int sign, real *grad) {
    size_t C = (size_t)j->l->net->shape.dim, row = j->l->net->table + (size_t)item * C,
        at = (size_t)target * C;
    const real *h = j->out + at, *e = j->l->net->p.data + row;
    double slope, loss = softplus(sign * (double)j->k->dot(h, e, (int)C), &slope);
    real d = (real)(sign * slope) * j->weight;

    j->k->axpy(j->l->dout + at, d, e, (int)C);
    j->k->axpy(grad + row, d, h, (int)C);
    return loss;
}

static void bce(struct seq_loss *l, const struct job *j, real *grad) {
    memset(l->dout, 0, (size_t)j->b->n * (size_t)l->net->shape.dim * sizeof *l->dout);
    for (int i = 0; i < j->b->n; i++)
        l->losses[i] = binary(j, i, j->b->target[i], -1, grad) + binary(j, i, j->b->negative[i], 1,
                                                                        grad);
}

double seq_loss_run(struct seq_loss *l, const struct seq_batch *b, const real *out, double weight,
                    real *grad) {
    struct job j = { .l = l, .k = kernels_get(), .b = b, .out = out, .weight = (real)weight };
    double sum = 0;

    if (l->kind == FIT_FULL) full(l, &j, grad);
    else bce(l, &j, grad);
    for (int i = 0; i < b->n; i++) sum += l->losses[i];
    return sum;
}
