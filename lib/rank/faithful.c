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

/* The change that a record is of. */
struct change {
    const char *edit;
    int64_t chosen, with;       /* with: -1, nobody */
    bool control;
};

static void count_citations(struct faithful_run *run, const json_t *rec, const char *text) {
    struct citation c;
    double all = 0, shown = 0;

    for (size_t pos = 0; answer_citation(text, &pos, &c); all++) shown += steps_shows(rec, &c);
    run->n++;
    run->cited += all > 0;
    run->citations += (size_t)all;
    run->shown += (size_t)shown;
    run->tt += shown * shown;
    run->tn += shown * all;
    run->nn += all * all;
}

/* The candidate that the sample answers, -1 without an answer. */
static int read_answer(int *answer, const json_t *sample, struct err *err) {
    const json_t *field = json_object_get(sample, "answer");
    const char *s = json_string_value(field);

    *answer = -1;
    if (json_is_null(field)) return 0;
    if (!s || s[0] < 'A' || s[0] >= 'A' + LETTERS || s[1])
        return err_set(err, "\"answer\" is not the letter of a candidate or null");
    *answer = s[0] - 'A';
    return 0;
}

/* The candidate of the best score, the first of those that tie, and the score of candidate c. */
static void read_scores(struct outcome *o, const json_t *sample, int64_t c) {
    const json_t *scores = json_object_get(sample, "scores"), *x;
    double best = -INFINITY;
    size_t k;

    o->best = -1;
    o->score = NAN;
    json_array_foreach(scores, k, x) {
        if (!json_is_number(x)) continue;
        if ((int64_t)k == c) o->score = (float)json_number_value(x);
        if (json_number_value(x) <= best) continue;
        best = json_number_value(x);
        o->best = (int)k;
    }
}

/* Reads the change of a record of a later run; the first one has none. */
static int read_change(struct change *c, const json_t *rec, bool first, struct err *err) {
    json_t *mark;

    if (first && json_object_get(rec, "counterfactual"))
        return err_set(err, "a counterfactual, where the first run is the original");
    if (first) return 0;
    if (jsonl_object(rec, "counterfactual", &mark, err)) return -1;
    if (jsonl_string(mark, "edit", &c->edit, err) || jsonl_int(mark, "chosen", 0, LETTERS - 1, &c->chosen, err) ||
        (json_object_get(mark, "with") && jsonl_int(mark, "with", 0, LETTERS - 1, &c->with, err)))
        return err_prefix(err, "\"counterfactual\"");
    c->control = json_is_true(json_object_get(mark, "control"));
    if (!c->control && !json_is_false(json_object_get(mark, "control")))
        return err_set(err, "\"counterfactual\": \"control\" is missing or not a boolean");
    return 0;
}

/* One model for all runs. */
static int check_model(struct faithful *f, const json_t *rec, struct err *err) {
    const char *model;

    if (jsonl_string(rec, "model", &model, err)) return -1;
    if (!f->model.n) buf_puts(&f->model, model);
    if (!strcmp(buf_text(&f->model), model)) return 0;
    return err_set(err, "\"model\" is %.40s, but %.40s in the records before", model, buf_text(&f->model));
}

/* The outcome's place: a new case of the original run, or one of its cases. */
static int find_place(struct faithful *f, struct faithful_run *run, const char *id, const struct change *c,
                      struct outcome **place, struct err *err) {
    const struct faithful_run *original = f->run;
    size_t known = f->ids.n, i;

    if (run == original) {
        if (known == IDS_MAX) return err_set(err, "more than %zu cases", IDS_MAX);
        i = ids_add(&f->ids, id, strlen(id));
        if (i == known) {
            run->of[0] = mem_grow(run->of[0], i, &run->cap, sizeof *run->of[0]);
            run->of[0][i].there = false;
        }
    } else {
        i = ids_find(&f->ids, id, strlen(id));
        if (i == SIZE_MAX) return err_set(err, "the case \"%.100s\" is not in %s", id, original->file);
        if (original->of[0][i].answer != c->chosen)
            return err_set(err, "%c was chosen, but not in %s", (char)('A' + c->chosen), original->file);
        if (*run->edit && strcmp(run->edit, c->edit))
            return err_set(err, "\"counterfactual\": the edit is not that of the records before");
        snprintf(run->edit, sizeof run->edit, "%s", c->edit);
        if (!c->control) run->with[i] = (int)c->with;
    }
    *place = &run->of[c->control][i];
    return (*place)->there ? err_set(err, "the case \"%.100s\" was read before", id) : 0;
}

static int take(struct faithful *f, struct faithful_run *run, const json_t *rec, struct err *err) {
    struct change c = { .chosen = -1, .with = -1 };
    struct outcome *place = NULL;
    const json_t *sample;
    const char *id, *text;
    json_t *samples;
    int answer;

    if (jsonl_string(rec, "id", &id, err) || check_model(f, rec, err) || read_change(&c, rec, run == f->run, err) ||
        jsonl_array(rec, "samples", &samples, err))
        return -1;
    if (!json_array_size(samples)) return err_set(err, "\"samples\" is empty");
    sample = json_array_get(samples, 0);
    if (jsonl_string(sample, "text", &text, err) || read_answer(&answer, sample, err))
        return err_prefix(err, "sample 0");
    if (find_place(f, run, id, &c, &place, err)) return -1;
    read_scores(place, sample, run == f->run ? answer : c.chosen);
    place->answer = answer;
    place->there = true;
    if (!c.control) count_citations(run, rec, text);
    return 0;
}

static struct faithful_run *add_run(struct faithful *f, const char *name, const char *file) {
    struct faithful_run *run;

    f->run = mem_grow(f->run, f->n, &f->cap, sizeof *f->run);
    run = &f->run[f->n++];
    *run = (struct faithful_run){ .name = name, .file = file };
    if (run == f->run) return run;
    for (int k = 0; k < 2; k++) run->of[k] = mem_calloc(f->ids.n, sizeof *run->of[k]);
    run->with = mem_alloc(f->ids.n, sizeof *run->with);
    for (size_t i = 0; i < f->ids.n; i++) run->with[i] = -1;
    return run;
}

int faithful_read(struct faithful *f, const char *name, const char *file, size_t *line, struct err *err) {
    char *files[] = { (char *)file, NULL };
    struct faithful_run *run = add_run(f, name, file);
    struct jsonl in;
    json_t *rec = NULL;
    int r;

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

void faithful_free(struct faithful *f) {
    for (size_t r = 0; r < f->n; r++) {
        free(f->run[r].of[0]);
        free(f->run[r].of[1]);
        free(f->run[r].with);
    }
    free(f->run);
    ids_free(&f->ids);
    buf_free(&f->model);
}
