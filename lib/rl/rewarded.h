/* rewarded — rewarded records become groups, and sums for the metric record. */
#ifndef RL_REWARDED_H
#define RL_REWARDED_H

#include <jansson.h>

#include "base/err.h"
#include "rl/update.h"
#include "text/bpe.h"
#include "text/chat.h"

enum { REWARDED_PARTS = 32, REWARDED_NAME = 40 };

/* Sums over all samples; zero it first. */
struct rewarded_stats {
    double groups, silent;          /* silent: all rewards of the group are equal */
    double samples, valid;          /* valid: the text holds an answer */
    double cut;                     /* samples that ended at their limit */
    double reward, deviation;       /* summed over samples; over groups */
    double tokens, prompt_tokens;   /* of samples; of prompts, each counted once a group */
    double shortest, longest;       /* tokens of a sample */
    int n_parts;
    char name[REWARDED_PARTS][REWARDED_NAME];
    double part[REWARDED_PARTS];            /* mean */
    double part_square[REWARDED_PARTS];     /* squared differences from it, summed */
    double part_samples[REWARDED_PARTS];
};

/* Groups of one size. */
struct rewarded {
    struct bpe *bpe;                /* borrowed, as are chat and model */
    const struct chat *chat;
    int vocab, positions;           /* of the model */
    char model[17];                 /* fingerprint that records must name; "": any */
    bool any_weights;               /* records may have been sampled with rounded weights */
    bool keep_silent;               /* as long as not all of them are, with one reward */
    int size;                       /* samples of a group; 0: none read yet */
    double first;                   /* reward of the first sample */
    bool varied;                    /* another one has another */
    struct rl_group *groups;        /* those with signal, without advantages; owned */
    size_t n, cap;
    struct rewarded_stats stats;
};

/* Adds a record. Returns 0, or -1 with a sentence. */
int rewarded_add(struct rewarded *r, const json_t *rec, struct err *err);

/* After the last record: where one reward is all there is no group is left. */
void rewarded_end(struct rewarded *r);

void rewarded_free(struct rewarded *r);

#endif
