/* load_row — one row of a table: fields in quotes, lists, years. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "graph/load_own.h"

bool load_open_quote(const char *s, char sep) {
    for (;;) {
        if (*s == '"') {
            const char *q = s + 1;

            while ((q = strchr(q, '"')) && q[1] == '"') q += 2;
            if (!q) return true;
            s = q + 1;
        }
        if (!(s = strchr(s, sep))) return false;
        s++;
    }
}

/* Unwraps a quoted field in place; returns what follows its last quote. */
static char *unquote(char *s) {
    char *out = s, *in = s + 1;

    for (; *in && (*in != '"' || in[1] == '"'); in++) {
        *out++ = *in;
        if (*in == '"') in++;
    }
    if (*in) in++;
    *out = 0;           /* always before `in` */
    return in;
}

size_t load_cut_row(char *s, char sep, bool quotes, char **field, size_t max) {
    for (size_t n = 0;; n++) {
        if (n == max) return max + 1;
        field[n] = s;
        if (quotes && *s == '"') s = unquote(s);
        if (!(s = strchr(s, sep))) return n + 1;
        *s++ = 0;
    }
}

static void add_genre(struct buf *out, const char *s, size_t n) {
    static const char trim[] = " \t[]'\"";

    while (n && strchr(trim, *s)) s++, n--;
    while (n && strchr(trim, s[n - 1])) n--;
    if (!n) return;
    if (out->n) buf_puts(out, "|");
    buf_add(out, s, n);
}

void load_join_genres(struct buf *out, const char *s, bool blanks) {
    const char *sep = "|,;";

    while (*sep && !strchr(s, *sep)) sep++;
    buf_clear(out);
    while (*s) {
        size_t n = 0;

        while (s[n] && s[n] != (*sep ? *sep : blanks ? ' ' : '|')) n++;
        add_genre(out, s, n);
        s += n + (s[n] != 0);
    }
}

bool load_has_genre(const char *joined, const char *genre) {
    size_t want = strlen(genre);

    while (*joined) {
        size_t n = strcspn(joined, "|");

        if (n == want && !memcmp(joined, genre, n)) return true;
        joined += n + (joined[n] == '|');
    }
    return false;
}

int load_find_year(const char *s) {
    while (*s) {
        size_t n = strspn(s, "0123456789");

        if (n == 4) return atoi(s);
        s += n ? n : 1;
    }
    return 0;
}
