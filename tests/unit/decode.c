/* decode — greedy continuations of tiny Llama, Qwen2 and Qwen3 models, token for token those of
 * transformers, and their log-probabilities; all prompts of a model decoded together. */
#include "fixture.h"

#include "base/mem.h"
#include "base/pool.h"
#include "model/kvcache.h"
#include "model/sample.h"

enum { MOST = 8 };

struct line {
    int id;
    int prompt[128];
    json_t *tokens, *logps;
};

/* Takes the t-th token of a continuation from the logits. Returns it. */
static int take(const struct line *l, size_t t, const real *logits, struct sample_dist *d, int vocab,
                double tol) {
    static const struct sample_options greedy = { .penalty = 1, .temperature = 0, .top_p = 1 };
    struct rng r = rng_start(1, "decode", NULL);
    int token = sample_token(d, logits, vocab, &greedy, NULL, &r);

    CHECK(token == json_integer_value(json_array_get(l->tokens, t)));
    CHECK_NEAR(kvcache_logprob(logits, vocab, token), json_number_value(json_array_get(l->logps, t)), tol);
    return token;
}

static void check_model(const char *root, const char *name, struct pool *pool) {
    char path[4096], file[64];
    struct err err = { "" };
    struct model *m = model_load(fixture_path(path, sizeof path, root, "models", name, NULL), &err);
    json_t *ref, *lines, *obj;
    struct kvcache *kv = kvcache_new(m, pool);
    struct sample_dist d = sample_dist_new(m->cfg.vocab);
    struct line l[MOST];
    struct kv_feed feeds[MOST];
    real *logits = mem_alloc((size_t)MOST * (size_t)m->cfg.vocab, sizeof *logits);
    size_t n, steps, i;
    double tol;

    snprintf(file, sizeof file, "%s.json", name);
    ref = json_load_file(fixture_path(path, sizeof path, root, "decode", file, NULL), 0, NULL);
    lines = json_object_get(ref, "continuations");
    n = json_array_size(lines);
    CHECK(n && n <= MOST);
    tol = fixture_number(ref, "tolerance", "logps");
    json_array_foreach(lines, i, obj) {
        const json_t *prompt = json_object_get(obj, "prompt");
        size_t length = json_array_size(prompt);

        l[i].tokens = json_object_get(obj, "tokens");
        l[i].logps = json_object_get(obj, "logps");
        CHECK(length <= 128 && json_array_size(l[i].tokens) == json_array_size(l[0].tokens));
        for (size_t k = 0; k < length; k++)
            l[i].prompt[k] = (int)json_integer_value(json_array_get(prompt, k));
        l[i].id = kvcache_root(kv, (int)(length + json_array_size(l[i].tokens)));
        feeds[i] = (struct kv_feed){ l[i].id, l[i].prompt, (int)length };
    }
    steps = json_array_size(l[0].tokens);
    for (size_t t = 0; t < steps; t++) {
        kvcache_feed(kv, feeds, (int)n, logits);
        for (i = 0; i < n; i++) {
            l[i].prompt[0] = take(&l[i], t, logits + i * (size_t)m->cfg.vocab, &d, m->cfg.vocab, tol);
            feeds[i].n = 1;
        }
    }
    printf("%s: %zu continuations of %zu tokens\n", name, n, steps);
    free(logits);
    sample_dist_free(&d);
    kvcache_free(kv);
    model_free(m);
    json_decref(ref);
}

int main(int argc, char **argv) {
    static const char *const names[] = { "llama-tiny", "llama3rope-tiny", "qwen2-tiny", "qwen3-tiny" };
    struct pool *pool = pool_new(2);

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check_model(argc > 1 ? argv[1] : "tests/fixtures", names[i], pool);
    pool_free(pool);
    return 0;
}
