/* load_text — fields, numbers, titles. */
#include <ctype.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "graph/load_own.h"

size_t load_split(char *s, const char *sep, char **field, size_t max) {
    size_t n = 0;

    for (field[n++] = s; *s && n < max; s++) {
        if (*s != sep[0] || (sep[1] && s[1] != sep[1])) continue;
        *s = 0;
        s += sep[1] != 0;
        field[n++] = s + 1;
    }
    return n;
}

/* Most numbers are a few digits. strtod also takes "nan", "inf" and hexadecimal digits, which no data set means
 * as numbers. */
int load_number(const char *s, double *x) {
    const char *p = s;
    int64_t whole = 0;
    char *end;

    while (*p >= '0' && *p <= '9' && p < s + 15) whole = 10 * whole + (*p++ - '0');
    *x = (double)whole;
    if (!*p && p > s) return 0;
    *x = strtod(s, &end);
    if (end == s || !isfinite(*x) || strspn(s, " \t+-.0123456789eE") < (size_t)(end - s)) return -1;
    return end[strspn(end, " \t")] ? -1 : 0;
}

int load_rating(const char *s, float *rating, struct err *err) {
    double x;

    *rating = NAN;
    if (!*s) return 0;
    if (load_number(s, &x) || fabs(x) > FLT_MAX)
        return err_set(err, "the rating \"%s\" is not a number", s);
    *rating = (float)x;
    return 0;
}

int load_time(const char *s, int64_t *time, struct err *err) {
    double x;

    *time = LOAD_NO_TIME;
    if (!*s) return 0;
    if (load_number(s, &x) || fabs(x) > (double)GRAPH_TIME_MAX)
        return err_set(err, "the time \"%s\" is not a number of seconds", s);
    *time = (int64_t)floor(x);
    return 0;
}

static bool is_year(const char *s) {
    for (int i = 1; i <= 4; i++)
        if (!isdigit((unsigned char)s[i])) return false;
    return s[0] == '(' && s[5] == ')';
}

/* Whether s is nothing but "(V)" and the like. */
static bool only_parentheses(const char *s) {
    for (;;) {
        s += strspn(s, " ");
        if (!*s) return true;
        if (*s != '(' || !(s = strchr(s, ')'))) return false;
        s++;
    }
}

int load_take_year(char *title) {
    char *at = title + strlen(title), *after;
    int year;

    do {
        if (at == title) return 0;
        at--;
    } while (!(strlen(at) >= 6 && is_year(at)));
    after = at + 6;
    if (at == title || !only_parentheses(after)) return 0;
    year = atoi(at + 1);
    while (at > title && at[-1] == ' ') at--;
    after += strspn(after, " ");
    if (*after) *at++ = ' ';
    memmove(at, after, strlen(after) + 1);
    for (at += strlen(at); at > title && at[-1] == ' ';) *--at = 0;
    return year;
}

/* Adds the character of the entity behind '&' and returns its length, ';' included; 0 if it is
 * none. */
static size_t entity(struct buf *out, const char *s) {
    static const struct {
        const char *name;
        unsigned long c;
    } names[] = { { "amp;", '&' },  { "quot;", '"' },    { "lt;", '<' },     { "gt;", '>' },
                  { "apos;", '\'' }, { "nbsp;", ' ' },    { "eacute;", 0xe9 }, { "reg;", 0xae },
                  { "trade;", 0x2122 }, { "ndash;", 0x2013 }, { "mdash;", 0x2014 } };
    bool hex = s[0] == '#' && (s[1] == 'x' || s[1] == 'X');
    const char *digits = s + 1 + hex;
    unsigned long c;
    char *end;

    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        if (strncmp(s, names[k].name, strlen(names[k].name))) continue;
        utf8_add(out, names[k].c);
        return strlen(names[k].name);
    }
    if (s[0] != '#' || !(hex ? isxdigit((unsigned char)*digits) : isdigit((unsigned char)*digits)))
        return 0;
    c = strtoul(digits, &end, hex ? 16 : 10);
    if (*end != ';') return 0;
    utf8_add(out, c < 0x20 ? ' ' : c);
    return (size_t)(end + 1 - s);
}

char *load_clean(struct load *l, const char *s) {
    struct buf *out = &l->clean;

    buf_clear(out);
    buf_puts(out, "");
    while (*s) {
        size_t n;

        if (*s == '&' && (n = entity(out, s + 1))) {
            s += 1 + n;
        } else if (isspace((unsigned char)*s)) {
            s += strspn(s, " \t\n\v\f\r");
            if (out->n && *s) buf_puts(out, " ");
        } else {
            n = strcspn(s + 1, "& \t\n\v\f\r") + 1;
            buf_add(out, s, n);
            s += n;
        }
    }
    return out->s;
}
