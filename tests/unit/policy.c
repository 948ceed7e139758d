/* policy — advantages, ratios, KL, loss, gradient and metrics of the policy objective against TRL's
 * GRPOTrainer: every case of tests/fixtures/rl, token by token and, through the model, parameter by parameter. */
#include "rl/policy.h"

#include <jansson.h>
#include <string.h>

#include "base/mem.h"
#include "check.h"
#include "io/safetensors.h"
#include "rl/advantage.h"
#include "rl/update.h"

enum { GROUP = 4, ROWS = 8, LONGEST = 32 };

struct rows {
    int n[ROWS];
    double policy[ROWS][LONGEST], old[ROWS][LONGEST], advantage[2][ROWS][LONGEST];      /* mixed, flat_group */
    real logprob[ROWS][LONGEST], ref[ROWS][LONGEST];
    bool cut[ROWS];
    double longest;
};

/* What a case asks for. */
struct task {
    struct policy_options o;
    enum policy_mean mean;
    int flat, from, to;             /* which rewards; rows */
    bool masked;                    /* rows that were cut off are left out */
    double sequences, tokens;
};

static json_t *load(const char *root, const char *name) {
    char path[512];
    json_t *obj;

    snprintf(path, sizeof path, "%s/rl/%s", root, name);
    obj = json_load_file(path, 0, NULL);
    CHECK(obj);
    return obj;
}

static double number(const json_t *obj, const char *field) {
    CHECK(json_is_number(json_object_get(obj, field)));
    return json_number_value(json_object_get(obj, field));
}

static const char *text(const json_t *obj, const char *field) {
    return json_string_value(json_object_get(obj, field));
}

static double at(const json_t *group, const char *field, size_t i, size_t t) {
    return json_number_value(json_array_get(json_array_get(json_object_get(group, field), i), t));
}

static void read_rows(struct rows *r, const json_t *group) {
    for (size_t i = 0; i < ROWS; i++) {
        r->n[i] = (int)json_array_size(json_array_get(json_object_get(group, "policy_logps"), i));
        CHECK(r->n[i] > 0 && r->n[i] <= LONGEST);
        r->cut[i] = json_is_true(json_array_get(json_object_get(group, "cut_off"), i));
        for (int t = 0; t < r->n[i]; t++) {
            r->policy[i][t] = at(group, "policy_logps", i, (size_t)t);
            r->old[i][t] = at(group, "old_logps", i, (size_t)t);
            r->logprob[i][t] = (real)r->policy[i][t];
            r->ref[i][t] = (real)at(group, "ref_logps", i, (size_t)t);
        }
    }
    r->longest = number(group, "max_completion_length");
}

/* Every way to scale, for both sets of rewards; those within the group are kept. */
static void check_advantages(struct rows *r, const json_t *group) {
    static const char *const sets[] = { "mixed", "flat_group" }, *const scales[] = { "group", "batch", "none" };

    for (int set = 0; set < 2; set++) {
        const json_t *rewards = json_object_get(json_object_get(group, "rewards"), sets[set]);
        const json_t *all = json_object_get(json_object_get(group, "advantages"), sets[set]);
        double reward[ROWS], got[ROWS];

        for (size_t i = 0; i < ROWS; i++) reward[i] = json_number_value(json_array_get(rewards, i));
        CHECK(advantage_silent(reward, GROUP) == (set == 1) && !advantage_silent(reward, ROWS));
        for (int s = 2; s >= 0; s--) {
            const json_t *want = json_object_get(all, scales[s]);

            advantage_set(got, reward, ROWS, GROUP, BASE_GROUP, (enum advantage_scale)s);
            for (size_t i = 0; i < ROWS; i++) CHECK_NEAR(got[i], json_number_value(json_array_get(want, i)), 1e-6);
        }
        for (size_t i = 0; i < ROWS; i++)
            for (int t = 0; t < LONGEST; t++) r->advantage[set][i][t] = got[i];
    }
}

/* Ratios and the KL estimate of the fixture. */
static void check_numbers(const struct rows *r, const json_t *group) {
    const json_t *shared = json_object_get(group, "sequence_ratio");

    for (size_t i = 0; i < ROWS; i++) {
        double change = 0, slope;

        for (int t = 0; t < r->n[i]; t++) {
            double l = r->policy[i][t];

            change += l - r->old[i][t];
            CHECK_NEAR(exp(l - r->old[i][t]), at(group, "ratio", i, (size_t)t), 1e-6);
            CHECK_NEAR(policy_kl(KL_K3, l, (double)r->ref[i][t], &slope), at(group, "kl_k3", i, (size_t)t), 1e-6);
        }
        CHECK_NEAR(exp(change / r->n[i]), json_number_value(json_array_get(shared, i)), 1e-6);
    }
}

static enum policy_mean mean_of(const char *loss) {
    return !strcmp(loss, "grpo") ? MEAN_SEQUENCE : !strcmp(loss, "dr_grpo") ? MEAN_CONSTANT : MEAN_TOKEN;
}

/* A micro batch is one of two that are accumulated: half of the sequences, its share of the step's tokens. */
static struct task read_task(const struct rows *r, const json_t *c) {
    const json_t *micro = json_object_get(c, "micro_batch");
    const char *loss = text(c, "loss_type");
    struct task k = { .o = { number(c, "epsilon_low"), number(c, "epsilon_high"), number(c, "beta"), RATIO_TOKEN, KL_K3,
                             json_is_true(json_object_get(c, "kl_times_ratio")) },
                      .mean = mean_of(loss), .flat = !strcmp(text(c, "rewards"), "flat_group"), .to = ROWS,
                      .masked = json_object_get(c, "masked"), .sequences = ROWS };
    int parts = 1;

    if (!strcmp(text(c, "importance_sampling_level"), "sequence")) k.o.ratio = RATIO_MEAN;
    if (micro) {
        k.from = (int)json_integer_value(micro) * GROUP;
        k.to = k.from + GROUP;
        parts = !strcmp(loss, "bnpo") ? 2 : 1;
    }
    for (int i = micro && parts == 1 ? 0 : k.from; i < (micro && parts == 1 ? ROWS : k.to); i++)
        if (!k.masked || !r->cut[i]) k.tokens += r->n[i];
    k.tokens *= parts;
    return k;
}

static void check_metrics(const struct policy_stats *s, const json_t *c) {
    const json_t *m = json_object_get(c, "metrics");

    CHECK_NEAR(s->low / s->ratios, number(m, "clip_ratio/low_mean"), 1e-6);
    CHECK_NEAR(s->high / s->ratios, number(m, "clip_ratio/high_mean"), 1e-6);
    CHECK_NEAR((s->low + s->high) / s->ratios, number(m, "clip_ratio/region_mean"), 1e-6);
    CHECK_NEAR(s->low_min, number(m, "clip_ratio/low_min"), 1e-6);
    CHECK_NEAR(s->high_max, number(m, "clip_ratio/high_max"), 1e-6);
    if (number(c, "beta") > 0) CHECK_NEAR(s->kl / s->tokens, number(m, "kl"), 1e-5);
}

static const float *find(const struct safetensors *st, const char *name, const char *tensor, size_t *n, float *out) {
    char field[128];
    const struct safetensors_tensor *t;

    snprintf(field, sizeof field, "%s/%s", name, tensor);
    t = safetensors_find(st, field);
    CHECK(t && t->n <= *n);
    *n = t->n;
    safetensors_read(t, 0, t->n, out);
    return out;
}

static void check_tokens(const struct rows *r, const json_t *c, const struct safetensors *st, const char *name) {
    const struct task k = read_task(r, c);
    struct policy_stats stats = { 0 };
    real got[ROWS * LONGEST] = { 0 };
    float want[ROWS * LONGEST];
    size_t n = ROWS * LONGEST;
    int place = 0;

    for (int i = 0; i < ROWS; i++) {
        const struct policy_tokens s = { r->logprob[i], r->old[i], k.o.beta > 0 ? r->ref[i] : NULL,
                                         r->advantage[k.flat][i], NULL, r->n[i] };

        if (i >= k.from && i < k.to && !(k.masked && r->cut[i]))
            policy_sequence(got + place, &stats, &s, policy_weight(k.mean, r->n[i], k.sequences, k.tokens, r->longest),
                            &k.o);
        place += r->n[i];
    }
    CHECK_NEAR(stats.loss, number(c, "loss"), 1e-5);
    check_metrics(&stats, c);
    find(st, name, "dlogp", &n, want);
    CHECK(n == (size_t)place);
    for (size_t i = 0; i < n; i++) CHECK_NEAR((double)got[i], (double)want[i], 1e-5);
}

static int32_t *read_ids(const json_t *rows, size_t i, int *n) {
    const json_t *row = json_array_get(rows, i);
    int32_t *ids = mem_alloc(json_array_size(row), sizeof *ids);

    *n = (int)json_array_size(row);
    for (size_t t = 0; t < (size_t)*n; t++) ids[t] = (int32_t)json_integer_value(json_array_get(row, t));
    return ids;
}

static void *copy(const void *from, int n, size_t size) {
    return memcpy(mem_alloc((size_t)n, size), from, (size_t)n * size);
}

/* Group g of the fixture, as the case has it. */
static struct rl_group make_group(const struct rows *r, const json_t *group, const struct task *k, int g) {
    struct rl_group out = { .samples = mem_calloc(GROUP, sizeof *out.samples) };

    out.prompt = read_ids(json_object_get(group, "prompts"), (size_t)g, &out.n_prompt);
    for (int i = g * GROUP; i < (g + 1) * GROUP; i++) {
        struct rl_sample *s = &out.samples[out.n];

        if (k->masked && r->cut[i]) continue;
        s->tokens = read_ids(json_object_get(group, "completions"), (size_t)i, &s->n);
        s->old = copy(r->old[i], s->n, sizeof *s->old);
        s->advantage = copy(r->advantage[k->flat][i], s->n, sizeof *s->advantage);
        s->ref = k->o.beta > 0 ? copy(r->ref[i], s->n, sizeof *s->ref) : NULL;
        out.n++;
    }
    return out;
}

static void check_parameters(const struct rows *r, const json_t *group, const json_t *c, const struct safetensors *st,
                             const char *name, struct decoder *d, const struct model *m) {
    const struct task k = read_task(r, c);
    struct rl_pass pass = { .policy = d, .o = &k.o, .mean = k.mean, .sequences = k.sequences, .tokens = k.tokens,
                            .length = r->longest };
    struct rl_group groups[ROWS / GROUP];
    real *grad = params_block(&m->p);
    int n = 0, seen = 0;

    for (int g = k.from / GROUP; g < k.to / GROUP; g++) groups[n++] = make_group(r, group, &k, g);
    rl_gradient(&pass, groups, n, 1 << 20, grad);
    CHECK_NEAR(pass.stats.loss, number(c, "loss"), 1e-5);
    for (int i = 0; i < m->p.n_tensors; i++) {
        const struct tensor *t = &m->p.tensors[i];
        float want[4096];
        size_t size = 4096;

        if (strcmp(t->name, "model.norm.weight") && strcmp(t->name, "model.layers.0.self_attn.k_proj.weight") &&
            strcmp(t->name, "model.layers.2.input_layernorm.weight"))
            continue;
        find(st, name, t->name, &size, want);
        CHECK(size == t->n);
        for (size_t j = 0; j < size; j++) CHECK_NEAR((double)grad[t->offset + j], (double)want[j], 1e-4);
        seen++;
    }
    CHECK(seen == 3);
    for (int g = 0; g < n; g++) rl_group_free(&groups[g]);
    free(grad);
}

int main(int argc, char **argv) {
    const char *root = argc > 1 ? argv[1] : "tests/fixtures", *name;
    json_t *group = load(root, "group.json"), *file = load(root, "cases.json");
    json_t *cases = json_object_get(file, "cases"), *c;
    struct pool *pool = pool_new(1);
    struct safetensors st;
    struct decoder *d;
    struct model *m;
    struct rows r;
    struct err err;
    char path[512];

    read_rows(&r, group);
    check_advantages(&r, group);
    check_numbers(&r, group);
    snprintf(path, sizeof path, "%s/rl/cases.safetensors", root);
    CHECK(!safetensors_open(&st, path, &err));
    snprintf(path, sizeof path, "%s/%s", root, text(group, "model"));
    CHECK((m = model_load(path, &err)));
    d = decoder_new(m, pool);
    CHECK(json_object_size(cases) == 57);
    json_object_foreach(cases, name, c) {
        check_tokens(&r, c, &st, name);
        check_parameters(&r, group, c, &st, name, d, m);
    }
    decoder_free(d);
    model_free(m);
    pool_free(pool);
    safetensors_close(&st);
    json_decref(group);
    json_decref(file);
    return 0;
}
