/* pairwise64 — BPR and LightGCN in the build in which a real is a double: loss and spread
 * vectors against their formulas over dense matrices, the gradient of every number against
 * central differences, drawn samples, Adam's first steps, and nobody who is held learned from. */
#include "rank/pairwise.h"

#include <stdlib.h>
#include <string.h>

#include "toy.h"

enum { USERS = 9, ITEMS = 7, ROWS = USERS + ITEMS, D = 5, B = 12 };

static bool edge(const struct split *s, int u, int i) {
    return !(s->held && s->held[u]) && graph_has(s->known, u, i);
}

/* S of the header, dense. */
static void make_dense(const struct split *s, double dense[ROWS][ROWS]) {
    double n[ROWS] = { 0 };

    for (int u = 0; u < USERS; u++)
        for (int i = 0; i < ITEMS; i++) n[u] += edge(s, u, i), n[USERS + i] += edge(s, u, i);
    memset(dense, 0, sizeof(double[ROWS][ROWS]));
    for (int u = 0; u < USERS; u++)
        for (int i = 0; i < ITEMS; i++)
            if (edge(s, u, i))
                dense[u][USERS + i] = dense[USERS + i][u] = 1 / sqrt(n[u] * n[USERS + i]);
}

/* The loss of the samples by the header's formulas; fills out[ROWS][D]. */
static double naive(const struct pairwise *p, const struct split *s, double out[ROWS][D]) {
    double dense[ROWS][ROWS], at[ROWS][D], next[ROWS][D], norm[3] = { 0 }, loss = 0;

    make_dense(s, dense);
    for (int r = 0; r < ROWS; r++)
        for (int k = 0; k < D; k++) out[r][k] = at[r][k] = p->x[r * D + k];
    for (int l = 0; l < p->o.layers; l++) {
        for (int r = 0; r < ROWS; r++)
            for (int k = 0; k < D; k++) {
                next[r][k] = 0;
                for (int q = 0; q < ROWS; q++) next[r][k] += dense[r][q] * at[q][k];
                out[r][k] += next[r][k];
            }
        memcpy(at, next, sizeof at);
    }
    for (int r = 0; r < ROWS; r++)
        for (int k = 0; k < D; k++) out[r][k] /= p->o.layers + 1;
    for (int t = 0; t < B; t++) {
        int u = p->sample[t].user, i = USERS + p->sample[t].item, j = USERS + p->sample[t].other;
        double x = 0;

        for (int k = 0; k < D; k++) {
            x += out[u][k] * (out[i][k] - out[j][k]);
            norm[0] += pow(p->x[u * D + k], 2);
            norm[1] += pow(p->x[i * D + k], 2);
            norm[2] += pow(p->x[j * D + k], 2);
        }
        loss -= log(1e-10 + 1 / (1 + exp(-x))) / B;
    }
    return loss + p->o.l2 / B * (sqrt(norm[0]) + sqrt(norm[1]) + sqrt(norm[2]));
}

static void check_gradient(const struct split *s, int layers, double l2, struct pool *pool) {
    struct pairwise_options o = { .d = D, .layers = layers, .batch = B, .l2 = l2, .learning_rate = 0.1,
                                  .uniform = layers > 0, .seed = 5 };
    struct rng r = rng_start(1, "samples", NULL);
    double out[ROWS][D], loss;
    struct pairwise p;
    const real *dx;

    pairwise_open(&p, s, &o, pool);
    for (int t = 0; t < B; t++)
        p.sample[t] = (struct pairwise_sample){ (int)rng_below(&r, USERS), (int)rng_below(&r, ITEMS),
                                                (int)rng_below(&r, ITEMS) };
    loss = pairwise_gradient(&p, B, &dx);
    CHECK_NEAR(loss, naive(&p, s, out), 1e-12);
    for (int k = 0; k < ROWS * D; k++) {
        const double h = 1e-5;
        real was = p.x[k], grad = dx[k];
        double up, down;

        p.x[k] = was + h;
        up = naive(&p, s, out);
        p.x[k] = was - h;
        down = naive(&p, s, out);
        p.x[k] = was;
        CHECK_NEAR(grad, (up - down) / (2 * h), 1e-8);
    }
    naive(&p, s, out);
    pairwise_spread(&p);
    for (int r2 = 0; r2 < ROWS; r2++)
        for (int k = 0; k < D; k++) CHECK_NEAR(p.out[r2 * D + k], out[r2][k], 1e-12);
    pairwise_free(&p);
}

/* Every known event once, with an item that its user does not have; nobody held, and nobody who
 * has all. */
static void check_samples(const struct split *s, struct pool *pool) {
    struct pairwise_options o = { .d = D, .batch = 1000, .learning_rate = 0.1, .seed = 5 };
    size_t n = 0;
    struct pairwise p;
    bool seen[USERS][ITEMS] = { { false } };

    pairwise_open(&p, s, &o, pool);
    pairwise_epoch(&p);
    for (int u = 0; u < USERS; u++) {
        int own = 0;

        for (int i = 0; i < ITEMS; i++) own += edge(s, u, i);
        if (own < ITEMS) n += (size_t)own;
    }
    CHECK(p.n == n);
    for (size_t t = 0; t < n; t++) {
        const struct pairwise_sample *x = &p.sample[t];

        CHECK(edge(s, x->user, x->item) && !seen[x->user][x->item]);
        CHECK(x->other >= 0 && x->other < ITEMS && !graph_has(s->known, x->user, x->other));
        seen[x->user][x->item] = true;
    }
    pairwise_free(&p);
}

/* Adam by its definition, over three epochs of one batch. */
static void check_adam(const struct split *s, struct pool *pool) {
    struct pairwise_options o = { .d = D, .layers = 1, .batch = 1000, .learning_rate = 0.05,
                                  .l2 = 0.3, .seed = 2 };
    double x[ROWS * D], m[ROWS * D] = { 0 }, v[ROWS * D] = { 0 };
    struct pairwise p, again;
    const real *dx;

    pairwise_open(&p, s, &o, pool);
    pairwise_open(&again, s, &o, pool);
    for (int step = 1; step <= 3; step++) {
        for (int k = 0; k < ROWS * D; k++) x[k] = p.x[k];
        pairwise_epoch(&p);
        memcpy(again.sample, p.sample, p.n * sizeof *p.sample);
        for (int k = 0; k < ROWS * D; k++) again.x[k] = (real)x[k];
        pairwise_gradient(&again, (int)p.n, &dx);
        for (int k = 0; k < ROWS * D; k++) {
            m[k] = 0.9 * m[k] + 0.1 * dx[k];
            v[k] = 0.999 * v[k] + 0.001 * dx[k] * dx[k];
            x[k] -= 0.05 * (m[k] / (1 - pow(0.9, step))) / (sqrt(v[k] / (1 - pow(0.999, step))) + 1e-8);
            CHECK_NEAR(p.x[k], x[k], 1e-10);
        }
    }
    pairwise_free(&p);
    pairwise_free(&again);
}

int main(void) {
    struct pool *pool = pool_new(2);

    for (int kind = SPLIT_LOO; kind <= SPLIT_USERS; kind += SPLIT_USERS - SPLIT_LOO) {
        struct graph *g = toy_graph(3, USERS, ITEMS);
        struct split_options o = { .kind = kind };
        struct split s;
        struct err err;

        CHECK(!split_make(&s, g, &o, PART_TEST, &err));
        CHECK(g->users == USERS && g->items == ITEMS);
        for (int layers = 0; layers <= 3; layers++) {
            check_gradient(&s, layers, 0, pool);
            check_gradient(&s, layers, 0.7, pool);
        }
        check_samples(&s, pool);
        check_adam(&s, pool);
        split_free(&s);
        graph_free(g);
    }
    pool_free(pool);
    return 0;
}
