/* adamw — Adam with decoupled weight decay (Loshchilov and Hutter 2019) over one flat block, and
 * clipping by the global norm. Sums run in a fixed order: the same bits with any number of threads. */
#ifndef TRAIN_ADAMW_H
#define TRAIN_ADAMW_H

#include "base/pool.h"
#include "model/params.h"
#include "tensor/real.h"

struct adamw_options {
    double beta1, beta2, eps;
    double weight_decay;            /* on tensors whose table entry says so */
    double max_grad_norm;           /* 0: no clipping */
};

/* Rows of an option table: T is the program's options struct, m its struct adamw_options. */
#define ADAMW_OPTIONS(T, m) \
    { 0, "beta1", CLI_REAL, offsetof(T, m.beta1), 0, 0.99999, "of AdamW", NULL }, \
    { 0, "beta2", CLI_REAL, offsetof(T, m.beta2), 0, 0.999999, "of AdamW", NULL }, \
    { 0, "eps", CLI_REAL, offsetof(T, m.eps), 1e-30, 1, "of AdamW", NULL }, \
    { 0, "weight-decay", CLI_REAL, offsetof(T, m.weight_decay), 0, 10, "of matrices", NULL }, \
    { 0, "max-grad-norm", CLI_REAL, offsetof(T, m.max_grad_norm), 0, 1e6, "clip the gradient; 0: never", NULL }

/* The moments, blocks of the layout of what is trained, and the number of steps taken. Save and load them
 * with params_save and params_load. */
struct adamw {
    real *m, *v;
    long step;
};

struct adamw adamw_new(const struct params *p);
void adamw_free(struct adamw *a);

/* The Euclidean norm of a block. */
double grad_norm(const real *grad, size_t n, struct pool *pool);

/* dst[n] += src[n]; dst[n] = 0: the nodes of the fixed tree that sums micro-shards. */
void grad_add(real *dst, const real *src, size_t n, struct pool *pool);
void grad_zero(real *dst, size_t n, struct pool *pool);

/* One step on params->data with rate lr, by
 *   g *= min(1, max_grad_norm / (norm + 1e-6));  p -= lr wd p;  p -= lr mhat / (sqrt(vhat) + eps).
 * Returns the norm before clipping. When it is not finite nothing is changed: the caller stops. */
double adamw_step(struct adamw *a, struct params *params, const real *grad, double lr,
                  const struct adamw_options *o, struct pool *pool);

#endif
