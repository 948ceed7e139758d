/* seq — the families sasrec and gru4rec: a network trained by Adam on windows of the known events,
 * and the state after a user's latest events as his query. */
#include "rank/seq.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "rank/family.h"
#include "tensor/gemm.h"
#include "tensor/kernels.h"
#include "train/adamw.h"

struct model {
    const struct baseline_options *o;
    const struct seq_kind *kind;
    struct pool *pool;
    const struct split *split;      /* whose known events are learned */

    struct seq_data data;
    struct seq_net *net;
    struct seq_batch batch;
    struct seq_loss loss;
    struct adamw adam;
    real *grad;
    long epochs;                    /* done */
    double mean;                    /* loss of the last of them, a target */
    char note[128];
};

static struct model *make(const struct seq_kind *kind, const struct baseline_options *o,
                          struct pool *pool) {
    struct model *m = mem_calloc(1, sizeof *m);

    gemm_start();
    m->o = o;
    m->kind = kind;
    m->pool = pool;
    return m;
}

static void *make_sasrec(const struct baseline_options *o, struct pool *pool) {
    return make(&seq_sasrec, o, pool);
}

static void *make_gru4rec(const struct baseline_options *o, struct pool *pool) {
    return make(&seq_gru4rec, o, pool);
}

static void forget(struct model *m) {
    seq_data_free(&m->data);
    seq_batch_free(&m->batch);
    seq_loss_free(&m->loss);
    adamw_free(&m->adam);
    free(m->grad);
    if (m->net) m->kind->drop(m->net);
    m->split = NULL;
    m->net = NULL;
    m->grad = NULL;
    m->epochs = 0;
}

static void drop(void *state) {
    forget(state);
    free(state);
}

static struct seq_shape shape_of(const struct model *m) {
    const struct fit_options *f = &m->o->fit;

    return (struct seq_shape){ .items = m->data.items, .dim = (int)f->dim, .hidden = (int)f->hidden,
                               .layers = (int)f->layers, .heads = (int)f->heads,
                               .length = (int)f->length, .dropout = f->dropout };
}

/* OpenBLAS waits for ever when it cannot have its buffers: ask before the first product. */
static int check_memory(const struct seq_net *net, struct err *err) {
    double reals = 4 * (double)net->p.n_block + (double)net->kind->size(net) +
                   (double)seq_loss_size(net);
    double need = reals * sizeof(real) / 1e6, available = mem_available() / 1e6;

    if (available <= 0 || need <= available) return 0;
    return err_set(err, "%s needs %.0f MB and %.0f MB can be had", net->kind->name, need,
                   available);
}

static int begin(struct model *m, const struct split *split, struct err *err) {
    struct seq_shape shape;

    forget(m);
    seq_data_make(&m->data, split);
    shape = shape_of(m);
    if (!m->data.targets) return err_set(err, "no user has two known events to learn from");
    if (m->kind->check(&shape, err)) return -1;
    m->net = m->kind->make(&shape, m->pool);
    if (check_memory(m->net, err)) return -1;
    seq_start(m->net, m->o->seed);
    seq_batch_make(&m->batch, m->net->room, shape.length);
    seq_loss_make(&m->loss, m->net, (enum fit_loss)m->o->fit.loss);
    m->adam = adamw_new(&m->net->p);
    m->grad = params_block(&m->net->p);
    m->split = split;
    return 0;
}

/* One pass over windows that fit, `targets` of the step's. Returns the sum of their losses. */
static double pass(struct model *m, struct seq_window *w, int n, int targets, uint64_t key) {
    struct seq_drop drop = { key, (unsigned)lround(65536 * m->net->shape.dropout) };
    const struct seq_drop *dropped = drop.zeros ? &drop : NULL;
    uint64_t draws = rng_key(key, rng_stream("negatives", NULL));
    const real *out;
    double sum;

    seq_pack(&m->batch, &m->data, w, n, m->loss.kind == FIT_BCE ? &draws : NULL);
    out = m->kind->forward(m->net, &m->batch, dropped);
    sum = seq_loss_run(&m->loss, &m->batch, out, 1.0 / targets, m->grad);
    m->kind->backward(m->net, &m->batch, dropped, m->loss.dout, m->grad);
    return sum;
}

/* The step of n windows with so many targets, in passes of as many as there is room for. */
static double step(struct model *m, struct seq_window *w, int n, int targets) {
    static const struct adamw_options plain = { .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8 };
    const struct fit_options *f = &m->o->fit;
    uint64_t step_key = rng_bits(m->o->seed, rng_stream("step", NULL), (uint64_t)m->adam.step);
    double sum = 0;

    grad_zero(m->grad, m->net->p.n_block, m->pool);
    for (int i = 0, next, rows; i < n; i = next) {
        for (next = i, rows = 0; next < n && rows + w[next].len <= m->net->room; next++)
            rows += w[next].len;
        sum += pass(m, w + i, next - i, targets, rng_key(step_key, (uint64_t)i));
    }
    if (f->l2 > 0)
        for (size_t i = 0; i < m->net->p.n_block; i++)
            m->grad[i] += (real)f->l2 * m->net->p.data[i];
    adamw_step(&m->adam, &m->net->p, m->grad, f->learning_rate, &plain, m->pool);
    return sum;
}

static void epoch(struct model *m) {
    struct seq_window *w;
    size_t n = seq_windows(&m->data, m->net->shape.length, m->o->seed, m->epochs, &w);
    double sum = 0;

    for (size_t i = 0, next; i < n; i = next) {
        int targets = 0;

        for (next = i; next < n && targets < m->o->fit.batch; next++) targets += w[next].targets;
        sum += step(m, w + i, (int)(next - i), targets);
    }
    free(w);
    m->epochs++;
    m->mean = sum / (double)m->data.targets;
    snprintf(m->note, sizeof m->note, "%s of %d items, %zu targets: loss %.4f in epoch %ld",
             m->kind->name, m->data.items, m->data.targets, m->mean, m->epochs);
}

static int fit(struct model *m, const struct split *split, struct err *err) {
    if (m->split != split && begin(m, split, err)) {
        forget(m);
        return -1;
    }
    while (m->epochs < m->o->fit.epochs) epoch(m);
    return 0;
}

/* Fills the batch with the user's latest events that somebody is known to have; returns their
 * number. */
static int pack_history(struct model *m, const struct rec_case *c) {
    const struct graph *g = c->split->known;
    const int *row = g->edge_item + g->user_row[c->at.user];
    size_t at = c->history;
    int n = 0, length = m->net->shape.length;
    struct seq_batch *b = &m->batch;

    while (at > 0 && n < length) n += m->data.place[row[--at]] >= 0;
    b->windows = b->n = 1;
    b->rows = 0;
    for (; at < c->history; at++) {
        if (m->data.place[row[at]] < 0) continue;
        b->first[b->rows] = b->rows;
        b->item[b->rows++] = m->data.place[row[at]];
    }
    b->first[b->rows] = b->steps = b->rows;
    b->row[0] = n - 1;
    return n;
}

static double product(const struct model *m, const real *state, int place) {
    int C = m->net->shape.dim;
    const real *row = m->net->p.data + m->net->table + (size_t)place * (size_t)C;

    return (double)kernels_get()->dot(state, row, C);
}

/* The least score of the catalogue: what an item gets that nobody is known to have. */
static double least(const struct model *m, const real *state) {
    double min = INFINITY;

    for (int i = 0; i < m->data.items; i++) min = fmin(min, product(m, state, i));
    return min;
}

static int score(void *state, const struct rec_case *c, const json_t *rec, double *scores,
                 struct err *err) {
    struct model *m = state;
    const real *last;
    double floor = NAN;

    (void)rec;
    if (fit(m, c->split, err)) return -1;
    for (int k = 0; k < c->n; k++) scores[k] = 0;
    if (!pack_history(m, c)) return 0;
    last = m->kind->forward(m->net, &m->batch, NULL);
    for (int k = 0; k < c->n; k++) {
        int place = m->data.place[c->candidates[k]];

        if (place < 0 && isnan(floor)) floor = least(m, last);
        scores[k] = place < 0 ? floor : product(m, last, place);
    }
    return 0;
}

static const char *note(const void *state) {
    const struct model *m = state;

    return m->net ? m->note : NULL;
}

#define OPTIONS "dim layers hidden length epochs batch learning-rate reg dropout loss log-pop"

const struct family family_sasrec = {
    .name = "sasrec", .options = "heads " OPTIONS, .trained = true,
    .own = { .dim = 64, .layers = 2, .heads = 2, .hidden = 256, .length = 50, .epochs = 40,
             .batch = 2048, .learning_rate = 1e-3, .dropout = 0.5 },
    .make = make_sasrec, .score = score, .note = note, .drop = drop
};
const struct family family_gru4rec = {
    .name = "gru4rec", .options = OPTIONS, .trained = true,
    .own = { .dim = 64, .layers = 1, .heads = 1, .hidden = 128, .length = 50, .epochs = 50,
             .batch = 2048, .learning_rate = 1e-3, .dropout = 0.3 },
    .make = make_gru4rec, .score = score, .note = note, .drop = drop
};
