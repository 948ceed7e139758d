/* metrics — expectations over the places that a tie leaves open. */
#include "rank/metrics.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum { K_MAX = 1000000 };

int cuts_parse(struct cuts *c, const char *text, struct err *err) {
    char *end = (char *)text;

    for (c->n = 0; c->n < CUTS_MAX; text = end + 1) {
        unsigned long long k = *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : 0;

        if (k < 1 || k > K_MAX || (*end && *end != ','))
            return err_set(err, "not whole numbers from 1 to %d, apart by commas", K_MAX);
        for (size_t i = 0; i < c->n; i++)
            if (c->k[i] == k) return err_set(err, "%llu is there twice", k);
        c->k[c->n++] = (size_t)k;
        if (!*end) return 0;
    }
    return err_set(err, "more than %d numbers", CUTS_MAX);
}

size_t cuts_max(const struct cuts *c) {
    size_t max = 0;

    for (size_t i = 0; i < c->n; i++)
        if (c->k[i] > max) max = c->k[i];
    return max;
}

size_t metrics_at(const struct cuts *c, enum metric m, size_t i) {
    switch (m) {
    case HR1: return 0;
    case MRR: return 1;
    case NDCG: return 2 + i;
    case AUC: return 2 + c->n;
    default: return 3 + (size_t)(m - HR + 1) * c->n + i;
    }
}

size_t metrics_width(const struct cuts *c) {
    return metrics_at(c, NDCG_FULL, c->n);
}

size_t metrics_kept(const struct cuts *c) {
    return metrics_at(c, NDCG, c->n);
}

struct rank metrics_rank(const double *scores, size_t n, size_t target) {
    struct rank r = { .of = n };
    double truth = scores[target];

    if (isnan(truth)) return (struct rank){ .above = n - 1, .tied = 1, .of = n };
    for (size_t k = 0; k < n; k++) {
        r.tied += scores[k] == truth;           /* the target among them */
        r.above += scores[k] > truth;
    }
    return r;
}

/* The metrics at cut number i, from the open ranks that it takes in. */
static void at_cut(double *row, const struct cuts *c, size_t i, const struct rank *r) {
    size_t last = r->above + r->tied;
    double n = 0, gain = 0, reciprocal = 0, share = 1 / (double)r->tied;

    for (size_t rank = r->above + 1; rank <= last && rank <= c->k[i]; rank++) {
        n++;
        gain += 1 / log2(1 + (double)rank);
        reciprocal += 1 / (double)rank;
    }
    row[metrics_at(c, HR, i)] = n * share;
    row[metrics_at(c, NDCG, i)] = gain * share;
    row[metrics_at(c, MAP, i)] = reciprocal * share;
}

static void estimate(double *row, const struct cuts *c, const struct rank *r, const double *full) {
    double *out = &row[metrics_at(c, HR_FULL, 0)];      /* hr of all cuts, then ndcg */

    for (size_t i = 0; i < 2 * c->n; i++) {
        out[i] = full ? 0 : NAN;
        for (size_t k = 0; full && k < r->tied; k++)
            out[i] += full[2 * c->n * (r->above + k) + i] / (double)r->tied;
    }
}

/* The sum of 1 / rank over the open ranks. From rank 1000 on by the expansion of the harmonic
 * numbers at half a step, H(n) = ln(n + 1/2) + gamma + 1 / (24 (n + 1/2)^2), right to 1e-14. */
static double reciprocals(const struct rank *r) {
    size_t rank = r->above + 1, last = r->above + r->tied;
    double sum = 0;

    for (; rank <= last && rank <= 1000; rank++) sum += 1 / (double)rank;
    if (rank <= last) {
        double from = (double)rank - 0.5, to = (double)last + 0.5;

        sum += log(to / from) + (1 / (to * to) - 1 / (from * from)) / 24;
    }
    return sum;
}

static struct metrics without_cut(const struct rank *r) {
    return (struct metrics){ r->above ? 0 : 1 / (double)r->tied, reciprocals(r) / (double)r->tied };
}

void metrics_row(double *row, const struct cuts *c, const struct rank *r, const double *full) {
    double tied = (double)r->tied, others = (double)r->of - 1;
    struct metrics m = without_cut(r);

    row[HR1] = m.hr1;
    row[MRR] = m.mrr;
    row[metrics_at(c, AUC, 0)] =
        others > 0 ? (others - (double)r->above - (tied - 1) / 2) / others : NAN;
    for (size_t i = 0; i < c->n; i++) at_cut(row, c, i, r);
    estimate(row, c, r, full);
}

void metrics_case(struct metrics *m, const double *scores, size_t n, size_t target) {
    struct rank r = metrics_rank(scores, n, target);

    *m = without_cut(&r);
}

void metrics_add(struct metrics *sum, const struct metrics *m) {
    sum->hr1 += m->hr1;
    sum->mrr += m->mrr;
}
