/* bpe_nfc — Unicode's composed form (NFC) as `tokenizers` computes it: by the tables of Unicode 9.
 *
 * utf8proc's tables are newer. Combining marks that came after Unicode 9 have class 0 there, so nothing
 * moves across them and nothing composes with them: the text is cut at such marks, and they are copied. */
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "text/bpe_own.h"

/* From perl's Unicode::UCD: Canonical_Combining_Class not 0, not in Unicode 9; and U+11930, which
 * composes since Unicode 13. Checked against `tokenizers` 0.22 mark by mark. */
static const int32_t later[][2] = {
    { 0x7fd, 0x7fd }, { 0x897, 0x89f }, { 0x8ca, 0x8d3 }, { 0x9fe, 0x9fe }, { 0xc3c, 0xc3c },
    { 0xd3b, 0xd3c }, { 0xeba, 0xeba }, { 0xece, 0xece }, { 0x1715, 0x1715 }, { 0x1abf, 0x1aeb },
    { 0x1df6, 0x1dfa }, { 0xa82c, 0xa82c }, { 0x10d24, 0x10d27 }, { 0x10d69, 0x10d6d },
    { 0x10eab, 0x10eac }, { 0x10efa, 0x10eff }, { 0x10f46, 0x10f50 }, { 0x10f82, 0x10f85 },
    { 0x11070, 0x11070 }, { 0x1133b, 0x1133b }, { 0x1145e, 0x1145e }, { 0x11839, 0x1183a },
    { 0x11930, 0x11930 }, { 0x1193d, 0x1193e }, { 0x11943, 0x11943 }, { 0x119e0, 0x119e0 },
    { 0x11a34, 0x11a34 }, { 0x11a47, 0x11a47 }, { 0x11a99, 0x11a99 }, { 0x11d42, 0x11d42 },
    { 0x11d44, 0x11d45 }, { 0x11d97, 0x11d97 }, { 0x11f41, 0x11f42 }, { 0x16ff0, 0x16ff1 },
    { 0x1e08f, 0x1e08f }, { 0x1e130, 0x1e136 }, { 0x1e2ae, 0x1e2ae }, { 0x1e2ec, 0x1e2ef },
    { 0x1e4ec, 0x1e4ef }, { 0x1e5ee, 0x1e5ef }
};

static bool is_later(int32_t c) {
    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        if (c >= later[i][0] && c <= later[i][1]) return true;
    return false;
}

static void compose(const char *s, size_t n, struct buf *out) {
    utf8proc_uint8_t *nfc = NULL;
    utf8proc_ssize_t len = utf8proc_map((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)n, &nfc,
                                        UTF8PROC_STABLE | UTF8PROC_COMPOSE);

    if (len < 0) buf_add(out, s, n);
    else buf_add(out, (const char *)nfc, (size_t)len);
    free(nfc);
}

void bpe_nfc(const char *s, size_t n, struct buf *out) {
    const char *end = s + n, *from = s;
    int len;

    for (; s < end; s += len) {
        if (!is_later(bpe_char(s, end, &len))) continue;
        if (s > from) compose(from, (size_t)(s - from), out);
        buf_add(out, s, (size_t)len);
        from = s + len;
    }
    if (end > from) compose(from, (size_t)(end - from), out);
}
