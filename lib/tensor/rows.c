/* rows — parts of a fixed number of rows over the pool. */
#include "tensor/rows.h"

struct job {
    int n, step;
    rows_work *work;
    void *ctx;
};

static void one_part(void *ctx, int task, int worker) {
    const struct job *j = ctx;
    int begin = task * j->step;

    (void)worker;
    j->work(j->ctx, begin, j->n - begin < j->step ? j->n : begin + j->step, task);
}

int rows_parts(int n, int step) {
    return (n + step - 1) / step;
}

int rows_alike(int n, int most, int unit) {
    return n ? rows_parts(rows_parts(n, rows_parts(n, most)), unit) * unit : 0;
}

void rows_run(struct pool *pool, int n, int step, rows_work *work, void *ctx) {
    struct job j = { .n = n, .step = step, .work = work, .ctx = ctx };

    pool_run(pool, rows_parts(n, step), one_part, &j);
}

void rows_spread(struct pool *pool, int n, int most, rows_work *work, void *ctx) {
    int each = rows_parts(n, pool_threads(pool));

    rows_run(pool, n, each < 1 ? 1 : each < most ? each : most, work, ctx);
}
