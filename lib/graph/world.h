/* world — a synthetic world of users and items whose law is known, so that the best possible hit
 * rate is computed and not guessed.
 *
 * Items have a vector clustered by genre, a lead (what one wants after them), a popularity by rank
 * and a day of release. A user has a taste, which drifts from session to session. The next item is
 * drawn by softmax over the items that are released and that the user has not had:
 *
 *     noise · utility(u, i, t) = taste · √D <p_u(t), v_i>  +  sequence · √D <q, v_i>
 *                                - popularity · ln(rank_i + 10)
 *     q = Σ_k exp(-k/2) lead(k-th last item, k = 0..4), scaled to length 1; 0 before any event
 *
 * Every number is a function of the options and of the name of the user or item: one user's walk
 * can be drawn again without the others'. man graphsynth writes the whole law. */
#ifndef GRAPH_WORLD_H
#define GRAPH_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "graph/graph.h"

enum {
    WORLD_GENRES = 18,          /* words for genres */
    WORLD_DIMS = 64,            /* the most dimensions of a taste */
    WORLD_ITEMS = 50000,        /* the most items: titles stay unique */
    WORLD_LAST = 5,             /* items whose lead pulls the next one */
    WORLD_BEGIN = 1577836800,   /* time begins: 2020-01-01 */
    WORLD_DAY = 86400,          /* seconds */
    WORLD_NAME = 24,            /* bytes for an identifier */
    WORLD_TITLE = 48            /* bytes for a title */
};

struct world_options {
    long users, items, events;  /* events: mean of a user */
    long dims, genres;
    long days;                  /* length of the time in which users begin */
    double session;             /* mean events of a session */
    double cluster;             /* share of an item's variance that its genres explain, 0 to 1 */
    double taste, popularity, sequence, noise;
    double turn;                /* share of a lead that is not the item's own vector, 0 to 1 */
    double drift;               /* share of the taste's variance renewed by each pause, 0 to 1 */
    double new_items;           /* share of the items released while time runs, 0 to 0.5 */
    double rating_noise;        /* standard deviation */
    uint64_t seed;
};

/* The world that the demo uses; fixed, since every measured result depends on it. */
#define WORLD_DEFAULTS \
    { .users = 1200, .items = 600, .events = 40, .dims = 24, .genres = 12, .days = 1000, \
      .session = 5, .cluster = 0.25, .taste = 1.6, .popularity = 1.5, .sequence = 1.4, .noise = 1, \
      .turn = 0.3, .drift = 0.1, .new_items = 0.1, .rating_noise = 0.6, .seed = 1 }

struct world_item {
    int genre[2];               /* the second is -1 where there is one genre */
    int64_t released;           /* seconds; INT64_MIN: before time begins */
    int year;
    char title[WORLD_TITLE];    /* no two items share one */
};

struct world {
    struct world_options o;
    struct world_item *item;    /* [items] */
    double *centre;             /* [genres, dims] */
    double *vector;             /* [items, dims] */
    double *lead;               /* [items, dims] */
    double *base;               /* [items]: what popularity adds to the utility */
    long fresh;                 /* items released while time runs */
};

/* Draws the items. The options must be within the bounds above, events <= items / 2.
 * Free it with world_free. */
struct world *world_new(const struct world_options *o);

/* The graph of all records, equal to the one that graph_read makes of what graphsynth prints.
 * Free it with graph_free. */
struct graph *world_graph(const struct world *w);

/* NULL is fine. */
void world_free(struct world *w);

/* Word of genre g. */
const char *world_genre(int g);

/* Names: "u1" is user 0, "i1" is item 0. */
void world_user_name(char name[WORLD_NAME], int u);
void world_item_name(char name[WORLD_NAME], int i);

/* Index of a name, or -1. */
int world_find_user(const struct world *w, const char *name);
int world_find_item(const struct world *w, const char *name);

struct world_event {
    int item;
    int rating;                 /* 1..5 */
    int64_t time;               /* strictly later than the user's event before */
};

/* One user's events, one after another. walk_moment and walk_choose take turns:
 *     while (walk_moment(&k)) e = walk_choose(&k); */
struct walk {
    const struct world *world;  /* borrowed */
    int user;
    long n;                     /* events that the user will have */
    long step;                  /* events chosen so far */
    double taste[WORLD_DIMS];   /* at this moment */
    int last[WORLD_LAST];       /* items chosen last, the latest first; -1: none */
    int64_t time;
    double pause;               /* mean days between sessions */
    struct rng clock, drift, choice, rating;
    double *utility;            /* [items] at this moment; -INFINITY: cannot be chosen */
    double *logprob;            /* [items] ln of the probability that it is chosen now */
    bool *taken;                /* [items] */
};

/* Places for one walk; free them with walk_free. Then walk_begin, as often as one likes. */
void walk_open(struct walk *k, const struct world *w);
void walk_free(struct walk *k);

/* Begins user u's walk. */
void walk_begin(struct walk *k, int u);

/* Moves to the next event's moment and fills utility and logprob. False when the walk is over. */
bool walk_moment(struct walk *k);

/* Draws the event of this moment. */
struct world_event walk_choose(struct walk *k);

#endif
