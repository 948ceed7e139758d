/* decoder_impl — what decoder.c and decoder_{plan,head,backward}.c share. */
#ifndef MODEL_DECODER_IMPL_H
#define MODEL_DECODER_IMPL_H

#include "model/decoder.h"
#include "model/layer.h"
#include "tensor/attention.h"

/* Rows whose weight gradients of norms and biases are summed first. */
enum { DECODER_SUM_PART = 64 };

/* Rows of one sequence whose attention is one task, for each key-value head. */
struct piece {
    int seq, begin, n;
};

/* The output rows: distinct rows of neighbouring targets, worked on in chunks, so that [T,V] is never
 * stored. The chunk that is in `logits` need not be computed again by backward. */
struct head {
    int *rows, *first;          /* [n_rows], [n_rows + 1] of the targets */
    int n_rows, chunk, resident;        /* rows of a chunk; the chunk in `logits`, -1: none */
    real *rstd, *norm, *logits;
    real *lse, *H;              /* [n_rows] */
    const real *dlogprob, *dentropy;
    int hits;                   /* targets that were the most probable token */
};

/* Scratch of backward. */
struct back {
    real *dx, *dn, *datt, *dqkv, *dgu, *dh, *D, *sums, *lora;
    real *some_dx, *some_datt;  /* of the head's rows */
    real *droot;                /* of each branch, what its root's keys and values get */
};

struct decoder {
    const struct model *m;
    struct pool *pool;
    const struct products *forward, *backward;
    struct rope rope;
    struct pass pass;
    struct acts *acts;          /* [layers] */
    struct acts some;           /* of the last layer after its attention, the head's rows alone */
    real *block;                /* all activations and scratch */
    size_t cap, ints_cap, spans_cap, pieces_cap;
    int *ints;                  /* pos, seq_of, head rows and first */
    int *pos, *seq_of;          /* [T] a row's position, and its sequence */
    struct attn_span *spans;    /* [n_seqs], with what the last layer skips */
    size_t *packed_at;          /* [n_seqs + 1] blocks before each sequence's own */
    size_t *root_at;            /* [n_seqs + 1] rows of roots before each branch's, as many as it has of droot */
    struct piece *pieces;
    int n_pieces, n_seqs;
    real *lse, *packed;         /* [L,T,heads]; blocks of one layer */
    size_t size_lse;
    struct head head;
    struct back back;
    bool recompute;             /* layers share one set of activations but for x */
};

/* Where everything of this input lies, and the pass over it. */
void decoder_plan(struct decoder *d, const struct packed *in);

/* Number of chunks of logits; makes those of one, unless they are there, and returns its rows. */
int head_chunks(const struct decoder *d);
int head_logits(struct decoder *d, int chunk, int *begin);

/* Log-probabilities and entropies of the targets; their gradient into grad and back.some_dx. */
void head_forward(struct decoder *d, const struct packed *in, real *logprob, real *entropy);
void head_backward(struct decoder *d, const struct packed *in, real *grad);

/* The attention of a layer: its keys and values are packed, its a->att and lse written. */
void decoder_attend(struct decoder *d, const struct packed *in, int layer);

/* A sequence in this layer: only the last one skips rows. */
struct attn_span decoder_span(const struct decoder *d, int seq, int layer);

/* Where a layer's lse lies. */
real *decoder_lse(const struct decoder *d, int layer);

/* dx += gradient of a norm over n rows; its weight's gradient dw (NULL: frozen) += too. */
void norm_backward(struct decoder *d, real *dx, real *dw, const real *dy, const real *x, const real *w,
                   const real *rstd, int n);

#endif
