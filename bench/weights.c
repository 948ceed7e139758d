/* weights — what rollout's --weights cost in accuracy: KL(fp32 || held otherwise) of the next token, at every
 * token of real texts.
 *
 *   tokenize -m DIR prompts.jsonl | weights DIR
 * out  {"case":"weights","weights":"bf16","tokens":1234,"kl":0.0001,"kl_max":0.01,"top1":0.99}, one for each kind */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "io/jsonl.h"
#include "model/kvcache.h"
#include "model/packing.h"
#include "tensor/kernels.h"

enum { PIECE = 64 };            /* tokens read at a time */

struct compare {
    struct kvcache *exact, *other;
    int vocab;
    real *p, *q;                /* [PIECE, vocab] */
    double tokens, kl, kl_max, top1;
};

static int best(const real *z, int V) {
    int top = 0;

    for (int v = 1; v < V; v++) top = z[v] > z[top] ? v : top;
    return top;
}

/* One position's logits under both. */
static void add(struct compare *c, const real *p, const real *q) {
    const struct kernels *k = kernels_get();
    double lp = (double)k->logsumexp(p, c->vocab, NULL), lq = (double)k->logsumexp(q, c->vocab, NULL), kl = 0;

    for (int v = 0; v < c->vocab; v++) {
        double log_p = (double)p[v] - lp;

        kl += exp(log_p) * (log_p - ((double)q[v] - lq));
    }
    c->tokens++;
    c->kl += kl;
    c->kl_max = fmax(c->kl_max, kl);
    c->top1 += best(p, c->vocab) == best(q, c->vocab);
}

static void read_text(struct compare *c, const int *tokens, int n) {
    int a = kvcache_root(c->exact, n), b = kvcache_root(c->other, n);

    for (int i = 0; i < n; i += PIECE) {
        int some = n - i < PIECE ? n - i : PIECE;

        kvcache_feed_all(c->exact, &(struct kv_feed){ a, tokens + i, some }, 1, c->p);
        kvcache_feed_all(c->other, &(struct kv_feed){ b, tokens + i, some }, 1, c->q);
        for (int r = 0; r < some; r++) add(c, c->p + (size_t)r * c->vocab, c->q + (size_t)r * c->vocab);
    }
    kvcache_release(c->exact, a);
    kvcache_release(c->other, b);
}

static int read_record(struct compare *c, const json_t *rec, int positions, struct err *err) {
    json_t *tokens;
    int n, *ids;
    int r = 0;

    if (jsonl_array(rec, "tokens", &tokens, err)) return -1;
    n = (int)json_array_size(tokens);
    ids = mem_alloc((size_t)n, sizeof *ids);
    for (int i = 0; i < n; i++) {
        json_int_t id = json_integer_value(json_array_get(tokens, (size_t)i));

        if (id < 0 || id >= c->vocab) r = err_set(err, "\"tokens\" holds what is not a token of the model");
        ids[i] = (int)id;
    }
    if (!r && n > positions) r = err_set(err, "\"tokens\" has more than the model's %d positions", positions);
    if (!r) read_text(c, ids, n);
    free(ids);
    return r;
}

/* All records against one kind of weights. */
static int measure(const char *dir, enum packed_type type, json_t *const *recs, size_t n, struct pool *pool,
                   struct err *err) {
    struct model *m = model_load(dir, err), *other = m ? model_load(dir, err) : NULL;
    struct compare c = { .vocab = m ? m->cfg.vocab : 1 };
    int r = other ? 0 : -1;

    c.p = mem_alloc((size_t)2 * PIECE * c.vocab, sizeof *c.p);
    c.q = c.p + (size_t)PIECE * c.vocab;
    if (!r) {
        model_pack(m, PACKED_FP32, pool);
        model_pack(other, type, pool);
        c.exact = kvcache_new(m, pool);
        c.other = kvcache_new(other, pool);
    }
    for (size_t i = 0; !r && i < n; i++) r = read_record(&c, recs[i], m->cfg.max_positions, err);
    if (!r) {
        json_t *j = json_pack("{s:s, s:s, s:f, s:f, s:f, s:f}", "case", "weights", "weights", packed_name(type), "tokens",
                              c.tokens, "kl", c.kl / c.tokens, "kl_max", c.kl_max, "top1", c.top1 / c.tokens);

        jsonl_write(stdout, j);
        json_decref(j);
    }
    kvcache_free(c.exact);
    kvcache_free(c.other);
    model_free(m);
    model_free(other);
    free(c.p);
    return r;
}

int main(int argc, char **argv) {
    struct pool *pool = pool_new(0);
    json_t **recs = NULL, *rec;
    size_t n = 0, cap = 0;
    struct jsonl in;
    struct err err;
    int r;

    if (argc < 2) {
        fputs("usage: weights DIR [file ...]\n", stderr);
        return 2;
    }
    jsonl_open(&in, argv + 2);
    while ((r = jsonl_next(&in, &rec, &err)) > 0) {
        recs = mem_grow(recs, n, &cap, sizeof *recs);
        recs[n++] = rec;
    }
    jsonl_close(&in);
    for (int type = PACKED_FP32 + 1; !r && type < PACKED_TYPES; type++)
        r = measure(argv[1], (enum packed_type)type, recs, n, pool, &err);
    for (size_t i = 0; i < n; i++) json_decref(recs[i]);
    free(recs);
    pool_free(pool);
    if (r) fprintf(stderr, "weights: %s\n", err.msg);
    return fclose(stdout) || r ? 1 : 0;
}
