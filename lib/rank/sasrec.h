/* sasrec — the parts of the network of sasrec (Kang and McAuley 2018, in the form of RecBole's):
 * forward in sasrec.c, its mirror in sasrec_backward.c, attention in sasrec_attention.c. */
#ifndef RANK_SASREC_H
#define RANK_SASREC_H

#include "rank/seq.h"
#include "tensor/kernels.h"

enum { SASREC_PART = 32 };      /* rows a task takes */

/* Offsets in a block. */
struct sasrec_norm {
    size_t w, b;                /* [dim] */
};
struct sasrec_layer {
    size_t wqkv, bqkv;          /* [3 dim, dim], [3 dim] */
    size_t wo, bo;              /* [dim, dim], [dim] */
    struct sasrec_norm norm1;
    size_t w1, b1;              /* [hidden, dim], [hidden] */
    size_t w2, b2;              /* [dim, hidden], [dim] */
    struct sasrec_norm norm2;
};

/* What a norm keeps for its backward. */
struct sasrec_normed {
    real *xhat, *rstd;          /* [rows, dim], [rows] */
    real *y;                    /* [rows, dim] */
};
struct sasrec_acts {
    real *qkv, *weights, *att;  /* [rows, 3 dim], [heads, rows by window, keys], [rows, dim] */
    struct sasrec_normed mid;
    real *f, *g;                /* [rows, hidden] before and after gelu */
    struct sasrec_normed out;
};

struct sasrec {
    struct seq_net net;
    size_t position;            /* [length, dim] */
    struct sasrec_norm norm;
    struct sasrec_layer *layers;
    int keys;                   /* length rounded up to 16 */

    real *block;                /* all of these */
    struct sasrec_normed in;
    struct sasrec_acts *acts;   /* [layers] */
    real *last_x, *last_att;    /* [n, dim] behind the last attention: of targets alone */
    real *dx, *dy, *datt, *dqkv, *df;   /* [rows, dim] thrice, [rows, 3 dim], [rows, hidden] */
    real *scratch;              /* [threads, sasrec_attention_scratch] */
    int *start;                 /* [windows + 1] rows of the windows before */
};

/* One pass. */
struct sasrec_pass {
    struct sasrec *s;
    const struct seq_batch *b;
    const struct seq_drop *drop;
    const struct kernels *k;
    const real *data;           /* the parameters */
};

/* Places of layer l that drop are 1 + l SASREC_DROPS + these, for seq_site; 0 is the input. */
enum { SASREC_DROP_WEIGHTS, SASREC_DROP_ATT, SASREC_DROP_MLP, SASREC_DROPS };

/* Drops from rows begin .. end-1 of x[rows, dim], where the pass does. */
void sasrec_drop_rows(const struct sasrec_pass *p, real *x, int site, int begin, int end);

/* Reals of scratch that a thread needs. */
size_t sasrec_attention_scratch(const struct seq_shape *s);

/* acts->att and acts->weights from acts->qkv. */
void sasrec_attend(const struct sasrec_pass *p, int layer);

/* s->dqkv from datt[rows, dim]. */
void sasrec_attend_backward(const struct sasrec_pass *p, int layer, const real *datt);

/* seq_kind's. */
void sasrec_backward(struct seq_net *net, const struct seq_batch *b, const struct seq_drop *drop,
                     real *dout, real *grad);

#endif
