/* sample — distributions that temperature and filters leave, against those of transformers' processors,
 * and of random logits, with ties, against sorting the whole vocabulary; how often tokens are drawn.
 *
 * With a file in the form of tests/fixtures/decode/sampler.json as its argument it checks that one only,
 * and says how many were compared and the largest difference: what tests/oracle/sampler.py drives. */
#include "fixture.h"

#include <stdbool.h>

#include "base/mem.h"
#include "base/rng.h"
#include "model/sample.h"

enum { VOCAB = 3000 };

static const struct sample_options plain = { .penalty = 1, .temperature = 1, .top_p = 1 };

static double setting(const json_t *obj, const char *name, double standard) {
    const json_t *v = json_object_get(obj, name);

    return v ? json_number_value(v) : standard;
}

static struct sample_options options(const json_t *obj) {
    return (struct sample_options){ .penalty = setting(obj, "repetition_penalty", 1),
                                    .temperature = setting(obj, "temperature", 1),
                                    .top_k = (long)setting(obj, "top_k", 0),
                                    .top_p = setting(obj, "top_p", 1), .min_p = setting(obj, "min_p", 0) };
}

/* Fills x from a list of numbers. Returns how many. */
static int numbers(const json_t *list, real *x) {
    size_t n = json_array_size(list);

    for (size_t i = 0; i < n; i++) x[i] = (real)json_number_value(json_array_get(list, i));
    return (int)n;
}

/* Probabilities by token, 0 for those left out. Returns how many are above 0. */
static int by_token(const struct sample_dist *d, double *p, int vocab) {
    int n = 0;

    for (int t = 0; t < vocab; t++) p[t] = 0;
    for (int i = 0; i < d->n; i++) {
        CHECK(d->token[i] >= 0 && d->token[i] < vocab && !p[d->token[i]]);
        n += (p[d->token[i]] = d->weight[i] / d->sum) > 0;
    }
    return n;
}

struct tally {
    size_t distributions, probabilities;
    double worst;
};

/* One case of the file: exactly the tokens kept, each with its probability. */
static void check_case(const json_t *c, const json_t *rows, double tol, struct tally *tally) {
    const json_t *row = json_object_get(rows, json_string_value(json_object_get(c, "logits")));
    const json_t *kept = json_object_get(c, "kept"), *want = json_object_get(c, "probabilities");
    const json_t *seen_tokens = json_object_get(c, "seen");
    struct sample_options o = options(json_object_get(c, "setting"));
    size_t vocab = json_array_size(row), n = json_array_size(kept), n_seen = json_array_size(seen_tokens);
    real *logits = mem_alloc(vocab, sizeof *logits);
    double *p = mem_alloc(vocab, sizeof *p);
    int *seen = mem_alloc(n_seen, sizeof *seen);
    struct sample_dist d = sample_dist_new(numbers(row, logits));

    for (size_t i = 0; i < n_seen; i++) seen[i] = (int)json_integer_value(json_array_get(seen_tokens, i));
    sample_distribution(&d, logits, (int)vocab, &o,
                        &(struct sample_seen){ seen, seen + n_seen / 3, n_seen / 3, n_seen - n_seen / 3 });
    CHECK(by_token(&d, p, (int)vocab) == (int)n);
    for (size_t i = 0; i < n; i++) {
        double got = p[json_integer_value(json_array_get(kept, i))];
        double is = json_number_value(json_array_get(want, i));

        CHECK(got > 0);
        CHECK_NEAR(got, is, tol);
        tally->worst = fmax(tally->worst, fabs(got - is));
    }
    tally->distributions++;
    tally->probabilities += n;
    sample_dist_free(&d);
    free(logits);
    free(seen);
    free(p);
}

static void check_ties(const json_t *ties) {
    const json_t *kept = json_object_get(ties, "kept_by_transformers");
    struct sample_options o = options(json_object_get(ties, "setting"));
    real logits[64];
    double p[64];
    int vocab = numbers(json_object_get(ties, "values"), logits);
    struct sample_dist d = sample_dist_new(vocab);

    sample_distribution(&d, logits, vocab, &o, NULL);
    CHECK(by_token(&d, p, vocab) == (int)json_array_size(kept));
    for (size_t i = 0; i < json_array_size(kept); i++)
        CHECK(p[json_integer_value(json_array_get(kept, i))] > 0);
    sample_dist_free(&d);
}

static void check_file(const char *path) {
    json_t *obj = json_load_file(path, 0, NULL);
    struct tally tally = { 0 };
    const json_t *c;
    size_t i;

    CHECK(obj);
    json_array_foreach(json_object_get(obj, "cases"), i, c)
        check_case(c, json_object_get(obj, "rows"), fixture_number(obj, "tolerance", "probabilities"), &tally);
    CHECK(tally.distributions);
    if (json_object_get(obj, "ties")) check_ties(json_object_get(obj, "ties"));
    printf("%zu distributions: the same tokens kept; %zu probabilities: apart by up to %.2g\n",
           tally.distributions, tally.probabilities, tally.worst);
    json_decref(obj);
}

struct entry {
    int token;
    double logit, p;
};

static int by_logit(const void *a, const void *b) {
    const struct entry *x = a, *y = b;

    return x->logit != y->logit ? (x->logit < y->logit ? 1 : -1) : x->token - y->token;
}

/* The definition: sort all, then cut from behind. Fills p by token; returns how many are kept. */
static int naive(const real *logits, int vocab, const struct sample_options *o, double *p) {
    static struct entry e[VOCAB];
    double sum = 0, seen = 0, left = 0;
    int n = vocab, k;

    for (int t = 0; t < vocab; t++) e[t] = (struct entry){ .token = t, .logit = (double)logits[t] };
    qsort(e, (size_t)vocab, sizeof *e, by_logit);
    if (o->top_k > 0 && o->top_k < n) n = (int)o->top_k;
    while (n < vocab && e[n].logit == e[n - 1].logit) n++;
    for (int i = 0; i < n; i++) sum += e[i].p = exp((e[i].logit - e[0].logit) / o->temperature);
    for (k = 0; o->top_p < 1 && k < n && (!k || seen < o->top_p * sum); k++) seen += e[k].p;
    if (o->top_p < 1) n = k;
    while (o->min_p > 0 && e[n - 1].p < o->min_p) n--;
    for (int i = 0; i < n; i++) left += e[i].p;
    for (int t = 0; t < vocab; t++) p[t] = 0;
    for (int i = 0; i < n; i++) p[e[i].token] = e[i].p / left;
    return n;
}

static struct sample_options random_options(struct rng *r, int vocab) {
    static const double temperatures[] = { 0.05, 0.5, 1, 1, 3, 100 };
    struct sample_options o = plain;
    uint64_t kind = rng_below(r, 16);

    o.temperature = temperatures[rng_below(r, 6)];
    if (kind & 1) o.top_k = 1 + (long)rng_below(r, (uint64_t)(kind & 8 ? vocab : 50));
    if (kind & 2) o.top_p = rng_real(r);
    if (kind & 4) o.min_p = rng_real(r) * rng_real(r);
    return o;
}

/* Logits in steps of 1/4 have many equals; those that are equal at a border go by the smaller id. */
static void test_naive(void) {
    static real logits[VOCAB];
    static double got[VOCAB], want[VOCAB];
    struct sample_dist d = sample_dist_new(VOCAB);
    struct rng r = rng_start(7, "logits", NULL);

    for (int k = 0; k < 2000; k++) {
        int vocab = 1 + (int)rng_below(&r, k % 4 ? 40 : VOCAB);
        double wide = 0.01 + 8 * rng_real(&r);
        struct sample_options o = random_options(&r, vocab);

        for (int t = 0; t < vocab; t++) {
            logits[t] = (real)(wide * rng_normal(&r));
            if (k & 1) logits[t] = (real)(rint((double)logits[t] * 4) / 4);
        }
        sample_distribution(&d, logits, vocab, &o, NULL);
        by_token(&d, got, vocab);
        CHECK(d.n == naive(logits, vocab, &o, want));
        for (int t = 0; t < vocab; t++) {
            CHECK((got[t] > 0) == (want[t] > 0));
            CHECK_NEAR(got[t], want[t], 1e-12);      /* exponents up to 745, rounded twice */
        }
    }
    sample_dist_free(&d);
}

/* A million draws: each count within five deviations of what the distribution says. */
static void test_draws(void) {
    enum { V = 40, N = 1000000 };
    static const struct sample_options filtered = { .penalty = 1.3, .temperature = 0.8, .top_k = 20,
                                                    .top_p = 0.95 };
    static const int prompt[] = { 3, 3, 7 }, run[] = { 8 };
    const struct sample_seen seen = { prompt, run, 3, 1 };
    const struct sample_options *settings[] = { &plain, &filtered };
    struct sample_dist d = sample_dist_new(V);
    struct rng r = rng_start(11, "draws", NULL);
    real logits[V];
    double p[V];

    for (int t = 0; t < V; t++) logits[t] = (real)(2 * rng_normal(&r));
    for (size_t s = 0; s < 2; s++) {
        int count[V] = { 0 };

        for (int i = 0; i < N; i++) {
            r.index = (uint64_t)i;              /* a draw takes one number, whatever it finds */
            count[sample_token(&d, logits, V, settings[s], &seen, &r)]++;
            CHECK(r.index == (uint64_t)i + 1);
        }
        by_token(&d, p, V);
        for (int t = 0; t < V; t++)
            CHECK(fabs(count[t] - N * p[t]) <= 5 * sqrt(N * p[t] * (1 - p[t])));
    }
    sample_dist_free(&d);
}

/* The most probable token, the smaller id of equals, also after the penalty; and logits that are none. */
static void test_edges(void) {
    struct sample_options greedy = { .penalty = 1, .temperature = 0, .top_p = 1 }, punished = greedy;
    struct sample_options all = plain;
    struct sample_dist d = sample_dist_new(4);
    struct rng r = rng_start(1, "edges", NULL);
    const struct sample_seen seen = { (const int[]){ 1 }, (const int[]){ 1, 2, 1 }, 1, 3 };
    const real tied[] = { 1, 3, 3, 2 }, negative[] = { -4, -1, -1.5f, -3.5f };
    const real none[] = { -INFINITY, 0, -INFINITY, -INFINITY };
    const real bad[] = { NAN, NAN, NAN, NAN }, one_bad[] = { NAN, 1, 0, 1 };

    punished.penalty = 2;
    CHECK(sample_token(&d, tied, 4, &greedy, NULL, &r) == 1);
    CHECK(sample_token(&d, tied, 4, &punished, &seen, &r) == 3);          /* 1, 1.5, 1.5, 2 */
    CHECK(sample_token(&d, negative, 4, &punished, &seen, &r) == 1);      /* -4, -2, -3, -3.5: once, not thrice */
    for (int i = 0; i < 1000; i++) CHECK(sample_token(&d, none, 4, &plain, NULL, &r) == 1);
    all.top_p = 0.5;                    /* two of four equals are half: no third */
    sample_distribution(&d, (const real[]){ 1, 1, 1, 1 }, 4, &all, NULL);
    CHECK(d.n == 2 && d.token[0] + d.token[1] == 1);
    all = plain;
    all.temperature = 1e-310;
    for (int i = 0; i < 1000; i++) CHECK(sample_token(&d, negative, 4, &all, NULL, &r) == 1);
    all = (struct sample_options){ .penalty = 1, .temperature = 1, .top_k = 2, .top_p = 0.5, .min_p = 0.1 };
    for (int i = 0; i < 1000; i++) {
        int token = sample_token(&d, i % 2 ? bad : one_bad, 4, i % 4 < 2 ? &all : &greedy, NULL, &r);

        CHECK(token >= 0 && token < 4);
    }
    sample_dist_free(&d);
}

int main(int argc, char **argv) {
    check_file(argc > 1 ? argv[1] : "tests/fixtures/decode/sampler.json");
    if (argc > 1) return 0;
    test_naive();
    test_draws();
    test_edges();
    return 0;
}
