/* template — sections of text with named placeholders. */
#define _GNU_SOURCE
#include "text/template.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "text/template_builtin.h"

/* Names that a section may use, apart by spaces. Thoughts see the edges that are uncovered, no others. */
static const struct {
    const char *name, *uses;
} sections[SECTIONS] = {
    [SEC_PROMPT] = { "prompt", " history candidates contenders " },
    [SEC_RATE] = { "rate", " history candidates " },
    [SEC_HISTORY] = { "history", " item title rating " },
    [SEC_CANDIDATE] = { "candidate", " label item title year genres count drawn level levels chains " },
    [SEC_OTHER] = { "other", " label item title year genres count drawn level levels " },
    [SEC_CHAIN] = { "chain", " cite label edge1 edge2 edge3 edge4 " },
    [SEC_EDGE1] = { "edge1", " item title r1 " },
    [SEC_EDGE2] = { "edge2", " item title user r1 r2 " },
    [SEC_EDGE3] = { "edge3", " item title user candidate gap r1 r2 r3 " },
    [SEC_EDGE4] = { "edge4", " candidate " },
    [SEC_MASK] = { "mask", " " },
    [SEC_VISIT] = { "visit", " label candidate count level levels steps " },
    [SEC_STEP1] = { "step1", " cite item title r1 " },
    [SEC_STEP2] = { "step2", " cite item title user r1 r2 " },
    [SEC_STEP3] = { "step3", " cite item title user candidate gap r1 r2 r3 " },
    [SEC_NONE] = { "none", " label candidate " },
    [SEC_YES] = { "yes", " " },
    [SEC_NO] = { "no", " " },
    [SEC_NEXT] = { "next", " " },
    [SEC_ANSWER] = { "answer", " " },
    [SEC_LABEL] = { "label", " label " },
};

struct template {
    struct buf text[SECTIONS];
    bool given[SECTIONS];
};

const char *template_text(const struct template *t, enum section s) {
    return buf_text(&t->text[s]);
}

void template_free(struct template *t) {
    if (!t) return;
    for (int s = 0; s < SECTIONS; s++) buf_free(&t->text[s]);
    free(t);
}

static int find_section(const char *name) {
    for (int s = 0; s < SECTIONS; s++)
        if (!strcmp(sections[s].name, name)) return s;
    return -1;
}

/* Whether " name " stands in the list. */
static bool may_use(enum section s, const char *name, size_t n) {
    if (!n || memchr(name, ' ', n)) return false;
    for (const char *p = sections[s].uses; (p = memmem(p, strlen(p), name, n)); p++)
        if (p[-1] == ' ' && p[n] == ' ') return true;
    return false;
}

/* Checks the placeholders of one line. */
static int check_line(enum section s, const char *line, struct err *err) {
    for (const char *p = line; (p = strchr(p, '{')); p++) {
        size_t n;

        if (p[1] == '{') {
            p++;
            continue;
        }
        n = strcspn(p + 1, "}");
        if (!p[1 + n]) return err_set(err, "a '{' without '}'");
        if (!may_use(s, p + 1, n))
            return err_set(err, "section @%s may not use {%.*s}", sections[s].name, (int)n, p + 1);
    }
    return 0;
}

/* Adds a line of a section's text; "\n" becomes a newline. */
static void add_line(struct buf *b, const char *line, bool first) {
    if (!first) buf_add(b, "\n", 1);
    for (const char *p; (p = strstr(line, "\\n")); line = p + 2) {
        buf_add(b, line, (size_t)(p - line));
        buf_add(b, "\n", 1);
    }
    buf_puts(b, line);
}

/* State of reading: the section under way (-1: none yet) and whether it has a line. */
struct reading {
    int section;
    bool empty;
};

static int read_line(struct template *t, struct reading *r, const char *line, struct err *err) {
    if (*line == '@') {
        r->section = find_section(line + 1);
        if (r->section < 0) return err_set(err, "no section '%s' is known", line);
        if (t->given[r->section]) return err_set(err, "section '%s' stands here again", line);
        t->given[r->section] = true;
        r->empty = true;
        return 0;
    }
    if (r->section < 0) return 0;
    if (check_line((enum section)r->section, line, err)) return -1;
    add_line(&t->text[r->section], line, r->empty);
    r->empty = false;
    return 0;
}

static int read_lines(struct template *t, FILE *f, const char *name, struct err *err) {
    struct reading r = { .section = -1 };
    char *line = NULL;
    size_t cap = 0, number = 0;
    ssize_t n;
    int bad = 0;

    while (!bad && (n = getline(&line, &cap, f)) >= 0) {
        number++;
        if (n && line[n - 1] == '\n') line[n - 1] = 0;
        if (!utf8_valid(line, strlen(line))) err_set(err, "the line is not UTF-8");
        else if (!read_line(t, &r, line, err)) continue;
        bad = err_prefix(err, "%s:%zu", name, number);
    }
    free(line);
    if (!bad && ferror(f)) bad = err_set(err, "%s: %s", name, strerror(errno));
    for (int s = 0; !bad && s < SECTIONS; s++)
        if (!t->given[s]) bad = err_set(err, "%s: section @%s is missing", name, sections[s].name);
    return bad;
}

/* The texts that are compared with what a model writes have their braces now. */
static void settle(struct template *t) {
    static const struct value none = { NULL, NULL };

    for (enum section s = SEC_YES; s <= SEC_ANSWER; s++) {
        struct buf text = { 0 };

        template_fill(&text, t, s, &none);
        buf_free(&t->text[s]);
        t->text[s] = text;
    }
}

static FILE *open_template(const char *name) {
    for (size_t i = 0; i < sizeof template_builtin / sizeof *template_builtin; i++)
        if (!strcmp(template_builtin[i].name, name))
            return fmemopen((char *)template_builtin[i].text, strlen(template_builtin[i].text), "r");
    return fopen(name, "re");
}

struct template *template_load(const char *name, struct err *err) {
    struct template *t;
    FILE *f = open_template(name);

    if (!f) {
        err_set(err, "%s: %s", name, strerror(errno));
        return NULL;
    }
    t = mem_calloc(1, sizeof *t);
    if (read_lines(t, f, name, err)) {
        template_free(t);
        t = NULL;
    } else {
        settle(t);
    }
    fclose(f);
    return t;
}

static const char *lookup(const struct value *values, const char *name, size_t n) {
    for (; values->name; values++)
        if (strlen(values->name) == n && !memcmp(values->name, name, n)) return values->text;
    return "";
}

void template_fill_around(struct buf *before, struct buf *after, const struct template *t, enum section s,
                          const char *hole, const struct value *values) {
    const char *p = template_text(t, s);
    struct buf *out = before;

    for (;;) {
        size_t n = strcspn(p, "{");

        buf_add(out, p, n);
        p += n;
        if (!*p) return;
        if (p[1] == '{') {
            buf_add(out, "{", 1);
            p += 2;
            continue;
        }
        n = strcspn(p + 1, "}");
        if (hole && n == strlen(hole) && !memcmp(p + 1, hole, n)) out = after;
        else buf_puts(out, lookup(values, p + 1, n));
        p += n + 2;
    }
}

void template_fill(struct buf *out, const struct template *t, enum section s,
                   const struct value *values) {
    template_fill_around(out, NULL, t, s, NULL, values);
}
