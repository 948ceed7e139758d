/* credit64 — advantages of tokens, loss and gradient of every algorithm, with the KL divergence in loss or reward and
 * with importance weights, against what tests/oracle/rl_formulas.py writes out (tests/fixtures/rl/formulas.json, or the
 * file that is named). In the build in which a real is a double. */
#include "rl/credit.h"

#include <jansson.h>
#include <string.h>

#include "base/mem.h"
#include "check.h"

enum { GROUPS = 8, SAMPLES = 8 };

static const double TOLERANCE = 1e-7;   /* the file has nine digits; derivatives are by differences */

static double number(const json_t *obj, const char *field) {
    CHECK(json_is_number(json_object_get(obj, field)));
    return json_number_value(json_object_get(obj, field));
}

static double *numbers(const json_t *row, int *n) {
    double *x = mem_alloc(json_array_size(row) + 1, sizeof *x);

    *n = (int)json_array_size(row);
    for (size_t t = 0; t < (size_t)*n; t++) x[t] = json_number_value(json_array_get(row, t));
    return x;
}

/* The index of the field's word among `words`, which bars divide. */
static int word(const json_t *obj, const char *field, const char *words) {
    const char *want = json_string_value(json_object_get(obj, field));
    size_t n = strlen(want);

    for (int i = 0; words; i++, words = strchr(words, '|'), words += words ? 1 : 0)
        if (!strncmp(words, want, n) && (!words[n] || words[n] == '|')) return i;
    CHECK(!"a word that is known");
    return -1;
}

static int read_group(struct rl_group *g, const json_t *samples, const json_t *c, bool ref) {
    *g = (struct rl_group){ .n = (int)json_array_size(samples), .samples = mem_calloc(SAMPLES, sizeof *g->samples) };
    CHECK(g->n <= SAMPLES);
    for (int k = 0; k < g->n; k++) {
        const json_t *in = json_array_get(samples, (size_t)k);
        struct rl_sample *s = &g->samples[k];

        s->reward = number(in, "reward");
        s->old = numbers(json_object_get(in, "old"), &s->n);
        s->ref = ref ? numbers(json_object_get(in, "ref"), &s->n) : NULL;
        s->trust = json_is_true(json_object_get(c, "trust")) ? numbers(json_object_get(in, "trust"), &s->n) : NULL;
    }
    return g->n;
}

static void check_row(const double *got, const json_t *want, int n) {
    CHECK((size_t)n == json_array_size(want));
    for (int t = 0; t < n; t++) CHECK_NEAR(got[t], json_number_value(json_array_get(want, (size_t)t)), TOLERANCE);
}

static void check_case(const json_t *groups, const json_t *c) {
    const struct algorithm *a = algorithm_get(word(c, "loss", ALGORITHM_NAMES));
    enum policy_kl kl = (enum policy_kl)word(c, "kl", "k1|k2|k3|none");
    struct credit_options credit = { a, SCALE_NONE, kl, word(c, "kl_in", "loss|reward"), number(c, "beta"), false };
    const struct policy_options o = { number(c, "low"), number(c, "high"), number(c, "beta"), a->ratio, kl,
                                      json_is_true(json_object_get(c, "weigh")) };
    struct rl_group g[GROUPS];
    struct policy_stats stats = { 0 };
    size_t n = json_array_size(groups), row = 0;
    int sequences = 0;
    double tokens;

    CHECK(n <= GROUPS);
    if (!a->whiten) credit.scale = (enum advantage_scale)word(c, "scale", "group|batch|none");
    for (size_t i = 0; i < n; i++) sequences += read_group(&g[i], json_array_get(groups, i), c, kl != KL_NONE);
    credit_groups(g, n, &credit);
    tokens = credit_tokens(g, n);
    for (size_t i = 0; i < n; i++) {
        for (int k = 0; k < g[i].n; k++, row++) {
            const struct rl_sample *s = &g[i].samples[k];
            const json_t *in = json_array_get(json_array_get(groups, i), (size_t)k);
            double *logprob = numbers(json_object_get(in, "logp"), &(int){ 0 }), slope[32];
            const struct policy_tokens t = { logprob, s->old, s->ref, s->advantage, s->trust, s->n };
            double weight = policy_weight(a->mean, s->n, sequences, tokens, number(c, "length"));

            check_row(s->advantage, json_array_get(json_object_get(c, "advantages"), row), s->n);
            policy_sequence(slope, &stats, &t, weight, &o);
            check_row(slope, json_array_get(json_object_get(c, "dlogp"), row), s->n);
            free(logprob);
        }
        rl_group_free(&g[i]);
    }
    CHECK_NEAR(stats.loss, number(c, "value"), TOLERANCE);
}

int main(int argc, char **argv) {
    const char *path = argc > 1 ? argv[1] : "tests/fixtures/rl/formulas.json";
    json_t *file = json_load_file(path, 0, NULL), *c;
    size_t i;

    CHECK(file && json_array_size(json_object_get(file, "cases")) > 70);
    json_array_foreach(json_object_get(file, "cases"), i, c) check_case(json_object_get(file, "groups"), c);
    printf("%zu cases\n", i);
    json_decref(file);
    return 0;
}
