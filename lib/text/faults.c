/* faults — the completion is taken apart into thoughts, and each is looked at. */
#define _GNU_SOURCE
#include "text/faults.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "text/answer.h"
#include "text/view.h"

enum { GRAM = 3 };

const char *const fault_names[FAULTS] = {
    "form", "answer", "citation", "masked", "length", "repetition", "derived", "worse"
};

/* A record's trace, taken apart. */
struct apart {
    const json_t *rec;
    const struct steps *s;
    const struct fault_limits *limits;
    const char *text;               /* the completion */
    int answer;                     /* its label, or -1 */
    int visits, candidate[STEPS_VISITS];
    struct buf said[STEPS_VISITS];  /* on each visit, where the record has no thoughts */
};

static bool ends_with(const char *text, size_t n, const char *end) {
    size_t k = strlen(end);

    return n >= k && !memcmp(text + n - k, end, k);
}

/* The candidate whose label begins the text; *length is the label's. */
static int label_at(const struct steps *s, const char *text, size_t *length) {
    for (int k = 0; k < s->labels; k++) {
        const char *label = s->label[k] + strspn(s->label[k], " \n");

        *length = strlen(label);
        if (*length && !strncmp(text, label, *length)) return k;
    }
    return -1;
}

/* Takes text[0, n) apart, label, thoughts and verdict: no for all but the last, a yes for the answer alone. */
static bool read_visit(struct apart *a, const char *text, size_t n, bool last) {
    const struct completion_words *w = &a->s->words;
    bool yes = ends_with(text, n, w->yes);
    const char *verdict = yes ? w->yes : w->no;
    size_t label;
    int c = label_at(a->s, text, &label);

    if (a->visits == STEPS_VISITS || c < 0 || n < label + strlen(verdict) || !ends_with(text, n, verdict)) return false;
    if (yes ? !last || c != a->answer : c == a->answer) return false;
    for (int k = 0; k < a->visits; k++)
        if (a->candidate[k] == c) return false;
    a->candidate[a->visits] = c;
    buf_add(&a->said[a->visits++], text + label, n - label - strlen(verdict));
    return true;
}

static bool read_visits(struct apart *a, size_t n) {
    const struct completion_words *w = &a->s->words;
    const char *text = a->text, *end = a->text + n;

    if (!w->yes) {                      /* the form rate, or an answer alone */
        a->visits = a->s->visits;
        for (int k = 0; k < a->visits; k++) {
            a->candidate[k] = a->s->candidate[k];
            buf_add(&a->said[k], text, n);
        }
        return a->visits < 2;
    }
    while (*w->next) {
        const char *next = strstr(text, w->next);

        if (!next || next >= end) break;
        if (!read_visit(a, text, (size_t)(next - text), false)) return false;
        text = next + strlen(w->next);
    }
    return text <= end && read_visit(a, text, (size_t)(end - text), true);
}

/* Whether the completion is the one that its thoughts and its answer make. */
static bool made_of(struct apart *a, const json_t *thoughts) {
    struct buf made = { 0 };
    bool same;

    steps_completion(&made, a->s, thoughts, a->answer);
    same = !strcmp(buf_text(&made), a->text);
    buf_free(&made);
    while (a->visits < a->s->visits && !(a->visits && a->candidate[a->visits - 1] == a->answer && !a->s->rate)) {
        a->candidate[a->visits] = a->s->candidate[a->visits];
        a->visits++;
    }
    return same;
}

static bool well_formed(struct apart *a, const json_t *thoughts) {
    const json_t *completion = json_object_get(a->rec, "completion");
    const json_t *last = json_array_get(completion, json_array_size(completion) - 1);
    const char *tail = NULL;

    a->text = json_string_value(json_object_get(last, "content"));
    if (!a->text) return false;
    a->answer = answer_parse(a->text, a->s->words.answer, a->s->label, (size_t)a->s->labels);
    if (a->answer < 0) return false;
    if (thoughts) return made_of(a, thoughts);
    for (const char *p = a->text; (p = strstr(p, a->s->words.answer)) && *p; p++) tail = p;
    return tail && read_visits(a, (size_t)(tail - a->text));
}

static bool cites_truly(const struct apart *a) {
    struct citation c;

    for (size_t pos = 0; answer_citation(a->text, &pos, &c);)
        if (!steps_shows(a->rec, &c)) return false;
    return true;
}

/* Adds the text without its citations, its words apart by one blank. */
static void add_plain(struct buf *out, const char *text) {
    struct citation c;
    bool more = true;

    for (size_t from = 0, pos = 0; more; from = pos) {
        const char *end;

        more = answer_citation(text, &pos, &c);
        end = more ? (const char *)memrchr(text, '[', pos) : text + pos;
        for (const char *p = text + from; p < end; p++) {
            if (!isspace((unsigned char)*p)) buf_add(out, p, 1);
            else if (out->n && out->s[out->n - 1] != ' ') buf_add(out, " ", 1);
        }
    }
}

/* Whether the text names someone: a title with or without its year, in any case if it has several words; one that is
 * a number only behind the word for what it is. */
static bool names(const char *text, const char *what, const char *name) {
    struct buf words = { 0 };
    size_t n = strlen(name);
    bool there, number = !name[strspn(name, "0123456789")];

    if (n > 7 && name[n - 1] == ')' && name[n - 6] == '(' && name[n - 7] == ' ') n -= 7;
    if (number) buf_printf(&words, "%s ", what);
    buf_add(&words, name, n);
    there = answer_word(text, buf_text(&words), number || strchr(buf_text(&words), ' '));
    buf_free(&words);
    return there;
}

/* Whether a thought on visit k tells of a candidate whom its writer did not see in `seen`, or of the answer. */
static bool names_hidden(const struct apart *a, int k, const char *thought, const char *seen) {
    const json_t *candidate;
    size_t c;

    json_array_foreach(json_object_get(a->rec, "candidates"), c, candidate) {
        const char *title = view_title(candidate);
        char label[2] = { (char)('A' + c), 0 };
        struct buf told = { 0 };
        bool tells;

        if (!names(seen, "item", title) && names(thought, "item", title)) return true;
        if ((int)c == a->candidate[k] || a->s->rate) continue;
        buf_printf(&told, "answer is %s", label);
        tells = answer_word(thought, buf_text(&told), true);
        buf_free(&told);
        if (tells) return true;
    }
    return a->s->rate && a->s->right >= 0 && !strstr(seen, a->s->known) &&
           answer_word(thought, a->s->known, false);
}

/* Whether thought `edge` on visit k cites an edge that was not uncovered by then. */
static bool cites_hidden(const struct apart *a, int k, int edge, const char *thought) {
    struct citation c;

    for (size_t pos = 0; answer_citation(thought, &pos, &c);)
        if (c.candidate != a->candidate[k] || c.chain != 1 || c.edge > edge + 1) return true;
    return false;
}

/* Whether a thought names another user than one that its writer saw. */
static bool names_user(const struct apart *a, const char *thought, const char *seen) {
    const json_t *chain;
    size_t k;

    json_array_foreach(json_object_get(a->rec, "names"), k, chain) {
        const char *user = json_string_value(json_array_get(chain, 1));

        if (user && !names(seen, "user", user) && names(thought, "user", user)) return true;
    }
    return false;
}

static bool tells_masked(const struct apart *a, int k, int edge, const char *thought) {
    const char *seen = edge < a->s->edges[k] ? a->s->seen[k][edge] : "";
    struct buf plain = { 0 };
    bool bad;

    add_plain(&plain, thought);
    bad = cites_hidden(a, k, edge, thought) || names_hidden(a, k, buf_text(&plain), seen) ||
          names_user(a, buf_text(&plain), seen);
    buf_free(&plain);
    return bad;
}

static bool length_is_bad(const struct apart *a, const char *thought) {
    struct buf plain = { 0 };
    long n = 0;

    add_plain(&plain, thought);
    while (plain.n && plain.s[plain.n - 1] == ' ') plain.n--;
    for (size_t i = 0; i < plain.n; i++) n += ((unsigned char)plain.s[i] & 0xc0) != 0x80;
    buf_free(&plain);
    return n < a->limits->min_length || n > a->limits->max_length;
}

/* Words in a row: n bytes of text. */
struct gram {
    const char *text;
    size_t n;
};

static int compare_grams(const void *a, const void *b) {
    const struct gram *x = a, *y = b;
    int order = memcmp(x->text, y->text, x->n < y->n ? x->n : y->n);

    return order ? order : (x->n > y->n) - (x->n < y->n);
}

/* Share of the runs of three words that stood there before. */
static double repetition(const char *text) {
    struct gram *grams = NULL;
    size_t n = 0, cap = 0;
    double again = 0;

    for (const char *p = text; *p; p += strcspn(p, " "), p += *p == ' ') {
        const char *end = p;
        int words = 0;

        for (; words < GRAM && *end; words++) end += (end > p) + strcspn(end + (end > p), " ");
        if (words < GRAM) break;
        grams = mem_grow(grams, n, &cap, sizeof *grams);
        grams[n++] = (struct gram){ p, (size_t)(end - p) };
    }
    if (n) qsort(grams, n, sizeof *grams, compare_grams);
    for (size_t i = 1; i < n; i++) again += !compare_grams(&grams[i - 1], &grams[i]);
    free(grams);
    return n ? again / (double)n : 0;
}

static bool repeats(const struct apart *a, const struct buf *said) {
    struct buf plain = { 0 };
    bool bad;

    add_plain(&plain, buf_text(said));
    bad = repetition(buf_text(&plain)) > a->limits->max_repetition;
    buf_free(&plain);
    return bad;
}

/* The first fault of the thoughts on visit k. */
static enum fault find_in_visit(struct apart *a, int k, const json_t *thoughts) {
    const json_t *thought;
    size_t i;

    json_array_foreach(thoughts, i, thought) buf_puts(&a->said[k], json_string_value(thought));
    json_array_foreach(thoughts, i, thought)
        if (tells_masked(a, k, (int)i, json_string_value(thought))) return FAULT_MASKED;
    json_array_foreach(thoughts, i, thought)
        if (length_is_bad(a, json_string_value(thought))) return FAULT_LENGTH;
    if (!thoughts && a->said[k].n && length_is_bad(a, buf_text(&a->said[k]))) return FAULT_LENGTH;
    return repeats(a, &a->said[k]) ? FAULT_REPETITION : FAULTS;
}

/* Whether "thoughts" is an array of arrays of strings. */
static bool are_strings(const json_t *thoughts) {
    const json_t *list, *thought;
    size_t k, i;

    json_array_foreach(thoughts, k, list) {
        if (!json_is_array(list)) return false;
        json_array_foreach(list, i, thought) if (!json_is_string(thought)) return false;
    }
    return json_is_array(thoughts);
}

static enum fault find(struct apart *a) {
    const json_t *thoughts = json_object_get(a->rec, "thoughts");
    enum fault worst = FAULTS;

    if ((thoughts && !are_strings(thoughts)) || !well_formed(a, thoughts)) return FAULT_FORM;
    if (a->answer != a->s->right) return FAULT_ANSWER;
    if (!cites_truly(a)) return FAULT_CITATION;
    for (int k = 0; k < a->visits; k++) {
        enum fault f = find_in_visit(a, k, json_array_get(thoughts, (size_t)k));

        if (f < worst) worst = f;
    }
    return worst;
}

enum fault faults_find(const json_t *rec, const struct steps *s, const struct fault_limits *limits) {
    struct apart a = { .rec = rec, .s = s, .limits = limits, .answer = -1 };
    enum fault f = find(&a);

    for (int k = 0; k < STEPS_VISITS; k++) buf_free(&a.said[k]);
    return f;
}
