/* strata — an order of the cases, cut into even pieces. */
#include "rank/strata.h"

#include <stdlib.h>

#include "base/mem.h"

struct counted {
    size_t i;
    uint32_t count;
};

static int by_count(const void *a, const void *b) {
    const struct counted *x = a, *y = b;

    if (x->count != y->count) return x->count < y->count ? -1 : 1;
    return x->i < y->i ? -1 : x->i > y->i;
}

void strata_make(struct strata *s, const struct runs *rs, size_t n) {
    size_t cases = runs_cases(rs);
    struct counted *list = mem_alloc(cases, sizeof *list);

    *s = (struct strata){ .n = n };
    s->order = mem_alloc(cases, sizeof *s->order);
    s->begin = mem_alloc(n + 1, sizeof *s->begin);
    for (size_t i = 0; i < cases; i++) list[i] = (struct counted){ i, rs->target_count[i] };
    qsort(list, cases, sizeof *list, by_count);
    for (size_t i = 0; i < cases; i++) s->order[i] = list[i].i;
    for (size_t g = 0; g <= n; g++) {
        size_t k = cases * g / n;

        while (k > 0 && k < cases && list[k].count == list[k - 1].count) k++;
        s->begin[g] = k;
    }
    free(list);
}

void strata_free(struct strata *s) {
    free(s->order);
    free(s->begin);
}

double strata_mean(const struct strata *s, const struct runs *rs, const struct run *run, size_t g,
                   size_t m) {
    size_t kept = metrics_kept(&rs->cuts);
    struct stats mean = { 0 };

    for (size_t k = s->begin[g]; k < s->begin[g + 1]; k++)
        stats_add(&mean, run->kept[s->order[k] * kept + m]);
    return stats_mean(&mean);
}
