/* policy — advantages, loss and gradient of the policy objective against TRL's GRPOTrainer
 * (tests/fixtures/rl), and the gradient against differences. */
#include "rl/policy.h"

#include <jansson.h>
#include <string.h>

#include "check.h"
#include "io/safetensors.h"
#include "rl/advantage.h"

enum { GROUP = 4, ROWS = 8, LONGEST = 32 };

struct rows {
    int n[ROWS];
    double policy[ROWS][LONGEST], old[ROWS][LONGEST], ref[ROWS][LONGEST], advantage[ROWS];
};

static json_t *load(const char *root, const char *name) {
    char path[512];
    json_t *obj;

    snprintf(path, sizeof path, "%s/rl/%s", root, name);
    obj = json_load_file(path, 0, NULL);
    CHECK(obj);
    return obj;
}

static void read_matrix(double out[ROWS][LONGEST], int *n, const json_t *group, const char *field) {
    for (size_t i = 0; i < ROWS; i++) {
        const json_t *row = json_array_get(json_object_get(group, field), i);

        n[i] = (int)json_array_size(row);
        CHECK(n[i] > 0 && n[i] <= LONGEST);
        for (int t = 0; t < n[i]; t++) out[i][t] = json_number_value(json_array_get(row, (size_t)t));
    }
}

static void check_advantages(struct rows *r, const json_t *group) {
    const json_t *rewards = json_object_get(json_object_get(group, "rewards"), "mixed");
    const json_t *all = json_object_get(json_object_get(group, "advantages"), "mixed");
    double reward[ROWS], centred[GROUP], flat[GROUP] = { 1, 1, 1, 1 };

    for (size_t i = 0; i < ROWS; i++) reward[i] = json_number_value(json_array_get(rewards, i));
    for (int g = 0; g < ROWS; g += GROUP) CHECK(advantage_group(r->advantage + g, reward + g, GROUP, true));
    for (size_t i = 0; i < ROWS; i++)
        CHECK_NEAR(r->advantage[i], json_number_value(json_array_get(json_object_get(all, "group"), i)), 1e-6);
    CHECK(advantage_group(centred, reward, GROUP, false));
    for (size_t i = 0; i < GROUP; i++)
        CHECK_NEAR(centred[i], json_number_value(json_array_get(json_object_get(all, "none"), i)), 1e-9);
    CHECK(!advantage_group(flat, flat, GROUP, true));
    for (int i = 0; i < GROUP; i++) CHECK(flat[i] == 0);
}

/* Loss over all rows; the gradient into dlogprob, row after row. */
static double loss_of(const struct rows *r, const struct policy_options *o, real *dlogprob) {
    struct policy_stats stats = { 0 };
    int at = 0;

    for (int i = 0; i < ROWS; i++) {
        real logprob[LONGEST], ref[LONGEST];

        for (int t = 0; t < r->n[i]; t++) {
            logprob[t] = (real)r->policy[i][t];
            ref[t] = (real)r->ref[i][t];
        }
        policy_sequence(dlogprob + at, &stats, logprob, r->old[i], o->beta > 0 ? ref : NULL, r->n[i],
                        r->advantage[i], 1.0 / (ROWS * r->n[i]), o);
        at += r->n[i];
    }
    return stats.loss;
}

static void check_case(const struct rows *r, const json_t *cases, const struct safetensors *st,
                       const char *name) {
    const json_t *c = json_object_get(json_object_get(cases, "cases"), name);
    struct policy_options o = { json_number_value(json_object_get(c, "epsilon_low")),
                                json_number_value(json_object_get(c, "epsilon_high")),
                                json_number_value(json_object_get(c, "beta")) };
    real got[ROWS * LONGEST];
    float want[ROWS * LONGEST];
    const struct safetensors_tensor *t;
    char field[128];

    CHECK(c);
    CHECK_NEAR(loss_of(r, &o, got), json_number_value(json_object_get(c, "loss")), 1e-5);
    snprintf(field, sizeof field, "%s/dlogp", name);
    t = safetensors_find(st, field);
    CHECK(t && t->n <= ROWS * LONGEST);
    safetensors_read(t, 0, t->n, want);
    for (size_t i = 0; i < t->n; i++) CHECK_NEAR((double)got[i], (double)want[i], 1e-5);
}

int main(int argc, char **argv) {
    static const char *const names[] = { "grpo.token.beta0.0.mixed", "grpo.token.beta0.04.mixed",
                                         "grpo.token.beta0.04.mixed.symmetric" };
    const char *root = argc > 1 ? argv[1] : "tests/fixtures";
    json_t *group = load(root, "group.json"), *cases = load(root, "cases.json");
    struct safetensors st;
    struct rows r;
    struct err err;
    char path[512];
    int n[ROWS];

    read_matrix(r.policy, r.n, group, "policy_logps");
    read_matrix(r.old, n, group, "old_logps");
    read_matrix(r.ref, n, group, "ref_logps");
    check_advantages(&r, group);
    snprintf(path, sizeof path, "%s/rl/cases.safetensors", root);
    CHECK(!safetensors_open(&st, path, &err));
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) check_case(&r, cases, &st, names[k]);
    safetensors_close(&st);
    json_decref(group);
    json_decref(cases);
    return 0;
}
