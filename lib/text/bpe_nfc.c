/* bpe_nfc — Unicode's composed form (NFC) as `tokenizers` computes it: by the tables of Unicode 9.
 *
 * utf8proc's tables are newer. Combining marks that came after Unicode 9 have class 0 there, so
 * nothing moves across them and nothing composes with them: the text is cut at such marks, and they
 * are copied. */
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/mem.h"
#include "base/utf8.h"
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
    size_t from = 0, to = sizeof later / sizeof *later;

    while (from < to) {
        size_t k = (from + to) / 2;

        if (c > later[k][1]) from = k + 1;
        else if (c < later[k][0]) to = k;
        else return true;
    }
    return false;
}

/* Characters in decomposed form, and room to sort marks in. */
struct marks {
    utf8proc_int32_t *c;
    size_t n, cap;
    uint64_t *key;
    size_t cap_key;
};

static utf8proc_propval_t class_of(utf8proc_int32_t c) {
    return utf8proc_get_property(c)->combining_class;
}

static int by_key(const void *a, const void *b) {
    const uint64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

/* The marks from the from-th to the last by class, those of one class as they stand. utf8proc would
 * sort them one by one, in the square of their number. */
static void sort_marks(struct marks *m, size_t from) {
    size_t n = m->n - from;

    if (n < 2) return;
    if (n > m->cap_key) m->key = mem_realloc(m->key, m->cap_key = 2 * n, sizeof *m->key);
    for (size_t i = 0; i < n; i++) {
        utf8proc_int32_t c = m->c[from + i];

        m->key[i] = (uint64_t)class_of(c) << 56 | (uint64_t)i << 21 | (uint64_t)c;
    }
    qsort(m->key, n, sizeof *m->key, by_key);
    for (size_t i = 0; i < n; i++) m->c[from + i] = (utf8proc_int32_t)(m->key[i] & 0x1fffff);
}

/* n bytes without a later mark. */
static void compose(const char *s, size_t n, struct buf *out) {
    const utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    const char *end = s + n;
    struct marks m = { 0 };
    size_t marks = 0;           /* where the last run of marks begins */
    utf8proc_ssize_t composed;
    int len;

    for (; s < end; s += len) {
        utf8proc_int32_t c = bpe_char(s, end, &len);
        utf8proc_int32_t part[8];       /* a canonical decomposition has four at most */
        utf8proc_ssize_t parts = utf8proc_decompose_char(c, part, 8, options, NULL);

        for (utf8proc_ssize_t i = 0; i < parts; i++) {
            m.c = mem_grow(m.c, m.n, &m.cap, sizeof *m.c);
            if (!class_of(part[i])) {
                sort_marks(&m, marks);
                marks = m.n + 1;
            }
            m.c[m.n++] = part[i];
        }
    }
    sort_marks(&m, marks);
    composed = utf8proc_normalize_utf32(m.c, (utf8proc_ssize_t)m.n, options);
    for (utf8proc_ssize_t i = 0; i < composed; i++) utf8_add(out, (unsigned long)m.c[i]);
    free(m.c);
    free(m.key);
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
