/* walk — one user's events in a synthetic world: clock → drift of taste → utilities → choice. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "graph/world.h"

enum { LEAST_EVENTS = 10, MOST_EVENTS = 4, LIKED_GENRES = 3, MINUTE = 60 };
static const double LAST_DECAY = 2;         /* q weighs the k-th last item exp(-k / LAST_DECAY) */
static const double SESSION_MINUTES = 30;   /* the longest gap within a session */
static const double MEAN_RATING = 3.6, RATING_SLOPE = 0.8;
static const double TASTE_BY_GENRE = 0.5;   /* share of a taste that liked genres explain */

static double exponential(struct rng *r) {
    return -log(1 - rng_real(r));
}

void walk_open(struct walk *k, const struct world *w) {
    size_t items = (size_t)w->o.items;

    *k = (struct walk){ .world = w, .user = -1 };
    k->utility = mem_calloc(items, sizeof *k->utility);
    k->logprob = mem_calloc(items, sizeof *k->logprob);
    k->taken = mem_calloc(items, sizeof *k->taken);
}

void walk_free(struct walk *k) {
    free(k->utility);
    free(k->logprob);
    free(k->taken);
}

/* taste = keep · taste + renew · a fresh one of length near 1: some liked genres, and one's own. */
static void renew_taste(struct walk *k, double keep, double renew) {
    const struct world *w = k->world;
    double own = sqrt((1 - TASTE_BY_GENRE) / (double)w->o.dims);
    double liked = sqrt(TASTE_BY_GENRE / LIKED_GENRES);
    const double *centre[LIKED_GENRES];

    for (int j = 0; j < LIKED_GENRES; j++)
        centre[j] = w->centre + rng_below(&k->drift, (uint64_t)w->o.genres) * (size_t)w->o.dims;
    for (long d = 0; d < w->o.dims; d++) {
        double fresh = own * rng_normal(&k->drift);

        for (int j = 0; j < LIKED_GENRES; j++) fresh += liked * centre[j][d];
        k->taste[d] = keep * k->taste[d] + renew * fresh;
    }
}

/* Events that the user will have: a least number and an exponential rest, within bounds. */
static long draw_events(struct walk *k) {
    const struct world_options *o = &k->world->o;
    long least = o->events < LEAST_EVENTS ? o->events : LEAST_EVENTS;
    long most = MOST_EVENTS * o->events < o->items / 2 ? MOST_EVENTS * o->events : o->items / 2;
    long n = least + (long)(exponential(&k->clock) * (double)(o->events - least) + 0.5);

    return n < most ? n : most;
}

void walk_begin(struct walk *k, int u) {
    const struct world_options *o = &k->world->o;
    char name[WORLD_NAME];
    double active;

    world_user_name(name, u);
    k->user = u;
    k->step = 0;
    k->clock = rng_start(o->seed, "world clock", name);
    k->drift = rng_start(o->seed, "world taste", name);
    k->choice = rng_start(o->seed, "world choice", name);
    k->rating = rng_start(o->seed, "world rating", name);
    for (long i = 0; i < o->items; i++) k->taken[i] = false;
    for (int j = 0; j < WORLD_LAST; j++) k->last[j] = -1;
    k->n = draw_events(k);
    active = (0.1 + 0.4 * rng_real(&k->clock)) * (double)o->days;
    k->pause = active * o->session / (double)k->n;
    k->time = WORLD_BEGIN + (int64_t)(rng_real(&k->clock) * ((double)o->days - active) * WORLD_DAY);
    renew_taste(k, 0, 1);
}

/* Minutes within a session; at its end a pause of days, in which the taste drifts. */
static void advance_clock(struct walk *k) {
    const struct world_options *o = &k->world->o;

    k->time += MINUTE + (int64_t)(rng_real(&k->clock) * (SESSION_MINUTES - 1) * MINUTE);
    if (rng_real(&k->clock) >= 1 / o->session) return;
    k->time += (int64_t)(exponential(&k->clock) * k->pause * WORLD_DAY);
    if (o->drift > 0) renew_taste(k, sqrt(1 - o->drift), sqrt(o->drift));
}

/* query = what the taste and the last items ask of a vector. */
static void make_query(const struct walk *k, double query[WORLD_DIMS]) {
    const struct world *w = k->world;
    const struct world_options *o = &w->o;
    double q[WORLD_DIMS] = { 0 }, squares = 0;

    for (int j = 0; j < WORLD_LAST && k->last[j] >= 0; j++) {
        const double *lead = w->lead + (size_t)k->last[j] * (size_t)o->dims;

        for (long d = 0; d < o->dims; d++) q[d] += exp(-j / LAST_DECAY) * lead[d];
    }
    for (long d = 0; d < o->dims; d++) squares += q[d] * q[d];
    for (long d = 0; d < o->dims; d++) {
        double pull = squares > 0 ? q[d] / sqrt(squares) : 0;

        query[d] = sqrt((double)o->dims) * (o->taste * k->taste[d] + o->sequence * pull);
    }
}

static double dot(const double *a, const double *b, long D) {
    double sum = 0;

    for (long d = 0; d < D; d++) sum += a[d] * b[d];
    return sum;
}

bool walk_moment(struct walk *k) {
    const struct world *w = k->world;
    double query[WORLD_DIMS], most = -INFINITY, sum = 0, whole;

    if (k->step == k->n) return false;
    if (k->step) advance_clock(k);
    make_query(k, query);
    for (long i = 0; i < w->o.items; i++) {
        const double *v = w->vector + (size_t)i * (size_t)w->o.dims;
        bool open = !k->taken[i] && w->item[i].released <= k->time;

        k->utility[i] = open ? (w->base[i] + dot(query, v, w->o.dims)) / w->o.noise : -INFINITY;
        if (k->utility[i] > most) most = k->utility[i];
    }
    for (long i = 0; i < w->o.items; i++) sum += exp(k->utility[i] - most);
    whole = log(sum);
    for (long i = 0; i < w->o.items; i++) k->logprob[i] = k->utility[i] - most - whole;
    return true;
}

/* The item where the running sum of the probabilities passes a uniform number. */
static int draw_item(struct walk *k) {
    double rest = rng_real(&k->choice);
    int item = -1;

    for (int i = 0; i < k->world->o.items && rest >= 0; i++) {
        double p = exp(k->logprob[i]);

        if (p > 0) {
            item = i;
            rest -= p;
        }
    }
    assert(item >= 0);
    return item;
}

struct world_event walk_choose(struct walk *k) {
    const struct world *w = k->world;
    int item = draw_item(k);
    double liking = sqrt((double)w->o.dims) *
                    dot(k->taste, w->vector + (size_t)item * (size_t)w->o.dims, w->o.dims);
    double noise = w->o.rating_noise * rng_normal(&k->rating);
    double rating = MEAN_RATING + RATING_SLOPE * (liking - 1) + noise;

    k->taken[item] = true;
    for (int j = WORLD_LAST - 1; j; j--) k->last[j] = k->last[j - 1];
    k->last[0] = item;
    k->step++;
    rating = rating < 1 ? 1 : rating > 5 ? 5 : floor(rating + 0.5);
    return (struct world_event){ .item = item, .rating = (int)rating, .time = k->time };
}
