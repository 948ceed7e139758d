/* seq — what the sequence models sasrec and gru4rec share: windows of the users' events packed into
 * batches, the loss over the catalogue, and the steps of training. Private to lib/rank.
 *
 * A network reads a window of items and gives a state [dim] after each of them; the score of an
 * item is the state's product with the item's row of the table, which is the network's input, too.
 * One pass over a window so predicts the next item at each of its places.
 *
 * Rows of a batch lie by time: first the first item of every window, then the second of those that
 * have one, and so on; windows are in order of falling length. */
#ifndef RANK_SEQ_H
#define RANK_SEQ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/pool.h"
#include "graph/split.h"
#include "model/params.h"
#include "rank/fit.h"
#include "tensor/real.h"

enum {
    SEQ_ROWS = 1024,            /* rows of a pass, unless one window is longer */
    SEQ_PAD = 16                /* rows of the table of items are a multiple of it */
};

struct seq_shape {
    int items;                  /* the catalogue */
    int dim, hidden, layers, heads, length;
    double dropout;
};

struct seq_batch {
    int windows, steps, rows;   /* steps: of the longest window */
    int *first;                 /* [length + 1] first row of a step; of steps: `rows` */
    int *item;                  /* [rows] */
    int n;                      /* targets, by row */
    int *row, *target, *negative;   /* [n] */
};

/* Keys of the masks of one pass; NULL where nothing is dropped. */
struct seq_drop {
    uint64_t key;               /* of this batch: a layer mixes its own number in (seq_site) */
    unsigned zeros;             /* of 65536 */
};

/* The key of place number `site` in the network. */
uint64_t seq_site(const struct seq_drop *d, int site);

/* A network: the first member of struct sasrec and struct gru4rec. Parameters start at random by
 * the seed. */
struct seq_net {
    const struct seq_kind *kind;
    struct seq_shape shape;
    struct pool *pool;          /* borrowed */
    struct params p;
    size_t table;               /* offset of the items' rows, [items rounded up to SEQ_PAD, dim] */
    int room;                   /* rows that a batch may have */
};

struct seq_kind {
    const char *name;
    /* Whether the shape can be made: 0 or -1. */
    int (*check)(const struct seq_shape *s, struct err *err);
    /* Lays the network out; nothing large is allocated yet. The pool is borrowed. */
    struct seq_net *(*make)(const struct seq_shape *s, struct pool *pool);
    /* Reals of activations and scratch that `room` rows need. */
    size_t (*size)(const struct seq_net *net);
    /* Fills the matrices (vectors are what seq_start made them) and makes the room for
     * activations. */
    void (*start)(struct seq_net *net, uint64_t seed);
    /* States [n, dim] at the targets' rows; borrowed until the next call. */
    real *(*forward)(struct seq_net *net, const struct seq_batch *b, const struct seq_drop *drop);
    /* Adds to grad, a block; dout[n, dim] is used up. After forward with the same batch and
     * drop. */
    void (*backward)(struct seq_net *net, const struct seq_batch *b, const struct seq_drop *drop,
                     real *dout, real *grad);
    void (*drop)(struct seq_net *net);
};

extern const struct seq_kind seq_sasrec, seq_gru4rec;

/* Fills in what every network has, and appends the table; there will be `tensors` tensors in
 * all. */
void seq_net_make(struct seq_net *net, const struct seq_kind *kind, const struct seq_shape *s,
                  struct pool *pool, int tensors);

/* Appends a tensor, or a vector (rows 0); returns its offset. */
size_t seq_tensor(struct seq_net *net, const char *name, int layer, int rows, int cols);

/* Makes the parameters: norms' weights (names that end in "norm.weight") 1, all else 0; then what
 * the kind says, then zeros behind the last item. seq_net_free is for the kind's drop. */
void seq_start(struct seq_net *net, uint64_t seed);
void seq_net_free(struct seq_net *net);

/* Fills a tensor with normal numbers of this deviation, or uniform ones within the bound. */
void seq_normal(struct seq_net *net, const struct tensor *t, double deviation, uint64_t seed);
void seq_uniform(struct seq_net *net, const struct tensor *t, double bound, uint64_t seed);

/* Takes n reals from a block, at a multiple of 16: NULL where base is, to count them alone. */
real *seq_piece(real *base, size_t *used, size_t n);

/* to[n, C] = the targets' rows of from[rows, C]; and back, where all other rows become 0. */
void seq_gather(const struct seq_batch *b, real *to, const real *from, int C);
void seq_spread(const struct seq_batch *b, real *to, const real *from, int C);

/* sum[C] += sums over the rows of a[rows, C], or of a b where b is not NULL. */
void seq_column_sums(const struct seq_net *net, real *sum, const real *a, const real *b, int rows,
                     int C);

/* x[rows, dim] = the items' rows of the table, and the way back. */
void seq_embed(const struct seq_net *net, const struct seq_batch *b, real *x);
void seq_embed_backward(const struct seq_net *net, const struct seq_batch *b, const real *dx,
                        real *grad);

/* The known events of the users that are learned from, items by their place in the catalogue. */
struct seq_data {
    const struct graph *known;  /* borrowed */
    int items;                  /* the catalogue: items with such an event */
    int *place;                 /* [known->items] or -1 */
    int *name;                  /* [items] number of an item in `known` */
    int users;
    int *user;                  /* [users] those with a target: not held, two events or more */
    size_t *row;                /* [users + 1] in item */
    int *item;
    size_t targets;             /* events that follow another of their user */
};

void seq_data_make(struct seq_data *d, const struct split *split);
void seq_data_free(struct seq_data *d);

/* A window: `len` items from `at` on in seq_data.item; the last `targets` of them have their next
 * item as a target. */
struct seq_window {
    size_t at;
    int user, len, targets;
};

/* The windows of one epoch, shuffled: each target is in one of them, and has before it all of the
 * user's earlier events or at least half of `length`. Returns their number; free() *windows. */
size_t seq_windows(const struct seq_data *d, int length, uint64_t seed, long epoch,
                   struct seq_window **windows);

/* Room for batches of so many rows and steps. */
void seq_batch_make(struct seq_batch *b, int room, int length);
void seq_batch_free(struct seq_batch *b);

/* Packs windows, which it sorts by length. With `draws`, a key of rng, each target gets a
 * negative: an item that its user is not known to have (or, should he have nearly all, any). */
void seq_pack(struct seq_batch *b, const struct seq_data *d, struct seq_window *w, int n,
              const uint64_t *draws);

/* The loss of the states out[n, dim], summed over the batch's targets:
 *   full  log sum over all items of exp(out . e_i) - out . e_target
 *   bce   log(1 + exp(-out . e_target)) + log(1 + exp(out . e_negative)), one negative each
 * l->dout gets `weight` times its gradient, grad (a block) is added to. */
struct seq_loss {
    struct seq_net *net;        /* borrowed */
    enum fit_loss kind;
    int chunk;                  /* targets whose scores of all items are held at a time */
    real *dout;                 /* [room, dim] */
    real *scores;               /* [chunk, items rounded up] */
    double *losses;             /* [room] */
};

void seq_loss_make(struct seq_loss *l, struct seq_net *net, enum fit_loss kind);
void seq_loss_free(struct seq_loss *l);
size_t seq_loss_size(const struct seq_net *net);
double seq_loss_run(struct seq_loss *l, const struct seq_batch *b, const real *out, double weight,
                    real *grad);

#endif
