/* jinja — the canonical form, and patterns of it. */
#include "text/jinja.h"

#include <ctype.h>
#include <string.h>

static bool blank(char c) {
    return c && strchr(" \t\n\r\v\f", c);
}

/* Of a word or a string: what a blank keeps apart. */
static bool wordy(char c) {
    return isalnum((unsigned char)c) || c == '_' || c == '\'' || c == '"';
}

static const char *skip_blanks(const char *p) {
    while (blank(*p)) p++;
    return p;
}

static void put_text(struct buf *out, const char *s, size_t n) {
    for (size_t i = 0; i < n; i++) {
        buf_add(out, s + i, 1);
        if (s[i] == '{') buf_add(out, s + i, 1);
    }
}

static void put_string(struct buf *out, const struct buf *s) {
    buf_puts(out, "'");
    for (size_t i = 0; i < s->n; i++) {
        if (s->s[i] == '\'' || s->s[i] == '\\') buf_puts(out, "\\");
        buf_add(out, s->s + i, 1);
    }
    buf_puts(out, "'");
}

/* The string at p. Returns what follows it, or NULL. */
static const char *read_string(const char *p, struct buf *out) {
    static const char escapes[] = "n\nt\tr\r\\\\''\"\"";
    char quote = *p++;

    buf_clear(out);
    for (; *p != quote; p++) {
        const char *c = p;

        if (!*p) return NULL;
        if (*p == '\\') {
            for (c = escapes, p++; *c && *c != *p; ) c += 2;
            if (!*c++) return NULL;
        }
        buf_add(out, c, 1);
    }
    return p + 1;
}

/* What stands between the marks of a tag. */
struct inside {
    const char *p;
    bool output;            /* {{ }}, not {% %} */
    struct buf *out;
    struct buf part, string;
    int depth;              /* of brackets */
};

static int end_length(const struct inside *x, const char *p) {
    int sign = *p == '-' || *p == '+';

    if (x->depth || !*p || p[sign] != (x->output ? '}' : '%') || p[sign + 1] != '}') return 0;
    return 2 + sign;
}

static void flush_part(struct inside *x) {
    if (x->part.n) buf_printf(x->out, x->output ? "{%s}" : "{%%%s%%}", x->part.s);
    buf_clear(&x->part);
}

/* A string; one that is a part of a sum is text. */
static int put_literal(struct inside *x) {
    const char *next = read_string(x->p, &x->string), *after = next ? skip_blanks(next) : NULL;

    if (!next) return -1;
    if (x->output && !x->depth && !x->part.n && (*after == '+' || end_length(x, after))) {
        put_text(x->out, buf_text(&x->string), x->string.n);
        next = end_length(x, after) ? after : after + 1;
    } else {
        put_string(&x->part, &x->string);
    }
    x->p = next;
    return 0;
}

/* x['name'] at its bracket. Returns whether it is one. */
static bool put_attribute(struct inside *x) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz_";
    const char *p = skip_blanks(x->p + 1);

    if ((*p != '\'' && *p != '"') || !(p = read_string(p, &x->string))) return false;
    p = skip_blanks(p);
    if (*p != ']' || strspn(buf_text(&x->string), letters) != x->string.n) return false;
    buf_printf(&x->part, ".%s", buf_text(&x->string));
    x->p = p + 1;
    return true;
}

/* One word, string or mark. Returns 0, or -1 where the template ends. */
static int put_next(struct inside *x) {
    const char *p = skip_blanks(x->p);
    char last = x->part.n ? x->part.s[x->part.n - 1] : 0;

    if (p > x->p && wordy(last) && wordy(*p)) buf_puts(&x->part, " ");
    x->p = p;
    if (!*p) return -1;
    if (*p == '\'' || *p == '"') return put_literal(x);
    if (*p == '[' && last && put_attribute(x)) return 0;
    if (*p == '+' && x->output && !x->depth) {
        flush_part(x);
    } else {
        x->depth += (strchr("([{", *p) != NULL) - (strchr(")]}", *p) != NULL);
        buf_add(&x->part, p, 1);
    }
    x->p++;
    return 0;
}

/* From the opening mark to behind the closing one, of which *sign is the - or +. Returns NULL for
 * what the form does not know. */
static const char *put_inside(const char *tag, struct buf *out, char *sign) {
    struct inside x = { .p = tag + 2, .output = tag[1] == '{', .out = out };
    int length = 0, r = 0;

    if (*x.p == '-' || *x.p == '+') x.p++;
    while (!r && !(length = end_length(&x, skip_blanks(x.p)))) r = put_next(&x);
    x.p = skip_blanks(x.p);
    if (!r && !x.output && !strncmp(buf_text(&x.part), "raw", 3)) r = -1;
    if (!r && (x.output || !strstr("endgeneration", buf_text(&x.part)))) flush_part(&x);
    *sign = *x.p;
    buf_free(&x.part);
    buf_free(&x.string);
    return r ? NULL : x.p + length;
}

/* A tag. Returns where the text behind it begins, and whether a line does. */
static const char *put_tag(const char *tag, struct buf *out, bool *line) {
    const char *p, *from;
    char sign = 0;

    if (tag[1] == '#') {
        if (!(p = strstr(tag + 2, "#}"))) return NULL;
        sign = p > tag + 2 ? p[-1] : 0;
        p += 2;
    } else if (!(p = put_inside(tag, out, &sign))) {
        return NULL;
    }
    from = p;
    if (sign == '-') p = skip_blanks(p);
    else if (tag[1] != '{' && sign != '+' && *p == '\n') p++;
    *line = p > from && p[-1] == '\n';
    return p;
}

/* A text up to a tag or the end; `line`: a line begins with it. */
static void put_between(const char *s, const char *end, const char *tag, bool line,
                        struct buf *out) {
    bool strip = tag && tag[2] == '-', block = tag && tag[1] != '{' && tag[2] != '+';
    const char *last = end;

    while (last > s && blank(last[-1]) && (strip || last[-1] != '\n')) last--;
    if (strip || (block && (last > s ? last[-1] == '\n' : line))) end = last;
    if (end > s) put_text(out, s, (size_t)(end - s));
}

static bool is_tag(const char *s) {
    return s[0] == '{' && s[1] && strchr("{%#", s[1]);
}

int jinja_canonical(const char *template, struct buf *out) {
    const char *p = template, *end = p + strlen(p), *tag;
    bool line = true;

    if (end > p && end[-1] == '\n') end--;
    while (p) {
        for (tag = p; tag < end && !is_tag(tag); tag++) continue;
        put_between(p, tag, tag < end ? tag : NULL, line, out);
        if (tag >= end) return 0;
        p = put_tag(tag, out, &line);
    }
    return -1;
}

/* The end of the branch in which s stands, or of the text. */
static const char *branch_end(const char *s) {
    int depth = 0;

    for (; *s; s++) {
        if (s[0] == '{' && s[1] == '{') s++;
        else if (!strncmp(s, "{%if", 4) || !strncmp(s, "{%for", 5)) depth++;
        else if (!strncmp(s, "{%end", 5) || !strncmp(s, "{%el", 4)) {
            if (!depth) break;
            depth -= !strncmp(s, "{%endif", 7) || !strncmp(s, "{%endfor", 8);
        }
    }
    return s;
}

bool jinja_matches(const char *pattern, const char *canonical, struct buf *hole) {
    const char *s = canonical;

    for (const char *p = pattern; *p; p++) {
        if (*p == '*') {
            s = branch_end(s);
        } else if (*p == '@') {
            size_t n = strcspn(s, (const char[]){ p[1], '{', '}', 0 });

            buf_add(hole, s, n);
            s += n;
        } else if (*p != *s++) {
            return false;
        }
    }
    return !*s;
}
