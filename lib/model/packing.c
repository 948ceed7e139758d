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
};

static void take(const struct job *j, struct packed_matrix *to, size_t offset, int N, int K) {
    real *w = j->m->p.data + offset;

    packed_make(to, j->p->type, w, N, K, j->pool);
    mem_drop(w, (size_t)N * K * sizeof *w);
}

void model_pack(struct model *m, enum packed_type type, struct pool *pool) {
    const struct config *c = &m->cfg;
    struct packing *p = mem_calloc(1, sizeof *p);
    struct job j = { m, p, pool };

    assert(!m->lora && !m->packing);
    p->type = type;
    p->n = c->layers;
    p->layers = mem_calloc((size_t)c->layers, sizeof *p->layers);
    p->head = c->tied ? &p->embed : &p->own_head;
    take(&j, &p->embed, m->embed, c->vocab, c->hidden);
    if (!c->tied) take(&j, &p->own_head, m->head, c->vocab, c->hidden);
    for (int l = 0; l < c->layers; l++) {
        const struct layer_offsets *o = &m->layers[l];

        take(&j, &p->layers[l].qkv, o->wqkv, layer_qkv(c), c->hidden);
        take(&j, &p->layers[l].o, o->wo, c->hidden, layer_q(c));
        take(&j, &p->layers[l].gate_up, o->w_gate_up, 2 * c->intermediate, c->hidden);
        take(&j, &p->layers[l].down, o->w_down, c->hidden, c->intermediate);
    }
    m->packing = p;
}

void packing_free(struct packing *p) {
    if (!p) return;
    for (int l = 0; l < p->n; l++) {
        packed_free(&p->layers[l].qkv);
        packed_free(&p->layers[l].o);
        packed_free(&p->layers[l].gate_up);
        packed_free(&p->layers[l].down);
    }
    packed_free(&p->embed);
    packed_free(&p->own_head);
    free(p->layers);
    free(p);
}
