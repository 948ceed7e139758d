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

/* Whether a posting is another user's. */
static bool counts(const struct rec_case *c, size_t p) {
    return c->split->known->item_user[p] != c->at.user;
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
        struct chain_range range = chain_followed(s, c, item_at(c, r));

        for (size_t p = range.begin; p < range.end; p++)
            if (counts(c, p)) add_followers(x, s, c, g->item_edge[p], weight);
    }
}

/* Events of others on an item: all but his own, which are posted unless he is held back. */
static double popular(const struct rec_case *c, int item) {
    const struct graph *g = c->split->known;
    size_t n = graph_posted(g, item, c->at.before), end = g->user_row[c->at.user + 1];

    if (c->split->held && c->split->held[c->at.user]) return (double)n;
    for (size_t e = g->user_row[c->at.user]; e < end && known(c, e); e++) n -= g->edge_item[e] == item;
    return (double)n;
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
        struct chain_range range = chain_followed(s, c, c->candidates[k]);

        for (size_t p = range.begin; p < range.end; p++) {
            double y = s->near[g->item_user[p]].recent;

            x[k] += y > 0 && y >= t && counts(c, p);
        }
    }
}

/* The greatest similarity of those who had each candidate. */
static void best(double *x, const struct chain_space *s, const struct rec_case *c) {
    const struct graph *g = c->split->known;

    for (int k = 0; k < c->n; k++) {
        struct chain_range range = chain_followed(s, c, c->candidates[k]);

        for (size_t p = range.begin; p < range.end; p++)
            if (counts(c, p)) x[k] = fmax(x[k], s->similarity[g->item_user[p]]);
    }
}

/* The mean cosine of a candidate with u0's last items, by their users: mark[u] has a bit for each of those items. */
static void together(double *x, const struct chain_space *s, const struct rec_case *c) {
    const int *user = c->split->known->item_user;
    size_t items = c->history < TOGETHER_ITEMS ? c->history : TOGETHER_ITEMS;
    unsigned char *mark = mem_calloc((size_t)c->split->known->users, 1);
    double n[TOGETHER_ITEMS] = { 0 };

    for (size_t r = 0; r < items; r++) {
        struct chain_range range = chain_followed(s, c, item_at(c, r));

        for (size_t p = range.begin; p < range.end; p++) {
            if (!counts(c, p)) continue;
            mark[user[p]] |= (unsigned char)(1 << r);
            n[r]++;
        }
    }
    for (int k = 0; k < c->n; k++) {
        struct chain_range range = chain_followed(s, c, c->candidates[k]);
        double both[TOGETHER_ITEMS] = { 0 }, m = 0;

        for (size_t p = range.begin; p < range.end; p++) {
            if (!counts(c, p)) continue;
            for (size_t r = 0; r < items; r++) both[r] += mark[user[p]] >> r & 1;
            m++;
        }
        for (size_t r = 0; r < items; r++)
            if (both[r] > 0) x[k] += both[r] / sqrt(n[r] * m);
        if (items) x[k] /= (double)items;
    }
    free(mark);
}

static double days_to(const struct rec_case *c, size_t posting) {
    const struct graph *g = c->split->known;

    return (double)(c->split->all->edge_time[c->at.event] - g->edge_time[g->item_edge[posting]]) / DAY;
}

/* Events within seven days before the case. */
static double fresh(const struct chain_space *s, const struct rec_case *c, int item) {
    struct chain_range range = chain_followed(s, c, item);
    double n = 0;

    for (size_t p = range.begin; p < range.end; p++) n += counts(c, p) && days_to(c, p) >= 0 && days_to(c, p) < 7;
    return n;
}

/* Days since the first event, which is followed or not. */
static double age(const struct rec_case *c, int item) {
    const struct graph *g = c->split->known;
    size_t p = g->item_row[item], end = p + graph_posted(g, item, c->at.before);

    while (p < end && !counts(c, p)) p++;
    return p < end ? fmax(0, days_to(c, p)) : 0;
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
        together(x, s, c);
        return;
    case POPULAR:
        for (int k = 0; k < c->n; k++) x[k] = popular(c, c->candidates[k]);
        return;
    case BEST:
        best(x, s, c);
        return;
    case FRESH:
        for (int k = 0; k < c->n; k++) x[k] = fresh(s, c, c->candidates[k]);
        return;
    case AGE:
        for (int k = 0; k < c->n; k++) x[k] = age(c, c->candidates[k]);
    }
}

void facts_count(double *values, const int *which, int n, const struct chain_space *s, const struct rec_case *c) {
    memset(values, 0, (size_t)n * (size_t)c->n * sizeof *values);
    for (int k = 0; k < n; k++) count_fact(values + (size_t)k * (size_t)c->n, which[k], s, c);
}
