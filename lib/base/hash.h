/* hash — a 64-bit fingerprint of data, for streams of random numbers, for tables, and to notice
 * that a file is not the one that was meant. Against accidents, not against adversaries. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash {
    uint64_t state;
};

/* The fingerprint of nothing yet. */
struct hash hash_start(void);

/* Adds n bytes. The split into calls does not matter: only the bytes do. */
void hash_bytes(struct hash *h, const void *data, size_t n);

/* Adds a string and its final zero, so that "a","bc" and "ab","c" differ. */
void hash_string(struct hash *h, const char *s);

/* The fingerprint so far. */
uint64_t hash_value(const struct hash *h);

/* Writes `value` as 16 hexadecimal digits and a zero. */
void hash_hex(char hex[17], uint64_t value);

#endif
