/* mem — allocation that never returns NULL: out of memory is reported on stderr and ends the
 * program with status 1. Sizes are n elements of `size` bytes; the product is checked. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

/* n zeroed elements; free() them. n = 0 gives a pointer that may be freed. */
void *mem_calloc(size_t n, size_t size);

/* n elements, not cleared; free() them. */
void *mem_alloc(size_t n, size_t size);

/* Grows or shrinks p to n elements, as realloc does. */
void *mem_realloc(void *p, size_t n, size_t size);

/* n elements aligned to 64 bytes (a cache line, an AVX-512 register), not cleared; free() them. Large
 * blocks are in huge pages where the system has some: a quarter faster to read. */
void *mem_aligned(size_t n, size_t size);

/* A copy of the string; free() it. */
char *mem_strdup(const char *s);

/* Makes room for one more element in an array that grows by doubling:
 * `p` holds n elements of which *cap are allocated; returns p or its new place. */
void *mem_grow(void *p, size_t n, size_t *cap, size_t size);

/* Gives back the whole pages among n bytes, whose content is not needed any more. */
void mem_drop(const void *p, size_t n);

/* Bytes that can be had without swapping; 0: not known. */
double mem_available(void);

/* An arena serves what dies together: take pieces, then drop all of them at once.
 * Zero-initialise it. Pieces are aligned to 16 bytes and not cleared. */
struct arena {
    struct arena_block *blocks;     /* the newest first */
    size_t used;                    /* bytes taken from the newest */
};

/* n elements that live until arena_reset or arena_free. */
void *arena_alloc(struct arena *a, size_t n, size_t size);

/* A copy of the string, which lives as long. */
char *arena_strdup(struct arena *a, const char *s);

/* Drops every piece; keeps the largest block for the next use. */
void arena_reset(struct arena *a);

/* Drops every piece and the blocks. */
void arena_free(struct arena *a);

#endif
