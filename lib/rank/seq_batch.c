/* seq_batch — sequences, their windows by epoch, and windows packed by time. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "rank/seq.h"

enum { TRIES = 100 };           /* draws of a negative before one that the user has is taken */

/* Events of a user that may be learned from. */
static size_t row_length(const struct split *s, int u) {
    return s->held && s->held[u] ? 0 : s->known->user_row[u + 1] - s->known->user_row[u];
}

/* The catalogue: what such events are on, in the graph's order. */
static void find_places(struct seq_data *d, const struct split *s) {
    const struct graph *g = s->known;

    d->place = mem_alloc((size_t)g->items, sizeof *d->place);
    d->name = mem_alloc((size_t)g->items, sizeof *d->name);
    for (int c = 0; c < g->items; c++) d->place[c] = -1;
    for (int u = 0; u < g->users; u++)
        for (size_t i = 0; i < row_length(s, u); i++)
            d->place[g->edge_item[g->user_row[u] + i]] = 0;
    for (int c = 0; c < g->items; c++) {
        if (d->place[c] < 0) continue;
        d->name[d->items] = c;
        d->place[c] = d->items++;
    }
}

void seq_data_make(struct seq_data *d, const struct split *split) {
    const struct graph *g = split->known;
    size_t n = 0;

    *d = (struct seq_data){ .known = g };
    find_places(d, split);
    d->user = mem_alloc((size_t)g->users, sizeof *d->user);
    d->row = mem_calloc((size_t)g->users + 1, sizeof *d->row);
    d->item = mem_alloc(g->edges, sizeof *d->item);
    for (int u = 0; u < g->users; u++) {
        size_t length = row_length(split, u);

        if (length < 2) continue;
        for (size_t i = 0; i < length; i++)
            d->item[n++] = d->place[g->edge_item[g->user_row[u] + i]];
        d->targets += length - 1;
        d->user[d->users++] = u;
        d->row[d->users] = n;
    }
}

void seq_data_free(struct seq_data *d) {
    free(d->place);
    free(d->name);
    free(d->user);
    free(d->row);
    free(d->item);
    *d = (struct seq_data){ 0 };
}

struct windows {
    struct seq_window *w;
    size_t n, cap;
};

/* The first window has all of its targets, whose earlier events it holds; each later one the next
 * `half`, but for the second, which has fewer by chance, so that places of the network and events
 * meet anew. */
static void cut(struct windows *out, const struct seq_data *d, int k, int length, struct rng *r) {
    int n = (int)(d->row[k + 1] - d->row[k]) - 1, half = length - length / 2;
    int done = n < length ? n : length, next = half - (int)rng_below(r, (uint64_t)half);
    struct seq_window w = { d->row[k], d->user[k], done, done };

    for (;;) {
        out->w = mem_grow(out->w, out->n, &out->cap, sizeof *out->w);
        out->w[out->n++] = w;
        if (done == n) return;
        w.targets = n - done < next ? n - done : next;
        done += w.targets;
        w.at = d->row[k] + (size_t)(done - length);
        next = half;
    }
}

size_t seq_windows(const struct seq_data *d, int length, uint64_t seed, long epoch,
                   struct seq_window **windows) {
    uint64_t stream = rng_bits(seed, rng_stream("windows", NULL), (uint64_t)epoch);
    struct rng r = { .seed = seed, .stream = stream };
    struct windows w = { 0 };

    for (int k = 0; k < d->users; k++) cut(&w, d, k, length, &r);
    for (size_t i = w.n; i-- > 1;) {
        size_t j = rng_below(&r, i + 1);
        struct seq_window keep = w.w[i];

        w.w[i] = w.w[j];
        w.w[j] = keep;
    }
    *windows = w.w;
    return w.n;
}

void seq_batch_make(struct seq_batch *b, int room, int length) {
    *b = (struct seq_batch){ .first = mem_alloc((size_t)length + 1, sizeof *b->first) };
    b->item = mem_alloc((size_t)room, sizeof *b->item);
    b->row = mem_alloc((size_t)room, sizeof *b->row);
    b->target = mem_alloc((size_t)room, sizeof *b->target);
    b->negative = mem_alloc((size_t)room, sizeof *b->negative);
}

void seq_batch_free(struct seq_batch *b) {
    free(b->first);
    free(b->item);
    free(b->row);
    free(b->target);
    free(b->negative);
    *b = (struct seq_batch){ 0 };
}

static int by_length(const void *a, const void *b) {
    const struct seq_window *x = a, *y = b;

    if (x->len != y->len) return x->len > y->len ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

static int draw_negative(const struct seq_data *d, int user, uint64_t key, size_t event) {
    struct rng r = { .seed = key, .stream = event };
    int item = (int)rng_below(&r, (uint64_t)d->items);

    for (int i = 0; i < TRIES && graph_has(d->known, user, d->name[item]); i++)
        item = (int)rng_below(&r, (uint64_t)d->items);
    return item;
}

/* Event number `event` of the data, which is at place t of its window. */
static void pack_event(struct seq_batch *b, const struct seq_data *d, const struct seq_window *w,
                       int t, const uint64_t *draws) {
    size_t event = w->at + (size_t)t;

    if (t >= w->len - w->targets) {
        b->row[b->n] = b->rows;
        if (draws) b->negative[b->n] = draw_negative(d, w->user, *draws, event + 1);
        b->target[b->n++] = d->item[event + 1];
    }
    b->item[b->rows++] = d->item[event];
}

void seq_pack(struct seq_batch *b, const struct seq_data *d, struct seq_window *w, int n,
              const uint64_t *draws) {
    qsort(w, (size_t)n, sizeof *w, by_length);
    b->windows = n;
    b->steps = w[0].len;
    b->rows = b->n = 0;
    for (int t = 0; t < b->steps; t++) {
        b->first[t] = b->rows;
        for (int i = 0; i < n && w[i].len > t; i++) pack_event(b, d, &w[i], t, draws);
    }
    b->first[b->steps] = b->rows;
}
