/* facts — every fact of graph/facts.h against a loop over all users that follows its sentence. */
#include "graph/facts.h"

#include "toy.h"

enum { WINDOW = 5, DEGREE = 12, USERS = 60, ITEMS = 16 };

/* Whether somebody else had the item. */
static bool other(const struct view *v, int u, int item) {
    return u != v->u0 && v->place[u][item] >= 0;
}

/* Whether his event on it is followed, too. */
static bool met(const struct view *v, int u, int item) {
    return u != v->u0 && v->followed[u][item];
}

static double popular(const struct view *v, int c) {
    double n = 0;

    for (int u = 0; u < v->users; u++) n += other(v, u, c);
    return n;
}

static double followed(const struct view *v, int c) {
    double n = 0;

    for (int u = 0; u < v->users; u++) n += met(v, u, c);
    return n;
}

static double follow(const struct view *v, int c) {
    double sum = 0;

    for (int r = 0; r < 12 && r < v->history; r++) {
        int i = view_item(v, r);

        for (int u = 0; u < v->users; u++) {
            int steps = met(v, u, i) && other(v, u, c) ? v->place[u][c] - v->place[u][i] : 0;

            if (steps >= 1 && steps <= 5) sum += exp(-r / 3.0);
        }
    }
    return sum;
}

static double lift(const struct view *v, int c) {
    return follow(v, c) / (popular(v, c) + 10);
}

static double path(const struct view *v, int c) {
    double sum = 0;

    for (int r = 0; r < WINDOW && r < v->history; r++) {
        int i = view_item(v, r);

        for (int u = 0; u < v->users; u++)
            if (i != c && met(v, u, i) && met(v, u, c) && view_shared(v, u) >= 2)
                sum += exp(-r / 3.0 - abs(v->place[u][c] - v->place[u][i]) / 4.0) *
                       view_overlap(v, u, 0);
    }
    return sum;
}

/* A user is near where fewer than k are nearer. */
static double near(const struct view *v, int c, int k) {
    double n = 0;

    for (int u = 0; u < v->users; u++) {
        double overlap = view_overlap(v, u, 10);
        int nearer = 0;

        if (!met(v, u, c) || overlap <= 0) continue;
        for (int w = 0; w < v->users; w++) nearer += w != v->u0 && view_overlap(v, w, 10) > overlap;
        n += nearer < k;
    }
    return n;
}

static double near20(const struct view *v, int c) {
    return near(v, c, 20);
}

static double near50(const struct view *v, int c) {
    return near(v, c, 50);
}

static double together(const struct view *v, int c) {
    int last = v->history < 3 ? v->history : 3;
    double sum = 0;

    for (int r = 0; r < last; r++) {
        int i = view_item(v, r);
        double both = 0;

        for (int u = 0; u < v->users; u++) both += met(v, u, i) && met(v, u, c);
        if (both > 0) sum += both / sqrt(followed(v, i) * followed(v, c));
    }
    return last ? sum / last : 0;
}

static double best(const struct view *v, int c) {
    double most = 0;

    for (int u = 0; u < v->users; u++)
        if (met(v, u, c) && view_shared(v, u) >= 2) most = fmax(most, view_overlap(v, u, 0));
    return most;
}

static double days_ago(const struct view *v, int u, int c) {
    return (double)(v->now - v->time[u][v->place[u][c]]) / TOY_DAY;
}

static double fresh(const struct view *v, int c) {
    double n = 0;

    for (int u = 0; u < v->users; u++)
        n += met(v, u, c) && days_ago(v, u, c) >= 0 && days_ago(v, u, c) < 7;
    return n;
}

static double age(const struct view *v, int c) {
    double most = 0;

    for (int u = 0; u < v->users; u++)
        if (other(v, u, c)) most = fmax(most, days_ago(v, u, c));
    return most;
}

static const struct {
    const char *name;
    double (*count)(const struct view *v, int c);
} naive[] = {
    { "follow", follow }, { "lift", lift }, { "path", path }, { "near20", near20 },
    { "near50", near50 }, { "together", together }, { "popular", popular }, { "best", best },
    { "fresh", fresh }, { "age", age }
};

static void check_facts(const struct rec_case *c) {
    struct chain_law law;
    struct chain_space s;
    struct view v;
    double x[FACTS * ITEMS];
    int all[FACTS];

    if (rng_bits(1, rng_stream("some", c->id), 0) % 8) return;
    view_make(&v, c, DEGREE);
    CHECK(facts_parse(all, "all", NULL) == FACTS);
    CHECK(!chain_law_parse(&law, "uniform", NULL));
    chain_space_init(&s, c->split->all);
    chain_enumerate(&s, c, &law, WINDOW, DEGREE);
    facts_count(x, all, FACTS, &s, c);
    for (int f = 0; f < FACTS; f++) {
        CHECK(!strcmp(naive[f].name, fact_names[f]));
        for (int k = 0; k < c->n; k++)
            CHECK_NEAR(x[f * c->n + k], naive[f].count(&v, c->candidates[k]), 1e-9);
    }
    chain_space_free(&s);
}

/* The facts that are asked for, in the order in which they are asked. */
static void check_names(void) {
    struct err err;
    int which[FACTS];

    CHECK(facts_parse(which, "none", &err) == 0);
    CHECK(facts_parse(which, "popular,follow", &err) == 2);
    CHECK(!strcmp(fact_names[which[0]], "popular") && !strcmp(fact_names[which[1]], "follow"));
    CHECK(facts_parse(which, "popular,", &err) == -1 && !strcmp(err.msg, "facts: no fact ''"));
    CHECK(facts_parse(which, "age,age", &err) == -1);
    CHECK(!strcmp(err.msg, "facts: 'age' stands twice"));
}

int main(void) {
    struct graph *g = toy_graph(1, USERS, ITEMS), *few = toy_graph(2, 6, ITEMS);

    check_names();
    toy_every_case(g, check_facts);
    toy_every_case(few, check_facts);
    graph_free(g);
    graph_free(few);
    return 0;
}
