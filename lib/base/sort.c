/* sort — by insertion where there are few, else by bytes of the key, the lowest first (radix sort). */
#include "base/sort.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

enum { FEW = 48, BUCKETS = 256 };

struct pair {
    uint64_t key;               /* less the least one */
    size_t index;
};

static bool in_order(const size_t *index, size_t n, const int64_t *key) {
    for (size_t i = 1; i < n; i++)
        if (key[index[i]] < key[index[i - 1]]) return false;
    return true;
}

static void insert_all(size_t *index, size_t n, const int64_t *key) {
    for (size_t i = 1; i < n; i++) {
        size_t x = index[i], k = i;

        for (; k && key[index[k - 1]] > key[x]; k--) index[k] = index[k - 1];
        index[k] = x;
    }
}

/* Deals the pairs out by a byte of their keys. */
static void deal(struct pair *to, const struct pair *from, size_t n, int shift) {
    size_t at[BUCKETS] = { 0 }, sum = 0;

    for (size_t i = 0; i < n; i++) at[from[i].key >> shift & (BUCKETS - 1)]++;
    for (int b = 0; b < BUCKETS; b++) {
        size_t count = at[b];

        at[b] = sum;
        sum += count;
    }
    for (size_t i = 0; i < n; i++) to[at[from[i].key >> shift & (BUCKETS - 1)]++] = from[i];
}

void sort_by(size_t *index, size_t n, const int64_t *key) {
    struct pair *room, *from, *to;
    int64_t least, most;

    if (in_order(index, n, key)) return;
    if (n < FEW) {
        insert_all(index, n, key);
        return;
    }
    room = from = mem_alloc(n, 2 * sizeof *room);
    to = room + n;
    least = most = key[index[0]];
    for (size_t i = 1; i < n; i++) {
        if (key[index[i]] < least) least = key[index[i]];
        if (key[index[i]] > most) most = key[index[i]];
    }
    for (size_t i = 0; i < n; i++) from[i] = (struct pair){ (uint64_t)key[index[i]] - (uint64_t)least, index[i] };
    for (int shift = 0; shift < 64 && ((uint64_t)most - (uint64_t)least) >> shift; shift += 8) {
        struct pair *other = from;

        deal(to, from, n, shift);
        from = to;
        to = other;
    }
    for (size_t i = 0; i < n; i++) index[i] = from[i].index;
    free(room);
}
