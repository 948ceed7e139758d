/* probes — a score for each candidate, and the hit at the first place. */
#include "rank/probes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/jsonl.h"
#include "rank/metrics.h"

const char *const probe_names[PROBES] = { "pop", "anti-pop", "id-distance", "shortest-title",
                                          "longest-title", "first" };

/* Sums of ties may be off by less. */
#define ROUNDING 1e-6

/* Sums over the permutations of a case. */
struct probed {
    size_t records;
    double hit[PROBES], chance;
};

/* The name as a whole number, NaN if it is none. */
static double number(const char *name) {
    return *name && strlen(name) == strspn(name, "0123456789") ? strtod(name, NULL) : NAN;
}

/* How far item is from the last one of the history; 0 where there is no history. */
static double distance(const struct rec_case *c, int item) {
    const struct graph *g = c->split->known;
    int last;
    double d;

    if (!c->history) return 0;
    last = g->edge_item[g->user_row[c->at.user] + c->history - 1];
    d = number(graph_item_name(g, item)) - number(graph_item_name(g, last));
    return fabs(isnan(d) ? (double)item - last : d);
}

static double title_length(const struct graph *g, int item) {
    size_t n = 0;

    for (const char *s = graph_item_title(g, item); *s; s++) n += (*s & 0xc0) != 0x80;
    return (double)n;
}

static double score(size_t probe, const struct rec_case *c, int k) {
    int item = c->candidates[k];

    switch (probe) {
    case 0: return (double)case_item_count(c, item);
    case 1: return -(double)case_item_count(c, item);
    case 2: return -distance(c, item);
    case 3: return -title_length(c->split->all, item);
    case 4: return title_length(c->split->all, item);
    default: return -k;
    }
}

static void take_case(struct probed *to, const struct rec_case *c) {
    double *scores = mem_alloc((size_t)c->n, sizeof *scores);

    to->records++;
    to->chance += 1 / (double)c->n;
    for (size_t probe = 0; probe < PROBES; probe++) {
        struct metrics m;

        for (int k = 0; k < c->n; k++) scores[k] = score(probe, c, k);
        metrics_case(&m, scores, (size_t)c->n, (size_t)c->target);
        to->hit[probe] += m.hr1;
    }
    free(scores);
}

/* Bytes of the id without the "~k" of a permutation. */
static size_t base_length(const char *id) {
    const char *mark = strrchr(id, '#'), *tilde = mark ? strchr(mark, '~') : NULL;

    return tilde ? (size_t)(tilde - id) : strlen(id);
}

int probes_take(struct probes *p, const json_t *rec, struct err *err) {
    struct rec_case c;
    size_t i;

    if (case_parse(&p->reader, rec, &c, err)) return -1;
    i = ids_add(&p->bases, c.id, base_length(c.id));
    if (i >= p->cap) {
        size_t cap = p->cap;

        p->probed = mem_grow(p->probed, i, &p->cap, sizeof *p->probed);
        memset(p->probed + cap, 0, (p->cap - cap) * sizeof *p->probed);
    }
    take_case(&p->probed[i], &c);
    case_free(&c);
    return 0;
}

struct probe probes_of(const struct probes *p, size_t k) {
    struct stats hit = { 0 }, chance = { 0 };
    struct probe found = { .n = p->bases.n };

    for (size_t i = 0; i < p->bases.n; i++) {
        const struct probed *one = &p->probed[i];

        stats_add(&hit, one->hit[k] / (double)one->records);
        stats_add(&chance, one->chance / (double)one->records);
    }
    found.hr1 = stats_mean(&hit);
    found.chance = stats_mean(&chance);
    found.p = stats_binomial((size_t)ceil(hit.sum - 0.5 - ROUNDING), found.n, found.chance);
    return found;
}

void probes_free(struct probes *p) {
    case_reader_close(&p->reader);
    ids_free(&p->bases);
    free(p->probed);
}
