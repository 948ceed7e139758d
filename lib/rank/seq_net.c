/* seq_net — what both networks do with their table of items, and how parameters start. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "rank/seq.h"
#include "tensor/kernels.h"
#include "tensor/rows.h"

enum {
    PART = 64,                  /* rows a task takes */
    COLUMNS = 32                /* and columns */
};

uint64_t seq_site(const struct seq_drop *d, int site) {
    return rng_key(d->key, (uint64_t)site);
}

void seq_net_make(struct seq_net *net, const struct seq_kind *kind, const struct seq_shape *s,
                  struct pool *pool, int tensors) {
    *net = (struct seq_net){ .kind = kind, .shape = *s, .pool = pool };
    net->room = s->length > SEQ_ROWS ? s->length : SEQ_ROWS;
    net->p.tensors = mem_calloc((size_t)tensors, sizeof *net->p.tensors);
    net->table = seq_tensor(net, "items", 0, (s->items + SEQ_PAD - 1) / SEQ_PAD * SEQ_PAD, s->dim);
}

size_t seq_tensor(struct seq_net *net, const char *name, int layer, int rows, int cols) {
    struct tensor *t = params_append(&net->p, rows, cols, false);

    snprintf(t->name, sizeof t->name, "%d.%s", layer, name);
    t->ones = strstr(name, "norm.weight") != NULL;
    return t->offset;
}

void seq_start(struct seq_net *net, uint64_t seed) {
    const struct tensor *table = net->p.tensors;
    size_t known = (size_t)net->shape.items * (size_t)net->shape.dim;

    net->p.data = params_block(&net->p);
    for (int i = 0; i < net->p.n_tensors; i++) {
        const struct tensor *t = &net->p.tensors[i];

        for (size_t j = 0; t->ones && j < t->n; j++) net->p.data[t->offset + j] = 1;
    }
    net->kind->start(net, seed);
    memset(net->p.data + net->table + known, 0, (table->n - known) * sizeof *net->p.data);
}

void seq_net_free(struct seq_net *net) {
    params_free(&net->p);
}

void seq_normal(struct seq_net *net, const struct tensor *t, double deviation, uint64_t seed) {
    struct rng r = rng_start(seed, "start", t->name);

    for (size_t i = 0; i < t->n; i++)
        net->p.data[t->offset + i] = (real)(deviation * rng_normal(&r));
}

void seq_uniform(struct seq_net *net, const struct tensor *t, double bound, uint64_t seed) {
    struct rng r = rng_start(seed, "start", t->name);

    for (size_t i = 0; i < t->n; i++)
        net->p.data[t->offset + i] = (real)(bound * (2 * rng_real(&r) - 1));
}

real *seq_piece(real *base, size_t *used, size_t n) {
    size_t at = *used;

    *used += (n + 15) / 16 * 16;
    return base ? base + at : NULL;
}

void seq_gather(const struct seq_batch *b, real *to, const real *from, int C) {
    for (int i = 0; i < b->n; i++)
        memcpy(to + (size_t)i * (size_t)C, from + (size_t)b->row[i] * (size_t)C,
               (size_t)C * sizeof *to);
}

void seq_spread(const struct seq_batch *b, real *to, const real *from, int C) {
    memset(to, 0, (size_t)b->rows * (size_t)C * sizeof *to);
    for (int i = 0; i < b->n; i++)
        memcpy(to + (size_t)b->row[i] * (size_t)C, from + (size_t)i * (size_t)C,
               (size_t)C * sizeof *to);
}

struct sums {
    real *sum;
    const real *a, *b;
    int rows, C;
};

static void sum_columns(void *ctx, int begin, int end, int part) {
    const struct sums *s = ctx;

    (void)part;
    kernels_get()->column_sums(s->sum + begin, s->a + begin, s->b ? s->b + begin : NULL, s->rows,
                               end - begin, (size_t)s->C);
}

void seq_column_sums(const struct seq_net *net, real *sum, const real *a, const real *b, int rows,
                     int C) {
    struct sums s = { sum, a, b, rows, C };

    rows_run(net->pool, C, COLUMNS, sum_columns, &s);
}

struct job {
    const struct seq_net *net;
    const struct seq_batch *b;
    real *x;
};

static void embed_rows(void *ctx, int begin, int end, int part) {
    const struct job *j = ctx;
    size_t C = (size_t)j->net->shape.dim;

    (void)part;
    for (int r = begin; r < end; r++)
        memcpy(j->x + r * C, j->net->p.data + j->net->table + (size_t)j->b->item[r] * C,
               C * sizeof *j->x);
}

void seq_embed(const struct seq_net *net, const struct seq_batch *b, real *x) {
    struct job j = { net, b, x };

    rows_run(net->pool, b->rows, PART, embed_rows, &j);
}

void seq_embed_backward(const struct seq_net *net, const struct seq_batch *b, const real *dx,
                        real *grad) {
    const struct kernels *k = kernels_get();
    size_t C = (size_t)net->shape.dim;

    for (int r = 0; r < b->rows; r++)
        k->add(grad + net->table + (size_t)b->item[r] * C, dx + r * C, C);
}
