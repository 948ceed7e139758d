/* prompt_writer — the built-in writer: visits, thoughts, verdicts, the answer, by the template. */
#include <stdio.h>
#include <string.h>

#include "text/completion.h"
#include "text/prompt_own.h"

enum { STEPS = 3 };

/* What is written on the visit to a candidate. */
struct written {
    struct buf before, thought[STEPS], after;
    int thoughts;
};

static void free_written(struct written *w) {
    buf_free(&w->before);
    for (int k = 0; k < STEPS; k++) buf_free(&w->thought[k]);
    buf_free(&w->after);
}

/* The thoughts on a candidate's best shown chain: step k is filled from edges 1..k. */
static void write_thoughts(struct written *w, const struct prompt_job *j, int c) {
    struct value values[CHAIN_VALUES];
    struct chain_text s;

    if (!j->shown[c] || j->o->thoughts != THOUGHTS_CHAIN) return;
    prompt_chain_values(values, &s, j, c, 0);
    for (int k = 0; k < STEPS; k++)
        template_fill(&w->thought[k], j->t, (enum section)(SEC_STEP1 + k), values);
    w->thoughts = STEPS;
}

/* What stands in the place of the thoughts where there is no chain. */
static void write_none(struct buf *out, const struct prompt_job *j, int c) {
    char label[2];

    prompt_label(label, c);
    template_fill(out, j->t, SEC_NONE, (struct value[]){
        { "label", label }, { "candidate", view_title(j->v.candidate[c]) }, { NULL, NULL } });
}

static void write_frame(struct written *w, const struct prompt_job *j, int c) {
    char label[2], count[16], level[2] = { j->v.level[c], 0 };

    prompt_label(label, c);
    snprintf(count, sizeof count, "%d", j->v.count[c]);
    if (j->o->thoughts == THOUGHTS_NONE) buf_puts(&w->before, label);
    else template_fill_around(&w->before, &w->after, j->t, SEC_VISIT, "steps", (struct value[]){
        { "label", label }, { "candidate", view_title(j->v.candidate[c]) }, { "count", count },
        { "level", level }, { "levels", j->v.levels[c] }, { NULL, NULL } });
}

static struct written write_visit(const struct prompt_job *j, int c) {
    struct written w = { .thoughts = 0 };

    if (j->only < 0) write_frame(&w, j, c);
    write_thoughts(&w, j, c);
    if (!w.thoughts && j->o->thoughts == THOUGHTS_CHAIN) write_none(&w.before, j, c);
    return w;
}

/* A candidate's letter as it stands behind the answer's prefix. */
static void add_label(struct buf *out, const struct prompt_job *j, int c) {
    char label[2];

    prompt_label(label, c);
    template_fill(out, j->t, SEC_LABEL, (struct value[]){ { "label", label }, { NULL, NULL } });
}

static struct completion_words words(const struct prompt_job *j) {
    struct completion_words w = { .answer = template_text(j->t, SEC_ANSWER) };

    if (j->only >= 0 || j->o->thoughts == THOUGHTS_ANSWER) return w;
    w.yes = template_text(j->t, SEC_YES);
    w.no = template_text(j->t, SEC_NO);
    w.next = template_text(j->t, SEC_NEXT);
    return w;
}

/* Visits the contenders up to the truth, then answers. */
void prompt_completion(struct buf *out, const struct prompt_job *j, const json_t *rating) {
    struct completion_words w = words(j);
    struct visit visits[VIEW_MAX];
    struct written written[VIEW_MAX];
    struct buf thoughts[VIEW_MAX] = { { 0 } }, label = { 0 };
    char text[16];
    int n = 0;

    while (n < j->contenders && !(n && visits[n - 1].candidate == j->v.target)) {
        int c = prompt_visited(j, n);

        written[n] = write_visit(j, c);
        for (int s = 0; s < STEPS; s++) buf_puts(&thoughts[n], buf_text(&written[n].thought[s]));
        visits[n] = (struct visit){ c, buf_text(&written[n].before), buf_text(&thoughts[n]),
                                    buf_text(&written[n].after) };
        n++;
    }
    prompt_rating(text, rating);
    if (j->only >= 0) buf_puts(&label, text);
    else add_label(&label, j, j->v.target);
    completion_write(out, &w, visits, n, j->v.target, buf_text(&label));
    buf_free(&label);
    for (int k = 0; k < n; k++) {
        free_written(&written[k]);
        buf_free(&thoughts[k]);
    }
}

/* What rollout needs to find the slots: the words as they stand in the completion. A rating has no blank in
 * front: most tokenizers cut digits off, so that " 5" would be two tokens. */
json_t *prompt_slots(const struct prompt_job *j) {
    struct completion_words w = words(j);
    json_t *labels = json_array();
    json_t *out = json_pack("{s:s}", "answer", w.answer);

    if (w.yes) {
        json_object_set_new(out, "yes", json_string(w.yes));
        json_object_set_new(out, "no", json_string(w.no));
        json_object_set_new(out, "next", json_string(w.next));
    }
    for (int k = 0; k < (j->only >= 0 ? 5 : j->v.n); k++) {
        struct buf text = { 0 };

        if (j->only >= 0) buf_printf(&text, "%d", k + 1);
        else add_label(&text, j, k);
        json_array_append_new(labels, json_stringn(buf_text(&text), text.n));
        buf_free(&text);
    }
    json_object_set_new(out, "labels", labels);
    return out;
}

static void append_text(json_t *array, const struct buf *text) {
    json_array_append_new(array, json_stringn(buf_text(text), text->n));
}

/* What the writer may see at steps 1, 2, 3. The closing edge is there for the true candidate alone: he
 * sees it at a fourth step, with the answer. */
static json_t *seen(const struct prompt_job *j, int c) {
    json_t *steps = json_array();

    for (int e = 1; e <= (c == j->v.target ? 4 : 3) && j->shown[c]; e++) {
        struct buf text = { 0 };

        prompt_chain(&text, j, c, 0, e);
        append_text(steps, &text);
        buf_free(&text);
    }
    return steps;
}

/* Whom the three edges name first: i0, u1, the candidate. */
static json_t *names(const struct prompt_job *j, int c) {
    const json_t *chain = json_array_get(j->v.chains[c], 0);

    if (!j->shown[c]) return json_array();
    return json_pack("[s, O, s]", view_title(chain), json_object_get(chain, "user"),
                     view_title(j->v.candidate[c]));
}

void prompt_levels(json_t *rec, const struct prompt_job *j) {
    json_t *levels = json_array(), *frames = json_array(), *thoughts = json_array(), *all = json_array();

    for (int k = 0; k < j->contenders; k++) {
        int c = prompt_visited(j, k);
        struct written w = write_visit(j, c);
        json_t *frame = json_array(), *steps = json_array();

        append_text(frame, &w.before);
        append_text(frame, &w.after);
        for (int s = 0; s < w.thoughts; s++) append_text(steps, &w.thought[s]);
        json_array_append_new(levels, seen(j, c));
        json_array_append_new(frames, frame);
        json_array_append_new(thoughts, steps);
        json_array_append_new(all, names(j, c));
        free_written(&w);
    }
    json_object_set_new(rec, "levels", levels);
    json_object_set_new(rec, "frames", frames);
    json_object_set_new(rec, "names", all);
    json_object_set_new(rec, "thoughts", thoughts);
}
