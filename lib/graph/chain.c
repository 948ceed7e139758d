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

void chain_space_init(struct chain_space *s, const struct graph *g) {
    *s = (struct chain_space){ 0 };
    s->near = mem_calloc((size_t)g->users, sizeof *s->near);
    s->touched = mem_alloc((size_t)g->users, sizeof *s->touched);
    s->place = mem_alloc((size_t)g->items, sizeof *s->place);
    s->first = mem_alloc((size_t)g->users, sizeof *s->first);
    for (int u = 0; u < g->users; u++) s->near[u].first = -1;
    for (int i = 0; i < g->items; i++) s->place[i] = -1;
}

void chain_space_free(struct chain_space *s) {
    free(s->near);
    free(s->touched);
    free(s->place);
    free(s->first);
    free(s->links);
    free(s->arcs);
    free(s->entries);
    free(s->path);
    free(s->candidates);
    *s = (struct chain_space){ 0 };
}

/* Forgets the case before. */
static void clear(struct chain_space *s) {
    for (int i = 0; i < s->n_touched; i++) s->near[s->touched[i]] = (struct neighbour){ .first = -1 };
    for (int k = 0; k < s->n_candidates; k++) s->place[s->candidates[k]] = -1;
    s->n_touched = s->n_candidates = 0;
    s->n_links = s->n_arcs = s->n_entries = 0;
}

static void place_candidates(struct chain_space *s, const struct rec_case *c) {
    if (c->n > s->cap_candidates) {
        s->cap_candidates = c->n;
        s->path = mem_realloc(s->path, (size_t)c->n, sizeof *s->path);
        s->candidates = mem_realloc(s->candidates, (size_t)c->n, sizeof *s->candidates);
    }
    s->n_candidates = c->n;
    for (int k = 0; k < c->n; k++) {
        s->candidates[k] = c->candidates[k];
        s->place[c->candidates[k]] = k;
        s->path[k] = 0;
    }
}

static bool known(const struct rec_case *c, size_t e) {
    return c->split->known->edge_time[e] < c->at.before;
}

static int by_time(const void *a, const void *b) {
    const int64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

/* Number of users of whom the case may know an event. */
static size_t known_users(struct chain_space *s, const struct rec_case *c) {
    const struct graph *g = c->split->known;
    size_t lo = 0, hi;

    if (s->known != g) {
        s->n_first = 0;
        for (int u = 0; u < g->users; u++)
            if (g->user_row[u] < g->user_row[u + 1]) s->first[s->n_first++] = g->edge_time[g->user_row[u]];
        qsort(s->first, s->n_first, sizeof *s->first, by_time);
        s->known = g;
    }
    for (hi = s->n_first; lo < hi;) {
        size_t mid = lo + (hi - lo) / 2;

        if (s->first[mid] < c->at.before) lo = mid + 1;
        else hi = mid;
    }
    return lo;
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
    s->links[s->n_links] = (struct chain_link){ s->near[u].first, rank, edge };
    s->near[u].first = (int)s->n_links++;
}

/* Counts item i of the history, at this rank, for everybody who had it. */
static void share_item(struct chain_space *s, const struct rec_case *c, double users, int i, int rank,
                       bool link) {
    const struct graph *g = c->split->known;
    size_t begin = g->item_row[i], end = begin + case_item_count(c, i);     /* in order of time */
    double idf = log(1 + users / (double)(end - begin)), recent = idf * exp(-rank / RECENT);

    for (size_t p = begin; p < end; p++) {
        int u = g->item_user[p];
        struct neighbour *n = &s->near[u];

        if (u == c->at.user) continue;
        if (!n->shared++) s->touched[s->n_touched++] = u;
        n->overlap += idf;
        n->recent += recent;
        if (link) add_link(s, u, rank, g->item_edge[p]);
    }
}

static double power(double x, double p) {
    return p == 0 ? 1 : p == 1 ? x : p == 2 ? x * x : pow(x, p);
}

static void find_neighbours(struct chain_space *s, const struct rec_case *c, const struct chain_law *law,
                            long window) {
    const struct graph *g = c->split->known;
    size_t begin = g->user_row[c->at.user];
    double users = (double)known_users(s, c);

    for (size_t h = c->history; h-- > 0;) {
        int rank = (int)(c->history - 1 - h);

        share_item(s, c, users, g->edge_item[begin + h], rank, rank < window);
    }
    for (int k = 0; k < s->n_touched; k++) {
        struct neighbour *n = &s->near[s->touched[k]];
        double root = sqrt((double)degree(c, s->touched[k]));

        n->recent /= root;
        if (n->shared < NEIGHBOUR) continue;
        n->similarity = n->overlap / root;
        n->mass = power(n->similarity, law->power[LAW_SIMILARITY]);
    }
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
                        const struct tables *t, int arc) {
    const struct graph *g = c->split->known;
    size_t e = s->arcs[arc].edge;
    const struct neighbour *n = &s->near[g->edge_user[e]];
    double sum = s->n_entries ? s->entries[s->n_entries - 1].upto : 0, path = 0;

    for (int k = n->first; k >= 0; k = s->links[k].next) {
        const struct chain_link *l = &s->links[k];
        long gap = labs((long)e - (long)l->edge);
        double w = n->mass;

        if (!gap) continue;                     /* the candidate is i0 itself */
        path += looked_up(t->path_transition, gap, 1 / TRANSITION) *
                looked_up(t->path_recency, l->rank, 1 / RECENCY);
        w *= looked_up(t->transition, gap, law->power[LAW_TRANSITION] / TRANSITION);
        w *= looked_up(t->recency, l->rank, law->power[LAW_RECENCY] / RECENCY);
        if (law->power[LAW_AGREEMENT]) w *= power(agreement(g, c, l), law->power[LAW_AGREEMENT]);
        s->entries = mem_grow(s->entries, s->n_entries, &s->cap_entries, sizeof *s->entries);
        s->entries[s->n_entries++] = (struct chain_entry){ sum += w, k, arc };
    }
    s->path[s->arcs[arc].candidate] += path * n->similarity;
}

static void add_candidate(struct chain_space *s, const struct rec_case *c, const struct chain_law *law,
                          const struct tables *t, int k) {
    const struct graph *g = c->split->known;
    int item = c->candidates[k];

    for (size_t p = g->item_row[item]; p < g->item_row[item + 1]; p++) {
        int u = g->item_user[p];

        if (u == c->at.user || s->near[u].first < 0 || s->near[u].shared < NEIGHBOUR) continue;
        if (!known(c, g->item_edge[p])) break;              /* postings are in order of time */
        s->arcs = mem_grow(s->arcs, s->n_arcs, &s->cap_arcs, sizeof *s->arcs);
        s->arcs[s->n_arcs++] = (struct chain_arc){ g->item_edge[p], k };
        add_entries(s, c, law, t, (int)s->n_arcs - 1);
    }
}

void chain_enumerate(struct chain_space *s, const struct rec_case *c, const struct chain_law *law,
                     long window) {
    struct tables t;

    clear(s);
    place_candidates(s, c);
    fill_tables(&t, law);
    find_neighbours(s, c, law, window);
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
