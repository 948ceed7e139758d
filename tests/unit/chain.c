/* chain — the enumerated chains and their probabilities are those of graph/chain.h, computed here
 * by loops over everything; draws follow them; neither the edge to the target nor an event to come
 * changes a chain, a count or a fact. */
#include "graph/chain.h"

#include "graph/facts.h"
#include "toy.h"

enum { WINDOW = 4, DEGREE = 6, DRAWS = 1000000 };

static const char *const laws[] = {
    "uniform", "transition", "similarity", "recency", "agreement",
    "transition^2*similarity^2*recency^2", "transition*similarity^0.5*recency^3*agreement^2"
};
static const double powers[][LAW_FACTORS] = {
    { 0, 0, 0, 0 }, { 1, 0, 0, 0 }, { 0, 1, 0, 0 }, { 0, 0, 1, 0 }, { 0, 0, 0, 1 },
    { 2, 2, 2, 0 }, { 1, 0.5, 3, 2 }
};
enum { LAWS = sizeof laws / sizeof *laws };

/* p[rank][u1][candidate]: the probability of every chain, 0 for what is none. */
typedef double table[WINDOW][TOY_USERS][TOY_ITEMS];

static double factors(const struct view *v, int r, int u, int c, const double *power) {
    int i = view_item(v, r), own = v->place[v->u0][i], at = v->place[u][i];
    double apart = fabs(v->rating[v->u0][own] - v->rating[u][at]);

    return pow(exp(-abs(v->place[u][c] - at) / 4.0), power[LAW_TRANSITION]) *
           pow(view_overlap(v, u, 0), power[LAW_SIMILARITY]) *
           pow(exp(-r / 3.0), power[LAW_RECENCY]) *
           pow(1 / (1 + (isnan(apart) ? 0 : apart)), power[LAW_AGREEMENT]);
}

/* Fills p; returns the number of chains. */
static size_t brute_force(table p, const struct rec_case *c, const double *power) {
    struct view v;
    double total = 0;
    size_t n = 0;

    view_make(&v, c, DEGREE);
    memset(p, 0, sizeof(table));
    for (int r = 0; r < WINDOW && r < v.history; r++) {
        for (int u = 0; u < v.users; u++) {
            int i = view_item(&v, r);

            if (u == v.u0 || !v.followed[u][i] || view_shared(&v, u) < 2) continue;
            for (int k = 0; k < c->n; k++) {
                int item = c->candidates[k];

                if (!v.followed[u][item] || item == i) continue;
                total += p[r][u][k] = factors(&v, r, u, item, power);
                n++;
            }
        }
    }
    for (int r = 0; r < WINDOW; r++)
        for (int u = 0; u < v.users; u++)
            for (int k = 0; k < c->n; k++) p[r][u][k] /= n ? total : 1;
    return n;
}

static struct chain_law parse(const char *text) {
    struct chain_law law;
    struct err err;

    CHECK(!chain_law_parse(&law, text, &err));
    return law;
}

/* Where entry i of the enumeration stands in a table; its edges are those of a chain. */
static double *cell(table p, const struct chain_space *s, const struct rec_case *c, size_t i) {
    const struct graph *g = c->split->known;
    const struct chain_link *l = &s->links[s->entries[i].link];
    const struct chain_arc *a = &s->arcs[s->entries[i].arc];
    size_t own = g->user_row[c->at.user] + c->history - 1 - (size_t)l->rank;

    CHECK(l->rank >= 0 && l->rank < WINDOW && (size_t)l->rank < c->history);
    CHECK(g->edge_user[own] == c->at.user && g->edge_item[own] == g->edge_item[l->edge]);
    CHECK(g->edge_user[l->edge] == g->edge_user[a->edge]);
    CHECK(g->edge_item[a->edge] == c->candidates[a->candidate]);
    return &p[l->rank][g->edge_user[a->edge]][a->candidate];
}

static void check_support(const struct rec_case *c) {
    static table p;

    for (int k = 0; k < LAWS; k++) {
        struct chain_law law = parse(laws[k]);
        struct chain_space s;

        chain_space_init(&s, c->split->all);
        chain_enumerate(&s, c, &law, WINDOW, DEGREE);
        CHECK(s.n_entries == brute_force(p, c, powers[k]));
        for (size_t i = 0; i < s.n_entries; i++) {
            double *want = cell(p, &s, c, i);

            CHECK(*want > 0);                           /* and not met before */
            CHECK_NEAR(chain_probability(&s, i), *want, 1e-12);
            *want = -1;
        }
        chain_space_free(&s);
    }
}

/* What chi-square of df degrees of freedom exceeds once in a hundred (Wilson, Hilferty 1931). */
static double critical(double df) {
    double z = 2.3263478740408408, v = 2 / (9 * df);

    return df * pow(1 - v + z * sqrt(v), 3);
}

/* Chains that are expected less than five times are counted together. */
static double chi_square(const double *p, const double *drawn, double T, double *df) {
    double x = 0, rare = 0, rare_drawn = 0, cells = 0;

    for (size_t k = 0; k < sizeof(table) / sizeof *p; k++) {
        double want = T * p[k], got = drawn[k];

        CHECK(want > 0 || got == 0);
        if (want < 5) {
            rare += want;
            rare_drawn += got;
        } else {
            x += (got - want) * (got - want) / want;
            cells++;
        }
    }
    if (rare > 0) x += (rare_drawn - rare) * (rare_drawn - rare) / rare;
    *df = cells + (rare > 0) - 1;
    return x;
}

/* What a chain says of itself, and its place among the chains that were drawn. */
static void check_chain(const struct chain *x, const struct rec_case *c, double p,
                        const struct chain *before) {
    const struct graph *g = c->split->known;

    CHECK(g->edge_user[x->edge[0]] == c->at.user);
    CHECK(g->edge_item[x->edge[0]] == g->edge_item[x->edge[1]]);
    CHECK(g->edge_user[x->edge[1]] == x->user && g->edge_user[x->edge[2]] == x->user);
    CHECK(g->edge_item[x->edge[2]] == c->candidates[x->candidate]);
    CHECK(x->gap == (int)((long)x->edge[2] - (long)x->edge[1]) && x->count > 0);
    CHECK_NEAR(x->weight, p, 1e-12);
    if (!before) return;
    CHECK(before->candidate <= x->candidate);
    CHECK(before->candidate < x->candidate || before->weight >= x->weight);
}

static void check_draws(const struct rec_case *c, int k) {
    static table p, drawn;
    struct chain_law law = parse(laws[k]);
    struct chain_space s;
    struct chain *chains;
    double df, x;
    long sum = 0;
    size_t n;

    brute_force(p, c, powers[k]);
    memset(drawn, 0, sizeof drawn);
    chain_space_init(&s, c->split->all);
    chain_enumerate(&s, c, &law, WINDOW, DEGREE);
    chains = chain_draw(&s, c, DRAWS, 1, &n);
    for (size_t i = 0; i < n; i++) {
        const struct chain *y = &chains[i];
        size_t begin = c->split->known->user_row[c->at.user];
        int rank = (int)(begin + c->history - 1 - y->edge[0]);

        check_chain(y, c, p[rank][y->user][y->candidate], i ? y - 1 : NULL);
        drawn[rank][y->user][y->candidate] += y->count;
        sum += y->count;
    }
    CHECK(sum == DRAWS);
    x = chi_square((double *)p, (double *)drawn, DRAWS, &df);
    if (x > critical(df)) fprintf(stderr, "%s: chi-square is %g on %g degrees\n", laws[k], x, df);
    CHECK(df > 50 && x <= critical(df));
    free(chains);
    chain_space_free(&s);
}

/* Every law on a test case that has all its chains. */
static void check_laws(const struct graph *g) {
    struct split_options o = { .kind = SPLIT_LOO, .min_history = 5 };
    struct split s;
    struct err err;
    struct rec_case c;

    CHECK(!split_make(&s, g, &o, PART_TEST, &err));
    c = toy_case(&s, 0, PART_TEST);
    for (int k = 0; k < LAWS; k++) check_draws(&c, k);
    case_free(&c);
    split_free(&s);
}

/* The known graph again: without the edge to the target, and with events of the time at.before and
 * after it, if any, of an old and a new user and of u0, on every item. */
static struct graph *replant(const struct rec_case *c, bool target, bool future) {
    const struct graph *g = c->split->known;
    struct graph_builder *b = graph_builder_new();
    const char *who[] = { graph_user_name(g, (c->at.user + 1) % g->users), "new",
                          graph_user_name(g, c->at.user) };

    for (int i = 0; i < g->items; i++) graph_add_item(b, graph_item_name(g, i), NULL, 0, NULL);
    for (size_t e = 0; e < g->edges; e++)
        if (target || g->edge_user[e] != c->at.user || g->edge_item[e] != c->at.item)
            graph_add_event(b, graph_user_name(g, g->edge_user[e]),
                            graph_item_name(g, g->edge_item[e]), g->edge_rating[e],
                            g->edge_time[e]);
    for (int k = 0; future && k < 3; k++)
        for (int i = 0; i < g->items; i++) {
            int u = graph_find_user(g, who[k]);

            if (u < 0 || !graph_has(g, u, i))
                graph_add_event(b, who[k], graph_item_name(g, i), 5, c->at.before + i % 2);
        }
    return graph_build(b, true);
}

/* The names behind a chain. */
static void check_same_chain(const struct graph *g, const struct chain *x, const struct graph *h,
                             const struct chain *y) {
    CHECK(x->candidate == y->candidate && x->gap == y->gap);
    CHECK(x->count == y->count && x->weight == y->weight);
    CHECK(!strcmp(graph_user_name(g, x->user), graph_user_name(h, y->user)));
    for (int k = 0; k < 3; k++)
        CHECK(!strcmp(graph_item_name(g, g->edge_item[x->edge[k]]),
                      graph_item_name(h, h->edge_item[y->edge[k]])));
}

/* A case in another known graph has the same chains, draws and facts, to the bit. */
static void check_same(const struct rec_case *c, struct graph *other, const char *text) {
    struct split split = { .all = c->split->all, .known = other };
    struct rec_case d = *c;
    struct chain_space s, t;
    struct chain_law law = parse(text);
    struct chain *x, *y;
    double a[FACTS * TOY_ITEMS], b[FACTS * TOY_ITEMS];
    int all[FACTS];
    size_t n, m;

    CHECK(facts_parse(all, "all", NULL) == FACTS);
    d.split = &split;
    d.at.user = graph_find_user(other, graph_user_name(c->split->all, c->at.user));
    if (d.at.user < 0) {                /* the target was all that was known of him */
        CHECK(!c->history);
        return;
    }
    d.at.item = graph_find_item(other, graph_item_name(c->split->all, c->at.item));
    d.candidates = mem_alloc((size_t)d.n, sizeof *d.candidates);
    for (int k = 0; k < d.n; k++)
        d.candidates[k] = graph_find_item(other, graph_item_name(c->split->all, c->candidates[k]));
    chain_space_init(&s, c->split->known);
    chain_space_init(&t, other);
    chain_enumerate(&s, c, &law, WINDOW, DEGREE);
    chain_enumerate(&t, &d, &law, WINDOW, DEGREE);
    CHECK(s.n_entries == t.n_entries);
    for (size_t i = 0; i < s.n_entries; i++) CHECK(s.entries[i].upto == t.entries[i].upto);
    x = chain_draw(&s, c, 60, 1, &n);
    y = chain_draw(&t, &d, 60, 1, &m);
    CHECK(n == m);
    for (size_t i = 0; i < n; i++) check_same_chain(c->split->known, &x[i], other, &y[i]);
    facts_count(a, all, FACTS, &s, c);
    facts_count(b, all, FACTS, &t, &d);
    CHECK(!memcmp(a, b, (size_t)(FACTS * c->n) * sizeof *a));
    free(x);
    free(y);
    free(d.candidates);
    chain_space_free(&s);
    chain_space_free(&t);
}

static void check_leaks(const struct rec_case *c) {
    bool limited = c->at.before != INT64_MAX;

    if (c->split->held && c->split->held[c->at.user]) return;   /* replant would not hold him back */
    for (int k = 0; k < LAWS; k++) {
        struct graph *bare = replant(c, false, false);

        check_same(c, bare, laws[k]);
        graph_free(bare);
        if (!limited) continue;
        bare = replant(c, true, true);
        check_same(c, bare, laws[k]);
        graph_free(bare);
    }
}

int main(void) {
    struct graph *g;

    for (uint64_t seed = 1; seed <= 6; seed++) {
        g = toy_graph(seed, 5 + (int)seed, 9);
        toy_every_case(g, check_support);
        toy_every_case(g, check_leaks);
        graph_free(g);
    }
    g = toy_graph(7, 16, 12);
    check_laws(g);
    graph_free(g);
    return 0;
}
