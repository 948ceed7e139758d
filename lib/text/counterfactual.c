/* counterfactual — the chosen candidate, whom to change, and the records. */
#define _GNU_SOURCE
#include "text/counterfactual.h"

#include <string.h>

#include "base/rng.h"
#include "io/jsonl.h"
#include "text/answer.h"
#include "text/view.h"

/* A case under way. */
struct work {
    const json_t *rec, *run;    /* the case; its record in the original run */
    json_t *original;           /* its prompt record, with what --levels adds */
    const char *text;           /* of the sample */
    int chosen;
    int other[VIEW_MAX], others;        /* whose chains are shown too, in random order */
};

static const char *const kind_names[] = { "none", "drop", "swap", "evidence", "thoughts", "early" };

static json_t *prompt(const struct counterfactual *f, const struct work *w, bool levels, struct prompt_edit edit,
                      struct err *err) {
    struct prompt_options o = *f->o;

    o.levels = o.levels || levels;
    o.edit = edit;
    return prompt_record(w->rec, 0, f->t, &o, f->fits, f->ctx, err);
}

/* Reads the original sample. Returns 1, 0 if it gives no answer, -1. */
static int read_sample(struct work *w, struct err *err) {
    int n = (int)json_array_size(json_object_get(w->rec, "candidates"));
    const json_t *sample;
    const char *answer;
    json_t *samples;

    if (jsonl_array(w->run, "samples", &samples, err)) return -1;
    if (!json_array_size(samples)) return err_set(err, "\"samples\" is empty");
    sample = json_array_get(samples, 0);
    if (jsonl_string(sample, "text", &w->text, err)) return err_prefix(err, "sample 0");
    if (json_is_null(json_object_get(sample, "answer"))) return 0;
    if (jsonl_string(sample, "answer", &answer, err)) return err_prefix(err, "sample 0");
    w->chosen = answer[0] - 'A';
    if (!answer[0] || answer[1] || w->chosen < 0 || w->chosen >= n)
        return err_set(err, "sample 0: \"answer\" is not the letter of a candidate");
    return 1;
}

static int64_t shown(const struct work *w, int c) {
    return json_integer_value(json_array_get(json_object_get(w->original, "shown"), (size_t)c));
}

static void draw_others(struct work *w, uint64_t seed) {
    struct rng rng = rng_start(seed, "counterfactual", json_string_value(json_object_get(w->rec, "id")));
    int order[VIEW_MAX], n = (int)json_array_size(json_object_get(w->original, "shown"));

    rng_permutation(&rng, order, n);
    for (int k = 0; k < n; k++)
        if (order[k] != w->chosen && shown(w, order[k]) > 0) w->other[w->others++] = order[k];
}

/* Names the change in the record. */
static void mark(json_t *out, const struct counterfactual *f, const struct work *w, int candidate, int with,
                 bool control) {
    json_t *mark = json_pack("{s:s, s:i, s:i, s:b}", "edit", kind_names[f->kind], "chosen", w->chosen, "candidate",
                             candidate, "control", control);

    if (f->kind == CF_SWAP) json_object_set_new(mark, "with", json_integer(with));
    json_object_set_new(out, "counterfactual", mark);
}

static int change_question(struct counterfactual *f, json_t *made[2], struct work *w, struct err *err) {
    static const int edit_of[] = { EDIT_NONE, EDIT_DROP, EDIT_SWAP, EDIT_EVIDENCE };
    bool swap = f->kind == CF_SWAP;

    draw_others(w, f->seed);
    if (!shown(w, w->chosen)) return f->lacks[CF_NOTHING]++, 0;
    if (w->others < 1 + swap) return f->lacks[CF_NO_CONTROL]++, 0;
    for (int k = 0; k < 2; k++) {
        int a = k ? w->other[0] : w->chosen, b = w->other[k && swap];

        made[k] = prompt(f, w, false, (struct prompt_edit){ edit_of[f->kind], a, b }, err);
        if (!made[k]) return -1;
        mark(made[k], f, w, a, b, k);
    }
    return 0;
}

/* Where the sample's thoughts on the chosen one stand: text[from, to), and what follows up to the verdict yes is
 * `after`. False where the text is not of that form. */
static bool find_thoughts(const struct work *w, size_t *from, size_t *to, const char **after) {
    const json_t *slots = json_object_get(w->original, "slots"), *visit = json_object_get(w->original, "visit"), *frame;
    const char *yes = json_string_value(json_object_get(slots, "yes")), *next, *before, *start = w->text, *end = NULL;
    const char *answer = json_string_value(json_object_get(slots, "answer"));
    size_t k = 0;

    while (k < json_array_size(visit) && json_integer_value(json_array_get(visit, k)) != w->chosen) k++;
    if (!yes || k == json_array_size(visit)) return false;
    next = json_string_value(json_object_get(slots, "next"));
    frame = json_array_get(json_object_get(w->original, "frames"), k);
    before = json_string_value(json_array_get(frame, 0));
    *after = json_string_value(json_array_get(frame, 1));
    for (const char *p = w->text; (p = strstr(p, answer)) && *p; p++) end = p;
    for (const char *p = w->text; end && *next && (p = strstr(p, next)) && p < end; p += strlen(next))
        start = p + strlen(next);
    if (!end || (size_t)(end - start) < strlen(before) + strlen(*after) + strlen(yes)) return false;
    *from = (size_t)(start - w->text) + strlen(before);
    *to = (size_t)(end - w->text) - strlen(yes) - strlen(*after);
    return *from < *to && !strncmp(start, before, strlen(before)) && !strncmp(end - strlen(yes), yes, strlen(yes)) &&
           !strncmp(w->text + *to, *after, strlen(*after));
}

/* Adds the thoughts of another case, as thoughts on candidate c: his letter in their citations. */
static void add_foreign(struct buf *out, const struct buf *thoughts, int c) {
    struct citation cited;
    size_t from = out->n;

    buf_add(out, thoughts->s, thoughts->n);
    for (size_t pos = 0; answer_citation(thoughts->s, &pos, &cited);) {
        const char *open = memrchr(thoughts->s, '[', pos);

        out->s[from + (size_t)(open - thoughts->s) + 1] = (char)('A' + c);
    }
}

/* A prompt whose completion is to begin with the sample's text up to the chosen one's verdict; of the thoughts in
 * text[from, to) `own` keeps them. */
static json_t *begun(const struct counterfactual *f, const struct work *w, size_t from, size_t to, const char *after,
                     bool own, struct err *err) {
    json_t *out = prompt(f, w, false, (struct prompt_edit){ EDIT_NONE, 0, 0 }, err);
    struct buf prefix = { 0 };

    if (!out) return NULL;
    buf_add(&prefix, w->text, own ? to : from);
    if (!own && f->kind == CF_THOUGHTS) add_foreign(&prefix, &f->thoughts, w->chosen);
    buf_puts(&prefix, after);
    json_object_set_new(out, "prefix", json_stringn(buf_text(&prefix), prefix.n));
    mark(out, f, w, w->chosen, 0, own);
    buf_free(&prefix);
    return out;
}

static int change_thoughts(struct counterfactual *f, json_t *made[2], struct work *w, struct err *err) {
    const char *after;
    size_t from, to;
    bool bad = false;

    if (!find_thoughts(w, &from, &to, &after)) return f->lacks[CF_NOTHING]++, 0;
    if (f->kind == CF_THOUGHTS && !f->thoughts.n) f->lacks[CF_NO_CONTROL]++;
    else for (int k = 0; k < 2 && !bad; k++) bad = !(made[k] = begun(f, w, from, to, after, k, err));
    buf_clear(&f->thoughts);
    buf_add(&f->thoughts, w->text + from, to - from);
    return bad ? -1 : 0;
}

int counterfactual_make(struct counterfactual *f, json_t *made[2], const json_t *rec, const json_t *run,
                        struct err *err) {
    struct work w = { .rec = rec, .run = run };
    int r;

    made[0] = made[1] = NULL;
    w.original = prompt(f, &w, true, (struct prompt_edit){ EDIT_NONE, 0, 0 }, err);
    if (!w.original) return -1;
    if (!json_equal(json_object_get(w.original, "prompt"), json_object_get(run, "prompt")))
        r = err_set(err, "\"prompt\" is not what these options make of the case");
    else r = read_sample(&w, err);
    if (!r) f->lacks[CF_UNANSWERED]++;
    if (r > 0) r = f->kind < CF_THOUGHTS ? change_question(f, made, &w, err) : change_thoughts(f, made, &w, err);
    if (r < 0)
        for (int k = 0; k < 2; k++) json_decref(made[k]), made[k] = NULL;
    f->made += made[0] != NULL;
    json_decref(w.original);
    return r;
}

void counterfactual_free(struct counterfactual *f) {
    buf_free(&f->thoughts);
}
