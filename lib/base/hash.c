/* hash — FNV-1a (Fowler, Noll, Vo) with the finaliser of MurmurHash3 on reading. */
#include "base/hash.h"

#include <stdio.h>
#include <string.h>

struct hash hash_start(void) {
    return (struct hash){ 0xcbf29ce484222325u };
}

void hash_bytes(struct hash *h, const void *data, size_t n) {
    const unsigned char *p = data;
    uint64_t x = h->state;

    for (size_t i = 0; i < n; i++) x = (x ^ p[i]) * 0x100000001b3u;
    h->state = x;
}

void hash_string(struct hash *h, const char *s) {
    hash_bytes(h, s, strlen(s) + 1);
}

uint64_t hash_value(const struct hash *h) {
    uint64_t x = h->state;

    x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdu;
    x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53u;
    return x ^ (x >> 33);
}

void hash_hex(char hex[17], uint64_t value) {
    snprintf(hex, 17, "%016llx", (unsigned long long)value);
}
