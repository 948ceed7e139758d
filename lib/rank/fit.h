/* fit — options of the models that learn by gradients: bpr, lightgcn, sasrec, gru4rec. */
#ifndef RANK_FIT_H
#define RANK_FIT_H

#include <stddef.h>
#include <stdint.h>

#include "base/cli.h"

enum fit_loss { FIT_FULL, FIT_BCE };    /* softmax over all known items; one drawn negative a target */

/* 0 is the model's own default, which man baseline gives. */
struct fit_options {
    long dim;                   /* width of an item's vector */
    long layers, heads;         /* lightgcn, sasrec, gru4rec; heads: sasrec */
    long hidden;                /* gru4rec: state; sasrec: between the two products of a block */
    long length;                /* sasrec, gru4rec: events of the history that are looked at */
    long epochs, batch;         /* passes over the events; events of a step */
    double learning_rate, l2, dropout;  /* dropout below 0: the model's own */
    int loss;                   /* sasrec, gru4rec: enum fit_loss */
};

#define FIT_DEFAULTS { .dropout = -1 }

/* Rows of an option table: T is the program's options struct, m its struct fit_options. */
#define FIT_OPTIONS(T, m) \
    { 0, "dim", CLI_INT, offsetof(T, m.dim), 0, 4096, "width of an item's vector; 0: the model's own", NULL }, \
    { 0, "layers", CLI_INT, offsetof(T, m.layers), 0, 64, "0: the model's own", NULL }, \
    { 0, "heads", CLI_INT, offsetof(T, m.heads), 0, 64, "sasrec: of attention; 0: 2", NULL }, \
    { 0, "hidden", CLI_INT, offsetof(T, m.hidden), 0, 16384, "inner width; 0: the model's own", NULL }, \
    { 0, "length", CLI_INT, offsetof(T, m.length), 0, 4096, \
      "events of the history that sasrec and gru4rec see; 0: 50", NULL }, \
    { 0, "epochs", CLI_INT, offsetof(T, m.epochs), 0, 1e6, "passes over the events; 0: the model's own", NULL }, \
    { 0, "batch", CLI_INT, offsetof(T, m.batch), 0, 1e7, "events of a step; 0: 2048", NULL }, \
    { 0, "learning-rate", CLI_REAL, offsetof(T, m.learning_rate), 0, 10, "0: the model's own", NULL }, \
    { 0, "reg", CLI_REAL, offsetof(T, m.l2), 0, 1e6, "weight of the squared norms; 0: the model's own", NULL }, \
    { 0, "dropout", CLI_REAL, offsetof(T, m.dropout), -1, 0.95, "below 0: the model's own", NULL }, \
    { 0, "loss", CLI_CHOICE, offsetof(T, m.loss), 0, 0, \
      "sasrec, gru4rec: softmax over all items, or against one drawn negative", "full|bce" }

#endif
