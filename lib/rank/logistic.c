/* logistic — a conditional logit over what a record says about its candidates:
 *
 *     P(target = k) = exp(beta . x_k) / sum over j of exp(beta . x_j)
 *
 * record → features → standardised within the case → Newton on the mean log-likelihood less
 * l2/2 |beta|^2. The objective is strictly concave, so there is one answer and no seed. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "io/jsonl.h"
#include "rank/family.h"

/* LAPACK inside OpenBLAS: solves a x = b in place for a positive definite a. */
void dposv_(const char *uplo, const int *n, const int *nrhs, double *a, const int *lda, double *b,
            const int *ldb, int *info, size_t length);

enum { COUNT, SHARE, WEIGHT, FACTS };       /* features; from FACTS on the facts */
enum { MAX_STEPS = 100 };

static const char *const names[FACTS] = { "count", "share", "weight" };

static const double floor_count = 0.1;      /* what a candidate without chains has of the share */

struct logistic {
    const struct baseline_options *o;
    char **fact;                /* [d - FACTS] names, of the first case learned */
    size_t d;                   /* features; 0: no case was learned */
    double *x;                  /* [rows, d] of all cases learned */
    size_t rows, x_cap;         /* x_cap: in numbers */
    size_t *first;              /* [cases] row of a case's first candidate */
    size_t *chosen;             /* [cases] row of its target */
    size_t cases, first_cap, chosen_cap;
    double *beta;               /* [d], NULL: not fitted yet */
    struct buf note;
};

static void *make(const struct baseline_options *o, struct pool *pool) {
    struct logistic *l = mem_calloc(1, sizeof *l);

    (void)pool;
    l->o = o;
    return l;
}

static void drop(void *state) {
    struct logistic *l = state;

    for (size_t f = FACTS; f < l->d; f++) free(l->fact[f - FACTS]);
    free(l->fact);
    free(l->x);
    free(l->first);
    free(l->chosen);
    free(l->beta);
    buf_free(&l->note);
    free(l);
}

/* The facts of the first case are those of all. */
static void name_facts(struct logistic *l, const json_t *rec) {
    json_t *facts = json_object_get(rec, "facts"), *value;
    const char *name;

    l->d = FACTS;
    l->fact = mem_calloc(json_object_size(facts), sizeof *l->fact);
    json_object_foreach(facts, name, value) l->fact[l->d++ - FACTS] = mem_strdup(name);
}

/* Largest "weight" of a candidate's chains; 0 where it has none. */
static int best_weight(const json_t *chains, double *best, struct err *err) {
    const json_t *chain;
    size_t i;

    *best = 0;
    json_array_foreach(chains, i, chain) {
        double w = 0;

        if (jsonl_number(chain, "weight", &w, err)) return -1;
        if (!(w >= 0 && w <= 1)) return err_set(err, "\"weight\" is not from 0 to 1");
        if (w > *best) *best = w;
    }
    return 0;
}

static int read_weights(const json_t *rec, int n, double *x, size_t d, struct err *err) {
    json_t *chains;

    if (jsonl_array(rec, "chains", &chains, err)) return -1;
    if (json_array_size(chains) != (size_t)n)
        return err_set(err, "\"chains\" has %zu entries for %d candidates", json_array_size(chains),
                       n);
    for (int k = 0; k < n; k++) {
        const json_t *mine = json_array_get(chains, (size_t)k);

        if (!json_is_array(mine)) return err_set(err, "\"chains\" holds what is not an array");
        if (best_weight(mine, &x[(size_t)k * d], err))
            return err_prefix(err, "chains of candidate %d", k);
    }
    return 0;
}

static int read_facts(const struct logistic *l, const json_t *rec, int n, double *x,
                      struct err *err) {
    json_t *facts;

    if (l->d == FACTS) return 0;
    if (jsonl_object(rec, "facts", &facts, err)) return -1;
    for (size_t f = FACTS; f < l->d; f++) {
        if (family_numbers(facts, l->fact[f - FACTS], n, x + f, l->d, err))
            return err_prefix(err, "\"facts\"");
        for (int k = 0; k < n; k++) {
            double v = x[(size_t)k * l->d + f];

            x[(size_t)k * l->d + f] = copysign(log1p(fabs(v)), v);
        }
    }
    return 0;
}

/* Gives a feature mean 0 and deviation 1 within the case; one that is the same for all becomes 0. */
static void standardise(double *x, int n, size_t d) {
    for (size_t f = 0; f < d; f++) {
        double mean = 0, var = 0, scale;

        for (int k = 0; k < n; k++) mean += x[(size_t)k * d + f] / n;
        for (int k = 0; k < n; k++) var += pow(x[(size_t)k * d + f] - mean, 2) / n;
        scale = sqrt(var) > 1e-12 * fabs(mean) ? 1 / sqrt(var) : 0;
        for (int k = 0; k < n; k++) x[(size_t)k * d + f] = (x[(size_t)k * d + f] - mean) * scale;
    }
}

/* Fills x[n, d]. */
static int read_features(const struct logistic *l, const json_t *rec, int n, double *x,
                         struct err *err) {
    if (family_numbers(rec, "counts", n, x + COUNT, l->d, err)) return -1;
    for (int k = 0; k < n; k++) {
        double *row = x + (size_t)k * l->d;

        if (row[COUNT] < 0) return err_set(err, "\"counts\" holds a number below 0");
        row[SHARE] = log(row[COUNT] + floor_count);     /* standardise takes out the total */
        row[COUNT] = log1p(row[COUNT]);
    }
    if (read_weights(rec, n, x + WEIGHT, l->d, err) || read_facts(l, rec, n, x, err)) return -1;
    standardise(x, n, l->d);
    return 0;
}

static int learn(void *state, const struct rec_case *c, const json_t *rec, struct err *err) {
    struct logistic *l = state;
    size_t need;

    assert(!l->beta);
    if (c->part == PART_TEST) return err_set(err, "a test case must not be learned from");
    if (!l->d) name_facts(l, rec);
    need = (l->rows + (size_t)c->n) * l->d;
    if (need > l->x_cap) {
        l->x_cap = 2 * need;
        l->x = mem_realloc(l->x, l->x_cap, sizeof *l->x);
    }
    if (read_features(l, rec, c->n, l->x + l->rows * l->d, err)) return -1;
    l->first = mem_grow(l->first, l->cases, &l->first_cap, sizeof *l->first);
    l->chosen = mem_grow(l->chosen, l->cases, &l->chosen_cap, sizeof *l->chosen);
    l->first[l->cases] = l->rows;
    l->chosen[l->cases++] = l->rows + (size_t)c->target;
    l->rows += (size_t)c->n;
    return 0;
}

static double dot(const double *a, const double *b, size_t d) {
    double sum = 0;

    for (size_t f = 0; f < d; f++) sum += a[f] * b[f];
    return sum;
}

/* What Newton needs at a beta: gradient[d], minus the Hessian [d, d]; scratch mean[d]. NULL gradient:
 * the objective alone. */
struct slope {
    double *gradient, *hessian, *mean;
};

/* Adds one case's part; p[n] are its utilities, and become its probabilities. */
static void add_case(const struct logistic *l, const double *x, double *p, size_t n, size_t chosen,
                     double total, struct slope *s) {
    size_t d = l->d;

    memset(s->mean, 0, d * sizeof *s->mean);
    for (size_t k = 0; k < n; k++) {
        p[k] = exp(p[k] - total);
        for (size_t f = 0; f < d; f++) s->mean[f] += p[k] * x[k * d + f];
    }
    for (size_t f = 0; f < d; f++)
        s->gradient[f] += (x[chosen * d + f] - s->mean[f]) / (double)l->cases;
    for (size_t k = 0; k < n; k++)
        for (size_t f = 0; f < d; f++) {
            double w = p[k] * (x[k * d + f] - s->mean[f]) / (double)l->cases;

            for (size_t h = 0; h < d; h++) s->hessian[f * d + h] += w * (x[k * d + h] - s->mean[h]);
        }
}

/* Mean log-likelihood less the ridge at beta; fills s unless it is NULL. p: room for the rows. */
static double objective(const struct logistic *l, const double *beta, double *p, struct slope *s) {
    size_t d = l->d;
    double value = -l->o->l2 / 2 * dot(beta, beta, d);

    for (size_t f = 0; s && f < d; f++) {
        s->gradient[f] = -l->o->l2 * beta[f];
        for (size_t h = 0; h < d; h++) s->hessian[f * d + h] = f == h ? l->o->l2 : 0;
    }
    for (size_t i = 0; i < l->cases; i++) {
        size_t first = l->first[i], n = (i + 1 < l->cases ? l->first[i + 1] : l->rows) - first;
        const double *x = l->x + first * d;
        double top = -INFINITY, sum = 0;

        for (size_t k = 0; k < n; k++) {
            p[k] = dot(beta, x + k * d, d);
            top = fmax(top, p[k]);
        }
        for (size_t k = 0; k < n; k++) sum += exp(p[k] - top);
        value += (p[l->chosen[i] - first] - top - log(sum)) / (double)l->cases;
        if (s) add_case(l, x, p, n, l->chosen[i] - first, top + log(sum), s);
    }
    return value;
}

/* One step, halved until it does not go down. Returns its length in the gradient's measure, 0 where
 * there is nothing to gain. */
static double newton_step(struct logistic *l, double *p, struct slope *s, double *try) {
    double value = objective(l, l->beta, p, s), gain;
    int d = (int)l->d, one = 1, info = 0;

    memcpy(s->mean, s->gradient, l->d * sizeof *s->mean);
    dposv_("L", &d, &one, s->hessian, &d, s->mean, &d, &info, 1);
    assert(!info);              /* the ridge keeps it positive definite */
    gain = dot(s->gradient, s->mean, l->d);
    for (double step = 1; step > 1e-6; step /= 2) {
        for (size_t f = 0; f < l->d; f++) try[f] = l->beta[f] + step * s->mean[f];
        if (objective(l, try, p, NULL) < value) continue;
        memcpy(l->beta, try, l->d * sizeof *try);
        return gain;
    }
    return 0;
}

static void write_note(struct logistic *l) {
    buf_printf(&l->note, "logistic of %zu cases:", l->cases);
    for (size_t f = 0; f < l->d; f++)
        buf_printf(&l->note, "%s %s %.3f", f ? "," : "", f < FACTS ? names[f] : l->fact[f - FACTS],
                   l->beta[f]);
}

static void fit(struct logistic *l) {
    double *p = mem_alloc(l->rows, sizeof *p), *try = mem_alloc(l->d, sizeof *try);
    struct slope s = { mem_alloc(l->d, sizeof *try), mem_alloc(l->d * l->d, sizeof *try),
                       mem_alloc(l->d, sizeof *try) };

    l->beta = mem_calloc(l->d, sizeof *l->beta);
    for (int i = 0; i < MAX_STEPS && newton_step(l, p, &s, try) > 1e-16; i++) continue;
    write_note(l);
    free(s.gradient);
    free(s.hessian);
    free(s.mean);
    free(p);
    free(try);
}

static int score(void *state, const struct rec_case *c, const json_t *rec, double *scores,
                 struct err *err) {
    struct logistic *l = state;
    double *x;
    int r;

    assert(l->cases);
    if (!l->beta) fit(l);
    x = mem_alloc((size_t)c->n * l->d, sizeof *x);
    if (!(r = read_features(l, rec, c->n, x, err)))
        for (int k = 0; k < c->n; k++) scores[k] = dot(l->beta, x + (size_t)k * l->d, l->d);
    free(x);
    return r;
}

static const char *note(const void *state) {
    const struct logistic *l = state;

    return l->beta ? buf_text(&l->note) : NULL;
}

const struct family family_logistic = {
    .name = "logistic", .options = "l2 log-pop", .make = make, .learn = learn, .score = score, .note = note, .drop = drop
};
