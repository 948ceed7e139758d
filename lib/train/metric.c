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

int metric_write(json_t *record, struct err *err) {
    jsonl_write(stdout, record);
    json_decref(record);
    if (!fflush(stdout)) return 0;
    err_set(err, "stdout: %s", strerror(errno));
    clearerr(stdout);                   /* it is said once */
    return -1;
}
