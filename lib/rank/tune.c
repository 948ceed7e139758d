/* tune — settings are compared by the grid's options alone: the others never change. */
#include "rank/tune.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "io/jsonl.h"
#include "rank/grid.h"
#include "rank/metrics.h"

enum { EPOCHS = 1000, PATIENCE = 10, PATIENCE_STEPS = 500 };

bool tune_possible(int kind) {
    return grid_row(kind, 0) != NULL;
}

void tune_open(struct tune *t, const struct baseline_options *o, struct pool *pool) {
    const struct grid_row *row;

    *t = (struct tune){ .start = *o, .stops = baseline_trained(o->kind), .pool = pool };
    for (int k = 0; (row = grid_row(o->kind, k)); k++) {
        if (!strcmp(row->option, "epochs")) t->stops = false;
        t->rows[t->n_rows++] = row;
    }
}

void tune_free(struct tune *t) {
    for (size_t i = 0; i < t->n; i++) case_free(&t->cases[i]);
    free(t->cases);
    baseline_free(t->model);
    free(t->raw);
    free(t->room);
    free(t->tried);
}

void tune_hold(struct tune *t, const char *option) {
    int n = 0;

    for (int k = 0; k < t->n_rows; k++)
        if (strcmp(t->rows[k]->option, option)) t->rows[n++] = t->rows[k];
    t->n_rows = n;
    if (!strcmp(option, "epochs")) t->stops = false;
}

int tune_add(struct tune *t, struct rec_case *c, struct err *err) {
    if (c->part == PART_TEST) return err_set(err, "a test case must not decide what is chosen");
    t->cases = mem_grow(t->cases, t->n, &t->cap, sizeof *t->cases);
    t->candidates += (size_t)c->n;
    t->cases[t->n++] = *c;
    *c = (struct rec_case){ 0 };
    return 0;
}

static bool is_pop(const struct grid_row *row) {
    return !strcmp(row->option, "pop-power") || !strcmp(row->option, "log-pop");
}

/* Which of the options differ. */
struct change {
    bool fit, score, pop;
};

static struct change changes(const struct tune *t, const struct baseline_options *a,
                             const struct baseline_options *b) {
    struct change c = { false, false, false };

    for (int k = 0; k < t->n_rows; k++) {
        const struct grid_row *row = t->rows[k];

        if (grid_get(a, row->option) == grid_get(b, row->option)) continue;
        *(row->fit ? &c.fit : is_pop(row) ? &c.pop : &c.score) = true;
    }
    return c;
}

static bool same(const struct tune *t, const struct baseline_options *a,
                 const struct baseline_options *b) {
    struct change c = changes(t, a, b);

    return !c.fit && !c.score && !c.pop;
}

/* Metrics of raw scores, with popularity taken out as `at` says. */
static struct metrics measure(const struct tune *t, const double *raw) {
    struct metrics sum = { 0 }, m;
    size_t first = 0;

    for (size_t i = 0; i < t->n; i++) {
        const struct rec_case *c = &t->cases[i];
        double *scores = mem_alloc((size_t)c->n, sizeof *scores);

        memcpy(scores, raw + first, (size_t)c->n * sizeof *scores);
        baseline_correct(&t->at, c, scores);
        metrics_case(&m, scores, (size_t)c->n, (size_t)c->target);
        metrics_add(&sum, &m);
        first += (size_t)c->n;
        free(scores);
    }
    return sum;
}

static int score_all(struct tune *t, double *raw, struct err *err) {
    size_t first = 0;

    for (size_t i = 0; i < t->n; i++) {
        if (baseline_raw(t->model, &t->cases[i], NULL, raw + first, err)) return -1;
        first += (size_t)t->cases[i].n;
    }
    return 0;
}

/* Epochs that may go by without a better one: few events make few steps an epoch. */
static long patience(const struct tune *t) {
    const struct graph *known = t->cases[0].split->known;
    size_t batch = t->at.fit.batch ? (size_t)t->at.fit.batch : 2048;
    size_t steps = known->item_row[known->items] / batch + 1;

    return steps > PATIENCE_STEPS / PATIENCE ? PATIENCE : (long)(PATIENCE_STEPS / steps);
}

/* Scores after each epoch, until no epoch is better; raw and fit.epochs are those of the best. */
static int stop_early(struct tune *t, struct err *err) {
    long at = 0, wait = patience(t);
    double best = -1;

    for (long e = 1; e <= EPOCHS && e - at <= wait; e++) {
        struct metrics m;

        t->at.fit.epochs = e;
        if (score_all(t, t->room, err)) return -1;
        m = measure(t, t->room);
        if (m.mrr <= best) continue;
        best = m.mrr;
        at = e;
        memcpy(t->raw, t->room, t->candidates * sizeof *t->raw);
    }
    t->at.fit.epochs = at;
    return 0;
}

/* Makes raw the scores of `at`, which a model that is there already may give. */
static int refresh(struct tune *t, struct err *err) {
    struct change c = changes(t, &t->at, &t->fitted);
    int r;

    if (t->model && !c.fit && !c.score) {
        t->at.fit.epochs = t->fitted.fit.epochs;
        return 0;
    }
    if (!t->model || c.fit) {
        baseline_free(t->model);
        t->model = baseline_new(&t->at, t->pool);
    }
    r = t->stops ? stop_early(t, err) : score_all(t, t->raw, err);
    t->fitted = t->at;
    return r;
}

/* Index of the setting in `tried`, which it is added to if it is new; SIZE_MAX after an error. */
static size_t try(struct tune *t, const struct baseline_options *o, struct err *err) {
    struct metrics m;

    for (size_t k = 0; k < t->n_tried; k++)
        if (same(t, o, &t->tried[k].o)) return k;
    t->at = *o;
    if (refresh(t, err)) return SIZE_MAX;
    m = measure(t, t->raw);
    t->tried = mem_grow(t->tried, t->n_tried, &t->tried_cap, sizeof *t->tried);
    t->tried[t->n_tried] = (struct tune_setting){ t->at, m.mrr / (double)t->n,
                                                  m.hr1 / (double)t->n };
    return t->n_tried++;
}

struct search {
    struct tune *t;
    size_t budget;
    void (*show)(void *ctx, const struct tune *t);
    void *ctx;
};

/* Tries one setting of a climb, and moves *at to it where it is better. Returns 0 or -1. */
static int step(const struct search *s, const struct baseline_options *o, size_t *at,
                struct err *err) {
    struct tune *t = s->t;
    size_t before = t->n_tried, k = try(t, o, err);

    if (k == SIZE_MAX) return -1;
    if (t->n_tried > before && s->show) s->show(s->ctx, t);
    if (*at == SIZE_MAX || t->tried[k].mrr > t->tried[*at].mrr) *at = k;
    if (t->tried[k].mrr > t->tried[t->best].mrr) t->best = k;
    return 0;
}

/* One coordinate after another, until a round changes nothing or the budget is spent. */
static int climb(const struct search *s, const struct baseline_options *from, struct err *err) {
    struct tune *t = s->t;
    size_t at = SIZE_MAX, last;

    if (step(s, from, &at, err)) return -1;
    do {
        last = at;
        for (int r = 0; r < t->n_rows; r++) {
            struct baseline_options o = t->tried[at].o;

            for (int k = 0; k < t->rows[r]->n && t->n_tried < s->budget; k++) {
                grid_set(&o, t->rows[r]->option, t->rows[r]->value[k]);
                if (step(s, &o, &at, err)) return -1;
            }
        }
    } while (at != last && t->n_tried < s->budget);
    return 0;
}

int tune_run(struct tune *t, long budget, void (*show)(void *ctx, const struct tune *t), void *ctx,
             struct err *err) {
    struct search s = { t, (size_t)budget, show, ctx };
    struct rng r = rng_start(t->start.seed, "tune", NULL);
    struct baseline_options from = t->start;
    int idle = 0;               /* climbs in a row that met nothing new: the grid is spent */

    t->raw = mem_alloc(t->candidates, sizeof *t->raw);
    t->room = mem_alloc(t->candidates, sizeof *t->room);
    while (t->n_tried < s.budget && idle < 100) {
        size_t before = t->n_tried;

        if (climb(&s, &from, err)) return -1;
        idle = t->n_tried > before ? 0 : idle + 1;
        for (int k = 0; k < t->n_rows; k++)
            grid_set(&from, t->rows[k]->option,
                     t->rows[k]->value[rng_below(&r, (uint64_t)t->rows[k]->n)]);
    }
    return 0;
}

const struct baseline_options *tune_best(const struct tune *t) {
    return &t->tried[t->best].o;
}

/* Adds one option of the best setting to the record. */
static void put(json_t *options, const struct tune *t, const char *name) {
    const struct cli_opt *row = baseline_option(name);
    double value = grid_get(tune_best(t), name);
    const char *word = row->meta;

    if (row->type == CLI_CHOICE) {
        for (int k = (int)value; k > 0; k--) word += strcspn(word, "|") + 1;
        json_object_set_new(options, name, json_stringn(word, strcspn(word, "|")));
    } else {
        json_object_set_new(options, name, row->type == CLI_INT ? json_integer((json_int_t)value)
                                                                : jsonl_real(value));
    }
}

static json_t *chosen(const struct tune *t) {
    json_t *options = json_object();

    for (int k = 0; k < t->n_rows; k++) put(options, t, t->rows[k]->option);
    if (t->stops) put(options, t, "epochs");
    return options;
}

const char *tune_line(const struct tune *t, struct buf *b) {
    json_t *options = chosen(t), *value;
    const char *name;

    buf_clear(b);
    buf_puts(b, baseline_name(t->start.kind));
    json_object_foreach(options, name, value) {
        if (json_is_string(value)) buf_printf(b, " --%s %s", name, json_string_value(value));
        else buf_printf(b, " --%s %g", name, json_number_value(value));
    }
    buf_printf(b, ": hr1 %.4f, mrr %.4f over %zu validation cases", t->tried[t->best].hr1,
               t->tried[t->best].mrr, t->n);
    json_decref(options);
    return buf_text(b);
}

json_t *tune_json(const struct tune *t) {
    return json_pack("{s:s, s:o, s:I, s:I, s:o, s:o}", "model", baseline_name(t->start.kind), "options",
                     chosen(t), "settings", (json_int_t)t->n_tried, "n", (json_int_t)t->n, "hr1",
                     jsonl_real(t->tried[t->best].hr1), "mrr", jsonl_real(t->tried[t->best].mrr));
}
