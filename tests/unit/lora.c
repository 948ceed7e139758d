/* lora — adapters against numbers of peft: logits, loss, gradients of A and B, a step of AdamW, merged weights;
 * the same bits with 1, 2 and 3 threads and when activations are computed again; saving and loading. */
#define _GNU_SOURCE
#include "fixture.h"

#include <unistd.h>

#include "base/hash.h"
#include "base/pool.h"
#include "io/safetensors.h"
#include "model/lora.h"
#include "train/adamw.h"

struct run {
    const char *root, *name;
    struct model *m;
    struct pool *pool;
    struct decoder *d;
    struct fixture_batch b;
    json_t *ref;
    real *logprob;
    struct hash bits;
};

static const char *file(const struct run *r, char path[4096], const char *name) {
    return fixture_path(path, 4096, r->root, "lora", r->name, name);
}

static void run_open(struct run *r, const char *root, const char *name, int threads, bool recompute) {
    char path[4096], model[256];
    struct err err = { "" };

    *r = (struct run){ .root = root, .name = name, .bits = hash_start(), .pool = pool_new(threads) };
    r->ref = json_load_file(file(r, path, "reference.json"), 0, NULL);
    CHECK(r->ref);
    snprintf(model, sizeof model, "%s", json_string_value(json_object_get(r->ref, "model")));
    r->m = model_load(fixture_path(path, sizeof path, root, model, "", NULL), &err);
    if (!r->m || lora_load(r->m, file(r, path, NULL), true, &err)) fprintf(stderr, "%s\n", err.msg);
    CHECK(r->m && r->m->lora);
    r->d = decoder_new(r->m, r->pool);
    if (recompute) decoder_recompute(r->d);
    fixture_batch_load(&r->b, file(r, path, "reference.json"));
    r->logprob = calloc((size_t)r->b.in.n_targets, sizeof *r->logprob);
}

static void run_close(struct run *r) {
    decoder_free(r->d);
    pool_free(r->pool);
    model_free(r->m);
    fixture_batch_free(&r->b);
    json_decref(r->ref);
    free(r->logprob);
}

static double tolerance(const struct run *r, const char *what) {
    return fixture_number(r->ref, "tolerance", what);
}

static double loss_of(const struct run *r) {
    double sum = 0;

    for (int i = 0; i < r->b.in.n_targets; i++)
        if (r->b.completion[i]) sum -= (double)r->logprob[i];
    return sum / r->b.n_completion;
}

static void check_logits(struct run *r) {
    size_t n, T = (size_t)r->b.in.n_tokens;
    char path[4096];
    float *want = fixture_npy(file(r, path, "logits.npy"), &n);
    real *got = calloc(n, sizeof *got);
    int *rows = calloc(T, sizeof *rows);

    CHECK(n == T * (size_t)r->m->cfg.vocab);
    for (size_t i = 0; i < T; i++) rows[i] = (int)i;
    fixture_logits(r->d, &r->b.in, rows, (int)T, got);
    decoder_forward(r->d, &r->b.in, r->logprob, NULL);
    CHECK_NEAR(worst(got, want, n), 0, tolerance(r, "logits"));
    CHECK_NEAR(loss_of(r), fixture_number(r->ref, NULL, "loss_before"), tolerance(r, "loss"));
    hash_bytes(&r->bits, got, n * sizeof *got);
    free(want);
    free(got);
    free(rows);
}

/* Every tensor of merged.safetensors, and nothing else changed. */
static void check_merged(const struct run *r) {
    char path[4096];
    struct safetensors st;
    struct err err;
    size_t found = 0;

    CHECK(!safetensors_open(&st, file(r, path, "merged.safetensors"), &err));
    for (int i = 0; i < r->m->p.n_tensors; i++) {
        const struct tensor *t = &r->m->p.tensors[i];
        const struct safetensors_tensor *f = safetensors_find(&st, t->name);
        float *want;

        if (!f) continue;
        want = malloc(t->n * sizeof *want);
        CHECK(f->n == t->n);
        safetensors_read(f, 0, t->n, want);
        CHECK_NEAR(worst(r->m->p.data + t->offset, want, t->n), 0, 1e-6);
        free(want);
        found++;
    }
    CHECK(found == st.n);
    safetensors_close(&st);
}

static void check_block(const struct run *r, const real *block, const char *name) {
    char path[4096], of[64];
    const struct params *p = &r->m->lora->p;
    struct err err = { "" };
    real *want = params_block(p);

    snprintf(of, sizeof of, "%s.safetensors", name);
    if (params_load(p, want, file(r, path, of), &err)) fprintf(stderr, "%s\n", err.msg);
    for (int i = 0; i < p->n_tensors; i++) {
        const struct tensor *t = &p->tensors[i];
        double e = worst(block + t->offset, want + t->offset, t->n), most = 0;

        for (size_t j = 0; j < t->n; j++) most = fmax(most, fabs((double)want[t->offset + j]));
        if (!(e <= tolerance(r, name))) fprintf(stderr, "%s %s %s: %g\n", r->name, name, t->name, e);
        CHECK(e <= tolerance(r, name) && most > 0);
    }
    free(want);
}

static void check_step(struct run *r) {
    struct params *p = model_trained(r->m);
    struct adamw a = adamw_new(p);
    struct adamw_options o = { .beta1 = fixture_number(r->ref, "adamw", "beta1"),
                               .beta2 = fixture_number(r->ref, "adamw", "beta2"),
                               .eps = fixture_number(r->ref, "adamw", "eps"),
                               .weight_decay = fixture_number(r->ref, "adamw", "weight_decay"),
                               .max_grad_norm = fixture_number(r->ref, "adamw", "max_grad_norm") };
    real *grad = params_block(p), *coef = calloc((size_t)r->b.in.n_targets, sizeof *coef);
    double norm = json_number_value(json_array_get(json_object_get(r->ref, "grad_norm_before_clip"), 0));
    double loss = json_number_value(json_array_get(json_object_get(r->ref, "loss_after_step"), 0));

    for (int i = 0; i < r->b.in.n_targets; i++) coef[i] = r->b.completion[i] ? (real)(-1.0 / r->b.n_completion) : 0;
    decoder_backward(r->d, &r->b.in, grad, coef, NULL);
    check_block(r, grad, "grads");
    CHECK_NEAR(adamw_step(&a, p, grad, fixture_number(r->ref, "adamw", "lr"), &o, r->pool), norm, 1e-5 * norm);
    check_block(r, p->data, "params_step1");
    lora_merge(r->m, r->pool);
    decoder_forward(r->d, &r->b.in, r->logprob, NULL);
    CHECK_NEAR(loss_of(r), loss, 2e-5);
    hash_bytes(&r->bits, grad, p->n_block * sizeof *grad);
    hash_bytes(&r->bits, r->m->p.data, r->m->p.n_block * sizeof *r->m->p.data);
    adamw_free(&a);
    free(grad);
    free(coef);
}

/* What was trained, saved and loaded again: the same model to the bit. */
static void check_saved(struct run *r) {
    char dir[] = "/tmp/r2rec-lora-XXXXXX", path[4096];
    struct model *again;
    struct err err = { "" };

    CHECK(mkdtemp(dir));
    fixture_path(path, sizeof path, r->root, json_string_value(json_object_get(r->ref, "model")), "", NULL);
    free(r->m->lora->base);
    CHECK((r->m->lora->base = strdup(path)));
    CHECK(!model_save(r->m, dir, &err));
    again = model_load(dir, &err);
    if (!again) fprintf(stderr, "%s\n", err.msg);
    CHECK(again && !again->lora && model_hash(again) == model_hash(r->m));
    model_free(again);
    again = model_load_trained(dir, &err);
    CHECK(again && again->lora && params_hash(&again->lora->p, again->lora->p.data) ==
                                  params_hash(&r->m->lora->p, r->m->lora->p.data));
    model_free(again);
    snprintf(path, sizeof path, "%s/adapter_config.json", dir);
    unlink(path);
    snprintf(path, sizeof path, "%s/adapter_model.safetensors", dir);
    unlink(path);
    rmdir(dir);
}

/* A fresh adapter changes nothing: B is zero. A base that bf16 holds is kept in it. */
static void check_fresh(const char *root, const char *model, bool half) {
    const struct lora_options o = { .rank = 3, .alpha = 7, .targets = 1u << PROJ_K | 1u << PROJ_DOWN };
    struct pool *pool = pool_new(2);
    char path[4096];
    struct err err;
    struct model *m = model_load(fixture_path(path, sizeof path, root, "models", model, NULL), &err);
    uint64_t before = model_hash(m);

    lora_init(m, &o, "base", 1);
    CHECK(!m->lora->half == !half && m->lora->p.n_tensors == 4 * m->cfg.layers);
    CHECK(lora_frozen_bytes(m->lora) == m->lora->n_frozen * (half ? 2 : sizeof(real)));
    lora_merge(m, pool);
    CHECK(model_hash(m) == before);
    model_free(m);
    pool_free(pool);
}

int main(int argc, char **argv) {
    static const char *const cases[] = { "llama-qv", "qwen2-all", "qwen3-all" };
    const char *root = argc > 1 ? argv[1] : "tests/fixtures";

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t bits = 0;

        for (int turn = 1; turn <= 4; turn++) {
            struct run r;

            run_open(&r, root, cases[i], turn > 3 ? 2 : turn, turn > 3);
            check_logits(&r);
            check_merged(&r);
            check_step(&r);
            if (turn == 1) check_saved(&r);
            if (turn == 1) bits = hash_value(&r.bits);
            CHECK(hash_value(&r.bits) == bits);
            run_close(&r);
        }
    }
    check_fresh(root, "llama-tiny", false);
    check_fresh(root, "llama-tiny-bf16", true);
    return 0;
}
