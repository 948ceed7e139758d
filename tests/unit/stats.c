/* stats — intervals and the paired test against scipy 1.17 (binomtest, its proportion_ci by Wilson,
 * and Wilson's formula where hits are halves), metrics against ranks worked out by hand. */
#include "rank/stats.h"

#include "check.h"
#include "rank/metrics.h"

static void check_wilson(void) {
    static const struct { double hits; size_t n; double lo, hi; } golden[] = {
        { 8, 10, 0.49016247153664183, 0.9433178485456247 },
        { 0, 20, 0, 0.16112515805281935 },
        { 20, 20, 0.8388748419471808, 1 },
        { 392.5, 943, 0.38516527569052994, 0.44796412677903297 },
        { 1, 1, 0.20654931437723745, 1 },
    };

    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        double lo, hi;

        stats_wilson(golden[i].hits / (double)golden[i].n, golden[i].n, &lo, &hi);
        CHECK_NEAR(lo, golden[i].lo, 1e-14);
        CHECK_NEAR(hi, golden[i].hi, 1e-14);
        CHECK(golden[i].lo > 0 || lo == 0);
        CHECK(golden[i].hi < 1 || hi == 1);
    }
}

static void check_mcnemar(void) {
    static const struct { size_t wins, losses; double p; } golden[] = {
        { 5, 2, 0.453125 }, { 0, 8, 0.0078125 }, { 8, 0, 0.0078125 }, { 7, 7, 1 }, { 1, 0, 1 },
        { 0, 0, 1 },
        { 10, 30, 0.0022214337732293643 }, { 300, 220, 0.0005194158496652906 },
        { 50400, 49600, 0.01151492549022902 }, { 3000, 1000, 2.491514538629926e-229 },
    };

    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++)
        CHECK_NEAR(stats_mcnemar(golden[i].wins, golden[i].losses) / golden[i].p, 1, 1e-9);
}

/* 1, 0, 0, -1, 1, 0: mean 1/6, sd sqrt(17/30). */
static void check_normal(void) {
    static const double x[] = { 1, 0, 0, -1, 1, 0 };
    struct stats s = { 0 };
    double lo, hi;

    stats_add(&s, x[0]);
    stats_normal(&s, -1, 1, &lo, &hi);
    CHECK(isnan(lo) && isnan(hi));
    for (int i = 1; i < 6; i++) stats_add(&s, x[i]);
    stats_normal(&s, -1, 1, &lo, &hi);
    CHECK_NEAR(s.mean, 1.0 / 6, 1e-15);
    CHECK_NEAR(lo, 1.0 / 6 - STATS_Z95 * sqrt(17.0 / 30 / 6), 1e-14);
    CHECK_NEAR(hi, 1.0 / 6 + STATS_Z95 * sqrt(17.0 / 30 / 6), 1e-14);
    stats_normal(&s, 0, 0.5, &lo, &hi);
    CHECK(lo == 0 && hi == 0.5);
}

static void check_metrics(void) {
    static const double clear[] = { 0.5, 3, 2, -1, NAN, 7 }, flat[] = { 1, 1, 1, 1 };
    static const double none[] = { NAN, 2, NAN };
    double twelve[12];
    struct metrics m;

    metrics_case(&m, clear, 6, 2);                      /* rank 3 */
    CHECK(m.hr1 == 0 && m.hr5 == 1 && m.hr10 == 1);
    CHECK_NEAR(m.mrr, 1.0 / 3, 1e-15);
    CHECK_NEAR(m.ndcg5, 0.5, 1e-15);
    metrics_case(&m, clear, 6, 4);                      /* null: rank 6 */
    CHECK(m.hr5 == 0 && m.hr10 == 1 && m.ndcg5 == 0);
    CHECK_NEAR(m.ndcg10, 1 / log2(7), 1e-15);
    metrics_case(&m, flat, 4, 1);                       /* ranks 1 to 4 alike */
    CHECK_NEAR(m.hr1, 0.25, 1e-15);
    CHECK_NEAR(m.mrr, (1 + 1.0 / 2 + 1.0 / 3 + 1.0 / 4) / 4, 1e-15);
    CHECK_NEAR(m.ndcg5, (1 + 1 / log2(3) + 0.5 + 1 / log2(5)) / 4, 1e-15);
    metrics_case(&m, none, 3, 2);                       /* ranks 2 and 3: nulls tie */
    CHECK(m.hr1 == 0);
    CHECK_NEAR(m.mrr, 5.0 / 12, 1e-15);
    for (int k = 0; k < 12; k++) twelve[k] = k / 4;     /* ranks 5 to 8 */
    metrics_case(&m, twelve, 12, 5);
    CHECK_NEAR(m.hr5, 0.25, 1e-15);
    CHECK_NEAR(m.hr10, 1, 1e-15);
    CHECK_NEAR(m.ndcg5, 0.25 / log2(6), 1e-15);
    metrics_case(&m, flat, 1, 0);
    CHECK(m.hr1 == 1 && m.mrr == 1 && m.ndcg10 == 1);
}

int main(void) {
    check_wilson();
    check_mcnemar();
    check_normal();
    check_metrics();
    return 0;
}
