/* decoder — checks and forward. */
#include "model/decoder.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/decoder_impl.h"

struct decoder *decoder_new(const struct model *m, struct pool *pool) {
    struct decoder *d = mem_calloc(1, sizeof *d);

    assert(!m->packing);
    gemm_start();
    d->m = m;
    d->pool = pool;
    d->forward = d->backward = &products_exact;
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

void decoder_products(struct decoder *d, const struct products *forward, const struct products *backward) {
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
    size_t size = d->forward->attention->block_size(d->m->cfg.head_dim);

    return d->packed + (d->packed_at[seq] * d->m->cfg.kv_heads + n * kv) * size;
}

static void pack_task(void *ctx, int task, int worker) {
    const struct attention_job *j = ctx;
    int seq = task / j->shape.kv_heads, kv = task % j->shape.kv_heads;

    (void)worker;
    attn_pack(j->d->forward->attention, blocks_of(j->d, seq, kv), j->a->qkv, &j->d->spans[seq], &j->shape, kv);
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
    if (p->begin + p->n > s.skip) attn_forward(j->d->forward->attention, &q, &keys);
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

void decoder_forward(struct decoder *d, const struct packed *in, real *logprob, real *entropy) {
    enum pool_part before = pool_part(d->pool, POOL_ROWS);
    int last = d->m->cfg.layers - 1;

    decoder_plan(d, in);
    layer_embed(&d->pass, in->tokens, d->acts[0].x);
    for (int l = 0; l <= last; l++) {
        layer_before(&d->pass, l, &d->acts[l]);
        decoder_attend(d, in, l);
        if (l < last) layer_after(&d->pass, l, &d->acts[l]);
    }
    layer_after_rows(&d->pass, last, &d->acts[last], d->head.rows, d->head.n_rows, &d->some);
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
