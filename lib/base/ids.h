/* ids — which cases, and which items, were read: an index for each identifier, by its 64-bit
 * fingerprint.
 *
 * 16 bytes a case, up to twice that while the array has room, and 5 to 11 for its slot. Two of 1e5
 * identifiers meet by accident once in 4e9 sets. */
#ifndef BASE_IDS_H
#define BASE_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct id {
    uint64_t hash;
    uint32_t line, candidates;      /* where it was met first; how many it has, 0: not known */
};

/* Zero-initialise it. */
struct ids {
    struct id *at;                  /* [n] in the order of coming */
    size_t n, cap;
    uint32_t *slot;                 /* [slots] index + 1, or 0; slots is a power of 2 */
    size_t slots;
};

/* At most so many identifiers: ids_add of one more is a broken promise. */
#define IDS_MAX ((size_t)UINT32_MAX)

/* The index of the identifier, or SIZE_MAX. */
size_t ids_find(const struct ids *ids, const char *id, size_t n);

/* The index of the identifier, which is entered if it is new: then the index is the old ids->n. */
size_t ids_add(struct ids *ids, const char *id, size_t n);

/* The fingerprint of an identifier, and ids_add of one that is known by it. */
uint64_t ids_fingerprint(const char *id, size_t n);
size_t ids_enter(struct ids *ids, uint64_t fingerprint);

void ids_free(struct ids *ids);

#endif
