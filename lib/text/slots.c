/* slots — the places of a completion where scores are read. */
#include "text/slots.h"

#include <stdlib.h>
#include <string.h>

#include "io/jsonl.h"

/* The id of a text that must be one token. */
static int one_token(struct bpe *bpe, const char *what, const char *text, int *id, struct err *err) {
    struct bpe_ids ids = { 0 };
    int bad = bpe_encode(bpe, text, strlen(text), false, &ids, err);

    if (ids.n == 1) *id = ids.id[0];
    else if (!bad) bad = err_set(err, "\"slots\": the %s '%s' is %zu tokens, not one", what, text, ids.n);
    free(ids.id);
    return bad;
}

static int read_labels(struct slots *s, struct bpe *bpe, const json_t *obj, struct err *err) {
    json_t *labels;

    if (jsonl_array(obj, "labels", &labels, err)) return err_prefix(err, "\"slots\"");
    if (!json_array_size(labels) || json_array_size(labels) > SLOTS_LABELS)
        return err_set(err, "\"slots\": %zu labels, not 1 to %d", json_array_size(labels), SLOTS_LABELS);
    s->n = (int)json_array_size(labels);
    for (int k = 0; k < s->n; k++) {
        s->text[k] = json_string_value(json_array_get(labels, (size_t)k));
        if (!s->text[k]) return err_set(err, "\"slots\": a label is not a string");
        if (one_token(bpe, "label", s->text[k], &s->label[k], err)) return -1;
    }
    return 0;
}

static int read_verdicts(struct slots *s, struct bpe *bpe, const json_t *obj, struct err *err) {
    const char *yes, *no;

    s->verdicts = json_object_get(obj, "yes") != NULL;
    s->next = "";
    s->yes = s->no = -1;
    if (!s->verdicts) return 0;
    if (jsonl_string(obj, "yes", &yes, err) || jsonl_string(obj, "no", &no, err) ||
        jsonl_string(obj, "next", &s->next, err))
        return err_prefix(err, "\"slots\"");
    return one_token(bpe, "verdict", yes, &s->yes, err) || one_token(bpe, "verdict", no, &s->no, err) ? -1 : 0;
}

int slots_read(struct slots *s, struct bpe *bpe, const json_t *rec, struct err *err) {
    json_t *obj;

    memset(s, 0, sizeof *s);
    if (jsonl_object(rec, "slots", &obj, err)) return -1;
    if (jsonl_string(obj, "answer", &s->answer, err)) return err_prefix(err, "\"slots\"");
    if (bpe_encode(bpe, s->answer, strlen(s->answer), false, &s->answer_ids, err)) return -1;
    return read_verdicts(s, bpe, obj, err) || read_labels(s, bpe, obj, err) ? -1 : 0;
}

void slots_free(struct slots *s) {
    free(s->answer_ids.id);
    memset(s, 0, sizeof *s);
}

int slots_visited(const struct slots *s, const char *text) {
    const char *line = text;

    if (*s->next)
        for (const char *p = text; (p = strstr(p, s->next)); p++) line = p + strlen(s->next);
    line += strspn(line, " \n");
    for (int k = 0; k < s->n; k++) {
        const char *label = s->text[k] + strspn(s->text[k], " \n");

        if (*label && !strncmp(line, label, strlen(label))) return k;
    }
    return -1;
}

bool slots_at_answer(const struct slots *s, const char *text, size_t n) {
    size_t k = strlen(s->answer);

    return n >= k && !memcmp(text + n - k, s->answer, k);
}
