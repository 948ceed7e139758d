/* rewarded — rewarded records become groups with advantages, and sums for the metric record. */
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
    double reward, deviation;       /* summed over samples; over groups */
    double tokens, prompt_tokens;   /* of samples; of prompts, each counted once a group */
    int n_parts;
    char name[REWARDED_PARTS][REWARDED_NAME];
    double part[REWARDED_PARTS], part_samples[REWARDED_PARTS];
};

/* Groups of one size. */
struct rewarded {
    struct bpe *bpe;                /* borrowed, as are chat and model */
    const struct chat *chat;
    int vocab, positions;           /* of the model */
    char model[17];                 /* fingerprint that records must name; "": any */
    bool scale;                     /* advantages are divided by the group's deviation */
    int size;                       /* samples of a group; 0: none read yet */
    struct rl_group *groups;        /* those with signal; owned */
    size_t n, cap;
    struct rewarded_stats stats;
};

/* Adds a record. Returns 0, or -1 with a sentence. */
int rewarded_add(struct rewarded *r, const json_t *rec, struct err *err);

void rewarded_free(struct rewarded *r);

#endif
