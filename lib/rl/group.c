/* group — one round feeds every live sequence what it has to read: prompts in full, samples a token. */
#include "rl/group.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "io/jsonl.h"
#include "model/kvcache.h"
#include "model/model.h"
#include "rl/trace.h"
#include "text/chat.h"
#include "train/rundir.h"

struct sampler {
    const struct group_options *o;
    struct pool *pool;
    struct model *model;
    struct bpe *bpe;
    struct chat *chat;
    struct kvcache *kv;
    struct sample_entry *scratch;       /* [vocab] */
    char hash[17];
    real *logits;                       /* [rows, vocab] */
    struct kv_feed *feeds;
    int *fed;                           /* which trace each feed belongs to */
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

static void load_parts(struct sampler *s, const char *dir, struct err *err) {
    s->model = model_load(dir, err);
    if (s->model) s->bpe = bpe_load(dir, err);
    if (s->bpe && !(s->chat = chat_new(s->bpe, err))) err_prefix(err, "%s", dir);
}

struct sampler *sampler_new(const char *dir, const struct group_options *o, struct pool *pool,
                            struct err *err) {
    struct sampler *s = mem_calloc(1, sizeof *s);
    char *place = model_dir_resolve(dir);

    s->o = o;
    s->pool = pool;
    load_parts(s, place, err);
    free(place);
    if (!s->chat) {
        sampler_free(s);
        return NULL;
    }
    s->kv = kvcache_new(s->model, pool);
    s->scratch = mem_alloc((size_t)s->model->cfg.vocab, sizeof *s->scratch);
    hash_hex(s->hash, model_hash(s->model));
    return s;
}

void sampler_free(struct sampler *s) {
    if (!s) return;
    kvcache_free(s->kv);
    model_free(s->model);
    chat_free(s->chat);
    bpe_free(s->bpe);
    free(s->scratch);
    free(s->logits);
    free(s->feeds);
    free(s->fed);
    free(s);
}

static void reserve(struct sampler *s, size_t rows) {
    if (rows <= s->rows) return;
    s->rows = rows;
    s->logits = mem_realloc(s->logits, rows * (size_t)s->model->cfg.vocab, sizeof *s->logits);
    s->feeds = mem_realloc(s->feeds, rows, sizeof *s->feeds);
    s->fed = mem_realloc(s->fed, rows, sizeof *s->fed);
}

/* Tokens a branch may have: the completion, or the second run's, and a forced answer. */
static int branch_length(const struct sampler *s, const struct group *g) {
    return (int)s->o->limit + (int)g->slots.answer_ids.n + 1;
}

static int start_group(struct sampler *s, struct group *g, const json_t *rec, struct err *err) {
    const struct config *cfg = &s->model->cfg;
    const char *id;
    json_t *prompt;
    size_t start;

    memset(g, 0, sizeof *g);
    if (jsonl_string(rec, "id", &id, err)) return -1;
    g->root = -1;
    if (jsonl_array(rec, "prompt", &prompt, err) || slots_read(&g->slots, s->bpe, rec, err) ||
        chat_encode(s->chat, s->bpe, prompt, NULL, &g->prompt, &start, err))
        return -1;
    if (!g->prompt.n || g->prompt.n + (size_t)branch_length(s, g) > (size_t)cfg->max_positions)
        return err_set(err, "a prompt of %zu tokens and %ld more do not fit the model's %d positions",
                       g->prompt.n, s->o->limit, cfg->max_positions);
    g->traces = mem_calloc((size_t)s->o->samples, sizeof *g->traces);
    g->branch = mem_alloc((size_t)s->o->samples, sizeof *g->branch);
    for (int k = 0; k < s->o->samples; k++) {
        trace_start(&g->traces[k], &g->slots, s->bpe, cfg, chat_end(s->chat), &s->o->sampling, (int)s->o->limit,
                    !s->o->no_scores, s->o->seed, id, k);
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

/* Reads all prompts; every sample takes the logits behind its own. */
static void read_prompts(struct sampler *s, struct group *g, int n) {
    size_t vocab = (size_t)s->model->cfg.vocab;

    for (int i = 0; i < n; i++) {
        g[i].root = kvcache_root(s->kv, (int)g[i].prompt.n);
        s->feeds[i] = (struct kv_feed){ g[i].root, g[i].prompt.id, (int)g[i].prompt.n };
    }
    kvcache_feed(s->kv, s->feeds, n, s->logits);
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < s->o->samples; k++) {
            g[i].branch[k] = kvcache_branch(s->kv, g[i].root, branch_length(s, &g[i]));
            trace_take(&g[i].traces[k], s->logits + (size_t)i * vocab, s->scratch);
        }
    }
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

    for (int i = 0; i < n * samples; i++)
        if (add_feed(s, &g[i / samples], i % samples, rows)) s->fed[rows++] = i;
    if (rows) kvcache_feed(s->kv, s->feeds, rows, s->logits);
    for (int r = 0; r < rows; r++)
        trace_take(&g[s->fed[r] / samples].traces[s->fed[r] % samples], s->logits + (size_t)r * vocab,
                   s->scratch);
    return rows;
}

static void add_samples(const struct sampler *s, const struct group *g, json_t *rec) {
    const char *form = json_string_value(json_object_get(rec, "form"));
    json_t *samples = json_array();

    for (int k = 0; k < s->o->samples; k++)
        json_array_append_new(samples, trace_json(&g->traces[k], form && !strcmp(form, "rate")));
    json_object_set_new(rec, "model", json_string(s->hash));
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
