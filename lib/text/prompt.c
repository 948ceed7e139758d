/* prompt — view of a case → question, completion, slots. */
#include "text/prompt.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "io/jsonl.h"
#include "text/view.h"

/* What is rendered: the view, the template, and how much of the evidence the question shows. */
struct job {
    struct view v;
    const struct template *t;
    const struct prompt_options *o;
    int only;                   /* the one candidate in question (rate), or -1 */
    int contenders;             /* candidates that the completion visits */
    bool other[VIEW_MAX];       /* behind the contenders in the order of evidence */
    size_t shown[VIEW_MAX];     /* chains shown of each candidate */
    size_t history;             /* items of history shown */
};

/* Small texts that values point at while a section is filled. */
struct chain_text {
    char cite[24], gap[24], r[3][16];
};

static void label_text(char out[2], int c) {
    out[0] = (char)('A' + c);
    out[1] = 0;
}

static void rating_text(char out[16], const json_t *rating) {
    if (json_is_number(rating)) snprintf(out, 16, "%.3g", json_number_value(rating));
    else snprintf(out, 16, "?");
}

static const char *text_of(const json_t *rec, const char *field) {
    const char *s = json_string_value(json_object_get(rec, field));

    return s ? s : "";
}

/* Values of chain k of candidate c, for the edges and the thoughts. */
enum { CHAIN_VALUES = 10 };

static void chain_values(struct value values[CHAIN_VALUES], struct chain_text *s, const struct job *j,
                         int c, size_t k) {
    const json_t *chain = json_array_get(j->v.chains[c], k);
    const json_t *ratings = json_object_get(chain, "ratings");

    snprintf(s->cite, sizeof s->cite, "%c%zu", 'A' + c, k + 1);
    snprintf(s->gap, sizeof s->gap, "%+.0f", json_number_value(json_object_get(chain, "gap")));
    for (size_t e = 0; e < 3; e++) rating_text(s->r[e], json_array_get(ratings, e));
    memcpy(values, (struct value[CHAIN_VALUES]){
        { "cite", s->cite }, { "item", text_of(chain, "item") }, { "title", view_title(chain) },
        { "user", text_of(chain, "user") }, { "candidate", view_title(j->v.candidate[c]) },
        { "gap", s->gap }, { "r1", s->r[0] }, { "r2", s->r[1] }, { "r3", s->r[2] }, { NULL, NULL }
    }, CHAIN_VALUES * sizeof *values);
}

/* One chain with edges 1 .. uncovered in words and the rest masked. */
static void add_chain(struct buf *out, const struct job *j, int c, size_t k, int uncovered) {
    static const char *const names[] = { "edge1", "edge2", "edge3", "edge4" };
    struct value edges[] = { { "cite", NULL }, { "label", NULL }, { "edge1", NULL }, { "edge2", NULL },
                             { "edge3", NULL }, { "edge4", NULL }, { NULL, NULL } };
    struct value values[CHAIN_VALUES];
    struct chain_text s;
    struct buf text[4] = { { 0 } };
    char label[2];

    chain_values(values, &s, j, c, k);
    label_text(label, c);
    edges[0].text = s.cite;
    edges[1].text = label;
    for (int e = 0; e < 4; e++) {
        enum section edge = e < uncovered ? (enum section)(SEC_EDGE1 + e) : SEC_MASK;

        template_fill(&text[e], j->t, edge, values);
        edges[2 + e] = (struct value){ names[e], buf_text(&text[e]) };
    }
    template_fill(out, j->t, SEC_CHAIN, edges);
    for (int e = 0; e < 4; e++) buf_free(&text[e]);
}

static void add_candidate(struct buf *out, const struct job *j, int c) {
    const json_t *cand = j->v.candidate[c];
    const json_t *genres = json_object_get(cand, "genres");
    char label[2], year[24] = "", count[16], drawn[16], level[2] = { j->v.level[c], 0 };
    struct buf chains = { 0 }, genre = { 0 };

    label_text(label, c);
    if (json_is_number(json_object_get(cand, "year")))
        snprintf(year, sizeof year, "%.6g", json_number_value(json_object_get(cand, "year")));
    snprintf(count, sizeof count, "%d", j->v.count[c]);
    snprintf(drawn, sizeof drawn, "%d", j->v.drawn);
    for (size_t g = 0; g < json_array_size(genres); g++)
        buf_printf(&genre, "%s%s", g ? ", " : "", json_string_value(json_array_get(genres, g)));
    for (size_t k = 0; k < j->shown[c]; k++) add_chain(&chains, j, c, k, 3);
    template_fill(out, j->t, j->other[c] ? SEC_OTHER : SEC_CANDIDATE, (struct value[]){
        { "label", label }, { "item", text_of(cand, "item") }, { "title", view_title(cand) },
        { "year", year }, { "genres", buf_text(&genre) }, { "count", count }, { "drawn", drawn },
        { "level", level }, { "levels", j->v.levels[c] }, { "chains", buf_text(&chains) }, { NULL, NULL }
    });
    buf_free(&chains);
    buf_free(&genre);
}

static void add_history(struct buf *out, const struct job *j) {
    size_t n = json_array_size(j->v.history);

    for (size_t i = n - j->history; i < n; i++) {
        const json_t *h = json_array_get(j->v.history, i);
        char rating[16];

        if (out->n) buf_puts(out, "\n");
        rating_text(rating, json_object_get(h, "rating"));
        template_fill(out, j->t, SEC_HISTORY, (struct value[]){
            { "item", text_of(h, "item") }, { "title", view_title(h) }, { "rating", rating }, { NULL, NULL }
        });
    }
}

static void add_question(struct buf *out, const struct job *j) {
    struct buf history = { 0 }, candidates = { 0 };
    char contenders[16];

    add_history(&history, j);
    for (int k = 0; k < j->v.n; k++) {
        if (j->only >= 0 && k != j->only) continue;
        if (candidates.n && !j->other[k]) buf_puts(&candidates, "\n");
        add_candidate(&candidates, j, k);
    }
    snprintf(contenders, sizeof contenders, "%d", j->contenders);
    template_fill(out, j->t, j->only >= 0 ? SEC_RATE : SEC_PROMPT, (struct value[]){
        { "history", buf_text(&history) }, { "candidates", buf_text(&candidates) },
        { "contenders", contenders }, { NULL, NULL }
    });
    buf_free(&history);
    buf_free(&candidates);
}

/* Leaves out the weakest chain that is shown, or else the oldest item. Returns false when all is gone. */
static bool shrink(struct job *j) {
    int weakest = -1;

    for (int c = 0; c < j->v.n; c++) {
        if (!j->shown[c]) continue;
        if (weakest < 0 || view_weight(&j->v, c, j->shown[c] - 1) <
                           view_weight(&j->v, weakest, j->shown[weakest] - 1))
            weakest = c;
    }
    if (weakest >= 0) j->shown[weakest]--;
    else if (j->history) j->history--;
    else return false;
    return true;
}

/* The thoughts on a candidate's best shown chain: step k is filled from edges 1..k. */
static void add_steps(struct buf *out, const struct job *j, int c) {
    struct value values[CHAIN_VALUES];
    struct chain_text s;
    char label[2];

    if (!j->shown[c]) {
        label_text(label, c);
        template_fill(out, j->t, SEC_NONE, (struct value[]){
            { "label", label }, { "candidate", view_title(j->v.candidate[c]) }, { NULL, NULL } });
        return;
    }
    chain_values(values, &s, j, c, 0);
    for (int k = 0; k < 3; k++) template_fill(out, j->t, (enum section)(SEC_STEP1 + k), values);
}

static void add_visit(struct buf *out, const struct job *j, int c) {
    char label[2], count[16], level[2] = { j->v.level[c], 0 };
    struct buf steps = { 0 };

    label_text(label, c);
    snprintf(count, sizeof count, "%d", j->v.count[c]);
    if (j->o->thoughts == THOUGHTS_CHAIN) add_steps(&steps, j, c);
    if (j->o->thoughts == THOUGHTS_NONE) buf_puts(&steps, label);
    else template_fill(out, j->t, SEC_VISIT, (struct value[]){
        { "label", label }, { "candidate", view_title(j->v.candidate[c]) }, { "count", count },
        { "level", level }, { "levels", j->v.levels[c] }, { "steps", buf_text(&steps) }, { NULL, NULL } });
    if (j->o->thoughts == THOUGHTS_NONE) buf_puts(out, buf_text(&steps));
    buf_free(&steps);
}

/* A candidate's letter as it stands behind the answer's prefix. */
static void add_label(struct buf *out, const struct job *j, int c) {
    char label[2];

    label_text(label, c);
    template_fill(out, j->t, SEC_LABEL, (struct value[]){ { "label", label }, { NULL, NULL } });
}

/* Visits the contenders up to the truth, then answers. */
static void add_choice(struct buf *out, const struct job *j) {
    for (int k = 0; k < j->contenders; k++) {
        int c = j->v.by_evidence[k];

        if (k) buf_puts(out, template_text(j->t, SEC_NEXT));
        add_visit(out, j, c);
        buf_puts(out, template_text(j->t, c == j->v.target ? SEC_YES : SEC_NO));
        if (c == j->v.target) break;
    }
    buf_puts(out, template_text(j->t, SEC_ANSWER));
    add_label(out, j, j->v.target);
}

static void add_rating(struct buf *out, const struct job *j, const json_t *rating) {
    char text[16];

    if (j->o->thoughts == THOUGHTS_CHAIN) add_steps(out, j, j->only);
    rating_text(text, rating);
    buf_puts(out, template_text(j->t, SEC_ANSWER));
    buf_puts(out, text);
}

static json_t *message(const char *role, const struct buf *text) {
    return json_pack("[{s:s, s:s%}]", "role", role, "content", buf_text(text), text->n);
}

/* What rollout needs to find the slots: the words as they stand in the completion. A rating has no blank in
 * front: most tokenizers cut digits off, so that " 5" would be two tokens. */
static json_t *slots(const struct job *j) {
    json_t *labels = json_array();
    json_t *out = json_pack("{s:s}", "answer", template_text(j->t, SEC_ANSWER));
    bool verdicts = j->only < 0 && j->o->thoughts != THOUGHTS_ANSWER;

    if (verdicts) {
        json_object_set_new(out, "yes", json_string(template_text(j->t, SEC_YES)));
        json_object_set_new(out, "no", json_string(template_text(j->t, SEC_NO)));
        json_object_set_new(out, "next", json_string(template_text(j->t, SEC_NEXT)));
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

/* Candidate number k of those that the completion visits. */
static int visited(const struct job *j, int k) {
    return j->only >= 0 ? j->only : j->v.by_evidence[k];
}

/* For each contender's best chain, what its writer may see at steps 1, 2, 3. The closing edge is there for
 * the true candidate alone: he sees it at a fourth step, with the answer. */
static json_t *levels(const struct job *j) {
    json_t *out = json_array();

    for (int k = 0; k < j->contenders; k++) {
        int c = visited(j, k), last = c == j->v.target ? 4 : 3;
        json_t *steps = json_array();

        for (int e = 1; e <= last && j->shown[c]; e++) {
            struct buf text = { 0 };

            add_chain(&text, j, c, 0, e);
            json_array_append_new(steps, json_stringn(buf_text(&text), text.n));
            buf_free(&text);
        }
        json_array_append_new(out, steps);
    }
    return out;
}

static json_t *small_numbers(const struct job *j, bool visit) {
    json_t *out = json_array();

    for (int k = 0; k < (visit ? j->contenders : j->v.n); k++)
        json_array_append_new(out, json_integer(visit ? visited(j, k) : (json_int_t)j->shown[k]));
    return out;
}

/* The record without what the prompt has consumed. */
static json_t *remaining(const json_t *rec) {
    static const char *const consumed[] = { "history", "chains", "counts", "facts", "drawn", "law" };
    json_t *out = json_copy((json_t *)rec);

    for (size_t i = 0; i < sizeof consumed / sizeof *consumed; i++) json_object_del(out, consumed[i]);
    return out;
}

static void plan(struct job *j) {
    size_t history = json_array_size(j->v.history);

    j->history = history < (size_t)j->o->history ? history : (size_t)j->o->history;
    j->contenders = j->o->contenders < j->v.n ? (int)j->o->contenders : j->v.n;
    if (j->only >= 0) j->contenders = 1;
    if (j->o->thoughts == THOUGHTS_ANSWER) j->contenders = 0;
    for (int k = 0; k < j->v.n; k++) {
        int c = j->v.by_evidence[k];
        size_t has = json_array_size(j->v.chains[c]);
        bool show = j->only >= 0 ? c == j->only : k < j->o->contenders;

        j->other[c] = !show;
        if (show) j->shown[c] = has < (size_t)j->o->show ? has : (size_t)j->o->show;
    }
}

/* Renders the question within the budget. */
static int fit_question(struct buf *out, struct job *j, prompt_fits *fits, void *ctx, struct err *err) {
    for (;;) {
        buf_clear(out);
        add_question(out, j);
        if (!fits || fits(ctx, buf_text(out), out->n)) return 0;
        if (!shrink(j)) return err_set(err, "the candidates alone are more than the token budget");
    }
}

/* Adds the fields that only the form rate has. */
static void set_rate_fields(json_t *out, const json_t *rec, int candidate) {
    const char *id = text_of(rec, "id");

    json_object_set_new(out, "case", json_string(id));
    json_object_set_new(out, "candidate", json_integer(candidate));
    json_object_set_new(out, "id", json_sprintf("%s:%d", id, candidate));
}

json_t *prompt_record(const json_t *rec, int candidate, const struct template *t,
                      const struct prompt_options *o, prompt_fits *fits, void *ctx, struct err *err) {
    struct job j = { .t = t, .o = o, .only = o->form == FORM_RATE ? candidate : -1 };
    struct buf question = { 0 }, completion = { 0 };
    const json_t *rating = json_object_get(rec, "target_rating");
    const char *id;
    char answer[16];
    json_t *out = NULL;

    if (jsonl_string(rec, "id", &id, err) || view_read(&j.v, rec, err)) return NULL;
    plan(&j);
    if (fit_question(&question, &j, fits, ctx, err)) goto done;
    if (j.only < 0) add_choice(&completion, &j);
    else add_rating(&completion, &j, j.only == j.v.target ? rating : NULL);
    if (j.only < 0) label_text(answer, j.v.target);
    else rating_text(answer, j.only == j.v.target ? rating : NULL);
    out = remaining(rec);
    if (j.only >= 0) set_rate_fields(out, rec, j.only);
    json_object_set_new(out, "form", json_string(j.only < 0 ? "choose" : "rate"));
    json_object_set_new(out, "prompt", message("user", &question));
    json_object_set_new(out, "completion", message("assistant", &completion));
    json_object_set_new(out, "answer", json_string(answer));
    json_object_set_new(out, "slots", slots(&j));
    json_object_set_new(out, "visit", small_numbers(&j, true));
    json_object_set_new(out, "shown", small_numbers(&j, false));
    if (o->levels) json_object_set_new(out, "levels", levels(&j));
done:
    buf_free(&question);
    buf_free(&completion);
    return out;
}
