/* mem — checked allocation and an arena. */
#define _GNU_SOURCE
#include "base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ALIGN = 64, HUGE_PAGE = 1 << 21, ARENA_ALIGN = 16, ARENA_BLOCK = 1 << 16 };

struct arena_block {
    struct arena_block *next;
    size_t size;                    /* bytes of data, which starts ARENA_HEAD after the block */
};

enum { ARENA_HEAD = (sizeof(struct arena_block) + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN };

static _Noreturn void out_of_memory(size_t n, size_t size) {
    fprintf(stderr, "out of memory: %zu x %zu bytes\n", n, size);
    exit(1);
}

static size_t product(size_t n, size_t size) {
    if (size && n > PTRDIFF_MAX / size) out_of_memory(n, size);
    return n && size ? n * size : 1;
}

void *mem_calloc(size_t n, size_t size) {
    void *p = calloc(1, product(n, size));

    if (!p) out_of_memory(n, size);
    return p;
}

void *mem_alloc(size_t n, size_t size) {
    return mem_realloc(NULL, n, size);
}

void *mem_realloc(void *p, size_t n, size_t size) {
    p = realloc(p, product(n, size));
    if (!p) out_of_memory(n, size);
    return p;
}

void *mem_aligned(size_t n, size_t size) {
    size_t bytes = product(n, size), align = bytes < 2 * HUGE_PAGE ? ALIGN : HUGE_PAGE;
    void *p = aligned_alloc(align, (bytes + align - 1) / align * align);

    if (!p) out_of_memory(n, size);
    if (align == HUGE_PAGE) madvise(p, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
    return p;
}

char *mem_strdup(const char *s) {
    size_t n = strlen(s) + 1;

    return memcpy(mem_alloc(n, 1), s, n);
}

void *mem_grow(void *p, size_t n, size_t *cap, size_t size) {
    if (n < *cap) return p;
    *cap = *cap ? *cap * 2 : 16;
    return mem_realloc(p, *cap, size);
}

void mem_drop(const void *p, size_t n) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)p, to = from + n;

    from = (from + page - 1) / page * page;
    to = to / page * page;
    if (from < to) madvise((void *)from, to - from, MADV_DONTNEED);
}

double mem_available(void) {
    FILE *f = fopen("/proc/meminfo", "r");
    char line[128];
    double kib = 0;

    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "MemAvailable: %lf", &kib) == 1) break;
    if (f) fclose(f);
    return kib * 1024;
}

void *arena_alloc(struct arena *a, size_t n, size_t size) {
    size_t bytes = (product(n, size) + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    struct arena_block *b = a->blocks;

    if (!b || b->size - a->used < bytes) {
        size_t room = bytes > ARENA_BLOCK ? bytes : ARENA_BLOCK;

        if (b && b->size > room / 2) room = b->size * 2;
        b = mem_alloc(1, ARENA_HEAD + room);
        *b = (struct arena_block){ .next = a->blocks, .size = room };
        a->blocks = b;
        a->used = 0;
    }
    a->used += bytes;
    return (char *)b + ARENA_HEAD + a->used - bytes;
}

char *arena_strdup(struct arena *a, const char *s) {
    size_t n = strlen(s) + 1;

    return memcpy(arena_alloc(a, n, 1), s, n);
}

/* The newest block is the largest, since each is at least twice the one before or holds more. */
void arena_reset(struct arena *a) {
    struct arena_block *keep = a->blocks;

    if (!keep) return;
    for (struct arena_block *b = keep->next, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    keep->next = NULL;
    a->used = 0;
}

void arena_free(struct arena *a) {
    arena_reset(a);
    free(a->blocks);
    *a = (struct arena){ 0 };
}
