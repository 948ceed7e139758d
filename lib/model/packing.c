/* packing — matrix by matrix, so that there are never two copies of all. */
#include "model/packing.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "model/layer.h"

struct job {
    struct model *m;
    struct packing *p;
    struct pool *pool;
    size_t used;                /* bytes of the block; where there is none yet, they are only counted */
};

static void take(struct job *j, struct packed_matrix *to, size_t offset, int N, int K) {
    real *w = j->m->p.data + offset;

    if (j->p->block) {
        packed_make(to, j->p->type, w, N, K, j->p->block + j->used, j->pool);
        mem_drop(w, (size_t)N * K * sizeof *w);
    }
    j->used += packed_size(j->p->type, N, K);
}

static void take_all(struct job *j) {
    const struct config *c = &j->m->cfg;
    struct packing *p = j->p;

    j->used = 0;
    take(j, &p->embed, j->m->embed, c->vocab, c->hidden);
    if (!c->tied) take(j, &p->own_head, j->m->head, c->vocab, c->hidden);
    for (int l = 0; l < c->layers; l++) {
        const struct layer_offsets *o = &j->m->layers[l];

        take(j, &p->layers[l].qkv, o->wqkv, layer_qkv(c), c->hidden);
        take(j, &p->layers[l].o, o->wo, c->hidden, layer_q(c));
        take(j, &p->layers[l].gate_up, o->w_gate_up, 2 * c->intermediate, c->hidden);
        take(j, &p->layers[l].down, o->w_down, c->hidden, c->intermediate);
    }
}

void model_pack(struct model *m, enum packed_type type, struct pool *pool) {
    struct packing *p = mem_calloc(1, sizeof *p);
    struct job j = { .m = m, .p = p, .pool = pool };

    assert(!m->lora && !m->packing);
    p->type = type;
    p->layers = mem_calloc((size_t)m->cfg.layers, sizeof *p->layers);
    p->head = m->cfg.tied ? &p->embed : &p->own_head;
    take_all(&j);
    p->block = mem_aligned(j.used, 1);
    take_all(&j);
    m->packing = p;
}

void packing_free(struct packing *p) {
    if (!p) return;
    free(p->layers);
    free(p->block);
    free(p);
}
