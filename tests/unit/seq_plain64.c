/* seq_plain64 — the states of sasrec and gru4rec, whatever lies beside a window in the batch, against the formulas
 * in plain loops over one window, in the build in which a real is a double. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "check.h"
#include "rank/seq.h"
#include "tensor/gemm.h"

enum { ITEMS = 20, LENGTH = 70, DIM = 12, HIDDEN = 18, LAYERS = 2, HEADS = 3, HS = DIM / HEADS };

/* A tensor's numbers by the name that the network gave it. */
static const real *tensor(const struct seq_net *net, int layer, const char *name) {
    char full[PARAM_NAME];

    snprintf(full, sizeof full, "%d.%s", layer, name);
    for (int i = 0; i < net->p.n_tensors; i++)
        if (!strcmp(net->p.tensors[i].name, full)) return net->p.data + net->p.tensors[i].offset;
    CHECK(!"a tensor of this name");
    return NULL;
}

/* y[N] = x[K] w[N,K]' (+ b). */
static void linear(double *y, const double *x, const real *w, const real *b, int N, int K) {
    for (int n = 0; n < N; n++) {
        y[n] = b ? b[n] : 0;
        for (int k = 0; k < K; k++) y[n] += x[k] * w[n * K + k];
    }
}

static void norm(double *x, const real *w, const real *b) {
    double mean = 0, var = 0;

    for (int i = 0; i < DIM; i++) mean += x[i] / DIM;
    for (int i = 0; i < DIM; i++) var += (x[i] - mean) * (x[i] - mean) / DIM;
    for (int i = 0; i < DIM; i++) x[i] = (x[i] - mean) / sqrt(var + 1e-12) * w[i] + b[i];
}

static void attend(double (*o)[DIM], double (*qkv)[3 * DIM], int T) {
    for (int t = 0; t < T; t++)
        for (int h = 0; h < HEADS; h++) {
            double e[LENGTH], sum = 0;

            for (int s = 0; s <= t; s++) {
                double dot = 0;

                for (int d = h * HS; d < (h + 1) * HS; d++) dot += qkv[t][d] * qkv[s][DIM + d];
                sum += e[s] = exp(dot / sqrt(HS));
            }
            for (int d = h * HS; d < (h + 1) * HS; d++) {
                o[t][d] = 0;
                for (int s = 0; s <= t; s++) o[t][d] += e[s] / sum * qkv[s][2 * DIM + d];
            }
        }
}

static void plain_sasrec(const struct seq_net *net, const int *items, int T, double (*x)[DIM]) {
    double qkv[LENGTH][3 * DIM], o[LENGTH][DIM], y[DIM], f[HIDDEN];

    for (int t = 0; t < T; t++) {
        for (int d = 0; d < DIM; d++)
            x[t][d] = tensor(net, 0, "items")[items[t] * DIM + d] + tensor(net, 0, "positions")[t * DIM + d];
        norm(x[t], tensor(net, 0, "norm.weight"), tensor(net, 0, "norm.bias"));
    }
    for (int l = 1; l <= LAYERS; l++) {
        const real *w1 = tensor(net, l, "norm.weight"), *b1 = tensor(net, l, "norm.bias");

        for (int t = 0; t < T; t++) linear(qkv[t], x[t], tensor(net, l, "qkv"), tensor(net, l, "qkv.bias"), 3 * DIM, DIM);
        attend(o, qkv, T);
        for (int t = 0; t < T; t++) {
            linear(y, o[t], tensor(net, l, "out"), tensor(net, l, "out.bias"), DIM, DIM);
            for (int d = 0; d < DIM; d++) x[t][d] += y[d];
            norm(x[t], w1, b1);
            linear(f, x[t], tensor(net, l, "up"), tensor(net, l, "up.bias"), HIDDEN, DIM);
            for (int i = 0; i < HIDDEN; i++) f[i] *= 0.5 * (1 + erf(f[i] / sqrt(2)));
            linear(y, f, tensor(net, l, "down"), tensor(net, l, "down.bias"), DIM, HIDDEN);
            for (int d = 0; d < DIM; d++) x[t][d] += y[d];
            norm(x[t], tensor(net, l, "mlp norm.weight"), tensor(net, l, "mlp norm.bias"));
        }
    }
}

static void plain_gru(const struct seq_net *net, const int *items, int T, double (*x)[DIM]) {
    double h[LAYERS][HIDDEN] = { { 0 } }, in[HIDDEN], gi[3 * HIDDEN], gh[3 * HIDDEN];

    for (int t = 0; t < T; t++) {
        for (int d = 0; d < DIM; d++) in[d] = tensor(net, 0, "items")[items[t] * DIM + d];
        for (int l = 0; l < LAYERS; l++) {
            linear(gi, in, tensor(net, l + 1, "input"), NULL, 3 * HIDDEN, l ? HIDDEN : DIM);
            linear(gh, h[l], tensor(net, l + 1, "state"), NULL, 3 * HIDDEN, HIDDEN);
            for (int i = 0; i < HIDDEN; i++) {
                double r = 1 / (1 + exp(-gi[i] - gh[i])), z = 1 / (1 + exp(-gi[HIDDEN + i] - gh[HIDDEN + i]));

                h[l][i] = (1 - z) * tanh(gi[2 * HIDDEN + i] + r * gh[2 * HIDDEN + i]) + z * h[l][i];
                in[i] = h[l][i];
            }
        }
        linear(x[t], in, tensor(net, 0, "dense"), tensor(net, 0, "dense.bias"), DIM, HIDDEN);
    }
}

typedef void plain(const struct seq_net *net, const int *items, int T, double (*x)[DIM]);

static void check_states(const struct seq_kind *kind, plain *formula) {
    static const int lengths[] = { 70, 49, 48, 20, 17, 16, 5, 1, 1 };
    enum { N = sizeof lengths / sizeof *lengths };
    struct seq_shape shape = { ITEMS, DIM, HIDDEN, LAYERS, HEADS, LENGTH, 0 };
    struct seq_window w[N];
    int items[301];
    struct seq_data d = { .items = ITEMS, .item = items };
    struct pool *pool = pool_new(2);
    struct seq_net *net = kind->make(&shape, pool);
    struct seq_batch b;
    struct rng r = rng_start(5, "plain", NULL);
    double x[LENGTH][DIM];
    const real *out;

    seq_start(net, 1);
    for (int i = 0; i < net->p.n_tensors; i++)
        for (size_t j = 0; j < net->p.tensors[i].n; j++)
            net->p.data[net->p.tensors[i].offset + j] = net->p.tensors[i].ones + 0.4 * rng_normal(&r);
    for (int i = 0; i <= 300; i++) items[i] = (int)rng_below(&r, ITEMS);
    for (size_t i = 0, at = 0; i < N; at += (size_t)lengths[i++]) w[i] = (struct seq_window){ at, 0, lengths[i], lengths[i] };
    seq_batch_make(&b, net->room, LENGTH);
    seq_pack(&b, &d, w, N, NULL);
    out = kind->forward(net, &b, NULL);
    for (int i = 0; i < N; i++) {
        formula(net, items + w[i].at, w[i].len, x);
        for (int t = 0; t < w[i].len; t++)
            for (int k = 0; k < DIM; k++) CHECK_NEAR(out[(b.first[t] + i) * DIM + k], x[t][k], 1e-10);
    }
    seq_batch_free(&b);
    kind->drop(net);
    pool_free(pool);
}

int main(void) {
    gemm_start();
    check_states(&seq_sasrec, plain_sasrec);
    check_states(&seq_gru4rec, plain_gru);
    return 0;
}
