/* rated — a small array for each case that is still open. */
#include "rank/rated.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

struct open_case {
    size_t n, got, line;            /* candidates, those read, line of the first */
    double *rating;                 /* [n] */
    bool *has;                      /* [n] */
    char *id;
};

static struct open_case *open_new(const struct scored *s, size_t line) {
    struct open_case *c = mem_calloc(1, sizeof *c);

    *c = (struct open_case){ .n = s->n, .line = line, .id = mem_strdup(buf_text(&s->id)) };
    c->rating = mem_calloc(c->n, sizeof *c->rating);
    c->has = mem_calloc(c->n, sizeof *c->has);
    return c;
}

static void open_free(struct open_case *c) {
    if (!c) return;
    free(c->rating);
    free(c->has);
    free(c->id);
    free(c);
}

int rated_take(struct rated *r, size_t i, const struct scored *s, size_t line, double **scores,
               struct err *err) {
    struct open_case *c;

    for (; r->n <= i; r->n++) {
        r->open = mem_grow(r->open, r->n, &r->cap, sizeof *r->open);
        r->open[r->n] = NULL;
    }
    c = r->open[i];
    if (!c) c = r->open[i] = open_new(s, line);
    if (c->has[s->candidate])
        return err_set(err, "candidate %zu of the case \"%.100s\" was read before", s->candidate,
                       c->id);
    c->has[s->candidate] = true;
    c->rating[s->candidate] = s->has_scores ? s->scores[0] : NAN;
    if (++c->got < c->n) return 0;
    *scores = c->rating;
    c->rating = NULL;
    open_free(c);
    r->open[i] = NULL;
    return 1;
}

int rated_end(const struct rated *r, size_t *line, struct err *err) {
    for (size_t i = 0; i < r->n; i++) {
        const struct open_case *c = r->open[i];

        if (!c) continue;
        *line = c->line;
        return err_set(err, "the case \"%.100s\" has %zu of its %zu candidates", c->id, c->got,
                       c->n);
    }
    return 0;
}

void rated_free(struct rated *r) {
    for (size_t i = 0; i < r->n; i++) open_free(r->open[i]);
    free(r->open);
}
