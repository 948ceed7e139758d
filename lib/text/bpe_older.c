/* bpe_older — characters newer than the Unicode of PCRE2 (10.42: 14) give place to older ones, so
 * that an expression matches as Oniguruma's Unicode 16 makes it match in `tokenizers` 0.22 and
 * 0.23. */
#include "text/bpe_own.h"

/* Categories; D and O are the N that \d matches and does not, R what Rust alone, with Unicode 17,
 * takes for a number, in the step Digits. */
enum { L, M, D, O, P, S, R };

/* Every character of these categories that came after Unicode 14, found by asking both
 * libraries. */
static const struct {
    int32_t first, last;
    int kind;
} later[] = {
    { 0x897, 0x897, M }, { 0xcf3, 0xcf3, M }, { 0xece, 0xece, M }, { 0x1b4e, 0x1b4f, P },
    { 0x1b7f, 0x1b7f, P }, { 0x1c89, 0x1c8a, L }, { 0x2427, 0x2429, S }, { 0x2ffc, 0x2fff, S },
    { 0x31e4, 0x31e5, S }, { 0x31ef, 0x31ef, S }, { 0xa7cb, 0xa7cd, L }, { 0xa7da, 0xa7dc, L },
    { 0x105c0, 0x105f3, L }, { 0x10d40, 0x10d49, D }, { 0x10d4a, 0x10d65, L },
    { 0x10d69, 0x10d6d, M }, { 0x10d6e, 0x10d6e, P }, { 0x10d6f, 0x10d85, L },
    { 0x10d8e, 0x10d8f, S }, { 0x10ec2, 0x10ec4, L }, { 0x10efc, 0x10eff, M },
    { 0x1123f, 0x11240, L }, { 0x11241, 0x11241, M }, { 0x11380, 0x11389, L },
    { 0x1138b, 0x1138b, L }, { 0x1138e, 0x1138e, L }, { 0x11390, 0x113b5, L },
    { 0x113b7, 0x113b7, L }, { 0x113b8, 0x113c0, M }, { 0x113c2, 0x113c2, M },
    { 0x113c5, 0x113c5, M }, { 0x113c7, 0x113ca, M }, { 0x113cc, 0x113d0, M },
    { 0x113d1, 0x113d1, L }, { 0x113d2, 0x113d2, M }, { 0x113d3, 0x113d3, L },
    { 0x113d4, 0x113d5, P }, { 0x113d7, 0x113d8, P }, { 0x113e1, 0x113e2, M },
    { 0x116d0, 0x116e3, D }, { 0x11b00, 0x11b09, P }, { 0x11bc0, 0x11be0, L },
    { 0x11be1, 0x11be1, P }, { 0x11bf0, 0x11bf9, D }, { 0x11de0, 0x11de9, R },
    { 0x11f00, 0x11f01, M }, { 0x11f02, 0x11f02, L }, { 0x11f03, 0x11f03, M },
    { 0x11f04, 0x11f10, L }, { 0x11f12, 0x11f33, L }, { 0x11f34, 0x11f3a, M },
    { 0x11f3e, 0x11f42, M }, { 0x11f43, 0x11f4f, P }, { 0x11f50, 0x11f59, D },
    { 0x11f5a, 0x11f5a, M }, { 0x1342f, 0x1342f, L }, { 0x13440, 0x13440, M },
    { 0x13441, 0x13446, L }, { 0x13447, 0x13455, M }, { 0x13460, 0x143fa, L },
    { 0x16100, 0x1611d, L }, { 0x1611e, 0x1612f, M }, { 0x16130, 0x16139, D },
    { 0x16d40, 0x16d6c, L }, { 0x16d6d, 0x16d6f, P }, { 0x16d70, 0x16d79, D },
    { 0x16ff4, 0x16ff6, R }, { 0x18cff, 0x18cff, L }, { 0x1b132, 0x1b132, L },
    { 0x1b155, 0x1b155, L }, { 0x1cc00, 0x1ccef, S }, { 0x1ccf0, 0x1ccf9, D },
    { 0x1cd00, 0x1ceb3, S }, { 0x1d2c0, 0x1d2d3, O }, { 0x1df25, 0x1df2a, L },
    { 0x1e030, 0x1e06d, L }, { 0x1e08f, 0x1e08f, M }, { 0x1e4d0, 0x1e4eb, L },
    { 0x1e4ec, 0x1e4ef, M }, { 0x1e4f0, 0x1e4f9, D }, { 0x1e5d0, 0x1e5ed, L },
    { 0x1e5ee, 0x1e5ef, M }, { 0x1e5f0, 0x1e5f0, L }, { 0x1e5f1, 0x1e5fa, D },
    { 0x1e5ff, 0x1e5ff, P }, { 0x1f6dc, 0x1f6dc, S }, { 0x1f774, 0x1f776, S },
    { 0x1f77b, 0x1f77f, S }, { 0x1f7d9, 0x1f7d9, S }, { 0x1f8b2, 0x1f8bb, S },
    { 0x1f8c0, 0x1f8c1, S }, { 0x1fa75, 0x1fa77, S }, { 0x1fa87, 0x1fa89, S },
    { 0x1fa8f, 0x1fa8f, S }, { 0x1faad, 0x1faaf, S }, { 0x1fabb, 0x1fabf, S },
    { 0x1fac6, 0x1fac6, S }, { 0x1face, 0x1facf, S }, { 0x1fada, 0x1fadc, S },
    { 0x1fadf, 0x1fadf, S }, { 0x1fae8, 0x1fae9, S }, { 0x1faf7, 0x1faf8, S },
    { 0x1fbcb, 0x1fbef, S }, { 0x2b739, 0x2b739, L }, { 0x2ebf0, 0x2ee5d, L },
    { 0x31350, 0x323af, L },
};

/* Stand-ins of three and of four bytes; no later character has fewer. */
static const char *const stand_in[][2] = {
    [L] = { "\u4e00", "\U00020000" }, [M] = { "\u0900", "\U0001d165" },
    [D] = { "\u0966", "\U0001d7ce" }, [O] = { "\u2460", "\U00010107" },
    [P] = { "\u2010", "\U00010100" }, [S] = { "\u2200", "\U0001f600" },
    [R] = { "\u0966", "\U0001d7ce" },
};

/* The category of a later character, or -1. */
static int kind_of(int32_t c) {
    size_t from = 0, to = sizeof later / sizeof *later;

    while (from < to) {
        size_t k = (from + to) / 2;

        if (c > later[k].last) from = k + 1;
        else if (c < later[k].first) to = k;
        else return later[k].kind;
    }
    return -1;
}

bool bpe_older(const char *s, size_t n, bool digits, struct buf *out) {
    const char *end = s + n, *from = s;
    int len;

    for (; s < end; s += len) {
        int kind;

        len = 1;
        if ((unsigned char)*s < 0xe0) continue;         /* the earliest has three bytes */
        kind = kind_of(bpe_char(s, end, &len));
        if (kind < 0 || (kind == R && !digits)) continue;
        buf_add(out, from, (size_t)(s - from));
        buf_add(out, stand_in[kind][len - 3], (size_t)len);
        from = s + len;
    }
    if (out->n) buf_add(out, from, (size_t)(end - from));
    return out->n > 0;
}
