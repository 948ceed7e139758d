/* label — characters and their widths as utf8proc has them. */
#include "plot/label.h"

#include <stdbool.h>
#include <string.h>
#include <utf8proc.h>

/* The character at s, of which n bytes are left. */
struct glyph {
    size_t bytes, columns;
    enum label_set set;         /* the first that holds it */
    bool control;
};

static enum label_set set_of(utf8proc_int32_t c) {
    static const utf8proc_int32_t european[][2] = {
        { 0x80, 0x2e9 }, { 0x370, 0x525 }, { 0x1e00, 0x1efb }, { 0x2010, 0x2064 }, { 0x2190, 0x22ff }
    };

    if (c < 0x80) return LABEL_ASCII;
    for (size_t i = 0; i < sizeof european / sizeof *european; i++)
        if (c >= european[i][0] && c <= european[i][1]) return LABEL_EUROPEAN;
    return LABEL_ALL;
}

/* Format characters (Cf) may turn the direction of what follows. */
static bool is_control(utf8proc_int32_t c) {
    utf8proc_category_t kind = utf8proc_category(c);

    return kind == UTF8PROC_CATEGORY_CC || kind == UTF8PROC_CATEGORY_CF || kind == UTF8PROC_CATEGORY_CN ||
           kind == UTF8PROC_CATEGORY_ZL || kind == UTF8PROC_CATEGORY_ZP;
}

static struct glyph glyph_at(const char *s, size_t n) {
    utf8proc_int32_t c;
    utf8proc_ssize_t bytes = utf8proc_iterate((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)n, &c);

    if (bytes <= 0) return (struct glyph){ 1, 1, LABEL_ASCII, true };
    if (is_control(c)) return (struct glyph){ (size_t)bytes, 1, LABEL_ASCII, true };
    return (struct glyph){ (size_t)bytes, (size_t)utf8proc_charwidth(c), set_of(c), false };
}

size_t label_columns(const char *s) {
    size_t n = strlen(s), columns = 0;

    for (size_t i = 0; i < n;) {
        struct glyph g = glyph_at(s + i, n - i);

        columns += g.columns;
        i += g.bytes;
    }
    return columns;
}

static void add_clean(struct buf *out, const char *s, enum label_set set) {
    size_t n = strlen(s);

    for (size_t i = 0; i < n;) {
        struct glyph g = glyph_at(s + i, n - i);

        if (!g.control && g.set <= set) buf_add(out, s + i, g.bytes);
        else buf_puts(out, "?");
        i += g.bytes;
    }
}

/* The first bytes of clean text that take at most `columns`. */
static size_t fitting(const char *s, size_t columns) {
    size_t n = strlen(s), i = 0;

    while (i < n) {
        struct glyph g = glyph_at(s + i, n - i);

        if (g.columns > columns) break;
        columns -= g.columns;
        i += g.bytes;
    }
    return i;
}

void label_add(struct buf *out, const char *s, size_t columns, enum label_set set) {
    const char *dots = set > LABEL_ASCII ? "…" : "...";
    struct buf clean = { 0 };
    const char *tail;
    size_t all, keep;

    add_clean(&clean, s, set);
    all = label_columns(buf_text(&clean));
    if (all <= columns) {
        buf_puts(out, buf_text(&clean));
    } else {
        keep = columns - label_columns(dots);
        tail = clean.s + fitting(clean.s, all - keep / 2);
        buf_add(out, clean.s, fitting(clean.s, keep - label_columns(tail)));
        buf_puts(out, dots);
        buf_puts(out, tail);
    }
    buf_free(&clean);
}
