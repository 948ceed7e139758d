/* facts — each a walk over the postings of a few items. */
#include "graph/facts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { FOLLOW, LIFT, PATH, NEAR20, NEAR50, TOGETHER, POPULAR, BEST, FRESH, AGE };
const char *const fact_names[FACTS] = { "follow", "lift", "path", "near20", "near50", "together", "popular",
                                        "best", "fresh", "age" };

enum { FOLLOW_ITEMS = 12, FOLLOW_STEPS = 5, TOGETHER_ITEMS = 3 };
static const double FOLLOW_DECAY = 3, LIFT_SHRINK = 10, DAY = 86400;

int facts_parse(int which[FACTS], const char *text, struct err *err) {
    int n = 0;

    if (!strcmp(text, "none")) return 0;
    if (!strcmp(text, "all")) {
        for (n = 0; n < FACTS; n++) which[n] = n;
        return n;
    }
    for (;; text++) {
        size_t len = strcspn(text, ",");
        int f = 0;

        while (f < FACTS && (strlen(fact_names[f]) != len || strncmp(text, fact_names[f], len))) f++;
        if (f == FACTS) return err_set(err, "facts: no fact '%.*s'", (int)len, text);
        for (int k = 0; k < n; k++)
            if (which[k] == f) return err_set(err, "facts: '%s' stands twice", fact_names[f]);
        which[n++] = f;
        text += len;
        if (!*text) return n;
    }
}

/* Item of rank r in the history, 0 the latest. */
static int item_at(const struct rec_case *c, size_t r) {
    const struct graph *g = c->split->known;

    return g->edge_item[g->user_row[c->at.user] + c->history - 1 - r];
}

static bool known(const struct rec_case *c, size_t e) {
    return c->split->known->edge_time[e] < c->at.before;
}

/* Whether posting p is another user's known event. */
static bool counts(const struct rec_case *c, size_t p) {
    const struct graph *g = c->split->known;

    return g->item_user[p] != c->at.user && (c->at.before == INT64_MAX || known(c, g->item_edge[p]));
}

/* Candidates among the events that follow event e of another user. */
static void add_followers(double *x, const struct chain_space *s, const struct rec_case *c, size_t e,
                          double weight) {
    const struct graph *g = c->split->known;
    size_t end = g->user_row[g->edge_user[e] + 1];

    for (size_t f = e + 1; f < end && f <= e + FOLLOW_STEPS && known(c, f); f++)
        if (s->place[g->edge_item[f]] >= 0) x[s->place[g->edge_item[f]]] += weight;
}

static void follow(double *x, const struct chain_space *s, const struct rec_case *c) {
    const struct graph *g = c->split->known;

    for (size_t r = 0; r < FOLLOW_ITEMS && r < c->history; r++) {
        double weight = exp(-(double)r / FOLLOW_DECAY);
        int i = item_at(c, r);

        for (size_t p = g->item_row[i]; p < g->item_row[i + 1]; p++)
            if (counts(c, p)) add_followers(x, s, c, g->item_edge[p], weight);
    }
}

static double popular(const struct rec_case *c, int item) {
    const struct graph *g = c->split->known;
    double n = 0;

    for (size_t p = g->item_row[item]; p < g->item_row[item + 1]; p++) n += counts(c, p);
    return n;
}

static int descending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;

    return (x < y) - (x > y);
}

/* The k-th greatest recent overlap; users at or above it are near. 0 where there are fewer. */
static double threshold(const struct chain_space *s, int k) {
    double *sorted = mem_alloc((size_t)s->n_touched, sizeof *sorted), t = 0;

    for (int i = 0; i < s->n_touched; i++) sorted[i] = s->near[s->touched[i]].recent;
    qsort(sorted, (size_t)s->n_touched, sizeof *sorted, descending);
    if (s->n_touched >= k) t = sorted[k - 1];
    free(sorted);
    return t;
}

/* How many of the users nearest by recent overlap had each candidate. */
static void near(double *x, const struct chain_space *s, const struct rec_case *c, int users) {
    const struct graph *g = c->split->known;
    double t = threshold(s, users);

    for (int k = 0; k < c->n; k++) {
        for (size_t p = g->item_row[c->candidates[k]]; p < g->item_row[c->candidates[k] + 1]; p++) {
            double y = s->near[g->item_user[p]].recent;

            x[k] += y > 0 && y >= t && counts(c, p);
        }
    }
}

/* The greatest similarity of those who had each candidate. */
static void best(double *x, const struct chain_space *s, const struct rec_case *c) {
    const struct graph *g = c->split->known;

    for (int k = 0; k < c->n; k++)
        for (size_t p = g->item_row[c->candidates[k]]; p < g->item_row[c->candidates[k] + 1]; p++)
            if (counts(c, p)) x[k] = fmax(x[k], s->similarity[g->item_user[p]]);
}

/* Common users of u0's item i and of each candidate, each as a cosine, added to x. */
static void add_cosines(double *x, const struct rec_case *c, int i, char *mark) {
    const struct graph *g = c->split->known;
    double n = 0;

    for (size_t p = g->item_row[i]; p < g->item_row[i + 1]; p++) {
        if (!counts(c, p)) continue;
        mark[g->item_user[p]] = 1;
        n++;
    }
    for (int k = 0; k < c->n; k++) {
        double both = 0, m = 0;

        for (size_t p = g->item_row[c->candidates[k]]; p < g->item_row[c->candidates[k] + 1]; p++) {
            if (!counts(c, p)) continue;
            both += mark[g->item_user[p]];
            m++;
        }
        if (both > 0) x[k] += both / sqrt(n * m);
    }
    for (size_t p = g->item_row[i]; p < g->item_row[i + 1]; p++) mark[g->item_user[p]] = 0;
}

static void together(double *x, const struct rec_case *c) {
    size_t n = c->history < TOGETHER_ITEMS ? c->history : TOGETHER_ITEMS;
    char *mark = mem_calloc((size_t)c->split->known->users, 1);

    for (size_t r = 0; r < n; r++) add_cosines(x, c, item_at(c, r), mark);
    for (int k = 0; k < c->n && n; k++) x[k] /= (double)n;
    free(mark);
}

/* Events within seven days before the case, or days since the first one. */
static void by_time(double *x, const struct rec_case *c, bool age) {
    const struct graph *g = c->split->known;
    int64_t now = c->split->all->edge_time[c->at.event];

    for (int k = 0; k < c->n; k++) {
        for (size_t p = g->item_row[c->candidates[k]]; p < g->item_row[c->candidates[k] + 1]; p++) {
            double days = (double)(now - g->edge_time[g->item_edge[p]]) / DAY;

            if (!counts(c, p)) continue;
            if (age) x[k] = fmax(x[k], days);
            else x[k] += days >= 0 && days < 7;
        }
    }
}

static void count_fact(double *x, int fact, const struct chain_space *s, const struct rec_case *c) {
    switch (fact) {
    case FOLLOW:
    case LIFT:
        follow(x, s, c);
        for (int k = 0; fact == LIFT && k < c->n; k++) x[k] /= popular(c, c->candidates[k]) + LIFT_SHRINK;
        return;
    case PATH:
        chain_path(x, s);
        return;
    case NEAR20:
    case NEAR50:
        near(x, s, c, fact == NEAR20 ? 20 : 50);
        return;
    case TOGETHER:
        together(x, c);
        return;
    case POPULAR:
        for (int k = 0; k < c->n; k++) x[k] = popular(c, c->candidates[k]);
        return;
    case BEST:
        best(x, s, c);
        return;
    default:
        by_time(x, c, fact == AGE);
    }
}

void facts_count(double *values, const int *which, int n, const struct chain_space *s, const struct rec_case *c) {
    memset(values, 0, (size_t)n * (size_t)c->n * sizeof *values);
    for (int k = 0; k < n; k++) count_fact(values + (size_t)k * (size_t)c->n, which[k], s, c);
}
