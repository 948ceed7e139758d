/* utf8 — the table of well-formed sequences (Unicode 15, table 3-7) as code. */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

/* Bytes of the sequence at s, of which n are there; 0 if it is not well formed. */
static size_t sequence(const unsigned char *s, size_t n) {
    size_t length = 1 + (s[0] >= 0xc2) + (s[0] >= 0xe0) + (s[0] >= 0xf0);

    if (s[0] < 0x80) return 1;
    if (length == 1 || s[0] > 0xf4 || length > n) return 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    if (length < 3) return length;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f)) return 0;
    if ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f)) return 0;
    return length;
}

/* Whether none of eight bytes is above 127. */
static bool plain(const unsigned char *s) {
    uint64_t eight;

    memcpy(&eight, s, sizeof eight);
    return !(eight & 0x8080808080808080u);
}

bool utf8_valid(const char *s, size_t n) {
    const unsigned char *p = (const unsigned char *)s;

    while (n) {
        size_t length = n >= 8 && plain(p) ? 8 : *p < 0x80 ? 1 : sequence(p, n);

        if (!length) return false;
        p += length;
        n -= length;
    }
    return true;
}

void utf8_add(struct buf *out, unsigned long c) {
    char s[4];
    size_t n = 0;

    if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) c = 0xfffd;
    if (c < 0x80) {
        s[n++] = (char)c;
    } else if (c < 0x800) {
        s[n++] = (char)(0xc0 | c >> 6);
    } else {
        s[n++] = (char)(c < 0x10000 ? 0xe0 | c >> 12 : 0xf0 | c >> 18);
        if (c >= 0x10000) s[n++] = (char)(0x80 | (c >> 12 & 0x3f));
        s[n++] = (char)(0x80 | (c >> 6 & 0x3f));
    }
    if (c >= 0x80) s[n++] = (char)(0x80 | (c & 0x3f));
    buf_add(out, s, n);
}

void utf8_from_latin1(struct buf *out, const char *s, size_t n) {
    for (size_t i = 0; i < n; i++) utf8_add(out, (unsigned char)s[i]);
}
