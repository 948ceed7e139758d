/* adamw64 — three steps of AdamW in double precision against the formula of its header, tensor by tensor. */
#include <stdlib.h>

#include "base/pool.h"
#include "base/rng.h"
#include "check.h"
#include "model/model.h"
#include "train/adamw.h"

/* One step on one tensor, as the header of adamw writes it. */
static void plain_step(const struct tensor *t, real *p, real *m, real *v, const real *grad,
                       double clip, int step, double lr, const struct adamw_options *o) {
    double bias1 = 1 - pow(o->beta1, step), bias2 = 1 - pow(o->beta2, step);

    for (size_t i = t->offset; i < t->offset + t->n; i++) {
        double g = clip * grad[i];

        m[i] = o->beta1 * m[i] + (1 - o->beta1) * g;
        v[i] = o->beta2 * v[i] + (1 - o->beta2) * g * g;
        if (t->decay) p[i] -= lr * o->weight_decay * p[i];
        p[i] -= lr * (m[i] / bias1) / (sqrt(v[i] / bias2) + o->eps);
    }
}

static real *random_block(const struct params *p, const char *what) {
    real *block = params_block(p);
    struct rng r = rng_start(7, what, NULL);

    for (int i = 0; i < p->n_tensors; i++)
        for (size_t j = 0; j < p->tensors[i].n; j++) block[p->tensors[i].offset + j] = 0.3 * rng_normal(&r);
    return block;
}

static void check_same(const struct params *p, const real *got, const real *want) {
    for (size_t i = 0; i < p->n_block; i++) CHECK_NEAR(got[i], want[i], 1e-12);
}

/* Three steps, clipped (max_norm > 0) or not. */
static void check_adamw(struct params *p, double max_norm, struct pool *pool) {
    const struct adamw_options o = { 0.9, 0.95, 1e-8, 0.1, max_norm };
    struct adamw a = adamw_new(p);
    real *m = params_block(p), *v = params_block(p), *want = random_block(p, "parameters");

    p->data = random_block(p, "parameters");
    for (int step = 1; step <= 3; step++) {
        real *g = random_block(p, (const char *[]){ "first", "second", "third" }[step - 1]);
        double sum = 0, norm;

        for (size_t i = 0; i < p->n_block; i++) sum += g[i] * g[i];
        norm = sqrt(sum);
        CHECK_NEAR(adamw_step(&a, p, g, 0.01 * step, &o, pool), norm, 1e-12 * norm);
        for (int i = 0; i < p->n_tensors; i++)
            plain_step(&p->tensors[i], want, m, v, g, max_norm > 0 ? fmin(1, max_norm / (norm + 1e-6)) : 1, step,
                       0.01 * step, &o);
        free(g);
    }
    check_same(p, p->data, want);
    check_same(p, a.m, m);
    check_same(p, a.v, v);
    adamw_free(&a);
    free(p->data);
    free(m);
    free(v);
    free(want);
}

int main(void) {
    struct pool *pool = pool_new(1);

    for (int arch = ARCH_LLAMA; arch <= ARCH_QWEN3; arch++) {
        struct config c = config_default(arch);
        struct model *m;

        c.vocab = 40, c.hidden = 13, c.layers = 2, c.heads = 4, c.kv_heads = 2, c.intermediate = 15, c.head_dim = 6;
        c.tied = arch == ARCH_QWEN2;
        m = model_layout(&c);
        check_adamw(&m->p, 0.5, pool);
        check_adamw(&m->p, 0, pool);
        m->p.data = NULL;
        model_free(m);
    }
    pool_free(pool);
    return 0;
}
