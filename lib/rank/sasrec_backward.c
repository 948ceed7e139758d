/* sasrec_backward — the mirror of sasrec.c, layer by layer from the last. dx holds the gradient of
 * what a norm gave, then of what it was given, a sum: that goes on to both of its parts. */
#include <string.h>

#include "rank/sasrec.h"
#include "tensor/gemm.h"
#include "tensor/rows.h"

struct job {
    const struct sasrec_pass *p;
    real *dx, *dy;
    const real *f;
    const struct sasrec_normed *normed;
    struct sasrec_norm norm;
    int site, rows;
};

/* dx through the norm; dy = dx → drop, unless dy is NULL. */
static void norm_rows(void *ctx, int begin, int end, int part) {
    const struct job *j = ctx;
    size_t C = (size_t)j->p->s->net.shape.dim, at = (size_t)begin * C;

    (void)part;
    j->p->k->layernorm_backward(j->dx + at, j->dx + at, j->normed->xhat + at,
                                j->normed->rstd + begin,
                                j->p->data + j->norm.w, end - begin, (int)C);
    if (!j->dy) return;
    memcpy(j->dy + at, j->dx + at, (size_t)(end - begin) * C * sizeof *j->dy);
    sasrec_drop_rows(j->p, j->dy, j->site, begin, end);
}

static void norm_backward(const struct job *j, real *grad) {
    const struct sasrec_pass *p = j->p;
    const struct seq_net *net = &p->s->net;

    seq_column_sums(net, grad + j->norm.w, j->dx, j->normed->xhat, j->rows, net->shape.dim);
    seq_column_sums(net, grad + j->norm.b, j->dx, NULL, j->rows, net->shape.dim);
    rows_run(net->pool, j->rows, SASREC_PART, norm_rows, (void *)j);
}

static void gelu_rows(void *ctx, int begin, int end, int part) {
    const struct job *j = ctx;
    size_t F = (size_t)j->p->s->net.shape.hidden;

    (void)part;
    j->p->k->gelu_backward(j->dx + begin * F, j->f + begin * F, (int)((size_t)(end - begin) * F));
}

/* Of y = x w' + b, with dy[rows, N] and x[rows, K]: the gradients of w and b. */
static void linear_backward(const struct sasrec_pass *p, real *dw, real *db, const real *dy,
                            const real *x, int rows, int N, int K) {
    gemm_backward_weight(dw, dy, N, x, rows, N, K, p->s->net.pool);
    seq_column_sums(&p->s->net, db, dy, NULL, rows, N);
}

/* From dx at the layer's end to datt, of what attention gave, and dx of the layer's input. */
static void behind_attention(const struct sasrec_pass *p, int layer, const real *att, int rows,
                             real *dx, real *datt, real *grad) {
    struct sasrec *s = p->s;
    const struct sasrec_layer *o = &s->layers[layer];
    const struct sasrec_acts *a = &s->acts[layer];
    struct pool *pool = s->net.pool;
    int C = s->net.shape.dim, F = s->net.shape.hidden, site = 1 + layer * SASREC_DROPS;
    struct job out = { .p = p, .dx = dx, .dy = s->dy, .normed = &a->out, .norm = o->norm2,
                       .site = site + SASREC_DROP_MLP, .rows = rows };
    struct job mid = { .p = p, .dx = dx, .dy = s->dy, .normed = &a->mid, .norm = o->norm1,
                       .site = site + SASREC_DROP_ATT, .rows = rows };
    struct job up = { .p = p, .dx = s->df, .f = a->f };

    norm_backward(&out, grad);
    linear_backward(p, grad + o->w2, grad + o->b2, s->dy, a->g, rows, C, F);
    gemm_backward_input(s->df, s->dy, C, p->data + o->w2, rows, C, F, false, pool);
    rows_run(pool, rows, SASREC_PART, gelu_rows, &up);
    linear_backward(p, grad + o->w1, grad + o->b1, s->df, a->mid.y, rows, F, C);
    gemm_backward_input(dx, s->df, F, p->data + o->w1, rows, F, C, true, pool);
    norm_backward(&mid, grad);
    linear_backward(p, grad + o->wo, grad + o->bo, s->dy, att, rows, C, C);
    gemm_backward_input(datt, s->dy, C, p->data + o->wo, rows, C, C, false, pool);
}

/* From dx at the layer's end to dx at its beginning, whose input was x. */
static void layer_backward(const struct sasrec_pass *p, int layer, const real *x, real *grad) {
    struct sasrec *s = p->s;
    const struct sasrec_layer *o = &s->layers[layer];
    int rows = p->b->rows, C = s->net.shape.dim;

    if (layer < s->net.shape.layers - 1)
        behind_attention(p, layer, s->acts[layer].att, rows, s->dx, s->datt, grad);
    sasrec_attend_backward(p, layer, s->datt);
    linear_backward(p, grad + o->wqkv, grad + o->bqkv, s->dqkv, x, rows, 3 * C, C);
    gemm_backward_input(s->dx, s->dqkv, 3 * C, p->data + o->wqkv, rows, 3 * C, C, true,
                        s->net.pool);
}

static void drop_rows(void *ctx, int begin, int end, int part) {
    const struct job *j = ctx;

    (void)part;
    sasrec_drop_rows(j->p, j->dx, 0, begin, end);
}

void sasrec_backward(struct seq_net *net, const struct seq_batch *b, const struct seq_drop *drop,
                     real *dout, real *grad) {
    struct sasrec *s = (struct sasrec *)net;
    struct sasrec_pass p = { s, b, drop, kernels_get(), net->p.data };
    struct job in = { .p = &p, .dx = s->dx, .normed = &s->in, .norm = s->norm, .rows = b->rows };
    size_t C = (size_t)net->shape.dim;

    behind_attention(&p, net->shape.layers - 1, s->last_att, b->n, dout, s->last_x, grad);
    seq_spread(b, s->datt, s->last_x, (int)C);
    seq_spread(b, s->dx, dout, (int)C);
    for (int i = net->shape.layers - 1; i >= 0; i--)
        layer_backward(&p, i, i ? s->acts[i - 1].out.y : s->in.y, grad);
    rows_run(net->pool, b->rows, SASREC_PART, drop_rows, &in);
    norm_backward(&in, grad);
    for (int t = 0; t < b->steps; t++)
        p.k->column_sums(grad + s->position + t * C, s->dx + b->first[t] * C, NULL,
                         b->first[t + 1] - b->first[t], (int)C, C);
    seq_embed_backward(net, b, s->dx, grad);
}
