/* steps — a prompt record → questions for a teacher; his thoughts → a completion. */
#include "text/steps.h"

#include <ctype.h>
#include <string.h>

#include "io/jsonl.h"
#include "text/view.h"

static int read_words(struct steps *s, const json_t *rec, struct err *err) {
    json_t *slots, *labels;

    if (jsonl_object(rec, "slots", &slots, err)) return -1;
    if (jsonl_string(slots, "answer", &s->words.answer, err) || jsonl_array(slots, "labels", &labels, err))
        return err_prefix(err, "\"slots\"");
    if (json_object_get(slots, "yes") &&
        (jsonl_string(slots, "yes", &s->words.yes, err) || jsonl_string(slots, "no", &s->words.no, err) ||
         jsonl_string(slots, "next", &s->words.next, err)))
        return err_prefix(err, "\"slots\"");
    s->labels = (int)json_array_size(labels);
    if (json_array_size(labels) < 1 || json_array_size(labels) > STEPS_VISITS)
        return err_set(err, "\"slots\": %zu labels, not 1 to %d", json_array_size(labels), STEPS_VISITS);
    for (int k = 0; k < s->labels; k++) {
        s->label[k] = json_string_value(json_array_get(labels, (size_t)k));
        if (!s->label[k]) return err_set(err, "\"slots\": a label is not a string");
    }
    return 0;
}

const char *steps_label(const struct steps *s, int label, char text[2]) {
    text[0] = (char)('A' + label);
    text[1] = 0;
    return s->rate ? s->label[label] + strspn(s->label[label], " \n") : text;
}

static int read_right(struct steps *s, const json_t *rec, struct err *err) {
    const json_t *candidates = json_object_get(rec, "candidates");
    const char *answer;

    if (jsonl_string(rec, "answer", &answer, err)) return -1;
    s->right = -1;
    s->known = answer;
    for (int k = 0; k < s->labels; k++) {
        char text[2];

        if (!strcmp(answer, steps_label(s, k, text))) s->right = k;
    }
    if (!s->rate && s->right >= 0 && json_array_get(candidates, (size_t)s->right))
        s->known = view_title(json_array_get(candidates, (size_t)s->right));
    return 0;
}

static int read_visits(struct steps *s, const json_t *rec, struct err *err) {
    json_t *visit;

    if (jsonl_array(rec, "visit", &visit, err)) return -1;
    if (json_array_size(visit) > STEPS_VISITS)
        return err_set(err, "\"visit\" has more than %d entries", STEPS_VISITS);
    s->visits = (int)json_array_size(visit);
    for (int k = 0; k < s->visits; k++) {
        const json_t *c = json_array_get(visit, (size_t)k);

        if (!json_is_integer(c) || json_integer_value(c) < 0 || json_integer_value(c) >= STEPS_VISITS)
            return err_set(err, "\"visit\" holds what is not a candidate");
        s->candidate[k] = (int)json_integer_value(c);
    }
    return 0;
}

/* The strings of entry k of an array of arrays, `want` of them or more, or none if `none` allows. Their number,
 * or -1. */
static int read_strings(const char **out, const json_t *rec, const char *field, int k, int want, bool none,
                        struct err *err) {
    const json_t *list = json_array_get(json_object_get(rec, field), (size_t)k);
    int n = (int)json_array_size(list);

    if (!json_is_array(list) || (n < want && (n || !none)))
        return err_set(err, "\"%s\" has not %d entries for visit %d: maskprompt --levels writes them", field, want, k);
    for (int i = 0; i < want && i < n; i++)
        if (!(out[i] = json_string_value(json_array_get(list, (size_t)i))))
            return err_set(err, "\"%s\" holds what is not a string", field);
    return n < want ? n : want;
}

static int read_levels(struct steps *s, const json_t *rec, struct err *err) {
    s->levels = true;
    for (int k = 0; k < s->visits; k++) {
        const char *frame[2];

        s->edges[k] = read_strings(s->seen[k], rec, "levels", k, STEPS_EDGES, true, err);
        if (s->edges[k] < 0 || read_strings(frame, rec, "frames", k, 2, false, err) < 0) return -1;
        s->before[k] = frame[0];
        s->after[k] = frame[1];
    }
    return 0;
}

int steps_read(struct steps *s, const json_t *rec, bool levels, struct err *err) {
    const char *form, *content;
    json_t *prompt;

    memset(s, 0, sizeof *s);
    if (jsonl_array(rec, "prompt", &prompt, err) || jsonl_string(rec, "form", &form, err)) return -1;
    if (!json_array_size(prompt)) return err_set(err, "\"prompt\" is empty");
    s->prompt = prompt;
    s->last = json_array_get(prompt, json_array_size(prompt) - 1);
    if (jsonl_string(s->last, "content", &content, err)) return err_prefix(err, "\"prompt\"");
    s->rate = !strcmp(form, "rate");
    if (read_words(s, rec, err) || read_right(s, rec, err) || read_visits(s, rec, err)) return -1;
    return levels ? read_levels(s, rec, err) : 0;
}

static json_t *message(const struct buf *text) {
    return json_pack("[{s:s, s:s%}]", "role", "user", "content", buf_text(text), text->n);
}

json_t *steps_ask(const struct steps *s, int k, int edge, const json_t *thoughts, bool guided) {
    struct buf text = { 0 };
    const json_t *thought;
    json_t *out;
    size_t i;

    buf_printf(&text, "A chain leads from a user over an item to another user and on to a candidate item that the "
               "first user may take next. Its edges are uncovered one at a time, the others are masked:\n\n%s\n\n",
               s->seen[k][edge] + strspn(s->seen[k][edge], "\n"));
    if (edge) buf_puts(&text, "Thoughts so far:\n");
    json_array_foreach(thoughts, i, thought) {
        const char *line = json_string_value(thought);

        buf_printf(&text, "%zu. %s\n", i + 1, line + strspn(line, " "));
    }
    if (edge) buf_puts(&text, "\n");
    if (guided && s->rate) buf_printf(&text, "In the end the user rates it %s.", s->known);
    else if (guided) buf_printf(&text, "In the end the user takes %s.", s->known);
    if (guided) buf_puts(&text, " Let this guide you, but do not tell it.\n");
    buf_printf(&text, "Write thought %d, on edge %d alone, as one short sentence. Say nothing of what is masked. "
               "Cite the edge as [%c1.%d].", edge + 1, edge + 1, 'A' + s->candidate[k], edge + 1);
    out = message(&text);
    buf_free(&text);
    return out;
}

/* Adds what a visit says between its frame. */
static void add_thoughts(struct buf *out, const json_t *thoughts, int k) {
    const json_t *thought;
    size_t i;

    json_array_foreach(json_array_get(thoughts, (size_t)k), i, thought) buf_puts(out, json_string_value(thought));
}

json_t *steps_ask_answer(const struct steps *s, const json_t *thoughts) {
    json_t *out = json_copy((json_t *)s->prompt), *last = json_copy((json_t *)s->last);
    struct buf text = { 0 };

    buf_printf(&text, "%s\n\nThoughts:\n", json_string_value(json_object_get(last, "content")));
    for (int k = 0; k < s->visits && k < (int)json_array_size(thoughts); k++) {
        buf_puts(&text, s->before[k]);
        add_thoughts(&text, thoughts, k);
        buf_printf(&text, "%s\n", s->after[k]);
    }
    if (s->rate) buf_puts(&text, "\nAnswer now with the rating from 1 to 5");
    else buf_puts(&text, "\nWhich candidate does the user take next? Answer now with its letter");
    buf_puts(&text, " and nothing else.");
    json_object_set_new(last, "content", json_stringn(buf_text(&text), text.n));
    json_array_set_new(out, json_array_size(out) - 1, last);
    buf_free(&text);
    return out;
}

int steps_answer(const struct steps *s, const char *reply) {
    int label = answer_parse(reply, s->words.answer, s->label, (size_t)s->labels);
    const char *best = NULL;

    if (label >= 0) return label;
    for (int k = 0; k < s->labels; k++) {
        char text[2];
        const char *word = steps_label(s, k, text);

        for (const char *p = reply; (p = answer_word(p, word, false)); p += strlen(word)) {
            /* of "4 out of 5" the first counts, of "A user like this takes B" the last */
            if (best && (s->rate ? p > best : p < best)) continue;
            best = p;
            label = k;
        }
    }
    return label;
}

bool steps_shows(const json_t *rec, const struct citation *c) {
    json_int_t chains = json_integer_value(json_array_get(json_object_get(rec, "shown"), (size_t)c->candidate));

    return c->chain <= chains && c->edge <= STEPS_EDGES;
}

void steps_thought(struct buf *out, const struct steps *s, int k, int edge, const char *reply) {
    struct buf cite = { 0 };
    size_t from = out->n;

    for (const char *p = reply; *p;) {
        size_t n = strcspn(p, " \t\r\n\v\f");

        if (n) buf_puts(out, " "), buf_add(out, p, n);
        p += n + (p[n] != 0);
    }
    buf_printf(&cite, " [%c1.%d]", 'A' + s->candidate[k], edge + 1);
    if (!strstr(buf_text(out) + from, buf_text(&cite) + 1)) buf_puts(out, buf_text(&cite));
    buf_free(&cite);
}

void steps_completion(struct buf *out, const struct steps *s, const json_t *thoughts, int label) {
    struct visit visits[STEPS_VISITS];
    struct buf text[STEPS_VISITS] = { { 0 } };
    int n = (int)json_array_size(thoughts) < s->visits ? (int)json_array_size(thoughts) : s->visits;

    for (int k = 0; k < n; k++) {
        add_thoughts(&text[k], thoughts, k);
        visits[k] = (struct visit){ s->candidate[k], s->before[k], buf_text(&text[k]), s->after[k] };
    }
    completion_write(out, &s->words, visits, n, label, label < 0 ? "" : s->label[label]);
    for (int k = 0; k < n; k++) buf_free(&text[k]);
}
