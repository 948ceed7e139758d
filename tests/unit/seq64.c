/* seq64 — the sequence models in the build in which a real is a double: gradients of every tensor of sasrec and
 * gru4rec against central differences, for both losses, with dropout, windows of one event up to two blocks of
 * attention and sizes that fill no vector; the loss against its formula; the windows of an epoch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "check.h"
#include "graph/graph.h"
#include "rank/baseline.h"
#include "rank/seq.h"
#include "tensor/gemm.h"

enum { ITEMS = 90, USERS = 6, LENGTH = 60, SOME = 6, ALL = 16 };

/* An entry far below the tensor's largest gradient is measured against FLOOR of that. */
static const double STEP = 5e-4, FLOOR = 1e-2, TOLERANCE = 1e-6;
static const int events[USERS] = { 2, 3, 64, 80, 1, 27 };

/* Users with so many different items each, in a random order. */
static struct graph *make_graph(void) {
    struct graph_builder *b = graph_builder_new();
    struct rng r = rng_start(3, "graph", NULL);
    int order[ITEMS];
    char user[16], item[16];

    for (int u = 0; u < USERS; u++) {
        rng_permutation(&r, order, ITEMS);
        for (int i = 0; i < events[u]; i++) {
            snprintf(user, sizeof user, "u%d", u);
            snprintf(item, sizeof item, "i%d", order[i]);
            graph_add_event(b, user, item, 1, i);
        }
    }
    return graph_build(b, true);
}

/* A network with its batch, which has all windows of the first epoch, and its loss. */
struct setting {
    struct seq_net *net;
    struct seq_data data;
    struct seq_batch batch;
    struct seq_loss loss;
    struct pool *pool;
    real *grad;
};

static const struct seq_drop dropped = { 12345, 20000 };
static const uint64_t draws = 99;

static void fill(struct seq_net *net) {
    struct rng r = rng_start(7, "parameters", NULL);

    for (int i = 0; i < net->p.n_tensors; i++) {
        const struct tensor *t = &net->p.tensors[i];
        size_t n = i ? t->n : (size_t)(net->shape.items * net->shape.dim);

        for (size_t j = 0; j < n; j++) net->p.data[t->offset + j] = t->ones + 0.3 * rng_normal(&r);
    }
}

static void open_setting(struct setting *s, const struct graph *g, const struct seq_kind *kind, int loss,
                         int threads) {
    struct split split = { .known = (struct graph *)g };
    struct seq_shape shape = { .dim = 6, .hidden = 11, .layers = 2, .heads = 2, .length = LENGTH };
    struct seq_window *w;
    size_t n;

    s->pool = pool_new(threads);
    seq_data_make(&s->data, &split);
    shape.items = s->data.items;
    s->net = kind->make(&shape, s->pool);
    seq_start(s->net, 1);
    fill(s->net);
    seq_batch_make(&s->batch, s->net->room, LENGTH);
    n = seq_windows(&s->data, LENGTH, 1, 0, &w);
    seq_pack(&s->batch, &s->data, w, (int)n, &draws);
    free(w);
    seq_loss_make(&s->loss, s->net, loss);
    s->grad = params_block(&s->net->p);
}

static void close_setting(struct setting *s) {
    s->net->kind->drop(s->net);
    seq_data_free(&s->data);
    seq_batch_free(&s->batch);
    seq_loss_free(&s->loss);
    free(s->grad);
    pool_free(s->pool);
}

/* The loss; its gradient into s->grad. */
static double run(struct setting *s) {
    const real *out = s->net->kind->forward(s->net, &s->batch, &dropped);
    double loss;

    memset(s->grad, 0, s->net->p.n_block * sizeof *s->grad);
    loss = seq_loss_run(&s->loss, &s->batch, out, 1, s->grad);
    s->net->kind->backward(s->net, &s->batch, &dropped, s->loss.dout, s->grad);
    return loss;
}

static double loss_at(struct setting *s, size_t at, double x) {
    s->net->p.data[at] = x;
    return run(s);
}

/* Of fourth order: its own error is near 1e-13 / STEP + STEP^4. */
static double difference(struct setting *s, size_t at) {
    double x = s->net->p.data[at], h = STEP;
    double near = loss_at(s, at, x + h) - loss_at(s, at, x - h);
    double far = loss_at(s, at, x + 2 * h) - loss_at(s, at, x - 2 * h);

    s->net->p.data[at] = x;
    return (8 * near - far) / (12 * h);
}

static void check_tensor(struct setting *s, const struct tensor *t, const real *grad) {
    struct rng r = rng_start(11, "entries", t->name);
    size_t known = t == s->net->p.tensors ? (size_t)(s->net->shape.items * s->net->shape.dim) : t->n;
    size_t n = known <= ALL ? known : SOME;
    double largest = 0;

    for (size_t i = 0; i < t->n; i++) largest = fmax(largest, fabs(grad[t->offset + i]));
    for (size_t i = known; i < t->n; i++) CHECK(grad[t->offset + i] == 0);
    CHECK(largest > 0);
    for (size_t i = 0; i < n; i++) {
        size_t at = t->offset + (n == known ? i : rng_below(&r, known));
        double want = difference(s, at), e = fabs(grad[at] - want);

        e /= fmax(fmax(fabs(grad[at]), fabs(want)), FLOOR * largest);
        if (!(e <= TOLERANCE))
            fprintf(stderr, "%s %s[%zu]: %.9g is not %.9g\n", s->net->kind->name, t->name, at - t->offset, grad[at],
                    want);
        CHECK(e <= TOLERANCE);
    }
}

/* The loss of the states that forward gives, item by item. */
static double plain_loss(struct setting *s) {
    const real *out = s->net->kind->forward(s->net, &s->batch, &dropped), *e = s->net->p.data + s->net->table;
    int C = s->net->shape.dim;
    double loss = 0;

    for (int i = 0; i < s->batch.n; i++) {
        double z[ITEMS] = { 0 }, sum = 0;

        for (int c = 0; c < s->data.items; c++) {
            for (int d = 0; d < C; d++) z[c] += out[i * C + d] * e[c * C + d];
            sum += exp(z[c]);
        }
        loss += s->loss.kind == FIT_FULL ? log(sum) - z[s->batch.target[i]]
              : log1p(exp(-z[s->batch.target[i]])) + log1p(exp(z[s->batch.negative[i]]));
    }
    return loss;
}

static void check_network(const struct graph *g, const struct seq_kind *kind, int loss) {
    struct setting s, other;
    real *grad;
    double sum;

    open_setting(&s, g, kind, loss, 1);
    grad = params_block(&s.net->p);
    sum = run(&s);
    memcpy(grad, s.grad, s.net->p.n_block * sizeof *grad);
    CHECK_NEAR(sum, plain_loss(&s), 1e-9 * sum);
    for (int i = 0; i < s.net->p.n_tensors; i++) check_tensor(&s, &s.net->p.tensors[i], grad);
    open_setting(&other, g, kind, loss, 3);
    CHECK(run(&other) == sum);
    CHECK(!memcmp(other.grad, grad, s.net->p.n_block * sizeof *grad));
    close_setting(&other);
    close_setting(&s);
    free(grad);
}

/* Every event that follows another is a target once, with all earlier ones or at least half a window before
 * it; users have no negative of their own; another epoch cuts elsewhere. */
static void check_windows(const struct graph *g, int length) {
    struct split split = { .known = (struct graph *)g };
    struct seq_data d;
    struct seq_window *w, *next;
    size_t n, m;
    int *seen, same;

    seq_data_make(&d, &split);
    CHECK(d.users == USERS - 1 && d.targets == 2 + 3 + 64 + 80 + 27 - 5);
    seen = mem_calloc(d.row[d.users], sizeof *seen);
    n = seq_windows(&d, length, 1, 0, &w);
    for (size_t i = 0; i < n; i++) {
        CHECK(w[i].len >= 1 && w[i].len <= length && w[i].targets >= 1 && w[i].targets <= w[i].len);
        for (int t = w[i].len - w[i].targets; t < w[i].len; t++) {
            size_t target = w[i].at + (size_t)t + 1;
            int k = 0;

            while (d.row[k + 1] <= target) k++;
            CHECK(d.user[k] == w[i].user && w[i].at >= d.row[k]);
            CHECK(w[i].at == d.row[k] || t + 1 > length / 2);
            seen[target]++;
        }
    }
    for (int k = 0; k < d.users; k++)
        for (size_t e = d.row[k]; e < d.row[k + 1]; e++) CHECK(seen[e] == (e > d.row[k]));
    m = seq_windows(&d, length, 1, 1, &next);
    same = m == n && !memcmp(w, next, n * sizeof *w);
    CHECK(!same);
    free(w);
    free(next);
    free(seen);
    seq_data_free(&d);
}

static void check_negatives(const struct graph *g) {
    struct setting s;

    open_setting(&s, g, &seq_sasrec, FIT_BCE, 1);
    for (int i = 0; i < s.batch.n; i++) CHECK(s.batch.negative[i] >= 0 && s.batch.negative[i] < s.data.items);
    for (int i = 0; i < s.batch.n; i++) CHECK(s.batch.negative[i] != s.batch.target[i]);
    close_setting(&s);
}

/* Scores of a user's items after training for so many epochs, and then for so many in all. */
static void train(const struct graph *g, int kind, long first, long all, double scores[3]) {
    struct split split = { .known = (struct graph *)g };
    int candidates[] = { 1, 2, 3 };
    struct rec_case c = { .part = PART_TEST, .split = &split, .history = 10, .n = 3, .candidates = candidates };
    struct baseline_options o = BASELINE_DEFAULTS;
    struct pool *pool = pool_new(2);
    struct baseline *b;
    struct err err;

    o.kind = kind;
    o.fit = (struct fit_options){ .dim = 8, .hidden = 8, .length = 10, .epochs = first, .batch = 30, .dropout = 0.2 };
    baseline_resolve(&o);
    b = baseline_new(&o, pool);
    CHECK(!baseline_score(b, &c, NULL, scores, &err));
    o.fit.epochs = all;
    CHECK(!baseline_score(b, &c, NULL, scores, &err));
    baseline_free(b);
    pool_free(pool);
}

/* Training that goes on is the same as training at once. */
static void check_more(const struct graph *g, int kind) {
    double once[3], twice[3], less[3];

    train(g, kind, 5, 5, once);
    train(g, kind, 2, 5, twice);
    train(g, kind, 2, 2, less);
    CHECK(!memcmp(once, twice, sizeof once));
    CHECK(memcmp(once, less, sizeof once));
}

int main(void) {
    struct graph *g = make_graph();

    gemm_start();
    for (int length = 1; length <= 100; length += 9) check_windows(g, length);
    check_negatives(g);
    check_more(g, BASELINE_SASREC);
    check_more(g, BASELINE_GRU4REC);
    for (int loss = FIT_FULL; loss <= FIT_BCE; loss++) {
        check_network(g, &seq_sasrec, loss);
        check_network(g, &seq_gru4rec, loss);
    }
    graph_free(g);
    return 0;
}
