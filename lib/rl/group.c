/* group — one round feeds every live sequence what it has to read: prompts in full, samples a token. */
#include "rl/group.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "io/jsonl.h"
#include "model/kvcache.h"
#include "model/model.h"
#include "model/packing.h"
#include "rl/trace.h"
#include "text/chat.h"
#include "train/checkpoint.h"
#include "train/rundir.h"

struct sampler {
    const struct group_options *o;
    struct pool *pool;
    struct model *model;
    struct bpe *bpe;
    struct chat *chat;                  /* NULL: messages cannot be read, */
    struct err no_chat;                 /* and why */
    struct kvcache *kv;
    struct trace_rules rules;
    struct sample_dist *dists;          /* of each thread */
    char hash[17];
    real *logits;                       /* [rows, vocab] */
    struct kv_feed *feeds;
    struct taker {
        struct trace *trace;
        const real *logits;
    } *takers;                          /* the traces that take logits in this round */
    size_t rows;
};

/* One prompt of a block. */
struct group {
    struct slots slots;
    struct bpe_ids prompt;
    struct trace *traces;
    int *branch;                        /* of each trace */
    int root;
};

static int load_parts(struct sampler *s, const char *dir, struct err *err) {
    if (!(s->model = model_load(dir, err)) || !(s->bpe = checkpoint_tokenizer(dir, err))) return -1;
    if (bpe_size(s->bpe) > s->model->cfg.vocab)
        return err_set(err, "%s: the tokenizer has %d tokens, the model %d", dir, bpe_size(s->bpe),
                       s->model->cfg.vocab);
    s->chat = chat_new(s->bpe, &s->no_chat);
    s->rules = (struct trace_rules){ .bpe = s->bpe, .vocab = s->model->cfg.vocab,
                                     .sampling = s->o->sampling, .limit = (int)s->o->limit,
                                     .scored = !s->o->no_scores };
    return stop_init(&s->rules.stop, dir, &s->model->cfg, s->bpe, s->chat, &s->o->stops,
                     &s->o->stop_tokens, err);
}

struct sampler *sampler_new(const char *dir, const struct group_options *o, struct pool *pool,
                            struct err *err) {
    struct sampler *s = mem_calloc(1, sizeof *s);
    char *place = model_dir_resolve(dir);
    int bad;

    s->o = o;
    s->pool = pool;
    bad = load_parts(s, place, err);
    free(place);
    if (bad) {
        sampler_free(s);
        return NULL;
    }
    s->kv = kvcache_new(s->model, pool);
    s->dists = mem_calloc((size_t)pool_threads(pool), sizeof *s->dists);
    for (int i = 0; i < pool_threads(pool); i++) s->dists[i] = sample_dist_new(s->model->cfg.vocab);
    hash_hex(s->hash, model_hash(s->model));
    model_pack(s->model, (enum packed_type)o->weights, pool);
    return s;
}

void sampler_free(struct sampler *s) {
    if (!s) return;
    kvcache_free(s->kv);
    model_free(s->model);
    chat_free(s->chat);
    bpe_free(s->bpe);
    stop_free(&s->rules.stop);
    for (int i = 0; s->dists && i < pool_threads(s->pool); i++) sample_dist_free(&s->dists[i]);
    free(s->dists);
    free(s->logits);
    free(s->feeds);
    free(s->takers);
    free(s);
}

static void reserve(struct sampler *s, size_t rows) {
    if (rows <= s->rows) return;
    s->rows = rows;
    s->logits = mem_realloc(s->logits, rows * (size_t)s->model->cfg.vocab, sizeof *s->logits);
    s->feeds = mem_realloc(s->feeds, rows, sizeof *s->feeds);
    s->takers = mem_realloc(s->takers, rows, sizeof *s->takers);
}

/* Tokens a branch may have: the completion, or the second run's, and a forced answer. */
static int branch_length(const struct sampler *s, const struct group *g) {
    return (int)s->o->limit + (int)g->slots.answer_ids.n + 1;
}

/* A string is read as it stands, messages by the chat template. */
static int read_prompt(struct sampler *s, struct bpe_ids *ids, const json_t *rec, struct err *err) {
    const json_t *prompt = json_object_get(rec, "prompt");
    size_t start;

    if (json_is_string(prompt))
        return bpe_encode(s->bpe, json_string_value(prompt), json_string_length(prompt), true, ids, err);
    if (!json_is_array(prompt))
        return err_set(err, "\"prompt\" is missing or neither a string nor an array");
    if (s->chat) return chat_encode(s->chat, s->bpe, prompt, NULL, ids, &start, err);
    *err = s->no_chat;
    return -1;
}

/* The record's random numbers: of its seed or the program's, and of its id or the tokens of its prompt. */
static int read_stream(const struct sampler *s, struct rng *rng, const struct bpe_ids *prompt,
                       const json_t *rec, struct err *err) {
    bool own_seed = json_object_get(rec, "seed"), own_id = json_object_get(rec, "id");
    struct hash h = hash_start();
    int64_t seed = 0;
    const char *id;

    if (own_seed && jsonl_int(rec, "seed", 0, (int64_t)1 << 53, &seed, err)) return -1;
    if (own_id && jsonl_string(rec, "id", &id, err)) return -1;
    *rng = (struct rng){ .seed = own_seed ? (uint64_t)seed : s->o->seed };
    hash_bytes(&h, prompt->id, prompt->n * sizeof *prompt->id);
    rng->stream = own_id ? rng_stream("rollout", id) : hash_value(&h);
    return 0;
}

static int start_group(struct sampler *s, struct group *g, const json_t *rec, struct err *err) {
    const struct config *cfg = &s->model->cfg;
    struct rng rng;

    memset(g, 0, sizeof *g);
    g->root = -1;
    if (read_prompt(s, &g->prompt, rec, err) || read_stream(s, &rng, &g->prompt, rec, err) ||
        (json_object_get(rec, "slots") && slots_read(&g->slots, s->bpe, rec, err)))
        return -1;
    if (!g->prompt.n || g->prompt.n + (size_t)branch_length(s, g) > (size_t)cfg->max_positions)
        return err_set(err, "a prompt of %zu tokens and %ld more do not fit the model's %d positions",
                       g->prompt.n, s->o->limit, cfg->max_positions);
    g->traces = mem_calloc((size_t)s->o->samples, sizeof *g->traces);
    g->branch = mem_alloc((size_t)s->o->samples, sizeof *g->branch);
    for (int k = 0; k < s->o->samples; k++) {
        struct rng own = rng;

        own.stream ^= rng_bits(0, 0, (uint64_t)k);
        trace_start(&g->traces[k], &s->rules, &g->slots, &g->prompt, own);
        g->branch[k] = -1;
    }
    return 0;
}

static void end_group(struct sampler *s, struct group *g) {
    for (int k = 0; g->traces && k < s->o->samples; k++) {
        if (g->branch[k] >= 0) kvcache_release(s->kv, g->branch[k]);
        trace_free(&g->traces[k]);
    }
    if (g->traces && g->root >= 0) kvcache_release(s->kv, g->root);
    free(g->traces);
    free(g->branch);
    free(g->prompt.id);
    slots_free(&g->slots);
}

static void take_one(void *ctx, int task, int worker) {
    const struct sampler *s = ctx;

    trace_take(s->takers[task].trace, s->takers[task].logits, &s->dists[worker]);
}

/* Reads all prompts; every sample takes the logits behind its own. */
static void read_prompts(struct sampler *s, struct group *g, int n) {
    size_t vocab = (size_t)s->model->cfg.vocab;
    int samples = (int)s->o->samples;

    for (int i = 0; i < n; i++) {
        g[i].root = kvcache_root(s->kv, (int)g[i].prompt.n);
        s->feeds[i] = (struct kv_feed){ g[i].root, g[i].prompt.id, (int)g[i].prompt.n };
    }
    kvcache_feed(s->kv, s->feeds, n, s->logits);
    for (int i = 0; i < n * samples; i++) {
        struct group *own = &g[i / samples];
        const real *logits = s->logits + (size_t)(i / samples) * vocab;

        own->branch[i % samples] = kvcache_branch(s->kv, own->root, branch_length(s, own));
        s->takers[i] = (struct taker){ &own->traces[i % samples], logits };
    }
    pool_run(s->pool, n * samples, take_one, s);
}

/* Adds what sample k of the group has to read next. Returns whether it is still alive. */
static bool add_feed(struct sampler *s, struct group *g, int k, int row) {
    struct kv_feed *f = &s->feeds[row];
    struct trace *t = &g->traces[k];

    f->n = trace_feed(t, &f->tokens);
    if (!f->n) {
        if (g->branch[k] >= 0) kvcache_release(s->kv, g->branch[k]);
        g->branch[k] = -1;
        return false;
    }
    if (t->restart) {
        kvcache_release(s->kv, g->branch[k]);
        g->branch[k] = kvcache_branch(s->kv, g->root, branch_length(s, g));
    }
    f->id = g->branch[k];
    return true;
}

/* One round over all living samples of the block. Returns how many there were. */
static int decode_round(struct sampler *s, struct group *g, int n) {
    size_t vocab = (size_t)s->model->cfg.vocab;
    int rows = 0, samples = (int)s->o->samples;

    for (int i = 0; i < n * samples; i++) {
        struct group *own = &g[i / samples];

        if (!add_feed(s, own, i % samples, rows)) continue;
        s->takers[rows] = (struct taker){ &own->traces[i % samples], s->logits + (size_t)rows * vocab };
        rows++;
    }
    if (rows) kvcache_feed(s->kv, s->feeds, rows, s->logits);
    pool_run(s->pool, rows, take_one, s);
    return rows;
}

static void add_samples(const struct sampler *s, const struct group *g, json_t *rec) {
    const char *form = json_string_value(json_object_get(rec, "form"));
    json_t *samples = json_array();

    for (int k = 0; k < s->o->samples; k++)
        json_array_append_new(samples, trace_json(&g->traces[k], form && !strcmp(form, "rate")));
    json_object_set_new(rec, "model", json_string(s->hash));
    if (s->o->weights == PACKED_FP32) json_object_del(rec, "weights");
    else json_object_set_new(rec, "weights", json_string(packed_name(s->o->weights)));
    json_object_set_new(rec, "samples", samples);
}

int sampler_run(struct sampler *s, json_t *const *recs, int n, struct err *err) {
    struct group *g = mem_calloc((size_t)n, sizeof *g);
    int good = 0;

    reserve(s, (size_t)n * (size_t)s->o->samples);
    while (good < n && !start_group(s, &g[good], recs[good], err)) good++;
    if (good) read_prompts(s, g, good);
    while (good && decode_round(s, g, good) > 0) continue;
    for (int i = 0; i < good; i++) add_samples(s, &g[i], recs[i]);
    for (int i = 0; i < n; i++) end_group(s, &g[i]);
    free(g);
    return good;
}
