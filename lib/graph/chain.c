/* chain — enumerate the chains of a case with the law's mass of each, and draw.
 *
 * history → neighbours (shared items, similarity) → links (u1,i0) by neighbour
 *         → arcs (u1,c) by candidate → entries (link, arc) with running sums of the law
 *         → draws by bisection */
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

static void fill_decay(struct chain_decay *d, double transition, double recency) {
    for (int k = 0; k < CHAIN_TABLE; k++) {
        d->transition[k] = exp(-k / TRANSITION * transition);
        d->recency[k] = exp(-k / RECENCY * recency);
    }
}

int chain_law_parse(struct chain_law *law, const char *text, struct err *err) {
    bool uniform = !strcmp(text, "uniform");

    *law = (struct chain_law){ 0 };
    while (!uniform) {
        size_t n = strcspn(text, "*");

        if (parse_factor(law, text, n, err)) return -1;
        if (!text[n]) break;
        text += n + 1;
    }
    fill_decay(&law->decay, law->power[LAW_TRANSITION], law->power[LAW_RECENCY]);
    return 0;
}

void chain_space_init(struct chain_space *s, const struct graph *g) {
    *s = (struct chain_space){ 0 };
    s->near = mem_calloc((size_t)g->users, sizeof *s->near);
    s->similarity = mem_calloc((size_t)g->users, sizeof *s->similarity);
    s->mass = mem_alloc((size_t)g->users, sizeof *s->mass);
    s->begin = mem_alloc((size_t)g->users, sizeof *s->begin);
    s->touched = mem_alloc((size_t)g->users, sizeof *s->touched);
    s->place = mem_alloc((size_t)g->items, sizeof *s->place);
    s->first = mem_alloc((size_t)g->users, sizeof *s->first);
    for (int u = 0; u < g->users; u++) s->begin[u] = -1;
    for (int i = 0; i < g->items; i++) s->place[i] = -1;
    fill_decay(&s->decay, 1, 1);
}

void chain_space_free(struct chain_space *s) {
    free(s->near);
    free(s->similarity);
    free(s->mass);
    free(s->begin);
    free(s->touched);
    free(s->place);
    free(s->first);
    free(s->links);
    free(s->arcs);
    free(s->entries);
    free(s->candidates);
    *s = (struct chain_space){ 0 };
}

/* Forgets the case before. */
static void clear(struct chain_space *s) {
    for (int i = 0; i < s->n_touched; i++) {
        int u = s->touched[i];

        s->near[u] = (struct neighbour){ 0 };
        s->similarity[u] = 0;
        s->begin[u] = -1;
    }
    for (int k = 0; k < s->n_candidates; k++) s->place[s->candidates[k]] = -1;
    s->n_touched = s->n_candidates = 0;
    s->n_links = s->n_arcs = s->n_entries = 0;
}

static void place_candidates(struct chain_space *s, const struct rec_case *c) {
    if (c->n > s->cap_candidates) {
        s->cap_candidates = c->n;
        s->candidates = mem_realloc(s->candidates, (size_t)c->n, sizeof *s->candidates);
    }
    s->n_candidates = c->n;
    for (int k = 0; k < c->n; k++) {
        s->candidates[k] = c->candidates[k];
        s->place[c->candidates[k]] = k;
    }
}

/* Makes room for n elements; returns the array's place. */
static void *reserve(void *p, size_t n, size_t *cap, size_t size) {
    while (*cap < n) p = mem_grow(p, *cap, cap, size);
    return p;
}

/* How many of n rising times are before a time. */
static size_t count_before(const int64_t *time, size_t n, int64_t before) {
    size_t lo = 0;

    while (lo < n) {
        size_t mid = lo + (n - lo) / 2;

        if (time[mid] < before) lo = mid + 1;
        else n = mid;
    }
    return lo;
}

static int by_time(const void *a, const void *b) {
    const int64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

/* Number of users of whom the case may know an event; those held back are not counted. */
static size_t known_users(struct chain_space *s, const struct rec_case *c) {
    const struct graph *g = c->split->known;

    if (s->known != g) {
        s->n_first = 0;
        for (int u = 0; u < g->users; u++)
            if (g->user_row[u] < g->user_row[u + 1] && !(c->split->held && c->split->held[u]))
                s->first[s->n_first++] = g->edge_time[g->user_row[u]];
        qsort(s->first, s->n_first, sizeof *s->first, by_time);
        s->known = g;
    }
    return count_before(s->first, s->n_first, c->at.before);
}

/* Number of u's events that the case may know. */
static size_t degree(const struct rec_case *c, int u) {
    const struct graph *g = c->split->known;
    size_t begin = g->user_row[u], n = g->user_row[u + 1] - begin;

    return c->at.before == INT64_MAX ? n : count_before(g->edge_time + begin, n, c->at.before);
}

/* Where his own event on the target is among them another's takes its place: else it would give itself away. */
struct chain_range chain_followed(const struct chain_space *s, const struct rec_case *c, int item) {
    const struct graph *g = c->split->known;
    size_t first = g->item_row[item], end = first + graph_posted(g, item, c->at.before);
    size_t begin = end - first > s->degree ? end - s->degree : first;

    for (size_t p = begin; item == c->at.item && begin > first && p < end; p++)
        if (g->item_user[p] == c->at.user) return (struct chain_range){ begin - 1, end };
    return (struct chain_range){ begin, end };
}

/* Counts item i of the history, at this rank, for everybody who had it. */
static void share_item(struct chain_space *s, const struct rec_case *c, double users, int i, int rank,
                       bool link) {
    const struct graph *g = c->split->known;
    struct chain_range range = chain_followed(s, c, i);
    double idf = log(1 + users / (double)case_item_count(c, i)), recent = idf * exp(-rank / RECENT);

    for (size_t p = range.begin; p < range.end; p++) {
        int u = g->item_user[p];
        struct neighbour *n = &s->near[u];

        if (u == c->at.user) continue;
        if (!n->shared++) s->touched[s->n_touched++] = u;
        n->overlap += idf;
        n->recent += recent;
        n->links += link;
    }
}

static double power(double x, double p) {
    return p == 0 ? 1 : p == 1 ? x : p == 2 ? x * x : pow(x, p);
}

/* Neighbours, and room for the links of each. */
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
        int u = s->touched[k];
        struct neighbour *n = &s->near[u];
        double root = sqrt((double)degree(c, u));

        n->recent /= root;
        if (n->shared < NEIGHBOUR) continue;
        s->similarity[u] = n->overlap / root;
        s->mass[u] = power(s->similarity[u], law->power[LAW_SIMILARITY]);
        if (!n->links) continue;
        s->begin[u] = (int)s->n_links;
        s->n_links += (size_t)n->links;
    }
    s->links = reserve(s->links, s->n_links, &s->cap_links, sizeof *s->links);
}

static double agreement(const struct graph *g, size_t own, size_t other) {
    float a = g->edge_rating[own], b = g->edge_rating[other];

    return isnan(a) || isnan(b) ? 1 : 1 / (1 + fabs((double)a - (double)b));
}

static double looked_up(const double *table, long k, double scale) {
    return k < CHAIN_TABLE ? table[k] : exp(-(double)k * scale);
}

/* The links over the event (u0,i0) `own`: each goes behind those of earlier items. */
static void add_links(struct chain_space *s, const struct rec_case *c, const struct chain_law *law,
                      size_t own, int rank) {
    const struct graph *g = c->split->known;
    double recency = looked_up(law->decay.recency, rank, law->power[LAW_RECENCY] / RECENCY);
    double p = law->power[LAW_AGREEMENT];
    struct chain_range range = chain_followed(s, c, g->edge_item[own]);

    for (size_t k = range.begin; k < range.end; k++) {
        int u = g->item_user[k];
        size_t e = g->item_edge[k];

        if (s->begin[u] < 0) continue;
        s->links[s->begin[u]++] = (struct chain_link){
            e, rank, recency, p == 0 ? 1 : power(agreement(g, own, e), p)
        };
    }
}

static void link_neighbours(struct chain_space *s, const struct rec_case *c, const struct chain_law *law,
                            long window) {
    size_t begin = c->split->known->user_row[c->at.user];
    long rank = (long)c->history < window ? (long)c->history : window;

    while (rank-- > 0) add_links(s, c, law, begin + c->history - 1 - (size_t)rank, (int)rank);
    for (int k = 0; k < s->n_touched; k++) {
        int u = s->touched[k];

        if (s->begin[u] >= 0) s->begin[u] -= s->near[u].links;
    }
}

/* The chains over one event (u1,c): one per link of u1. */
static void add_entries(struct chain_space *s, const struct chain_law *law, int arc, int u) {
    const struct chain_link *links = s->links;
    double sum = s->n_entries ? s->entries[s->n_entries - 1].upto : 0, mass = s->mass[u];
    double scale = law->power[LAW_TRANSITION] / TRANSITION;
    int begin = s->begin[u], end = begin + s->near[u].links;
    long e = (long)s->arcs[arc].edge;
    struct chain_entry *out;

    s->entries = reserve(s->entries, s->n_entries + (size_t)(end - begin), &s->cap_entries, sizeof *s->entries);
    out = s->entries + s->n_entries;
    for (int k = begin; k < end; k++) {
        long gap = labs(e - (long)links[k].edge);

        if (!gap) continue;                     /* the candidate is i0 itself */
        sum += mass * looked_up(law->decay.transition, gap, scale) * links[k].recency * links[k].agreement;
        *out++ = (struct chain_entry){ sum, k, arc };
    }
    s->n_entries = (size_t)(out - s->entries);
}

static void add_candidate(struct chain_space *s, const struct rec_case *c, const struct chain_law *law, int k) {
    const struct graph *g = c->split->known;
    struct chain_range range = chain_followed(s, c, c->candidates[k]);

    for (size_t p = range.begin; p < range.end; p++) {
        int u = g->item_user[p];

        if (s->begin[u] < 0) continue;
        s->arcs = reserve(s->arcs, s->n_arcs + 1, &s->cap_arcs, sizeof *s->arcs);
        s->arcs[s->n_arcs] = (struct chain_arc){ g->item_edge[p], k };
        add_entries(s, law, (int)s->n_arcs++, u);
    }
}

void chain_enumerate(struct chain_space *s, const struct rec_case *c, const struct chain_law *law,
                     long window, long degree) {
    clear(s);
    s->degree = (size_t)degree;
    place_candidates(s, c);
    find_neighbours(s, c, law, window);
    link_neighbours(s, c, law, window);
    for (int k = 0; k < c->n; k++) add_candidate(s, c, law, k);
}

void chain_path(double *path, const struct chain_space *s) {
    const struct graph *g = s->known;
    size_t i = 0;

    for (int k = 0; k < s->n_candidates; k++) path[k] = 0;
    while (i < s->n_entries) {
        int arc = s->entries[i].arc;
        long e = (long)s->arcs[arc].edge;
        double sum = 0;

        for (; i < s->n_entries && s->entries[i].arc == arc; i++) {
            const struct chain_link *l = &s->links[s->entries[i].link];

            sum += looked_up(s->decay.transition, labs(e - (long)l->edge), 1 / TRANSITION) *
                   looked_up(s->decay.recency, l->rank, 1 / RECENCY);
        }
        path[s->arcs[arc].candidate] += sum * s->similarity[g->edge_user[e]];
    }
}

double chain_probability(const struct chain_space *s, size_t i) {
    return (s->entries[i].upto - (i ? s->entries[i - 1].upto : 0)) / s->entries[s->n_entries - 1].upto;
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
    const size_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
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
