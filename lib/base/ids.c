/* ids — open addressing over fingerprints. */
#include "base/ids.h"

#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"

uint64_t ids_fingerprint(const char *id, size_t n) {
    struct hash h = hash_start();

    hash_bytes(&h, id, n);
    return hash_value(&h);
}

/* The slot of the fingerprint, or the empty one where it belongs. */
static uint32_t *find_slot(const struct ids *ids, uint64_t hash) {
    size_t k = hash & (ids->slots - 1);

    while (ids->slot[k] && ids->at[ids->slot[k] - 1].hash != hash) k = (k + 1) & (ids->slots - 1);
    return &ids->slot[k];
}

size_t ids_find(const struct ids *ids, const char *id, size_t n) {
    return ids->slots ? (size_t)*find_slot(ids, ids_fingerprint(id, n)) - 1 : SIZE_MAX;
}

/* At most three slots of four are taken. */
static void grow(struct ids *ids) {
    if (4 * ids->n < 3 * ids->slots) return;
    free(ids->slot);
    ids->slots = ids->slots ? 2 * ids->slots : 64;
    ids->slot = mem_calloc(ids->slots, sizeof *ids->slot);
    for (size_t i = 0; i < ids->n; i++) *find_slot(ids, ids->at[i].hash) = (uint32_t)i + 1;
}

size_t ids_enter(struct ids *ids, uint64_t fingerprint) {
    uint32_t *slot;

    grow(ids);
    slot = find_slot(ids, fingerprint);
    if (*slot) return *slot - 1;
    assert(ids->n < IDS_MAX);
    ids->at = mem_grow(ids->at, ids->n, &ids->cap, sizeof *ids->at);
    ids->at[ids->n] = (struct id){ .hash = fingerprint };
    *slot = (uint32_t)++ids->n;
    return ids->n - 1;
}

size_t ids_add(struct ids *ids, const char *id, size_t n) {
    return ids_enter(ids, ids_fingerprint(id, n));
}

void ids_free(struct ids *ids) {
    free(ids->at);
    free(ids->slot);
}
