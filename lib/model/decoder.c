/* decoder — memory and forward. */
#include "model/decoder.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/decoder_impl.h"
#include "model/lora.h"
#include "tensor/rows.h"

enum {
    PIECE_ROWS = 64,            /* rows of a task of attention */
    CHUNK_REALS = 1 << 24,      /* most logits computed at a time */
    CHUNK_LEAST = 48, CHUNK_MOST = 1024
};

struct decoder *decoder_new(const struct model *m, struct pool *pool) {
    struct decoder *d = mem_calloc(1, sizeof *d);

    assert(!m->packing);
    gemm_start();
    d->m = m;
    d->pool = pool;
    d->forward = d->backward = &gemm_exact;
    d->acts = mem_calloc((size_t)m->cfg.layers, sizeof *d->acts);
    return d;
}

void decoder_free(struct decoder *d) {
    if (!d) return;
    rope_free(&d->rope);
    free(d->acts);
    free(d->block);
    free(d->ints);
    free(d->spans);
    free(d->packed_at);
    free(d->root_at);
    free(d->pieces);
    free(d);
}

void decoder_recompute(struct decoder *d) {
    d->recompute = true;
}

void decoder_products(struct decoder *d, const struct gemm *forward, const struct gemm *backward) {
    d->forward = forward;
    d->backward = backward;
}

int decoder_hits(const struct decoder *d) {
    return d->head.hits;
}

static int check_seq(const struct config *cfg, const struct packed *in, int i, int at, struct err *err) {
    const struct seq *s = &in->seqs[i];
    int before = 0;

    if (s->start != at || s->len < 1 || s->len > in->n_tokens - at)
        return err_set(err, "sequence %d: rows %d + %d do not follow row %d", i, s->start, s->len, at);
    if (s->parent >= 0) {
        if (s->parent >= i || in->seqs[s->parent].parent >= 0)
            return err_set(err, "sequence %d: parent %d is not an earlier root", i, s->parent);
        before = in->seqs[s->parent].len;
    }
    if (s->len > cfg->max_positions - before)
        return err_set(err, "sequence %d: %d tokens are more than the model's %d positions", i,
                       before + s->len, cfg->max_positions);
    return 0;
}

int decoder_check(const struct config *cfg, const struct packed *in, struct err *err) {
    int at = 0;

    for (int i = 0; i < in->n_seqs; i++) {
        if (check_seq(cfg, in, i, at, err)) return -1;
        at += in->seqs[i].len;
    }
    if (at != in->n_tokens || !at)
        return err_set(err, "sequences hold %d tokens, not %d (and at least one)", at, in->n_tokens);
    for (int i = 0; i < in->n_tokens; i++)
        if (in->tokens[i] < 0 || in->tokens[i] >= cfg->vocab)
            return err_set(err, "token %d at row %d is not in the vocabulary of %d", in->tokens[i], i, cfg->vocab);
    for (int i = 0; i < in->n_targets; i++) {
        const struct target *t = &in->targets[i];

        if (t->row < 0 || t->row >= in->n_tokens || t->token < 0 || t->token >= cfg->vocab)
            return err_set(err, "target %d: row %d or token %d is out of range", i, t->row, t->token);
    }
    return 0;
}

/* Pieces of the block: the same walk with base NULL counts. */
struct layout {
    real *base;
    size_t used;
};

static real *take(struct layout *l, size_t n) {
    real *p = l->base ? l->base + l->used : NULL;

    l->used += (n + 15) / 16 * 16;
    return p;
}

/* Rows that the widest scratch is for: rows of neighbouring targets may recur. */
static size_t most_rows(const struct decoder *d, size_t rows) {
    return rows > (size_t)d->head.n_rows ? rows : (size_t)d->head.n_rows;
}

/* What a layer keeps for backward beside the stream that enters it: as far as its attention, and after. */
static void lay_before(const struct config *c, struct layout *l, struct acts *a, size_t rows) {
    size_t qkv = rows * layer_qkv(c);

    a->rstd1 = take(l, rows);
    a->qkv = take(l, qkv);
    a->raw = c->qk_norm ? take(l, qkv) : a->qkv;
    a->att = take(l, rows * layer_q(c));
}

static void lay_after(const struct config *c, struct layout *l, struct acts *a, size_t rows) {
    a->rstd2 = take(l, rows);
    a->mid = take(l, rows * c->hidden);
    a->gu = take(l, 2 * rows * c->intermediate);
}

static void lay_layer(const struct config *c, struct layout *l, struct acts *a, size_t rows, bool last) {
    lay_before(c, l, a, rows);
    if (!last) lay_after(c, l, a, rows);
}

static void lay_acts(struct decoder *d, struct layout *l, size_t rows) {
    const struct config *c = &d->m->cfg;
    size_t C = rows * c->hidden, some = (size_t)d->head.n_rows, most = most_rows(d, rows);
    struct acts shared = { .norm = take(l, most * c->hidden), .h = take(l, most * c->intermediate) };
    real *next = NULL;

    d->some = shared;
    d->some.x = take(l, some * c->hidden);
    d->some.att = take(l, some * layer_q(c));
    d->some.next = take(l, some * c->hidden);
    lay_after(c, l, &d->some, some);
    if (d->recompute) lay_layer(c, l, &shared, rows, c->layers == 1);
    for (int i = c->layers - 1; i >= 0; i--) {
        struct acts *a = &d->acts[i];

        *a = shared;
        a->next = next;
        a->x = next = take(l, C);
        if (!d->recompute) lay_layer(c, l, a, rows, i == c->layers - 1);
    }
    d->size_lse = rows * c->heads;
    d->lse = take(l, d->recompute ? d->size_lse : d->size_lse * c->layers);
    d->packed = take(l, d->packed_at[d->n_seqs] * c->kv_heads * attn_block_size(c->head_dim));
}

static void lay_head(struct decoder *d, struct layout *l) {
    const struct config *c = &d->m->cfg;
    struct head *h = &d->head;
    size_t n = (size_t)h->chunk;

    h->norm = take(l, n * c->hidden);
    h->rstd = take(l, n);
    h->logits = take(l, n * c->vocab);
    h->lse = take(l, (size_t)h->n_rows);
    h->H = take(l, (size_t)h->n_rows);
}

static void lay_back(struct decoder *d, struct layout *l, size_t rows) {
    const struct config *c = &d->m->cfg;
    struct back *b = &d->back;
    size_t width = (size_t)(layer_qkv(c) + 2 * c->head_dim), some = (size_t)d->head.n_rows, most = most_rows(d, rows);

    b->dx = take(l, rows * c->hidden);
    b->datt = take(l, rows * layer_q(c));
    b->dqkv = take(l, rows * layer_qkv(c));
    b->some_dx = take(l, some * c->hidden);
    b->some_datt = take(l, some * layer_q(c));
    b->dn = take(l, most * c->hidden);
    b->dgu = take(l, most * 2 * c->intermediate);
    b->dh = take(l, most * c->intermediate);
    b->D = take(l, rows * c->heads);
    b->droot = take(l, d->root_at[d->n_seqs] * 2 * c->kv_heads * c->head_dim);
    b->lora = take(l, lora_scratch(d->m, (int)most));
    b->sums = take(l, (most / DECODER_SUM_PART + 1) * (width > (size_t)c->hidden ? width : (size_t)c->hidden));
}

/* Everything, as far as l->base says; l->used reals. */
static void lay_all(struct decoder *d, struct layout *l, int T) {
    l->used = 0;
    lay_acts(d, l, (size_t)T);
    lay_head(d, l);
    lay_back(d, l, (size_t)T);
}

/* Places everything; grows the block when it is too small. */
static void lay_out(struct decoder *d, int T) {
    struct layout l = { 0 };

    lay_all(d, &l, T);
    if (l.used > d->cap) {
        free(d->block);
        d->cap = l.used;
        d->block = mem_aligned(d->cap, sizeof *d->block);
        memset(d->block, 0, d->cap * sizeof *d->block);
    }
    l.base = d->block;
    lay_all(d, &l, T);
}

/* Distinct rows among neighbouring targets. */
static void plan_head(struct decoder *d, const struct packed *in) {
    struct head *h = &d->head;
    int most = CHUNK_REALS / d->m->cfg.vocab;

    h->n_rows = 0;
    h->resident = -1;
    for (int i = 0; i < in->n_targets; i++) {
        if (i && in->targets[i].row == in->targets[i - 1].row) continue;
        h->rows[h->n_rows] = in->targets[i].row;
        h->first[h->n_rows++] = i;
    }
    h->first[h->n_rows] = in->n_targets;
    most = most < CHUNK_LEAST ? CHUNK_LEAST : most > CHUNK_MOST ? CHUNK_MOST : most;
    h->chunk = h->n_rows ? rows_alike(h->n_rows, most, 1) : 1;
}

static void plan_seq(struct decoder *d, const struct packed *in, int i) {
    const struct seq *s = &in->seqs[i], *root = s->parent >= 0 ? &in->seqs[s->parent] : NULL;
    struct attn_span *span = &d->spans[i];

    *span = (struct attn_span){ .start = s->start, .len = s->len, .root_start = root ? root->start : 0,
                                .root_len = root ? root->len : 0, .skip = s->len };
    d->packed_at[i + 1] = d->packed_at[i] + (size_t)attn_blocks(span->root_len, span->root_len + s->len);
    d->root_at[i + 1] = d->root_at[i] + (size_t)span->root_len;
    for (int r = 0; r < s->len; r += PIECE_ROWS) {
        int n = s->len - r < PIECE_ROWS ? s->len - r : PIECE_ROWS;

        d->pieces = mem_grow(d->pieces, (size_t)d->n_pieces, &d->pieces_cap, sizeof *d->pieces);
        d->pieces[d->n_pieces++] = (struct piece){ .seq = i, .begin = r, .n = n };
    }
}

/* The rows of each sequence before its first target. */
static void plan_skips(struct decoder *d, const struct packed *in) {
    int *seq_of = d->pos;       /* not written yet */

    for (int i = 0; i < in->n_seqs; i++)
        for (int r = 0; r < in->seqs[i].len; r++) seq_of[in->seqs[i].start + r] = i;
    for (int t = 0; t < in->n_targets; t++) {
        struct attn_span *s = &d->spans[seq_of[in->targets[t].row]];
        int row = in->targets[t].row - s->start;

        s->skip = row < s->skip ? row : s->skip;
    }
}

/* Room for the integer arrays, carved from one block. */
static void plan_ints(struct decoder *d, const struct packed *in) {
    size_t T = (size_t)in->n_tokens, S = (size_t)in->n_seqs, N = (size_t)in->n_targets;
    size_t need = T + 2 * N + 1;

    if (need > d->ints_cap) {
        d->ints = mem_realloc(d->ints, need, sizeof *d->ints);
        d->ints_cap = need;
    }
    if (S > d->spans_cap) {
        d->spans = mem_realloc(d->spans, S, sizeof *d->spans);
        d->packed_at = mem_realloc(d->packed_at, S + 1, sizeof *d->packed_at);
        d->root_at = mem_realloc(d->root_at, S + 1, sizeof *d->root_at);
        d->spans_cap = S;
    }
    d->pos = d->ints;
    d->head.rows = d->pos + T;
    d->head.first = d->head.rows + N;
}

/* Sequences, pieces and head rows of the input; returns the positions it reaches. */
static int plan_rows(struct decoder *d, const struct packed *in) {
    int most = 0;

    plan_ints(d, in);
    d->n_seqs = in->n_seqs;
    d->n_pieces = 0;
    d->packed_at[0] = d->root_at[0] = 0;
    for (int i = 0; i < in->n_seqs; i++) plan_seq(d, in, i);
    plan_skips(d, in);
    for (int i = 0; i < in->n_seqs; i++)
        for (int r = 0; r < in->seqs[i].len; r++) d->pos[in->seqs[i].start + r] = d->spans[i].root_len + r;
    for (int i = 0; i < in->n_tokens; i++) most = d->pos[i] > most ? d->pos[i] : most;
    plan_head(d, in);
    return most + 1;
}

static void plan(struct decoder *d, const struct packed *in) {
    rope_reach(&d->rope, &d->m->cfg, plan_rows(d, in));
    lay_out(d, in->n_tokens);
    d->pass = (struct pass){ .m = d->m, .pool = d->pool, .rope = &d->rope, .pos = d->pos, .T = in->n_tokens,
                             .gemm = d->forward };
}

size_t decoder_bytes(struct decoder *d, const struct packed *in) {
    struct layout l = { 0 };

    plan_rows(d, in);
    lay_all(d, &l, in->n_tokens);
    return l.used * sizeof(real);
}

struct attn_span decoder_span(const struct decoder *d, int seq, int layer) {
    struct attn_span span = d->spans[seq];

    if (layer < d->m->cfg.layers - 1) span.skip = 0;
    return span;
}

struct attention_job {
    struct decoder *d;
    const struct packed *in;
    const struct acts *a;
    int layer;
    real *lse;
    struct attn_shape shape;
};

/* Blocks of one sequence and key-value head. */
static real *blocks_of(const struct decoder *d, int seq, int kv) {
    size_t n = d->packed_at[seq + 1] - d->packed_at[seq];

    return d->packed + (d->packed_at[seq] * d->m->cfg.kv_heads + n * kv) * attn_block_size(d->m->cfg.head_dim);
}

static void pack_task(void *ctx, int task, int worker) {
    const struct attention_job *j = ctx;
    int seq = task / j->shape.kv_heads, kv = task % j->shape.kv_heads;

    (void)worker;
    attn_pack(blocks_of(j->d, seq, kv), j->a->qkv, &j->d->spans[seq], &j->shape, kv);
}

static void attend_task(void *ctx, int task, int worker) {
    const struct attention_job *j = ctx;
    const struct piece *p = &j->d->pieces[task / j->shape.kv_heads];
    struct attn_span s = decoder_span(j->d, p->seq, j->layer);
    int kv = task % j->shape.kv_heads, group = j->shape.heads / j->shape.kv_heads, hs = j->shape.hs;
    size_t row = (size_t)s.start + p->begin, ldq = (size_t)layer_qkv(&j->d->m->cfg);
    size_t ldo = (size_t)j->shape.heads * hs, head = (size_t)kv * group;
    int parent = j->in->seqs[p->seq].parent;
    struct attn_keys keys = { .root = parent < 0 ? NULL : blocks_of(j->d, parent, kv),
                              .root_blocks = s.root_len / ATTN_BLOCK,
                              .own = blocks_of(j->d, p->seq, kv) };
    struct attn_queries q = { .q = j->a->qkv + row * ldq + head * hs, .out = j->a->att + row * ldo + head * hs,
                              .lse = j->lse + row * j->shape.heads + head, .ldq = ldq, .ldo = ldo,
                              .ldl = (size_t)j->shape.heads, .pos = s.root_len + p->begin, .n = p->n,
                              .group = group, .hs = hs };

    (void)worker;
    if (p->begin + p->n > s.skip) attn_forward(&q, &keys);
}

real *decoder_lse(const struct decoder *d, int layer) {
    return d->lse + (d->recompute ? 0 : d->size_lse * layer);
}

void decoder_attend(struct decoder *d, const struct packed *in, int layer) {
    const struct config *c = &d->m->cfg;
    struct attention_job j = { .d = d, .in = in, .a = &d->acts[layer], .layer = layer, .lse = decoder_lse(d, layer),
                               .shape = { .heads = c->heads, .kv_heads = c->kv_heads, .hs = c->head_dim } };
    enum pool_part before = pool_part(d->pool, POOL_ATTENTION);

    pool_run(d->pool, in->n_seqs * c->kv_heads, pack_task, &j);
    pool_run(d->pool, d->n_pieces * c->kv_heads, attend_task, &j);
    pool_part(d->pool, before);
}

/* The last layer goes on from its attention with the head's rows alone. */
static void last_rows(struct decoder *d) {
    int last = d->m->cfg.layers - 1;
    struct pass some = d->pass;

    some.T = d->head.n_rows;
    if (!some.T) return;
    layer_pick(&d->pass, &d->acts[last], d->head.rows, some.T, &d->some);
    layer_after(&some, last, &d->some);
}

void decoder_forward(struct decoder *d, const struct packed *in, real *logprob, real *entropy) {
    enum pool_part before = pool_part(d->pool, POOL_ROWS);

    plan(d, in);
    layer_embed(&d->pass, in->tokens, d->acts[0].x);
    for (int l = 0; l < d->m->cfg.layers; l++) {
        layer_before(&d->pass, l, &d->acts[l]);
        decoder_attend(d, in, l);
        if (l < d->m->cfg.layers - 1) layer_after(&d->pass, l, &d->acts[l]);
    }
    last_rows(d);
    pool_part(d->pool, POOL_LOSS);
    head_forward(d, in, logprob, entropy);
    pool_part(d->pool, before);
}

void decoder_logits(struct decoder *d, real *logits) {
    size_t V = (size_t)d->m->cfg.vocab;
    int begin;

    for (int c = 0; c < head_chunks(d); c++) {
        int n = head_logits(d, c, &begin);

        memcpy(logits + begin * V, d->head.logits, n * V * sizeof *logits);
    }
}
