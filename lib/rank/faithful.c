/* faithful — rollout records to outcomes, with every check that pairing them rests on. */
#include "rank/faithful.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/jsonl.h"
#include "text/answer.h"
#include "text/steps.h"

enum { LETTERS = 26 };

/* What a record says of itself. */
struct said {
    const char *id, *text, *edit;
    int answer;                 /* -1: none */
    int64_t chosen, with;       /* with: -1, nobody */
    bool control;
};

/* What was changed; nothing in the first run. */
static int read_change(struct said *s, const json_t *rec, bool first, struct err *err) {
    json_t *mark;

    s->with = -1;
    if (first && json_object_get(rec, "counterfactual"))
        return err_set(err, "a counterfactual, where the first run is the original");
    if (first) return 0;
    if (jsonl_object(rec, "counterfactual", &mark, err)) return -1;
    if (jsonl_string(mark, "edit", &s->edit, err) || jsonl_int(mark, "chosen", 0, LETTERS - 1, &s->chosen, err) ||
        (json_object_get(mark, "with") && jsonl_int(mark, "with", 0, LETTERS - 1, &s->with, err)))
        return err_prefix(err, "\"counterfactual\"");
    s->control = json_is_true(json_object_get(mark, "control"));
    if (s->control || json_is_false(json_object_get(mark, "control"))) return 0;
    return err_set(err, "\"counterfactual\": \"control\" is missing or not a boolean");
}

/* One model for all runs; records without one are not held to it. */
static int check_model(struct faithful *f, const json_t *rec, struct err *err) {
    const char *model;

    if (!json_object_get(rec, "model")) return 0;
    if (jsonl_string(rec, "model", &model, err)) return -1;
    if (!f->model.n) buf_puts(&f->model, model);
    if (!strcmp(buf_text(&f->model), model)) return 0;
    return err_set(err, "\"model\" is %.40s, but %.40s in the records before", model, buf_text(&f->model));
}

/* A case of the original run. */
static int enter_case(struct faithful *f, size_t *i, const char *id, struct err *err) {
    struct faithful_run *run = f->run;
    size_t known = f->ids.n;

    if (known == IDS_MAX) return err_set(err, "more than %zu cases", IDS_MAX);
    *i = ids_add(&f->ids, id, strlen(id));
    if (*i < known) return 0;
    run->of = mem_grow(run->of, *i, &run->cap, sizeof *run->of);
    run->of[*i] = (struct outcome){ .with = -1 };
    return 0;
}

/* The original of a counterfactual. */
static int find_case(const struct faithful *f, struct faithful_run *run, size_t *i, const struct said *s,
                     struct err *err) {
    *i = ids_find(&f->ids, s->id, strlen(s->id));
    if (*i == SIZE_MAX) return err_set(err, "the case \"%.100s\" is not in %s", s->id, f->run->file);
    if (f->run->of[*i].answer[0] != s->chosen)
        return err_set(err, "%c was chosen, but not in %s", (char)('A' + s->chosen), f->run->file);
    if (!*run->edit) snprintf(run->edit, sizeof run->edit, "%s", s->edit);
    if (strcmp(run->edit, s->edit)) return err_set(err, "the edit is %.20s, but %s in the records before", s->edit, run->edit);
    return 0;
}

static void count_citations(struct faithful_run *run, const json_t *rec, const char *text) {
    struct citation c;
    double all = 0, shown = 0;

    for (size_t pos = 0; answer_citation(text, &pos, &c); all++) shown += steps_shows(rec, &c);
    stats_ratio_add(&run->truth, shown, all);
    run->uncited += all == 0;
}

static int take(struct faithful *f, struct faithful_run *run, const json_t *rec, struct err *err) {
    struct said s = { .control = false };
    bool first = run == f->run;
    struct outcome *o;
    size_t i = 0;

    if (jsonl_string(rec, "id", &s.id, err) || check_model(f, rec, err) || read_change(&s, rec, first, err) ||
        answer_first(rec, LETTERS, &s.text, &s.answer, err) || (first ? enter_case(f, &i, s.id, err) : find_case(f, run, &i, &s, err)))
        return -1;
    o = &run->of[i];
    if (o->there[s.control]) return err_set(err, "the case \"%.100s\" was read before", s.id);
    o->there[s.control] = true;
    o->answer[s.control] = (signed char)s.answer;
    if (s.control) return 0;
    o->with = (signed char)s.with;
    count_citations(run, rec, s.text);
    return 0;
}

int faithful_read(struct faithful *f, const char *name, const char *file, size_t *line, struct err *err) {
    char *files[] = { (char *)file, NULL };
    struct faithful_run *run;
    struct jsonl in;
    json_t *rec = NULL;
    int r;

    f->run = mem_grow(f->run, f->n, &f->cap, sizeof *f->run);
    run = &f->run[f->n++];
    *run = (struct faithful_run){ .name = name, .file = file };
    if (f->n > 1) run->of = mem_calloc(f->ids.n, sizeof *run->of);
    jsonl_open(&in, files);
    while ((r = jsonl_next(&in, &rec, err)) > 0) {
        r = take(f, run, rec, err);
        json_decref(rec);
        if (r) break;
    }
    *line = in.line;
    jsonl_close(&in);
    return r;
}

struct effect faithful_effect(const struct faithful *f, const struct faithful_run *run) {
    struct effect e = { .wins = 0 };

    for (size_t i = 0; i < f->ids.n; i++) {
        const struct outcome *was = &f->run->of[i], *is = &run->of[i];
        bool moved[2];

        if (!is->there[0] || !is->there[1]) continue;
        for (int k = 0; k < 2; k++) {
            moved[k] = is->answer[k] != was->answer[0];
            stats_add(&e.moved[k], moved[k]);
        }
        e.wins += moved[0] > moved[1];
        e.losses += moved[0] < moved[1];
        stats_add(&e.difference, moved[0] - moved[1]);
        stats_add(&e.followed, is->with < 0 ? NAN : is->answer[0] == is->with);
    }
    return e;
}

void faithful_free(struct faithful *f) {
    for (size_t r = 0; r < f->n; r++) free(f->run[r].of);
    free(f->run);
    ids_free(&f->ids);
    buf_free(&f->model);
}
