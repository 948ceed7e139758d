/* stats — intervals and exact tests against scipy 1.17 (binomtest, its proportion_ci by Wilson, and
 * Wilson's formula where hits are halves), Holm's correction and metrics worked out by hand,
 * estimates of full rankings against numpy with scipy's hypergeom. */
#include "rank/stats.h"

#include "base/rng.h"
#include "check.h"
#include "rank/metrics.h"
#include "rank/sampled.h"

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
    CHECK_NEAR(stats_mean(&s), 1.0 / 6, 1e-15);
    stats_add(&s, NAN);
    CHECK(s.n == 6);
    CHECK_NEAR(lo, 1.0 / 6 - STATS_Z95 * sqrt(17.0 / 30 / 6), 1e-14);
    CHECK_NEAR(hi, 1.0 / 6 + STATS_Z95 * sqrt(17.0 / 30 / 6), 1e-14);
    stats_normal(&s, 0, 0.5, &lo, &hi);
    CHECK(lo == 0 && hi == 0.5);
}

/* By hand: 1 of 2, 3 of 3 and 0 of 1 are 4 of 6. The residuals 1 - 4/3, 3 - 2 and 0 - 2/3 have squares that sum to 14/9,
 * the share a variance of 14/9 * 3/2 / 36, and 2/9 over that is 3.4 trials. */
static void check_ratio(void) {
    struct stats_ratio r = { 0 };
    double lo, hi, want[2];

    CHECK(isnan(stats_ratio_share(&r, &lo, &hi)) && isnan(lo) && isnan(hi));
    stats_ratio_add(&r, 1, 2);
    CHECK_NEAR(stats_ratio_share(&r, &lo, &hi), 0.5, 0);
    stats_wilson(0.5, 1, &want[0], &want[1]);
    CHECK(lo == want[0] && hi == want[1]);
    stats_ratio_add(&r, 3, 3);
    stats_ratio_add(&r, 0, 0);
    stats_ratio_add(&r, 0, 1);
    CHECK_NEAR(stats_ratio_share(&r, &lo, &hi), 2.0 / 3, 1e-15);
    stats_wilson(2.0 / 3, 3, &want[0], &want[1]);
    CHECK_NEAR(lo, want[0], 1e-15);
    CHECK_NEAR(hi, want[1], 1e-15);
    r = (struct stats_ratio){ 0 };
    for (int k = 0; k < 5; k++) stats_ratio_add(&r, 4, 4);
    stats_wilson(1, 5, &want[0], &want[1]);
    CHECK(stats_ratio_share(&r, &lo, &hi) == 1 && lo == want[0] && hi == 1);
}

/* Citations that err together within a record: the interval holds the true share about as often as it says, and
 * Wilson's of the single citations much more rarely. */
static void check_ratio_coverage(void) {
    struct rng rng = rng_start(1, "ratio", NULL);
    int held = 0, naive = 0;

    for (int trial = 0; trial < 2000; trial++) {
        struct stats_ratio r = { 0 };
        double lo, hi, p;

        for (int k = 0; k < 200; k++) {
            double parts = 1 + (double)rng_below(&rng, 9), bad = rng_real(&rng) < 0.3, hits = 0;

            for (int i = 0; i < parts; i++) hits += rng_real(&rng) < (bad > 0 ? 0.5 : 0.95);
            stats_ratio_add(&r, hits, parts);
        }
        p = stats_ratio_share(&r, &lo, &hi);
        held += lo <= 0.815 && 0.815 <= hi;
        stats_wilson(p, (size_t)r.parts, &lo, &hi);
        naive += lo <= 0.815 && 0.815 <= hi;
    }
    CHECK(held > 2000 * 0.93 && held < 2000 * 0.97);
    CHECK(naive < 2000 * 0.9);
}

static void check_binomial(void) {
    static const struct { size_t hits, n; double chance, p; } golden[] = {
        { 5, 10, 0.050000000000000003, 6.3689831445312494e-05 },
        { 0, 50, 0.050000000000000003, 0.18056178542085677 },
        { 3, 50, 0.050000000000000003, 0.7388986296011798 },
        { 219, 943, 0.050000000000000003, 2.9733957413210277e-81 },
        { 47, 943, 0.050000000000000003, 1 },
        { 1, 3, 0.5, 1 },
        { 7, 7, 0.33333333333333331, 0.00045724737082761756 },
    };

    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++)
        CHECK_NEAR(stats_binomial(golden[i].hits, golden[i].n, golden[i].chance) / golden[i].p, 1,
                   1e-9);
    CHECK(stats_binomial(5, 5, 1) == 1);
}

/* In their order 0.01 * 4, 0.02 * 3, 0.02 * 2 and 0.9, none below the one before. */
static void check_holm(void) {
    static const double p[] = { 0.02, 0.9, 0.01, 0.02 }, want[] = { 0.06, 0.9, 0.04, 0.06 };
    static const double large[] = { 0.5, 0.4 };
    double out[4];

    stats_holm(out, p, 4);
    for (int i = 0; i < 4; i++) CHECK_NEAR(out[i], want[i], 1e-15);
    stats_holm(out, large, 2);
    CHECK(out[0] == 0.8 && out[1] == 0.8);
}

/* One case's row, and its numbers at the cuts 1, 5 and 10. */
static const struct cuts cuts = { 3, { 1, 5, 10 } };

struct figures {
    double hr1, hr5, hr10, ndcg5, ndcg10, map5, mrr, auc;
};

static struct figures measure(const double *scores, size_t n, size_t target) {
    struct rank r = metrics_rank(scores, n, target);
    struct metrics two, twice = { 0 };
    double row[32];

    CHECK(metrics_width(&cuts) <= 32 && metrics_kept(&cuts) == 5 && cuts_max(&cuts) == 10);
    metrics_row(row, &cuts, &r, NULL);
    metrics_case(&two, scores, n, target);
    metrics_add(&twice, &two);
    metrics_add(&twice, &two);
    CHECK(twice.hr1 == 2 * row[HR1] && twice.mrr == 2 * row[MRR]);
    CHECK(isnan(row[metrics_at(&cuts, HR_FULL, 0)]));
    CHECK(row[HR1] == row[metrics_at(&cuts, HR, 0)]);
    return (struct figures){
        row[HR1], row[metrics_at(&cuts, HR, 1)], row[metrics_at(&cuts, HR, 2)],
        row[metrics_at(&cuts, NDCG, 1)], row[metrics_at(&cuts, NDCG, 2)],
        row[metrics_at(&cuts, MAP, 1)], row[MRR], row[metrics_at(&cuts, AUC, 0)]
    };
}

static void check_metrics(void) {
    static const double clear[] = { 0.5, 3, 2, -1, NAN, 7 }, flat[] = { 1, 1, 1, 1 };
    static const double none[] = { NAN, 2, NAN };
    double twelve[12];
    struct figures m = measure(clear, 6, 2);                /* rank 3 */

    CHECK(m.hr1 == 0 && m.hr5 == 1 && m.hr10 == 1);
    CHECK_NEAR(m.mrr, 1.0 / 3, 1e-15);
    CHECK_NEAR(m.map5, 1.0 / 3, 1e-15);
    CHECK_NEAR(m.ndcg5, 0.5, 1e-15);
    CHECK_NEAR(m.auc, 3.0 / 5, 1e-15);
    m = measure(clear, 6, 4);                               /* null: rank 6 */
    CHECK(m.hr5 == 0 && m.hr10 == 1 && m.ndcg5 == 0 && m.map5 == 0 && m.auc == 0);
    CHECK_NEAR(m.ndcg10, 1 / log2(7), 1e-15);
    m = measure(flat, 4, 1);                                /* ranks 1 to 4 alike */
    CHECK_NEAR(m.hr1, 0.25, 1e-15);
    CHECK_NEAR(m.mrr, (1 + 1.0 / 2 + 1.0 / 3 + 1.0 / 4) / 4, 1e-15);
    CHECK_NEAR(m.ndcg5, (1 + 1 / log2(3) + 0.5 + 1 / log2(5)) / 4, 1e-15);
    CHECK_NEAR(m.auc, 0.5, 1e-15);
    m = measure(none, 3, 2);                                /* null among nulls: the last */
    CHECK(m.hr1 == 0 && m.auc == 0);
    CHECK_NEAR(m.mrr, 1.0 / 3, 1e-15);
    for (int k = 0; k < 12; k++) twelve[k] = k / 4;         /* ranks 5 to 8 */
    m = measure(twelve, 12, 5);
    CHECK_NEAR(m.hr5, 0.25, 1e-15);
    CHECK_NEAR(m.hr10, 1, 1e-15);
    CHECK_NEAR(m.ndcg5, 0.25 / log2(6), 1e-15);
    m = measure(flat, 1, 0);
    CHECK(m.hr1 == 1 && m.mrr == 1 && m.ndcg10 == 1 && isnan(m.auc));
}

/* Ties over many ranks, against the sum itself. */
static void check_long_ties(void) {
    static const struct rank ties[] = { { 0, 5000, 6000 }, { 998, 4, 2000 },
                                        { 700000, 90000, 800000 } };
    double row[32], sum;

    for (int i = 0; i < 3; i++) {
        sum = 0;
        for (size_t k = 1; k <= ties[i].tied; k++) sum += 1 / (double)(ties[i].above + k);
        metrics_row(row, &cuts, &ties[i], NULL);
        CHECK_NEAR(row[MRR] * (double)ties[i].tied / sum, 1, 1e-12);
    }
}

/* gain[rank - 1, 2]: hr and ndcg at the one cut. */
static void check_sampled(void) {
    static const struct cuts five = { 1, { 5 } }, ten = { 1, { 10 } };
    static const double want[] = {
        0.93494558779885273, 0.59539731458148992, -0.87156107729813381, -0.60663895394504574,
        0.41536439327871083, 0.30922910744297238, -0.078748903779429863, -0.062110738569065314
    };
    struct sampled s = { 0 };
    const double *gain = sampled_gains(&s, &five, 50, 4);

    for (int i = 0; i < 8; i++) CHECK_NEAR(gain[i], want[i], 1e-12);
    CHECK(gain == sampled_gains(&s, &five, 50, 4));
    gain = sampled_gains(&s, &ten, 3000, 500);
    CHECK_NEAR(gain[0], 0.98140908729711906, 1e-9);
    CHECK_NEAR(gain[2], 1.5297241460809738, 1e-9);
    CHECK_NEAR(gain[1], 0.85697409333739238, 1e-9);
    CHECK(!sampled_gains(&s, &five, 4, 4) && !sampled_gains(&s, &five, 10000, SAMPLED_MAX + 1));
    sampled_free(&s);
}

int main(void) {
    check_wilson();
    check_mcnemar();
    check_normal();
    check_ratio();
    check_ratio_coverage();
    check_binomial();
    check_holm();
    check_metrics();
    check_long_ties();
    check_sampled();
    return 0;
}
