/* counterfactual — the chosen candidate, whom to change, and the records. */
#include "text/counterfactual.h"

#include <string.h>

#include "base/rng.h"
#include "io/jsonl.h"
#include "text/answer.h"
#include "text/view.h"

/* A case under way. */
struct work {
    const json_t *rec;
    json_t *original;           /* its prompt record */
    const char *text;           /* of the sample */
    int chosen;
};

static json_t *prompt(const struct counterfactual *f, const struct work *w, struct prompt_edit edit, struct err *err) {
    struct prompt_options o = *f->o;

    o.edit = edit;
    return prompt_record(w->rec, 0, f->t, &o, f->fits, f->ctx, err);
}

/* Fills `other` with those, but for the chosen one, whose chains are shown, in random order. Returns their number. */
static int draw_others(int other[VIEW_MAX], const struct work *w, uint64_t seed) {
    const json_t *shown = json_object_get(w->original, "shown");
    struct rng rng = rng_start(seed, "counterfactual", json_string_value(json_object_get(w->rec, "id")));
    int n = (int)json_array_size(shown), others = 0;

    rng_permutation(&rng, other, n);
    for (int k = 0; k < n; k++)
        if (other[k] != w->chosen && json_integer_value(json_array_get(shown, (size_t)other[k])))
            other[others++] = other[k];
    return others;
}

/* Says in the record what was changed. */
static void mark(json_t *out, const struct counterfactual *f, const struct work *w, int control, const char *what,
                 int value) {
    static const char *const names[] = { "none", "drop", "swap", "evidence", "early" };

    json_object_set_new(out, "counterfactual",
                        json_pack("{s:s, s:i, s:b, s:i}", "edit", names[f->kind], "chosen", w->chosen, "control", control,
                                  what, value));
}

static int change_question(json_t *made[2], const struct counterfactual *f, const struct work *w, struct err *err) {
    const json_t *shown = json_object_get(w->original, "shown");
    int other[VIEW_MAX], others = draw_others(other, w, f->seed), swap = f->kind == EDIT_SWAP;

    if (!json_integer_value(json_array_get(shown, (size_t)w->chosen))) return CF_NOTHING;
    if (others < 1 + swap) return CF_NO_CONTROL;
    for (int k = 0; k < 2; k++) {
        int a = k ? other[0] : w->chosen, b = other[k && swap];

        made[k] = prompt(f, w, (struct prompt_edit){ f->kind, a, b }, err);
        if (!made[k]) return -1;
        mark(made[k], f, w, k, "candidate", a);
        if (swap) json_object_set_new(json_object_get(made[k], "counterfactual"), "with", json_integer(b));
    }
    return CF_MADE;
}

static int cut_short(json_t *made[2], const struct counterfactual *f, const struct work *w) {
    const char *answer = json_string_value(json_object_get(json_object_get(w->original, "slots"), "answer"));
    size_t cut[2] = { 0, 0 }, next;     /* what is left of the text: changed, control */
    struct citation c;

    for (const char *p = w->text; (p = strstr(p, answer)) && *p; p++) cut[1] = (size_t)(p - w->text);
    for (long k = 0; k < f->after; k++) answer_citation(w->text, &cut[0], &c);
    next = cut[0];
    if (!answer_citation(w->text, &next, &c) || next > cut[1]) return CF_NOTHING;
    for (int k = 0; k < 2; k++) {
        made[k] = json_copy(w->original);
        json_object_set_new(made[k], "prefix", json_sprintf("%.*s%s", (int)cut[k], w->text, answer));
        mark(made[k], f, w, k, "after", (int)f->after);
    }
    return CF_MADE;
}

int counterfactual_make(json_t *made[2], const struct counterfactual *f, const json_t *rec, const json_t *run,
                        struct err *err) {
    struct work w = { .rec = rec };
    int n = (int)json_array_size(json_object_get(rec, "candidates")), r;

    made[0] = made[1] = NULL;
    w.original = prompt(f, &w, (struct prompt_edit){ EDIT_NONE, 0, 0 }, err);
    if (!w.original) return -1;
    if (!json_equal(json_object_get(w.original, "prompt"), json_object_get(run, "prompt")))
        r = err_set(err, "\"prompt\" is not what these options make of the case");
    else r = answer_first(run, n, &w.text, &w.chosen, err);
    if (!r && w.chosen < 0) r = CF_UNANSWERED;
    if (r < 0) err_prefix(err, "its rollout");
    if (r == CF_MADE) r = f->kind == COUNTERFACTUAL_EARLY ? cut_short(made, f, &w) : change_question(made, f, &w, err);
    for (int k = 0; k < 2 && r < 0; k++) {
        json_decref(made[k]);
        made[k] = NULL;
    }
    json_decref(w.original);
    return r;
}
