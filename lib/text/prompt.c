/* prompt — view of a case → question, completion, slots. */
#include "text/prompt_own.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/jsonl.h"

void prompt_label(char out[2], int c) {
    out[0] = (char)('A' + c);
    out[1] = 0;
}

void prompt_rating(char out[16], const json_t *rating) {
    if (json_is_number(rating)) snprintf(out, 16, "%.3g", json_number_value(rating));
    else snprintf(out, 16, "?");
}

static const char *text_of(const json_t *rec, const char *field) {
    const char *s = json_string_value(json_object_get(rec, field));

    return s ? s : "";
}

void prompt_chain_values(struct value values[CHAIN_VALUES], struct chain_text *s, const struct prompt_job *j,
                         int c, size_t k) {
    const json_t *chain = json_array_get(j->v.chains[c], k);
    const json_t *ratings = json_object_get(chain, "ratings");

    snprintf(s->cite, sizeof s->cite, "%c%zu", 'A' + c, k + 1);
    snprintf(s->gap, sizeof s->gap, "%+.0f", json_number_value(json_object_get(chain, "gap")));
    for (size_t e = 0; e < 3; e++) prompt_rating(s->r[e], json_array_get(ratings, e));
    memcpy(values, (struct value[CHAIN_VALUES]){
        { "cite", s->cite }, { "item", text_of(chain, "item") }, { "title", view_title(chain) },
        { "user", text_of(chain, "user") }, { "candidate", view_title(j->v.candidate[c]) },
        { "gap", s->gap }, { "r1", s->r[0] }, { "r2", s->r[1] }, { "r3", s->r[2] }, { NULL, NULL }
    }, CHAIN_VALUES * sizeof *values);
}

void prompt_chain(struct buf *out, const struct prompt_job *j, int c, size_t k, int uncovered) {
    static const char *const names[] = { "edge1", "edge2", "edge3", "edge4" };
    struct value edges[] = { { "cite", NULL }, { "label", NULL }, { "edge1", NULL }, { "edge2", NULL },
                             { "edge3", NULL }, { "edge4", NULL }, { NULL, NULL } };
    struct value values[CHAIN_VALUES];
    struct chain_text s;
    struct buf text[4] = { { 0 } };
    char label[2];

    prompt_chain_values(values, &s, j, c, k);
    prompt_label(label, c);
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

static void add_candidate(struct buf *out, const struct prompt_job *j, int c) {
    const json_t *cand = j->v.candidate[c];
    const json_t *genres = json_object_get(cand, "genres");
    char label[2], year[24] = "", count[16], drawn[16], level[2] = { j->v.level[c], 0 };
    struct buf chains = { 0 }, genre = { 0 };

    prompt_label(label, c);
    if (json_is_number(json_object_get(cand, "year")))
        snprintf(year, sizeof year, "%.6g", json_number_value(json_object_get(cand, "year")));
    snprintf(count, sizeof count, "%d", j->v.count[c]);
    snprintf(drawn, sizeof drawn, "%d", j->v.drawn);
    for (size_t g = 0; g < json_array_size(genres); g++)
        buf_printf(&genre, "%s%s", g ? ", " : "", json_string_value(json_array_get(genres, g)));
    for (size_t k = 0; k < j->shown[c]; k++) prompt_chain(&chains, j, c, k, 3);
    template_fill(out, j->t, j->other[c] ? SEC_OTHER : SEC_CANDIDATE, (struct value[]){
        { "label", label }, { "item", text_of(cand, "item") }, { "title", view_title(cand) },
        { "year", year }, { "genres", buf_text(&genre) }, { "count", count }, { "drawn", drawn },
        { "level", level }, { "levels", j->v.levels[c] }, { "chains", buf_text(&chains) }, { NULL, NULL }
    });
    buf_free(&chains);
    buf_free(&genre);
}

static void add_history(struct buf *out, const struct prompt_job *j) {
    size_t n = json_array_size(j->v.history);

    for (size_t i = n - j->history; i < n; i++) {
        const json_t *h = json_array_get(j->v.history, i);
        char rating[16];

        if (out->n) buf_puts(out, "\n");
        prompt_rating(rating, json_object_get(h, "rating"));
        template_fill(out, j->t, SEC_HISTORY, (struct value[]){
            { "item", text_of(h, "item") }, { "title", view_title(h) }, { "rating", rating }, { NULL, NULL }
        });
    }
}

static void add_question(struct buf *out, const struct prompt_job *j) {
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
static bool shrink(struct prompt_job *j) {
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

static json_t *message(const char *role, const struct buf *text) {
    return json_pack("[{s:s, s:s%}]", "role", role, "content", buf_text(text), text->n);
}

int prompt_visited(const struct prompt_job *j, int k) {
    return j->only >= 0 ? j->only : j->v.by_evidence[k];
}

static json_t *small_numbers(const struct prompt_job *j, bool visit) {
    json_t *out = json_array();

    for (int k = 0; k < (visit ? j->contenders : j->v.n); k++)
        json_array_append_new(out, json_integer(visit ? prompt_visited(j, k) : (json_int_t)j->shown[k]));
    return out;
}

/* The record without what the prompt has consumed. */
static json_t *remaining(const json_t *rec) {
    static const char *const consumed[] = { "history", "chains", "counts", "facts", "drawn", "law" };
    json_t *out = json_copy((json_t *)rec);

    for (size_t i = 0; i < sizeof consumed / sizeof *consumed; i++) json_object_del(out, consumed[i]);
    return out;
}

static void plan(struct prompt_job *j) {
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
static int fit_question(struct buf *out, struct prompt_job *j, prompt_fits *fits, void *ctx, struct err *err) {
    for (;;) {
        buf_clear(out);
        add_question(out, j);
        if (!fits || fits(ctx, buf_text(out), out->n)) return 0;
        if (!shrink(j)) return err_set(err, "the candidates alone are more than the token budget");
    }
}

/* Changes the evidence as the options say, and the question with it. */
static void edit_question(struct buf *out, struct prompt_job *j) {
    const struct prompt_edit *e = &j->o->edit;
    int a = e->candidate, b = e->with;

    if (e->kind == EDIT_NONE) return;
    if (e->kind == EDIT_SWAP) {
        const json_t *chains = j->v.chains[a];
        size_t shown = j->shown[a];

        j->v.chains[a] = j->v.chains[b];
        j->v.chains[b] = chains;
        j->shown[a] = j->shown[b];
        j->shown[b] = shown;
    } else {
        j->shown[a] = 0;
    }
    if (e->kind == EDIT_EVIDENCE) {
        j->v.count[a] = 0;
        j->v.level[a] = '0';
        memset(j->v.levels[a], '0', strlen(j->v.levels[a]));
    }
    buf_clear(out);
    add_question(out, j);
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
    struct prompt_job j = { .t = t, .o = o, .only = o->form == FORM_RATE ? candidate : -1 };
    struct buf question = { 0 }, completion = { 0 };
    const json_t *rating = json_object_get(rec, "target_rating");
    const char *id;
    char answer[16];
    json_t *out = NULL;

    if (jsonl_string(rec, "id", &id, err) || view_read(&j.v, rec, err)) return NULL;
    plan(&j);
    if (fit_question(&question, &j, fits, ctx, err)) goto done;
    edit_question(&question, &j);
    prompt_completion(&completion, &j, j.only == j.v.target ? rating : NULL);
    if (j.only < 0) prompt_label(answer, j.v.target);
    else prompt_rating(answer, j.only == j.v.target ? rating : NULL);
    out = remaining(rec);
    if (j.only >= 0) set_rate_fields(out, rec, j.only);
    json_object_set_new(out, "form", json_string(j.only < 0 ? "choose" : "rate"));
    json_object_set_new(out, "prompt", message("user", &question));
    json_object_set_new(out, "completion", message("assistant", &completion));
    json_object_set_new(out, "answer", json_string(answer));
    json_object_set_new(out, "slots", prompt_slots(&j));
    json_object_set_new(out, "visit", small_numbers(&j, true));
    json_object_set_new(out, "shown", small_numbers(&j, false));
    if (o->levels) prompt_levels(out, &j);
done:
    buf_free(&question);
    buf_free(&completion);
    return out;
}
