/* decoder — logits, log-probabilities, entropies, loss, gradients and three optimiser steps of
 * tiny Llama, Qwen2 and Qwen3 models against numbers of transformers, and the same bits of all of
 * them with 1, 2 and 3 threads, and when backward computes activations again. */
#include "fixture.h"

#include "base/hash.h"
#include "base/pool.h"
#include "model/decoder.h"
#include "train/adamw.h"

struct run {
    const char *root, *name;
    struct model *m;
    struct pool *pool;
    struct decoder *d;
    struct fixture_batch b;
    json_t *ref;
    real *logprob, *entropy;
    struct hash bits;               /* of everything computed */
};

static void run_open(struct run *r, const char *root, const char *dir, const char *name,
                     int threads, bool recompute) {
    char path[4096];
    struct err err;

    *r = (struct run){ .root = root, .name = name, .bits = hash_start() };
    r->m = model_load(fixture_path(path, sizeof path, root, "models", dir, NULL), &err);
    if (!r->m) fprintf(stderr, "%s\n", err.msg);
    CHECK(r->m);
    r->pool = pool_new(threads);
    r->d = decoder_new(r->m, r->pool);
    if (recompute) decoder_recompute(r->d);
    fixture_batch_load(&r->b, fixture_path(path, sizeof path, root, "train", name, "batch.json"));
    fixture_path(path, sizeof path, root, "train", name, "reference.json");
    r->ref = json_load_file(path, 0, NULL);
    CHECK(r->ref);
    r->logprob = calloc((size_t)r->b.in.n_targets, sizeof *r->logprob);
    r->entropy = calloc((size_t)r->b.in.n_targets, sizeof *r->entropy);
}

static void run_close(struct run *r) {
    decoder_free(r->d);
    pool_free(r->pool);
    model_free(r->m);
    fixture_batch_free(&r->b);
    json_decref(r->ref);
    free(r->logprob);
    free(r->entropy);
}

static double loss_of(const struct run *r) {
    double sum = 0;

    for (int i = 0; i < r->b.in.n_targets; i++)
        if (r->b.completion[i]) sum -= (double)r->logprob[i];
    return sum / r->b.n_completion;
}

/* The rows whose logits the fixture kept. */
static int kept_rows(const struct run *r, int *rows) {
    const json_t *kept = json_object_get(r->ref, "logit_rows_kept"), *span;
    size_t i;
    int n = 0;

    json_array_foreach(kept, i, span)
        for (int k = (int)json_integer_value(json_array_get(span, 0));
             k < (int)json_integer_value(json_array_get(span, 1)); k++)
            rows[n++] = r->b.seqs[i].start + k;
    return n;
}

/* Entropies of the targets in kept rows, whose logits the fixture has; both ascend. */
static void check_entropy(const struct run *r, const float *logits, const int *rows, int n_rows) {
    int V = r->m->cfg.vocab, k = 0, checked = 0;
    double tolerance = fixture_number(r->ref, "tolerance", "logprobs");

    for (int i = 0; i < r->b.in.n_targets; i++) {
        const float *z = logits + (size_t)k * V;
        double sum = 0, mean = 0;

        while (k < n_rows && rows[k] < r->b.in.targets[i].row) z = logits + (size_t)++k * V;
        if (k == n_rows || rows[k] != r->b.in.targets[i].row) continue;
        for (int v = 0; v < V; v++) sum += exp((double)z[v]);
        for (int v = 0; v < V; v++) mean += exp((double)z[v]) / sum * (double)z[v];
        CHECK_NEAR((double)r->entropy[i], log(sum) - mean, tolerance);
        checked++;
    }
    CHECK(checked > n_rows / 2);
}

static float *npy(const struct run *r, const char *file, size_t *n) {
    char path[4096];

    return fixture_npy(fixture_path(path, sizeof path, r->root, "train", r->name, file), n);
}

static void check_forward(struct run *r) {
    size_t n, V = (size_t)r->m->cfg.vocab;
    float *want = npy(r, "logits.npy", &n);
    int rows[1024], n_rows = kept_rows(r, rows);
    real *got = calloc(n, sizeof *got);
    struct err err;

    CHECK(n == n_rows * V);
    CHECK(decoder_check(&r->m->cfg, &r->b.in, &err) == 0);
    fixture_logits(r->d, &r->b.in, rows, n_rows, got);
    decoder_forward(r->d, &r->b.in, r->logprob, r->entropy);
    CHECK_NEAR(worst(got, want, n), 0, fixture_number(r->ref, "tolerance", "logits"));
    check_entropy(r, want, rows, n_rows);
    hash_bytes(&r->bits, got, n * sizeof *got);
    hash_bytes(&r->bits, r->logprob, (size_t)r->b.in.n_targets * sizeof *r->logprob);
    hash_bytes(&r->bits, r->entropy, (size_t)r->b.in.n_targets * sizeof *r->entropy);
    free(want);
    free(got);
    want = npy(r, "logprobs.npy", &n);
    CHECK((int)n == r->b.in.n_targets);
    CHECK_NEAR(worst(r->logprob, want, n), 0, fixture_number(r->ref, "tolerance", "logprobs"));
    CHECK_NEAR(loss_of(r), fixture_number(r->ref, NULL, "loss_before"),
               fixture_number(r->ref, "tolerance", "loss"));
    free(want);
}

/* A block with the gradient of the loss. */
static real *gradient(struct run *r) {
    real *coef = calloc((size_t)r->b.in.n_targets, sizeof *coef), *grad = params_block(&r->m->p);

    for (int i = 0; i < r->b.in.n_targets; i++)
        coef[i] = r->b.completion[i] ? (real)(-1.0 / r->b.n_completion) : 0;
    decoder_forward(r->d, &r->b.in, r->logprob, NULL);
    decoder_backward(r->d, &r->b.in, grad, coef, NULL);
    hash_bytes(&r->bits, grad, r->m->p.n_block * sizeof *grad);
    free(coef);
    return grad;
}

/* Compares a block with NAME.safetensors, tensor by tensor. */
static void check_block(const struct run *r, const real *block, const char *name) {
    char file[64], path[4096];
    double tolerance = fixture_number(r->ref, "tolerance", name);
    struct err err = { "" };
    real *want = params_block(&r->m->p);
    int bad;

    snprintf(file, sizeof file, "%s.safetensors", name);
    fixture_path(path, sizeof path, r->root, "train", r->name, file);
    bad = params_load(&r->m->p, want, path, &err);
    if (bad) fprintf(stderr, "%s\n", err.msg);
    CHECK(!bad);
    for (int i = 0; i < r->m->p.n_tensors; i++) {
        const struct tensor *t = &r->m->p.tensors[i];
        double e = worst(block + t->offset, want + t->offset, t->n);

        if (!(e <= tolerance)) fprintf(stderr, "%s %s %s: %g\n", r->name, name, t->name, e);
        CHECK(e <= tolerance);
    }
    free(want);
}

static void check_gradient(struct run *r) {
    const json_t *norms = json_object_get(r->ref, "grad_norm_before_clip");
    double want = json_number_value(json_array_get(norms, 0));
    real *grad = gradient(r);

    check_block(r, grad, "grads");
    CHECK_NEAR(grad_norm(grad, r->m->p.n_block, r->pool), want, 1e-5 * want);
    free(grad);
}

/* Three steps of AdamW, held against all parameters after the first and the last. */
static void check_steps(struct run *r) {
    static const char *const names[] = { "params_step1", NULL, "params_step3" };
    const json_t *norms = json_object_get(r->ref, "grad_norm_before_clip");
    const json_t *losses = json_object_get(r->ref, "loss_after_step");
    double lr = fixture_number(r->ref, "adamw", "lr");
    struct adamw a = adamw_new(&r->m->p);
    struct adamw_options o = { .beta1 = fixture_number(r->ref, "adamw", "beta1"),
                               .beta2 = fixture_number(r->ref, "adamw", "beta2"),
                               .eps = fixture_number(r->ref, "adamw", "eps"),
                               .weight_decay = fixture_number(r->ref, "adamw", "weight_decay"),
                               .max_grad_norm = fixture_number(r->ref, "adamw", "max_grad_norm") };

    for (size_t s = 0; s < 3; s++) {
        double want = json_number_value(json_array_get(norms, s));
        real *grad = gradient(r);

        CHECK_NEAR(adamw_step(&a, &r->m->p, grad, lr, &o, r->pool), want, 1e-5 * want);
        if (names[s]) check_block(r, r->m->p.data, names[s]);
        decoder_forward(r->d, &r->b.in, r->logprob, NULL);
        CHECK_NEAR(loss_of(r), json_number_value(json_array_get(losses, s)), 2e-5);
        hash_bytes(&r->bits, r->m->p.data, r->m->p.n_block * sizeof *r->m->p.data);
        free(grad);
    }
    hash_bytes(&r->bits, a.m, r->m->p.n_block * sizeof *a.m);
    hash_bytes(&r->bits, a.v, r->m->p.n_block * sizeof *a.v);
    adamw_free(&a);
}

int main(int argc, char **argv) {
    static const struct { const char *dir, *name; bool gradient, steps; } cases[] = {
        { "llama-tiny", "llama-tiny", true, true },
        { "qwen2-tiny", "qwen2-tiny", true, true },
        { "qwen3-tiny", "qwen3-tiny", true, true },
        { "llama3rope-tiny", "llama3rope-tiny", true, false },
        { "llama-tiny-bf16", "llama-tiny-bf16", false, false },
        { "qwen2-tiny-sharded", "qwen2-tiny", true, true },
    };
    const char *root = argc > 1 ? argv[1] : "tests/fixtures";
    uint64_t bits[5];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int turn = 1; turn <= 4; turn++) {
            struct run r;

            run_open(&r, root, cases[i].dir, cases[i].name, turn > 3 ? 2 : turn, turn > 3);
            check_forward(&r);
            if (cases[i].gradient) check_gradient(&r);
            if (cases[i].steps) check_steps(&r);
            bits[turn] = hash_value(&r.bits);
            CHECK(bits[turn] == bits[1]);
            run_close(&r);
        }
    return 0;
}
