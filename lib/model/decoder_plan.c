/* decoder_plan — where the rows, sequences and targets of an input are, and one block for all reals. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/decoder_impl.h"
#include "model/lora.h"
#include "tensor/rows.h"

enum {
    PIECE_ROWS = 64,            /* rows of a task of attention */
    CHUNK_REALS = 1 << 26,      /* most logits computed at a time; those of several chunks are computed twice */
    CHUNK_LEAST = 48, CHUNK_MOST = 1024
};

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
    d->packed = take(l, d->packed_at[d->n_seqs] * c->kv_heads * d->forward->attention->block_size(c->head_dim));
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
    for (int r = 0; r < s->len; r++) {
        d->pos[s->start + r] = span->root_len + r;
        d->seq_of[s->start + r] = i;
    }
    for (int r = 0; r < s->len; r += PIECE_ROWS) {
        int n = s->len - r < PIECE_ROWS ? s->len - r : PIECE_ROWS;

        d->pieces = mem_grow(d->pieces, (size_t)d->n_pieces, &d->pieces_cap, sizeof *d->pieces);
        d->pieces[d->n_pieces++] = (struct piece){ .seq = i, .begin = r, .n = n };
    }
}

/* The rows of each sequence before its first target. */
static void plan_skips(struct decoder *d, const struct packed *in) {
    for (int t = 0; t < in->n_targets; t++) {
        struct attn_span *s = &d->spans[d->seq_of[in->targets[t].row]];
        int row = in->targets[t].row - s->start;

        s->skip = row < s->skip ? row : s->skip;
    }
}

/* Room for the integer arrays, carved from one block. */
static void plan_ints(struct decoder *d, const struct packed *in) {
    size_t T = (size_t)in->n_tokens, S = (size_t)in->n_seqs, N = (size_t)in->n_targets;
    size_t need = 2 * T + 2 * N + 1;

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
    d->seq_of = d->pos + T;
    d->head.rows = d->seq_of + T;
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
    for (int i = 0; i < in->n_tokens; i++) most = d->pos[i] > most ? d->pos[i] : most;
    plan_head(d, in);
    return most + 1;
}

void decoder_plan(struct decoder *d, const struct packed *in) {
    rope_reach(&d->rope, &d->m->cfg, plan_rows(d, in));
    lay_out(d, in->n_tokens);
    d->pass = (struct pass){ .m = d->m, .pool = d->pool, .rope = &d->rope, .pos = d->pos, .T = in->n_tokens,
                             .products = d->forward };
}

size_t decoder_bytes(struct decoder *d, const struct packed *in) {
    struct layout l = { 0 };

    plan_rows(d, in);
    lay_all(d, &l, in->n_tokens);
    return l.used * sizeof(real);
}
