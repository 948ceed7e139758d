/* chain — enumerate the chains of a case with the law's mass of each, and draw.
 *
 * history → neighbours (shared items, similarity) → links (u1,i0) by neighbour → arcs (u1,c) by candidate
 *         → entries (link, arc) with running sums of the law → draws by bisection */
#include "graph/chain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const double RECENCY = 3, RECENT = 10, TRANSITION = 4;
enum { NEIGHBOUR = 2 };         /* shared items that make a neighbour (R2Rec, section 3.1) */

static const char *const factors[LAW_FACTORS] = { "transition", "similarity", "recency", "agreement" };

/* Reads one factor and its power from `text`, n bytes. */
static int parse_factor(struct chain_law *law, const char *text, size_t n, struct err *err) {
    size_t name = strcspn(text, "^*");
    double power = 1;

    if (text[name] == '^') {
        char *end;

        power = strtod(text + name + 1, &end);
        if (end != text + n || !(power > 0) || power > 16)
            return err_set(err, "law: the power in '%.*s' is not a number above 0, at most 16", (int)n, text);
    }
    for (int f = 0; f < LAW_FACTORS; f++) {
        if (strlen(factors[f]) != name || strncmp(text, factors[f], name)) continue;
        if (law->power[f]) return err_set(err, "law: '%s' stands twice", factors[f]);
        law->power[f] = power;
        return 0;
    }
    return err_set(err, "law: no factor '%.*s'", (int)name, text);
}

int chain_law_parse(struct chain_law *law, const char *text, struct err *err) {
    *law = (struct chain_law){ 0 };
    if (!strcmp(text, "uniform")) return 0;
    for (;; text++) {
        size_t n = strcspn(text, "*");

        if (parse_factor(law, text, n, err)) return -1;
        text += n;
        if (!*text) return 0;
    }
}

void chain_space_init(struct chain_space *s, int users) {
    size_t n = (size_t)users;

    *s = (struct chain_space){ .users = users };
    s->shared = mem_calloc(n, sizeof *s->shared);
    s->overlap = mem_calloc(n, sizeof *s->overlap);
    s->recent = mem_calloc(n, sizeof *s->recent);
    s->similarity = mem_calloc(n, sizeof *s->similarity);
    s->first = mem_alloc(n, sizeof *s->first);
    s->touched = mem_alloc(n, sizeof *s->touched);
    for (int u = 0; u < users; u++) s->first[u] = -1;
}

void chain_space_free(struct chain_space *s) {
    free(s->shared);
    free(s->overlap);
    free(s->recent);
    free(s->similarity);
    free(s->first);
    free(s->touched);
    free(s->links);
    free(s->arcs);
    free(s->entries);
    free(s->path);
    *s = (struct chain_space){ 0 };
}

/* Forgets the case before. */
static void clear(struct chain_space *s, int candidates) {
    for (int i = 0; i < s->n_touched; i++) {
        int u = s->touched[i];

        s->shared[u] = 0;
        s->overlap[u] = s->recent[u] = s->similarity[u] = 0;
        s->first[u] = -1;
    }
    s->n_touched = 0;
    s->n_links = s->n_arcs = s->n_entries = 0;
    if ((size_t)candidates > s->cap_path) {
        s->cap_path = (size_t)candidates;
        s->path = mem_realloc(s->path, s->cap_path, sizeof *s->path);
    }
    memset(s->path, 0, (size_t)candidates * sizeof *s->path);
}

static bool known(const struct rec_case *c, size_t e) {
    return c->split->known->edge_time[e] < c->at.before;
}

/* Number of u's events that the case may know. */
static size_t degree(const struct rec_case *c, int u) {
    const struct graph *g = c->split->known;
    size_t lo = g->user_row[u], hi = g->user_row[u + 1];

    if (c->at.before == INT64_MAX) return hi - lo;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (known(c, mid)) lo = mid + 1;
        else hi = mid;
    }
    return lo - g->user_row[u];
}

static void add_link(struct chain_space *s, int u, int rank, size_t edge) {
    s->links = mem_grow(s->links, s->n_links, &s->cap_links, sizeof *s->links);
    s->links[s->n_links] = (struct chain_link){ s->first[u], rank, edge };
    s->first[u] = (int)s->n_links++;
}

/* Counts item i of the history, at this rank, for everybody who had it. */
static void share_item(struct chain_space *s, const struct rec_case *c, int i, int rank, long window) {
    const struct graph *g = c->split->known;
    double idf = log(1 + (double)g->users / (double)case_item_count(c, i)), recent = idf * exp(-rank / RECENT);

    for (size_t p = g->item_row[i]; p < g->item_row[i + 1]; p++) {
        size_t e = g->item_edge[p];
        int u = g->edge_user[e];

        if (!known(c, e)) break;                /* postings are in order of time */
        if (u == c->at.user) continue;
        if (!s->shared[u]++) s->touched[s->n_touched++] = u;
        s->overlap[u] += idf;
        s->recent[u] += recent;
        if (rank < window) add_link(s, u, rank, e);
    }
}

static void find_neighbours(struct chain_space *s, const struct rec_case *c, long window) {
    const struct graph *g = c->split->known;
    size_t begin = g->user_row[c->at.user];

    for (size_t h = c->history; h-- > 0;)
        share_item(s, c, g->edge_item[begin + h], (int)(c->history - 1 - h), window);
    for (int k = 0; k < s->n_touched; k++) {
        int u = s->touched[k];
        double root = sqrt((double)degree(c, u));

        s->recent[u] /= root;
        if (s->shared[u] >= NEIGHBOUR) s->similarity[u] = s->overlap[u] / root;
    }
}

static double power(double x, double p) {
    return p == 0 ? 1 : p == 1 ? x : p == 2 ? x * x : pow(x, p);
}

static double agreement(const struct graph *g, const struct rec_case *c, const struct chain_link *l) {
    size_t own = g->user_row[c->at.user] + c->history - 1 - (size_t)l->rank;
    float a = g->edge_rating[own], b = g->edge_rating[l->edge];

    return isnan(a) || isnan(b) ? 1 : 1 / (1 + fabs((double)a - (double)b));
}

/* exp(-|g| / 4) and exp(-r / 3) to a power, for the first so many. */
enum { TABLE = 256 };
struct tables {
    double transition[TABLE], recency[TABLE], path_transition[TABLE], path_recency[TABLE];
};

static void fill_tables(struct tables *t, const struct chain_law *law) {
    for (int k = 0; k < TABLE; k++) {
        t->path_transition[k] = exp(-k / TRANSITION);
        t->path_recency[k] = exp(-k / RECENCY);
        t->transition[k] = exp(-k / TRANSITION * law->power[LAW_TRANSITION]);
        t->recency[k] = exp(-k / RECENCY * law->power[LAW_RECENCY]);
    }
}

static double looked_up(const double *table, long k, double scale) {
    return k < TABLE ? table[k] : exp(-(double)k * scale);
}

/* The chains over one event (u1,c): one per link of u1. */
static void add_entries(struct chain_space *s, const struct rec_case *c, const struct chain_law *law,
                        const struct tables *t, int arc, double similarity, double mass) {
    const struct graph *g = c->split->known;
    size_t e = s->arcs[arc].edge;
    int u = g->edge_user[e];
    double sum = s->n_entries ? s->entries[s->n_entries - 1].upto : 0, path = 0;

    for (int k = s->first[u]; k >= 0; k = s->links[k].next) {
        const struct chain_link *l = &s->links[k];
        long gap = labs((long)e - (long)l->edge);
        double w = mass;

        if (!gap) continue;                     /* the candidate is i0 itself */
        path += looked_up(t->path_transition, gap, 1 / TRANSITION) *
                looked_up(t->path_recency, l->rank, 1 / RECENCY);
        w *= looked_up(t->transition, gap, law->power[LAW_TRANSITION] / TRANSITION);
        w *= looked_up(t->recency, l->rank, law->power[LAW_RECENCY] / RECENCY);
        if (law->power[LAW_AGREEMENT]) w *= power(agreement(g, c, l), law->power[LAW_AGREEMENT]);
        s->entries = mem_grow(s->entries, s->n_entries, &s->cap_entries, sizeof *s->entries);
        s->entries[s->n_entries++] = (struct chain_entry){ sum += w, k, arc };
    }
    s->path[s->arcs[arc].candidate] += path * similarity;
}

static void add_candidate(struct chain_space *s, const struct rec_case *c, const struct chain_law *law,
                          const struct tables *t, int k) {
    const struct graph *g = c->split->known;
    int item = c->candidates[k];

    for (size_t p = g->item_row[item]; p < g->item_row[item + 1]; p++) {
        size_t e = g->item_edge[p];
        int u = g->edge_user[e];

        if (!known(c, e)) break;
        if (u == c->at.user || s->first[u] < 0 || s->similarity[u] <= 0) continue;
        s->arcs = mem_grow(s->arcs, s->n_arcs, &s->cap_arcs, sizeof *s->arcs);
        s->arcs[s->n_arcs++] = (struct chain_arc){ e, k };
        add_entries(s, c, law, t, (int)s->n_arcs - 1, s->similarity[u],
                    power(s->similarity[u], law->power[LAW_SIMILARITY]));
    }
}

void chain_enumerate(struct chain_space *s, const struct rec_case *c, const struct chain_law *law,
                     long window) {
    struct tables t;

    clear(s, c->n);
    fill_tables(&t, law);
    find_neighbours(s, c, window);
    for (int k = 0; k < c->n; k++) add_candidate(s, c, law, &t, k);
}

double chain_probability(const struct chain_space *s, size_t i) {
    double before = i ? s->entries[i - 1].upto : 0;

    return (s->entries[i].upto - before) / s->entries[s->n_entries - 1].upto;
}

/* The first entry whose sum is above x. */
static size_t bisect(const struct chain_space *s, double x) {
    size_t lo = 0, hi = s->n_entries - 1;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (s->entries[mid].upto > x) hi = mid;
        else lo = mid + 1;
    }
    return lo;
}

static int by_index(const void *a, const void *b) {
    size_t x = *(const size_t *)a, y = *(const size_t *)b;

    return (x > y) - (x < y);
}

/* By candidate, then weight; what is equal keeps the order of enumeration (edges are in that order). */
static int by_weight(const void *a, const void *b) {
    const struct chain *x = a, *y = b;

    if (x->candidate != y->candidate) return x->candidate < y->candidate ? -1 : 1;
    if (x->weight != y->weight) return x->weight > y->weight ? -1 : 1;
    if (x->edge[2] != y->edge[2]) return x->edge[2] < y->edge[2] ? -1 : 1;
    return (x->edge[0] < y->edge[0]) - (x->edge[0] > y->edge[0]);
}

static struct chain describe(const struct chain_space *s, const struct rec_case *c, size_t i) {
    const struct graph *g = c->split->known;
    const struct chain_link *l = &s->links[s->entries[i].link];
    const struct chain_arc *arc = &s->arcs[s->entries[i].arc];

    return (struct chain){
        .candidate = arc->candidate, .user = g->edge_user[arc->edge],
        .edge = { g->user_row[c->at.user] + c->history - 1 - (size_t)l->rank, l->edge, arc->edge },
        .gap = (int)((long)arc->edge - (long)l->edge), .count = 1, .weight = chain_probability(s, i)
    };
}

struct chain *chain_draw(const struct chain_space *s, const struct rec_case *c, long T, uint64_t seed,
                         size_t *n) {
    double total = s->n_entries ? s->entries[s->n_entries - 1].upto : 0;
    struct rng r = rng_start(seed, "chain", c->id);
    struct chain *chains;
    size_t *drawn;

    *n = 0;
    if (!(total > 0)) return mem_calloc(1, sizeof *chains);
    chains = mem_alloc((size_t)T, sizeof *chains);
    drawn = mem_alloc((size_t)T, sizeof *drawn);
    for (long k = 0; k < T; k++) drawn[k] = bisect(s, fmin(rng_real(&r) * total, nextafter(total, 0)));
    qsort(drawn, (size_t)T, sizeof *drawn, by_index);
    for (long k = 0; k < T; k++) {
        if (k && drawn[k] == drawn[k - 1]) chains[*n - 1].count++;
        else chains[(*n)++] = describe(s, c, drawn[k]);
    }
    free(drawn);
    qsort(chains, *n, sizeof *chains, by_weight);
    return chains;
}
