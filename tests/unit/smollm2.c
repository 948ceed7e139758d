/* smollm2 — a real model, SmolLM2-135M-Instruct, against numbers of gguf-py, `tokenizers` and
 * PyTorch: rows of its GGUF file and of the folder that model-convert makes of it, ids of texts, the
 * best logits, log-probabilities and greedy text.
 *
 *     tests/unit/smollm2 FILE.gguf FOLDER      without the two, which are no fixtures: nothing
 *
 * Tests run in the root of the source tree; tests/oracle/smollm2.sh makes the folder. */
#include "fixture.h"

#include "base/mem.h"
#include "base/pool.h"
#include "io/gguf.h"
#include "io/jsonl.h"
#include "io/lines.h"
#include "model/kvcache.h"
#include "text/bpe.h"

#define ROOT "tests/fixtures/smollm2/"

static json_t *load(const char *path) {
    struct err err;
    json_t *obj = jsonl_load(path, &err);

    if (!obj) fprintf(stderr, "%s\n", err.msg);
    CHECK(obj);
    return obj;
}

/* Row r, as floats, of the model's tensor or, where it has none of the name, of the file's. */
static void read_row(const struct gguf *g, const struct model *m, const char *name, size_t r,
                     size_t cols, float *row) {
    const struct gguf_tensor *f = gguf_tensor(g, name);

    if (f) {
        gguf_read(f, r * cols, cols, row);
        return;
    }
    for (int i = 0; i < m->p.n_tensors; i++) {
        const struct tensor *t = &m->p.tensors[i];

        if (strcmp(t->name, name)) continue;
        for (size_t j = 0; j < cols; j++) row[j] = (float)m->p.data[t->offset + r * cols + j];
        return;
    }
    CHECK(!"a tensor of that name");
}

/* Rows of tensors, bit for bit: those of the file under llama.cpp's names, those of the model under
 * transformers'. */
static void check_rows(const struct gguf *g, const struct model *m) {
    json_t *index = load(ROOT "dequantised.json"), *entry;
    const char *name;
    struct safetensors st;
    struct err err;
    int n = 0;

    CHECK(!safetensors_open(&st, ROOT "dequantised.safetensors", &err));
    json_object_foreach(json_object_get(index, "tensors"), name, entry) {
        const struct safetensors_tensor *t = safetensors_find(&st, name);
        const json_t *rows = json_object_get(entry, "rows");
        size_t cols = t->shape[t->dims - 1];
        float *want = mem_alloc(cols, sizeof *want), *got = mem_alloc(cols, sizeof *got);

        for (size_t k = 0; k < json_array_size(rows); k++, n++) {
            safetensors_read(t, k * cols, cols, want);
            read_row(g, m, name, (size_t)json_integer_value(json_array_get(rows, k)), cols, got);
            CHECK(!memcmp(got, want, cols * sizeof *want));
        }
        free(want);
        free(got);
    }
    safetensors_close(&st);
    json_decref(index);
    printf("%d rows equal\n", n);
}

/* A text has these ids; free(ids->id). */
static void encode(struct bpe *t, const json_t *text, const json_t *want, struct bpe_ids *ids) {
    const char *s = json_string_value(text);
    struct err err;

    *ids = (struct bpe_ids){ 0 };
    CHECK(!bpe_encode(t, s, json_string_length(text), true, ids, &err));
    CHECK(ids->n == json_array_size(want));
    for (size_t i = 0; i < ids->n; i++)
        CHECK(ids->id[i] == json_integer_value(json_array_get(want, i)));
}

static int check_texts(struct bpe *t, const char *path) {
    struct lines in = { 0 };
    struct err err;
    char *line;
    size_t n;
    int count = 0;

    CHECK(!lines_open(&in, path, false, &err));
    for (; lines_next(&in, &line, &n, &err) > 0; count++) {
        json_t *rec = json_loadb(line, n, JSON_ALLOW_NUL, NULL);
        struct bpe_ids ids;

        encode(t, json_object_get(rec, "text"), json_object_get(rec, "ids"), &ids);
        free(ids.id);
        json_decref(rec);
    }
    lines_close(&in);
    return count;
}

/* The largest differences so far. */
struct worst {
    double logit, prompt, greedy;
};

static void differ(double *worst, double got, const json_t *want, size_t i) {
    *worst = fmax(*worst, fabs(got - json_number_value(json_array_get(want, i))));
}

static int best(const real *logits, int vocab) {
    int k = 0;

    for (int v = 1; v < vocab; v++)
        if (logits[v] > logits[k]) k = v;
    return k;
}

/* The decoder's log-probabilities of a text's tokens have the bits of the cache's. */
static void check_decoder(struct decoder *d, const int *ids, int n, const real *want) {
    struct target *targets = mem_alloc((size_t)n, sizeof *targets);
    real *got = mem_alloc((size_t)n, sizeof *got);
    struct seq seq = { 0, n, -1 };
    struct packed in = { ids, &seq, targets, n, 1, n - 1 };

    for (int i = 1; i < n; i++) targets[i - 1] = (struct target){ i - 1, ids[i] };
    decoder_forward(d, &in, got, NULL);
    CHECK(!memcmp(got, want, (size_t)(n - 1) * sizeof *got));
    free(targets);
    free(got);
}

/* A prompt's ids, log-probabilities and best logits, and the greedy text after it. */
static void check_prompt(const json_t *p, struct bpe *t, const struct model *m, struct pool *pool,
                         struct worst *w) {
    const json_t *greedy = json_object_get(p, "greedy"), *top = json_object_get(p, "best_ids");
    size_t V = (size_t)m->cfg.vocab;
    struct kvcache *kv = kvcache_new(m, pool);
    struct decoder *d = decoder_new(m, pool);
    int root = kvcache_root(kv, 512), *ids;
    struct bpe_ids text;
    real *logits, *logp, *last;

    encode(t, json_object_get(p, "text"), json_object_get(p, "ids"), &text);
    ids = text.id;
    logits = mem_alloc(text.n * V, sizeof *logits);
    logp = mem_alloc(text.n, sizeof *logp);
    kvcache_feed_all(kv, &(struct kv_feed){ root, ids, (int)text.n }, 1, logits);
    for (size_t i = 1; i < text.n; i++) {
        logp[i - 1] = kvcache_logprob(logits + (i - 1) * V, m->cfg.vocab, ids[i]);
        differ(&w->prompt, (double)logp[i - 1], json_object_get(p, "prompt_logps"), i - 1);
    }
    check_decoder(d, ids, (int)text.n, logp);
    last = logits + (text.n - 1) * V;
    for (size_t i = 0; i < json_array_size(top); i++)
        differ(&w->logit, (double)last[json_integer_value(json_array_get(top, i))],
               json_object_get(p, "best_logits"), i);
    for (size_t i = 0; i < json_array_size(greedy); i++) {
        int token = best(last, m->cfg.vocab);

        CHECK(token == json_integer_value(json_array_get(greedy, i)));
        differ(&w->greedy, (double)kvcache_logprob(last, m->cfg.vocab, token),
               json_object_get(p, "greedy_logps"), i);
        kvcache_feed(kv, &(struct kv_feed){ root, &token, 1 }, 1, last);
    }
    free(logits);
    free(logp);
    free(text.id);
    decoder_free(d);
    kvcache_free(kv);
}

static void check_prompts(struct bpe *t, const struct model *m) {
    json_t *ref = load(ROOT "model.json"), *p;
    struct pool *pool = pool_new(0);
    struct worst w = { 0 };
    size_t i;

    json_array_foreach(json_object_get(ref, "prompts"), i, p) {
        CHECK(fixture_number(p, NULL, "smallest_logit_gap") > 1e-3);    /* the text is settled */
        check_prompt(p, t, m, pool, &w);
    }
    printf("%zu prompts; greatest differences: best logits %.2g, log-probabilities %.2g, "
           "of the greedy text %.2g\n", i, w.logit, w.prompt, w.greedy);
    CHECK_NEAR(w.logit, 0, fixture_number(ref, "tolerance", "best_logits"));
    CHECK_NEAR(w.prompt, 0, fixture_number(ref, "tolerance", "prompt_logps"));
    CHECK_NEAR(w.greedy, 0, fixture_number(ref, "tolerance", "greedy_logps"));
    pool_free(pool);
    json_decref(ref);
}

int main(int argc, char **argv) {
    struct model *m;
    struct gguf g;
    struct bpe *t;
    struct err err = { "" };

    if (argc < 3) return 0;
    t = bpe_load(argv[2], &err);
    m = model_load(argv[2], &err);
    if (!t || !m || gguf_open(&g, argv[1], &err)) fprintf(stderr, "%s\n", err.msg);
    CHECK(!*err.msg);
    check_rows(&g, m);
    printf("%d texts with equal ids\n", check_texts(t, ROOT "tokenizer.jsonl.gz") +
                                        check_texts(t, ROOT "tokenizer_nul.jsonl"));
    check_prompts(t, m);
    gguf_close(&g);
    model_free(m);
    bpe_free(t);
    return 0;
}
