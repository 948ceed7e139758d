/* packing — the matrices of a model in the layout in which decoding reads them (tensor/packed.h).
 *
 * A packed model can be read by kvcache and asked for its shape, and that is all: the matrices have left its
 * block, whose memory is given back. In full precision results keep their bits. */
#ifndef MODEL_PACKING_H
#define MODEL_PACKING_H

#include "base/pool.h"
#include "model/model.h"
#include "tensor/packed.h"

struct packed_layer {
    struct packed_matrix qkv, o, gate_up, down;
};

struct packing {
    enum packed_type type;
    struct packed_matrix embed, own_head;
    const struct packed_matrix *head;      /* own_head, or embed when tied */
    struct packed_layer *layers;
    char *block;                /* the panels of all */
};

/* Packs a model without adapter; m->packing is not NULL then. */
void model_pack(struct model *m, enum packed_type type, struct pool *pool);

/* NULL is fine. */
void packing_free(struct packing *p);

#endif
