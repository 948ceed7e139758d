/* sgemm — GFLOP/s of the products of a model: OpenBLAS beside those of tensor/gemm.h.
 *
 *   sgemm NAME DIR                 DIR: a model directory, of which only config.json is read
 * out  {"case":"sgemm","model":NAME,"product":"qkv","m":512,"n":320,"k":192,...}, one per product
 *
 * sgemm is y[m,n] = x[m,k] w[n,k]^T, computed whole by every thread for itself: what the cores
 * give when nothing is cut, shared or waited for. The others are one product that threads share. */
#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/progress.h"
#include "base/rng.h"
#include "io/jsonl.h"
#include "model/config.h"
#include "tensor/gemm.h"

enum { ROWS = 512, TRIES = 3 };
static const double LEAST = 0.1;        /* seconds of a try */

/* One product, and a y for each thread: y[M,N] = x[M,K] w[N,K]^T. */
struct product {
    float *x, *w, *y;
    int M, N, K;
    struct pool *pool;
};

typedef void kind(const struct product *p);

static void blas_task(void *ctx, int task, int worker) {
    const struct product *p = ctx;

    (void)worker;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, p->M, p->N, p->K, 1, p->x, p->K,
                p->w, p->K, 0, p->y + (size_t)task * p->M * p->N, p->N);
}

static void blas(const struct product *p) {
    pool_run(p->pool, pool_threads(p->pool), blas_task, (void *)p);
}

static void forward(const struct product *p) {
    gemm_forward(p->y, p->x, p->w, p->M, p->N, p->K, p->pool);
}

static void backward_weight(const struct product *p) {
    gemm_backward_weight(p->w, p->y, p->N, p->x, p->M, p->N, p->K, p->pool);
}

static void bf16(const struct product *p) {
    gemm_bf16_forward(p->y, p->x, p->w, p->M, p->N, p->K, p->pool);
}

/* Seconds of one call: the best of some tries, each of as many calls as fill a while. */
static double seconds(kind *run, const struct product *p) {
    double best = INFINITY;

    run(p);                             /* touches the memory and wakes the threads */
    for (int i = 0; i < TRIES; i++) {
        double start = progress_clock(), end;
        int calls = 0;

        do {
            run(p);
            calls++;
            end = progress_clock();
        } while (end - start < LEAST);
        best = fmin(best, (end - start) / calls);
    }
    return best;
}

/* Small numbers: backward adds to w again and again. */
static float *random_block(size_t n, struct rng *r) {
    float *x = mem_aligned(n, sizeof *x);

    for (size_t i = 0; i < n; i++) x[i] = (float)(1e-3 * (rng_real(r) - 0.5));
    return x;
}

static double gflops(kind *run, const struct product *p) {
    return 2e-9 * p->M * p->N * p->K / seconds(run, p);
}

static void measure(const char *model, const char *name, int N, int K, struct pool *pool) {
    struct rng r = rng_start(1, "sgemm", NULL);
    int threads = pool_threads(pool);
    struct product p = { random_block((size_t)ROWS * K, &r), random_block((size_t)N * K, &r),
                         random_block((size_t)threads * ROWS * N, &r), ROWS, N, K, pool };
    json_t *j = json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:s, s:i, s:f, s:f, s:f, s:f}",
                          "case", "sgemm", "model", model, "product", name,
                          "m", ROWS, "n", N, "k", K,
                          "core", gemm_core(), "threads", threads,
                          "sgemm", threads * gflops(blas, &p), "gemm_forward", gflops(forward, &p),
                          "gemm_backward_weight", gflops(backward_weight, &p),
                          "gemm_bf16", gflops(bf16, &p));

    jsonl_write(stdout, j);
    fflush(stdout);
    json_decref(j);
    free(p.x);
    free(p.w);
    free(p.y);
}

int main(int argc, char **argv) {
    struct config c;
    struct err err;
    struct pool *pool;

    if (argc != 3) {
        fputs("usage: sgemm NAME DIR\n", stderr);
        return 2;
    }
    if (config_load(&c, argv[2], &err)) {
        fprintf(stderr, "sgemm: %s\n", err.msg);
        return 1;
    }
    gemm_start();
    pool = pool_new(0);
    measure(argv[1], "qkv", (c.heads + 2 * c.kv_heads) * c.head_dim, c.hidden, pool);
    measure(argv[1], "o", c.hidden, c.heads * c.head_dim, pool);
    measure(argv[1], "gate_up", 2 * c.intermediate, c.hidden, pool);
    measure(argv[1], "down", c.hidden, c.intermediate, pool);
    measure(argv[1], "head", c.vocab, c.hidden, pool);
    pool_free(pool);
    return fclose(stdout) ? 1 : 0;
}
