/* kvcache — keys and values of a sequence lie in blocks as attention reads them, [layer][kv head][block]. A
 * branch keeps its root's full blocks by reference and a copy of the root's last, part-filled one. */
#include "model/kvcache.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/layer.h"
#include "model/packing.h"
#include "tensor/attention.h"
#include "tensor/gemm.h"
#include "tensor/kernels.h"

enum {
    PIECE_ROWS = 64,            /* rows of a task of attention, */
    PIECE_BRANCHES = 12,        /* and, at most, of one over branches: fewer where threads would have less than */
    THREAD_TASKS = 3,           /* so many tasks each */
    CHUNK_REALS = 1 << 22, CHUNK_LEAST = 48, CHUNK_MOST = 1024      /* logits computed at a time */
};

struct sequence {
    int root;                   /* -1: is a root */
    int before, len, max_len;   /* tokens of the root; own tokens; room for own */
    int branches;               /* of a root: those alive */
    bool used, released;
    int blocks;                 /* own, for each layer and head */
    real *mem;
    size_t cap;                 /* reals */
};

/* Rows whose attention is one task: of one feed, or each of another branch of one root. */
struct piece {
    int row, n;
    bool branches;
};

struct kvcache {
    const struct model *m;
    struct pool *pool;
    const struct attn_kind *attention;
    struct rope rope;
    struct sequence *seqs;
    size_t n_seqs, seqs_cap;
    /* One call's rows. */
    int *tokens, *pos, *ids, *last;     /* [rows]; last: rows whose logits are asked for */
    struct piece *pieces;
    size_t ints_cap, pieces_cap;
    int n_pieces, chunk;
    int piece_branches;         /* most of a piece */
    real *block;
    size_t cap;
    struct acts acts, some;             /* some: of the rows in `last`, after the last layer's attention */
    real *norm, *logits;
    void *scratch;                      /* of products with packed weights */
};

struct kvcache *kvcache_new(const struct model *m, struct pool *pool) {
    struct kvcache *kv = mem_calloc(1, sizeof *kv);

    gemm_start();
    kv->m = m;
    kv->pool = pool;
    kv->attention = m->packing && m->packing->type != PACKED_FP32 ? &attn_bf16 : &attn_exact;
    return kv;
}

void kvcache_free(struct kvcache *kv) {
    if (!kv) return;
    for (size_t i = 0; i < kv->n_seqs; i++) free(kv->seqs[i].mem);
    rope_free(&kv->rope);
    free(kv->seqs);
    free(kv->tokens);
    free(kv->pieces);
    free(kv->block);
    free(kv);
}

/* An unused place: the one with the least memory that suffices, else the one with most, else a new one. */
static int free_place(struct kvcache *kv, size_t need) {
    int best = -1;

    for (size_t i = 0; i < kv->n_seqs; i++) {
        const struct sequence *s = &kv->seqs[i], *b = best < 0 ? NULL : &kv->seqs[best];

        if (s->used) continue;
        if (!b || (s->cap >= need ? b->cap < need || s->cap < b->cap : b->cap < need && s->cap > b->cap))
            best = (int)i;
    }
    if (best >= 0) return best;
    kv->seqs = mem_grow(kv->seqs, kv->n_seqs, &kv->seqs_cap, sizeof *kv->seqs);
    kv->seqs[kv->n_seqs] = (struct sequence){ 0 };
    return (int)kv->n_seqs++;
}

static size_t block_reals(const struct kvcache *kv) {
    return kv->attention->block_size(kv->m->cfg.head_dim);
}

/* A sequence that goes on after `before` tokens of `root`. Memory must be finite, and its padding zero. */
static int open_sequence(struct kvcache *kv, int root, int before, int max_len) {
    const struct config *c = &kv->m->cfg;
    int blocks = attn_blocks(before, before + max_len);
    size_t need = (size_t)blocks * c->layers * c->kv_heads * block_reals(kv);
    int id = free_place(kv, need);
    struct sequence *s = &kv->seqs[id];

    if (s->cap < need) {
        free(s->mem);
        s->mem = mem_aligned(need, sizeof *s->mem);
        memset(s->mem, 0, need * sizeof *s->mem);
        s->cap = need;
    }
    *s = (struct sequence){ .root = root, .before = before, .max_len = max_len, .used = true, .blocks = blocks,
                            .mem = s->mem, .cap = s->cap };
    return id;
}

int kvcache_root(struct kvcache *kv, int max_len) {
    return open_sequence(kv, -1, 0, max_len);
}

/* First of the sequence's own blocks of a layer and head. */
static real *own_blocks(const struct kvcache *kv, const struct sequence *s, int layer, int head) {
    return s->mem + ((size_t)layer * kv->m->cfg.kv_heads + head) * s->blocks * block_reals(kv);
}

/* Copies blocks begin .. end-1 of root `other` to where the sequence's own begin. */
static void copy_blocks(struct kvcache *kv, int id, int other, int begin, int end) {
    const struct config *c = &kv->m->cfg;
    size_t size = block_reals(kv), n = (size_t)(end - begin) * size;

    for (int l = 0; l < c->layers && n; l++)
        for (int h = 0; h < c->kv_heads; h++)
            memcpy(own_blocks(kv, &kv->seqs[id], l, h),
                   own_blocks(kv, &kv->seqs[other], l, h) + (size_t)begin * size, n * sizeof(real));
}

int kvcache_root_like(struct kvcache *kv, int other, int n, int max_len) {
    int id = kvcache_root(kv, max_len);

    assert(!n || (kv->seqs[other].root < 0 && n <= kv->seqs[other].len && n <= max_len));
    copy_blocks(kv, id, other, 0, attn_blocks(0, n));
    kv->seqs[id].len = n;
    return id;
}

int kvcache_branch(struct kvcache *kv, int root, int max_len) {
    int before = kv->seqs[root].len, id = open_sequence(kv, root, before, max_len);

    assert(kv->seqs[root].used && kv->seqs[root].root < 0);
    kv->seqs[root].branches++;
    copy_blocks(kv, id, root, before / ATTN_BLOCK, attn_blocks(0, before));
    return id;
}

void kvcache_release(struct kvcache *kv, int id) {
    struct sequence *s = &kv->seqs[id];

    assert(s->used && !s->released);
    s->released = true;
    if (s->branches) return;
    s->used = false;
    if (s->root < 0) return;
    s = &kv->seqs[s->root];
    if (!--s->branches && s->released) s->used = false;
}

int kvcache_len(const struct kvcache *kv, int id) {
    return kv->seqs[id].before + kv->seqs[id].len;
}

/* Reals that hold the rounded inputs of any product of so many rows. */
static size_t scratch_reals(const struct kvcache *kv, int rows) {
    const struct config *c = &kv->m->cfg;
    int widest = c->intermediate > layer_q(c) ? c->intermediate : layer_q(c);

    if (!kv->m->packing) return 0;
    widest = c->hidden > widest ? c->hidden : widest;
    return (packed_scratch(kv->m->packing->type, rows, widest) / sizeof(real) + 16) / 16 * 16;
}

/* Room for T rows. */
static void plan_memory(struct kvcache *kv, int T) {
    const struct config *c = &kv->m->cfg;
    size_t rows = (size_t)T, C = (size_t)c->hidden, qkv = (size_t)layer_qkv(c);
    size_t F = (size_t)c->intermediate, Q = (size_t)layer_q(c);
    int chunk = CHUNK_REALS / c->vocab;
    size_t each, need, scratch;
    real *p;

    chunk = chunk < CHUNK_LEAST ? CHUNK_LEAST : chunk > CHUNK_MOST ? CHUNK_MOST : chunk;
    kv->chunk = chunk;
    each = 4 * C + 2 + 2 * qkv + 2 * Q + 3 * F;
    scratch = scratch_reals(kv, T > chunk ? T : chunk);
    need = scratch + rows * each + (size_t)chunk * (C + c->vocab);
    if (need > kv->cap) {
        free(kv->block);
        kv->block = mem_aligned(need, sizeof *kv->block);
        memset(kv->block, 0, need * sizeof *kv->block);
        kv->cap = need;
    }
    p = kv->block;
    kv->scratch = p, p += scratch;
    kv->acts.x = p, p += rows * C;
    kv->acts.next = kv->acts.x;
    kv->acts.norm = p, p += rows * C;
    kv->acts.mid = p, p += rows * C;
    kv->acts.qkv = p, p += rows * qkv;
    kv->acts.raw = c->qk_norm ? p : kv->acts.qkv, p += rows * qkv;
    kv->acts.att = p, p += rows * Q;
    kv->acts.gu = p, p += rows * 2 * F;
    kv->acts.h = p, p += rows * F;
    kv->acts.rstd1 = p, p += rows;
    kv->acts.rstd2 = p, p += rows;
    kv->some = kv->acts;
    kv->some.x = kv->some.next = p, p += rows * C;
    kv->some.att = p, p += rows * Q;
    kv->norm = p, p += (size_t)chunk * C;
    kv->logits = p;
}

static void add_piece(struct kvcache *kv, int row, int n, bool branches) {
    kv->pieces = mem_grow(kv->pieces, (size_t)kv->n_pieces, &kv->pieces_cap, sizeof *kv->pieces);
    kv->pieces[kv->n_pieces++] = (struct piece){ row, n, branches };
}

/* A token more of a branch whose neighbour has the same root. */
static bool joins(const struct kvcache *kv, int root, int row) {
    const struct piece *p = kv->n_pieces ? &kv->pieces[kv->n_pieces - 1] : NULL;

    return p && p->branches && p->n < kv->piece_branches && kv->seqs[kv->ids[row - 1]].root == root;
}

static void plan_feed(struct kvcache *kv, const struct kv_feed *f, int row) {
    int pos = kvcache_len(kv, f->id), root = kv->seqs[f->id].root;

    for (int i = 0; i < f->n; i++) {
        kv->tokens[row + i] = f->tokens[i];
        kv->pos[row + i] = pos + i;
        kv->ids[row + i] = f->id;
    }
    if (f->n > 1 || root < 0)
        for (int i = 0; i < f->n; i += PIECE_ROWS)
            add_piece(kv, row + i, f->n - i < PIECE_ROWS ? f->n - i : PIECE_ROWS, false);
    else if (joins(kv, root, row)) kv->pieces[kv->n_pieces - 1].n++;
    else add_piece(kv, row, 1, true);
}

/* Branches of a piece, of so many in all. */
static int piece_branches(const struct kvcache *kv, int branches) {
    int threads = pool_threads(kv->pool), most;

    if (threads == 1) return PIECE_BRANCHES;
    most = branches * kv->m->cfg.kv_heads / (THREAD_TASKS * threads);
    return most < 1 ? 1 : most < PIECE_BRANCHES ? most : PIECE_BRANCHES;
}

/* Lays out the rows of all feeds; returns how many. */
static int plan(struct kvcache *kv, const struct kv_feed *feeds, int n) {
    size_t T = 0;
    int row = 0, most = 0;

    for (int i = 0; i < n; i++) T += (size_t)feeds[i].n;
    if (T > kv->ints_cap) {
        kv->tokens = mem_realloc(kv->tokens, 4 * T, sizeof *kv->tokens);
        kv->ints_cap = T;
    }
    kv->pos = kv->tokens + kv->ints_cap;
    kv->ids = kv->pos + kv->ints_cap;
    kv->last = kv->ids + kv->ints_cap;
    kv->n_pieces = 0;
    kv->piece_branches = piece_branches(kv, n);
    for (int i = 0; i < n; i++) {
        const struct sequence *s = &kv->seqs[feeds[i].id];
        int end = s->before + s->len + feeds[i].n;

        assert(s->used && !s->branches && feeds[i].n > 0 && s->len + feeds[i].n <= s->max_len);
        plan_feed(kv, &feeds[i], row);
        row += feeds[i].n;
        most = end > most ? end : most;
    }
    rope_reach(&kv->rope, &kv->m->cfg, most);
    plan_memory(kv, row);
    return row;
}

struct job {
    struct kvcache *kv;
    int layer;
};

/* Puts keys and values of a piece's rows into the blocks of one head. */
static void store_task(void *ctx, int task, int worker) {
    const struct job *j = ctx;
    const struct kvcache *kv = j->kv;
    const struct config *c = &kv->m->cfg;
    const struct piece *p = &kv->pieces[task / c->kv_heads];
    int head = task % c->kv_heads;

    (void)worker;
    for (int r = p->row; r < p->row + p->n; r++) {
        const struct sequence *s = &kv->seqs[kv->ids[r]];
        const real *k = kv->acts.qkv + (size_t)r * layer_qkv(c) + (size_t)(c->heads + head) * c->head_dim;
        int at = kv->pos[r] - s->before / ATTN_BLOCK * ATTN_BLOCK;

        kv->attention->store(own_blocks(kv, s, j->layer, head) + at / ATTN_BLOCK * block_reals(kv), at % ATTN_BLOCK,
                             k, k + (size_t)c->kv_heads * c->head_dim, c->head_dim);
    }
}

static void attend_task(void *ctx, int task, int worker) {
    const struct job *j = ctx;
    const struct kvcache *kv = j->kv;
    const struct config *c = &kv->m->cfg;
    const struct piece *p = &kv->pieces[task / c->kv_heads];
    const struct sequence *s = &kv->seqs[kv->ids[p->row]];
    int head = task % c->kv_heads, group = c->heads / c->kv_heads;
    size_t ldq = (size_t)layer_qkv(c), ldo = (size_t)layer_q(c), at = (size_t)head * group * c->head_dim;
    struct attn_keys keys = { .root = s->root < 0 ? NULL : own_blocks(kv, &kv->seqs[s->root], j->layer, head),
                              .root_blocks = s->before / ATTN_BLOCK,
                              .own = own_blocks(kv, s, j->layer, head) };
    struct attn_queries q = { .q = kv->acts.qkv + p->row * ldq + at, .out = kv->acts.att + p->row * ldo + at,
                              .ldq = ldq, .ldo = ldo, .pos = kv->pos[p->row], .n = p->n, .group = group,
                              .hs = c->head_dim };
    struct attn_branch branches[PIECE_BRANCHES];

    (void)worker;
    if (!p->branches) {
        attn_forward(kv->attention, &q, &keys);
        return;
    }
    for (int r = 0; r < p->n; r++)
        branches[r] = (struct attn_branch){ own_blocks(kv, &kv->seqs[kv->ids[p->row + r]], j->layer, head),
                                            kv->pos[p->row + r] };
    attn_forward_branches(kv->attention, &q, keys.root, keys.root_blocks, branches);
}

/* The rows of the feeds whose logits are asked for: all, or each feed's last. */
static int wanted(struct kvcache *kv, const struct kv_feed *feeds, int n, bool all) {
    int row = 0, k = 0;

    for (int i = 0; i < n; i++) {
        for (int r = all ? 0 : feeds[i].n - 1; r < feeds[i].n; r++) kv->last[k++] = row + r;
        row += feeds[i].n;
    }
    return k;
}

/* From the last layer's attention to the logits of the first n rows in `last`. */
static void write_logits(struct kvcache *kv, const struct pass *pass, int n, real *logits) {
    const struct config *c = &kv->m->cfg;
    size_t V = (size_t)c->vocab;

    layer_after_rows(pass, c->layers - 1, &kv->acts, kv->last, n, &kv->some);
    for (int i = 0; i < n; i += kv->chunk) {
        int rows = n - i < kv->chunk ? n - i : kv->chunk;

        layer_logits(pass, kv->some.next + (size_t)i * c->hidden, rows, NULL, kv->norm, kv->logits);
        memcpy(logits + i * V, kv->logits, rows * V * sizeof *logits);
    }
}

static void feed(struct kvcache *kv, const struct kv_feed *feeds, int n, bool all, real *logits) {
    struct pass pass = { .m = kv->m, .pool = kv->pool, .rope = &kv->rope, .products = &products_exact };
    int layers = kv->m->cfg.layers, tasks;
    struct job j = { .kv = kv };

    if (n < 1) return;
    pass.T = plan(kv, feeds, n);
    pass.pos = kv->pos;
    pass.scratch = kv->scratch;
    tasks = kv->n_pieces * kv->m->cfg.kv_heads;
    layer_embed(&pass, kv->tokens, kv->acts.x);
    for (j.layer = 0; j.layer < layers; j.layer++) {
        layer_before(&pass, j.layer, &kv->acts);
        pool_run(kv->pool, tasks, store_task, &j);
        if (j.layer == layers - 1 && !logits) break;
        pool_run(kv->pool, tasks, attend_task, &j);
        if (j.layer < layers - 1) layer_after(&pass, j.layer, &kv->acts);
    }
    for (int i = 0; i < n; i++) kv->seqs[feeds[i].id].len += feeds[i].n;
    if (logits) write_logits(kv, &pass, wanted(kv, feeds, n, all), logits);
}

void kvcache_feed(struct kvcache *kv, const struct kv_feed *feeds, int n, real *logits) {
    feed(kv, feeds, n, false, logits);
}

void kvcache_feed_all(struct kvcache *kv, const struct kv_feed *feeds, int n, real *logits) {
    feed(kv, feeds, n, true, logits);
}

real kvcache_logprob(const real *logits, int vocab, int token) {
    return logits[token] - kernels_get()->logsumexp(logits, vocab, NULL);
}
