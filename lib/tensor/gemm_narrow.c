/* gemm_narrow — a is read once, from where it lies: to pack it would take longer than the product. */
#include "tensor/gemm.h"
#include "tensor/kernels.h"
#include "tensor/rows.h"

enum { ROWS = 48, TURN = 128 };         /* what a task reads of a in one turn is in the first-level cache */

struct job {
    const struct kernels *k;
    real *c;
    const real *a, *b;
    size_t am, ak;
    int N, K;
};

static void some_rows(void *ctx, int begin, int end, int part) {
    const struct job *j = ctx;
    size_t N = (size_t)j->N;

    (void)part;
    for (int k = 0; k < j->K; k += TURN)
        j->k->tile_mac(j->c + begin * N, N, j->a + begin * j->am + k * j->ak, j->am, j->ak, j->b + k * N, N,
                       end - begin, j->N, j->K - k < TURN ? j->K - k : TURN, true);
}

void gemm_narrow(real *c, const real *a, size_t am, size_t ak, const real *b, int M, int N, int K,
                 struct pool *pool) {
    struct job j = { kernels_get(), c, a, b, am, ak, N, K };
    enum pool_part before = pool_part(pool, POOL_PRODUCTS);

    rows_run(pool, M, ROWS, some_rows, &j);
    pool_part(pool, before);
}
