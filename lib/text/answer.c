/* answer — labels, citations and words in a text. */
#define _GNU_SOURCE
#include "text/answer.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "io/jsonl.h"

static const char *skip_blanks(const char *s) {
    while (isspace((unsigned char)*s)) s++;
    return s;
}

/* The text behind the last prefix, or NULL. An empty prefix matches at the start. */
static const char *behind_last(const char *text, const char *prefix) {
    const char *last = NULL;

    if (!*prefix) return text;
    for (const char *p = text; (p = strstr(p, prefix)); p++) last = p + strlen(prefix);
    return last;
}

int answer_parse(const char *text, const char *prefix, const char *const *labels, size_t n) {
    const char *p = behind_last(text, prefix);

    if (!p) return -1;
    p = skip_blanks(p);
    for (size_t k = 0; k < n; k++) {
        const char *label = skip_blanks(labels[k]);
        size_t length = strlen(label);

        if (length && !strncmp(p, label, length) && !*skip_blanks(p + length)) return (int)k;
    }
    return -1;
}

int answer_first(const json_t *rec, int n, const char **text, int *answer, struct err *err) {
    const json_t *sample, *field;
    const char *letter;
    json_t *samples;

    if (jsonl_array(rec, "samples", &samples, err)) return -1;
    if (!json_array_size(samples)) return err_set(err, "\"samples\" is empty");
    sample = json_array_get(samples, 0);
    if (jsonl_string(sample, "text", text, err)) return err_prefix(err, "sample 0");
    field = json_object_get(sample, "answer");
    letter = json_string_value(field);
    *answer = -1;
    if (json_is_null(field)) return 0;
    if (!letter || letter[0] < 'A' || letter[0] >= 'A' + n || letter[1])
        return err_set(err, "sample 0: \"answer\" is not the letter of a candidate or null");
    *answer = letter[0] - 'A';
    return 0;
}

/* Reads a number of at most three digits; returns 0 where there is none. */
static int small_number(const char **p) {
    int x = 0;

    for (int k = 0; k < 3 && isdigit((unsigned char)**p); k++) x = 10 * x + *(*p)++ - '0';
    return x;
}

bool answer_citation(const char *text, size_t *pos, struct citation *c) {
    for (const char *p = text + *pos; (p = strchr(p, '[')); p++) {
        const char *q = p + 2;

        if (p[1] < 'A' || p[1] > 'Z') continue;
        c->candidate = p[1] - 'A';
        c->chain = small_number(&q);
        if (!c->chain || *q++ != '.') continue;
        c->edge = small_number(&q);
        if (!c->edge || *q != ']') continue;
        *pos = (size_t)(q + 1 - text);
        return true;
    }
    *pos += strlen(text + *pos);
    return false;
}

static bool in_word(char c) {
    return isalnum((unsigned char)c) || (unsigned char)c > 127;
}

const char *answer_word(const char *text, const char *word, bool fold) {
    size_t n = strlen(word);

    if (!n) return NULL;
    for (const char *p = text; (p = fold ? strcasestr(p, word) : strstr(p, word)); p++)
        if (!(p > text && in_word(p[-1])) && !in_word(p[n])) return p;
    return NULL;
}
