/* group — one round feeds every sequence what it has to read: prompts in full, samples a token. A sample
 * that ends gives its place to the next, of its own group or of the next prompt. */
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

enum { LOOKAHEAD = 8 };                 /* groups open for each that fits the batch: the slow hold up the others */

/* One prompt and its samples. */
struct group {
    json_t *rec;
    struct slots slots;
    struct bpe_ids prompt, prefix;      /* prefix: the samples' first tokens */
    struct trace *traces;
    int root;                           /* -1: not read yet */
    int started, left;                  /* samples that had a place; that are not done */
};

/* A sample that is decoded. */
struct place {
    struct group *group;
    int sample, branch;
};

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
    struct group *ring;                 /* [window]: `open` groups from `first` on, in order of input */
    int window, first, open;
    struct place *places;               /* [batch], those taken in front */
    int taken;
    struct head {                       /* the last prompt read: the next may begin like it */
        struct bpe_ids prompt;
        int root;                       /* -1: none */
        bool over;                      /* its group has gone */
    } head;
    /* One round's rows. */
    real *logits;                       /* [rows, vocab] */
    struct kv_feed *feeds;
    size_t rows;
    struct taker {
        struct trace *trace;
        int row;
    } *takers;                          /* the traces that take logits */
    size_t takers_cap;
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
    s->window = LOOKAHEAD * (int)((o->batch + o->samples - 1) / o->samples);
    s->ring = mem_calloc((size_t)s->window, sizeof *s->ring);
    s->places = mem_calloc((size_t)o->batch, sizeof *s->places);
    s->head.root = -1;
    s->dists = mem_calloc((size_t)pool_threads(pool), sizeof *s->dists);
    for (int i = 0; i < pool_threads(pool); i++) s->dists[i] = sample_dist_new(s->model->cfg.vocab);
    hash_hex(s->hash, model_hash(s->model));
    if (o->weights != PACKED_FP32) model_pack(s->model, (enum packed_type)o->weights, pool);
    s->kv = kvcache_new(s->model, pool);
    return s;
}

static struct group *nth(const struct sampler *s, int i) {
    return &s->ring[(s->first + i) % s->window];
}

static void end_group(struct sampler *s, struct group *g) {
    for (int k = 0; g->traces && k < s->o->samples; k++) trace_free(&g->traces[k]);
    free(g->traces);
    free(g->prompt.id);
    free(g->prefix.id);
    slots_free(&g->slots);
    json_decref(g->rec);
}

void sampler_free(struct sampler *s) {
    if (!s) return;
    for (int i = 0; i < s->open; i++) end_group(s, nth(s, i));
    kvcache_free(s->kv);
    model_free(s->model);
    chat_free(s->chat);
    bpe_free(s->bpe);
    stop_free(&s->rules.stop);
    for (int i = 0; s->dists && i < pool_threads(s->pool); i++) sample_dist_free(&s->dists[i]);
    free(s->dists);
    free(s->ring);
    free(s->places);
    free(s->head.prompt.id);
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

/* What the completion is to begin with. */
static int read_prefix(const struct sampler *s, struct bpe_ids *ids, const json_t *rec, struct err *err) {
    const char *prefix;

    if (!json_object_get(rec, "prefix")) return 0;
    if (jsonl_string(rec, "prefix", &prefix, err) || bpe_encode(s->bpe, prefix, strlen(prefix), false, ids, err))
        return -1;
    if (ids->n < (size_t)s->o->limit) return 0;
    return err_set(err, "\"prefix\" is %zu tokens, and a completion at most %ld", ids->n, s->o->limit);
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

static int start_group(struct sampler *s, struct group *g, struct err *err) {
    const struct config *cfg = &s->model->cfg;
    struct rng rng;

    if (read_prompt(s, &g->prompt, g->rec, err) || read_prefix(s, &g->prefix, g->rec, err) ||
        read_stream(s, &rng, &g->prompt, g->rec, err) ||
        (json_object_get(g->rec, "slots") && slots_read(&g->slots, s->bpe, g->rec, err)))
        return -1;
    if (!g->prompt.n || g->prompt.n + (size_t)branch_length(s, g) > (size_t)cfg->max_positions)
        return err_set(err, "a prompt of %zu tokens and %ld more do not fit the model's %d positions",
                       g->prompt.n, s->o->limit, cfg->max_positions);
    g->left = (int)s->o->samples;
    g->traces = mem_calloc((size_t)g->left, sizeof *g->traces);
    for (int k = 0; k < g->left; k++) {
        struct rng own = rng;

        own.stream ^= rng_bits(0, 0, (uint64_t)k);
        trace_start(&g->traces[k], &s->rules, &g->slots, &g->prompt, own);
        g->traces[k].prefix = &g->prefix;
    }
    return 0;
}

int sampler_add(struct sampler *s, json_t *rec, struct err *err) {
    struct group *g = nth(s, s->open);

    *g = (struct group){ .rec = rec, .root = -1 };
    if (!start_group(s, g, err)) return s->open++, 0;
    end_group(s, g);
    return -1;
}

bool sampler_wants(const struct sampler *s) {
    long samples = s->taken;

    for (int i = 0; i < s->open; i++)
        if (nth(s, i)->left) samples += s->o->samples - nth(s, i)->started;
    return samples <= s->o->batch && s->open < s->window;
}

/* The last of a group takes the root along, unless the next prompt may begin like it. */
static void leave(struct sampler *s, struct group *g) {
    if (--g->left) return;
    if (g->root == s->head.root) s->head.over = true;
    else kvcache_release(s->kv, g->root);
}

static bool is_done(const struct trace *t) {
    return t->mode == TRACE_DONE;
}

/* Samples that wait come into the places that are free; those whose first token was their last need none. */
static void fill_places(struct sampler *s) {
    for (int i = 0; i < s->open; i++) {
        struct group *g = nth(s, i);

        while (g->root >= 0 && g->started < s->o->samples && s->taken < s->o->batch) {
            int k = g->started++;

            if (is_done(&g->traces[k])) leave(s, g);
            else s->places[s->taken++] = (struct place){ g, k, kvcache_branch(s->kv, g->root, branch_length(s, g)) };
        }
    }
}

static void clear_places(struct sampler *s) {
    int n = 0;

    for (int i = 0; i < s->taken; i++) {
        const struct place *p = &s->places[i];

        if (is_done(&p->group->traces[p->sample])) {
            kvcache_release(s->kv, p->branch);
            leave(s, p->group);
        } else {
            s->places[n++] = *p;
        }
    }
    s->taken = n;
}

static struct kv_feed sample_feed(struct sampler *s, struct place *p) {
    const struct trace *t = &p->group->traces[p->sample];
    struct kv_feed f;

    if (t->restart) {
        kvcache_release(s->kv, p->branch);
        p->branch = kvcache_branch(s->kv, p->group->root, branch_length(s, p->group));
    }
    f.id = p->branch;
    f.n = trace_feed(t, &f.tokens);
    return f;
}

/* Opens the group's root, which has read already what its prompt shares with the last one's beginning. */
static struct kv_feed prompt_feed(struct sampler *s, struct group *g) {
    const struct bpe_ids *p = &g->prompt, *h = &s->head.prompt;
    size_t same = 0;

    while (same + 1 < p->n && same < h->n && p->id[same] == h->id[same]) same++;
    g->root = kvcache_root_like(s->kv, s->head.root, (int)same, (int)p->n);
    return (struct kv_feed){ g->root, p->id + same, (int)(p->n - same) };
}

static void set_head(struct sampler *s, const struct group *g) {
    struct head *h = &s->head;

    if (h->over) kvcache_release(s->kv, h->root);
    h->root = g->root;
    h->over = false;
    h->prompt.n = 0;
    for (size_t i = 0; i < g->prompt.n; i++) bpe_push(&h->prompt, g->prompt.id[i]);
}

static void take_one(void *ctx, int task, int worker) {
    const struct sampler *s = ctx;
    const struct taker *t = &s->takers[task];

    trace_take(t->trace, s->logits + (size_t)t->row * (size_t)s->model->cfg.vocab, &s->dists[worker]);
}

static void add_taker(struct sampler *s, int n, struct trace *t, int row) {
    s->takers = mem_grow(s->takers, (size_t)n, &s->takers_cap, sizeof *s->takers);
    s->takers[n] = (struct taker){ t, row };
}

bool sampler_step(struct sampler *s) {
    const struct group *last = NULL;
    int rows = 0, takers = 0;

    fill_places(s);
    /* In full precision, which packing does not change, it pays from the second token on. */
    if (s->taken && !s->model->packing) model_pack(s->model, PACKED_FP32, s->pool);
    reserve(s, (size_t)s->taken + (size_t)s->open);
    for (int i = 0; i < s->taken; i++, rows++) {
        struct place *p = &s->places[i];

        s->feeds[rows] = sample_feed(s, p);
        add_taker(s, takers++, &p->group->traces[p->sample], rows);
    }
    /* The first prompt is read alone, so that all others begin with what they share with it. */
    for (int i = 0; i < s->open && !(last && s->head.root < 0); i++) {
        struct group *g = nth(s, i);

        if (g->root >= 0) continue;
        s->feeds[rows] = prompt_feed(s, g);
        for (int k = 0; k < s->o->samples; k++) add_taker(s, takers++, &g->traces[k], rows);
        last = g;
        rows++;
    }
    if (!rows) return false;
    kvcache_feed(s->kv, s->feeds, rows, s->logits);
    pool_run(s->pool, takers, take_one, s);
    if (last) set_head(s, last);
    clear_places(s);
    return true;
}

static void add_samples(const struct sampler *s, const struct group *g) {
    const char *form = json_string_value(json_object_get(g->rec, "form"));
    json_t *samples = json_array();

    for (int k = 0; k < s->o->samples; k++)
        json_array_append_new(samples, trace_json(&g->traces[k], form && !strcmp(form, "rate")));
    json_object_set_new(g->rec, "model", json_string(s->hash));
    if (s->o->weights == PACKED_FP32) json_object_del(g->rec, "weights");
    else json_object_set_new(g->rec, "weights", json_string(packed_name(s->o->weights)));
    json_object_set_new(g->rec, "samples", samples);
}

json_t *sampler_next(struct sampler *s) {
    struct group *g = nth(s, 0);
    json_t *rec;

    if (!s->open || g->left) return NULL;
    add_samples(s, g);
    rec = json_incref(g->rec);
    end_group(s, g);
    s->first = (s->first + 1) % s->window;
    s->open--;
    return rec;
}
