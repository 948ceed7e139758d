/* layer — one transformer layer forward over rows of tokens, and the way in and out of the stack:
 *   embed;  x → rmsnorm → qkv (+ bias) → qk-norm → rope → [attention] → wo → add
 *             → rmsnorm → gate, up → silu(gate) up → down → add;  rmsnorm → logits
 * decoder and kvcache share it, each with attention of its own between layer_before and layer_after, so
 * that their results have the same bits. */
#ifndef MODEL_LAYER_H
#define MODEL_LAYER_H

#include "base/pool.h"
#include "model/model.h"
#include "model/rope.h"
#include "tensor/products.h"
#include "tensor/real.h"

/* Widths that recur: of all queries, of queries, keys and values. */
int layer_q(const struct config *c);
int layer_qkv(const struct config *c);

/* Activations of one layer. Those marked * are needed by backward; the rest may be shared by layers. */
struct acts {
    real *x;            /* [T,C] * the residual stream on entry */
    real *rstd1;        /* [T]   * */
    real *norm;         /* [T,C]   output of a norm */
    real *raw;          /* [T,qkv] * before qk-norm; unused without qk-norm: may be qkv */
    real *qkv;          /* [T,qkv] * */
    real *att;          /* [T,q] * result of attention */
    real *mid;          /* [T,C] * the stream after attention */
    real *rstd2;        /* [T]   * */
    real *gu;           /* [T,2F] * gate, up */
    real *h;            /* [T,F]   silu(gate) up */
    real *next;         /* [T,C]   the stream on leaving: the next layer's x */
};

/* What all layers of a pass share. */
struct pass {
    const struct model *m;
    struct pool *pool;
    const struct rope *rope;
    const int *pos;     /* [T] */
    int T;
    void *scratch;      /* of a packed model: packed_scratch of a product's rows */
    const struct products *products;    /* their kind, unless the model is packed */
};

/* x[T,C] = rows of the embedding. */
void layer_embed(const struct pass *p, const int *tokens, real *x);

/* From a->x to a->qkv, ready for attention. */
void layer_before(const struct pass *p, int layer, const struct acts *a);

/* From a->att to a->next. */
void layer_after(const struct pass *p, int layer, const struct acts *a);

/* The same for n of the rows alone, gathered in `some`: in the last layer, those whose logits are asked for. */
void layer_after_rows(const struct pass *p, int layer, const struct acts *a, const int *rows, int n,
                      const struct acts *some);

/* layer_after as far as a->h: what backward needs. */
void layer_middle(const struct pass *p, int layer, const struct acts *a);

/* logits[n,V] of rows x[n,C]: norms them into `norm` [n,C]; rstd[n] may be NULL. */
void layer_logits(const struct pass *p, const real *x, int n, real *rstd, real *norm, real *logits);

#endif
