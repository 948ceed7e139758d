/* decoder — logits, log-probabilities, loss, gradients and optimiser steps of tiny Llama, Qwen2 and Qwen3
 * models against numbers of transformers (tests/oracle). */
#include "fixture.h"

#include "base/pool.h"
#include "model/decoder.h"
#include "train/adamw.h"

static double worst(const real *got, const real *want, size_t n) {
    double w = 0;

    for (size_t i = 0; i < n; i++) {
        double e = fabs((double)got[i] - (double)want[i]);

        if (!(e <= w)) w = e;
    }
    return w;
}

struct run {
    const char *root, *name;
    struct model *m;
    struct pool *pool;
    struct decoder *d;
    struct fixture_batch b;
    json_t *ref;
    real *logprob, *entropy;
};

static void run_open(struct run *r, const char *root, const char *dir, const char *name, int threads) {
    char path[4096];
    struct err err;

    *r = (struct run){ .root = root, .name = name };
    r->m = model_load(fixture_path(path, sizeof path, root, "models", dir, NULL), &err);
    if (!r->m) fprintf(stderr, "%s\n", err.msg);
    CHECK(r->m);
    r->pool = pool_new(threads);
    r->d = decoder_new(r->m, r->pool);
    fixture_batch_load(&r->b, fixture_path(path, sizeof path, root, "train", name, "batch.json"));
    r->ref = json_load_file(fixture_path(path, sizeof path, root, "train", name, "reference.json"), 0, NULL);
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

static void check_forward(struct run *r) {
    char path[4096];
    size_t n, V = (size_t)r->m->cfg.vocab;
    float *want = fixture_npy(fixture_path(path, sizeof path, r->root, "train", r->name, "logits.npy"), &n);
    int rows[1024], n_rows = kept_rows(r, rows);
    real *got = calloc(n, sizeof *got);
    struct err err;

    CHECK(n == n_rows * V);
    CHECK(decoder_check(&r->m->cfg, &r->b.in, &err) == 0);
    decoder_forward(r->d, &r->b.in, r->logprob, r->entropy);
    decoder_logits(r->d, rows, n_rows, got);
    CHECK_NEAR(worst(got, want, n), 0, fixture_number(r->ref, "tolerance", "logits"));
    free(want);
    free(got);
    want = fixture_npy(fixture_path(path, sizeof path, r->root, "train", r->name, "logprobs.npy"), &n);
    CHECK((int)n == r->b.in.n_targets);
    CHECK_NEAR(worst(r->logprob, want, n), 0, fixture_number(r->ref, "tolerance", "logprobs"));
    CHECK_NEAR(loss_of(r), fixture_number(r->ref, NULL, "loss_before"),
               fixture_number(r->ref, "tolerance", "loss"));
    free(want);
}

static void backward(struct run *r, real *grad) {
    real *coef = calloc((size_t)r->b.in.n_targets, sizeof *coef);

    for (int i = 0; i < r->b.in.n_targets; i++)
        coef[i] = r->b.completion[i] ? (real)(-1.0 / r->b.n_completion) : 0;
    memset(grad, 0, r->m->n_block * sizeof *grad);
    decoder_forward(r->d, &r->b.in, r->logprob, NULL);
    decoder_backward(r->d, &r->b.in, grad, coef, NULL);
    free(coef);
}

/* Compares a block with a file, tensor by tensor. */
static void check_block(const struct run *r, const real *block, const char *file, const char *tolerance) {
    char path[4096];
    struct err err = { "" };
    real *want = model_block(r->m);
    int bad = model_block_load(r->m, want, fixture_path(path, sizeof path, r->root, "train", r->name, file), &err);

    if (bad) fprintf(stderr, "%s\n", err.msg);
    CHECK(!bad);
    for (int i = 0; i < r->m->n_tensors; i++) {
        const struct tensor *t = &r->m->tensors[i];
        double e = worst(block + t->offset, want + t->offset, t->n);

        if (!(e <= fixture_number(r->ref, "tolerance", tolerance))) fprintf(stderr, "%s %s: %g\n", r->name, t->name, e);
        CHECK(e <= fixture_number(r->ref, "tolerance", tolerance));
    }
    free(want);
}

/* Three steps of AdamW; the same bits with 1, 2 and 3 threads. */
static void check_steps(struct run *r) {
    const json_t *norms = json_object_get(r->ref, "grad_norm_before_clip");
    const json_t *losses = json_object_get(r->ref, "loss_after_step");
    struct adamw a = adamw_new(r->m);
    real *grad = model_block(r->m);
    struct adamw_options o = { .beta1 = fixture_number(r->ref, "adamw", "beta1"),
                               .beta2 = fixture_number(r->ref, "adamw", "beta2"),
                               .eps = fixture_number(r->ref, "adamw", "eps"),
                               .weight_decay = fixture_number(r->ref, "adamw", "weight_decay"),
                               .max_grad_norm = fixture_number(r->ref, "adamw", "max_grad_norm") };

    for (int s = 0; s < 3; s++) {
        double want = json_number_value(json_array_get(norms, (size_t)s)), norm;

        backward(r, grad);
        if (!s) check_block(r, grad, "grads.safetensors", "grads");
        norm = adamw_step(&a, r->m, grad, fixture_number(r->ref, "adamw", "lr"), &o, r->pool);
        CHECK_NEAR(norm, want, 1e-5 * want);
        if (!s) check_block(r, r->m->data, "params_step1.safetensors", "params_step1");
        decoder_forward(r->d, &r->b.in, r->logprob, NULL);
        CHECK_NEAR(loss_of(r), json_number_value(json_array_get(losses, (size_t)s)), 2e-5);
    }
    check_block(r, r->m->data, "params_step3.safetensors", "params_step3");
    adamw_free(&a);
    free(grad);
}

int main(int argc, char **argv) {
    static const struct { const char *dir, *name; bool steps; } cases[] = {
        { "llama-tiny", "llama-tiny", true }, { "qwen2-tiny", "qwen2-tiny", true },
        { "qwen3-tiny", "qwen3-tiny", true }, { "llama3rope-tiny", "llama3rope-tiny", false },
        { "llama-tiny-bf16", "llama-tiny-bf16", false }, { "qwen2-tiny-sharded", "qwen2-tiny", false },
    };
    uint64_t hash[3];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int threads = 1; threads <= (cases[i].steps ? 3 : 1); threads++) {
            struct run r;

            run_open(&r, argc > 1 ? argv[1] : "tests/fixtures", cases[i].dir, cases[i].name, threads);
            check_forward(&r);
            if (cases[i].steps) check_steps(&r);
            hash[threads - 1] = model_hash(r.m);
            CHECK(hash[threads - 1] == hash[0]);
            run_close(&r);
        }
    return 0;
}
