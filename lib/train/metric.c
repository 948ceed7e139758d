/* metric — stdout, flushed. */
#include "train/metric.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "io/jsonl.h"

json_int_t metric_peak_rss(void) {
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (json_int_t)u.ru_maxrss * 1024;
}

json_t *metric_parts(struct pool *pool, double step) {
    static const char *const names[POOL_PARTS] = {
        [POOL_PRODUCTS] = "products", [POOL_ATTENTION] = "attention", [POOL_ROWS] = "rows", [POOL_LOSS] = "loss",
        [POOL_OPTIMIZER] = "optimizer", [POOL_OTHER] = "other"
    };
    double seconds[POOL_PARTS];
    json_t *j = json_object();

    pool_seconds(pool, seconds);
    seconds[POOL_OTHER] = step;
    for (int i = 0; i < POOL_PARTS; i++)
        if (i != POOL_OTHER) seconds[POOL_OTHER] -= seconds[i];
    for (int i = 0; i < POOL_PARTS; i++) json_object_set_new(j, names[i], jsonl_float((float)seconds[i]));
    return j;
}

int metric_write(json_t *record, struct err *err) {
    jsonl_write(stdout, record);
    json_decref(record);
    if (!fflush(stdout)) return 0;
    err_set(err, "stdout: %s", strerror(errno));
    clearerr(stdout);                   /* it is said once */
    return -1;
}
