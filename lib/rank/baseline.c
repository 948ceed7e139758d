/* baseline — the table of families, and what they share. */
#include "rank/baseline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/jsonl.h"
#include "rank/family.h"

static const struct family *const families[BASELINES] = {
    [BASELINE_RANDOM] = &family_random,         [BASELINE_POP] = &family_pop,
    [BASELINE_RECENT_POP] = &family_recent_pop, [BASELINE_ITEMKNN] = &family_itemknn,
    [BASELINE_USERKNN] = &family_userknn,       [BASELINE_MARKOV] = &family_markov,
    [BASELINE_EASE] = &family_ease,
    [BASELINE_ALS] = &family_als,               [BASELINE_BPR] = &family_bpr,
    [BASELINE_LIGHTGCN] = &family_lightgcn,     [BASELINE_SASREC] = &family_sasrec,
    [BASELINE_GRU4REC] = &family_gru4rec,
    [BASELINE_CHAINVOTE] = &family_chainvote,   [BASELINE_LOGISTIC] = &family_logistic
};

struct whole {
    struct baseline_options o;
};

static const struct cli_opt rows[] = { BASELINE_OPTIONS(struct whole, o), { 0 } };

const struct cli_opt *baseline_option(const char *name) {
    for (const struct cli_opt *row = rows; row->name; row++)
        if (!strcmp(row->name, name)) return row;
    return NULL;
}

bool baseline_takes(int kind, const char *option) {
    const char *list = families[kind]->options;
    size_t n = strlen(option);

    if (!baseline_option(option) || !strcmp(option, "model") || !strcmp(option, "seed")) return true;
    for (; *list; list += strcspn(list, " "), list += *list == ' ')
        if (strcspn(list, " ") == n && !memcmp(list, option, n)) return true;
    return false;
}

struct baseline {
    const struct family *family;
    const struct baseline_options *o;
    void *state;
};

void baseline_resolve(struct baseline_options *o) {
    const struct fit_options *own = &families[o->kind]->own;
    struct fit_options *fit = &o->fit;

    if (!fit->dim) fit->dim = own->dim;
    if (!fit->layers) fit->layers = own->layers;
    if (!fit->heads) fit->heads = own->heads;
    if (!fit->hidden) fit->hidden = own->hidden;
    if (!fit->length) fit->length = own->length;
    if (!fit->epochs) fit->epochs = own->epochs;
    if (!fit->batch) fit->batch = own->batch;
    if (fit->learning_rate == 0) fit->learning_rate = own->learning_rate;
    if (fit->l2 == 0) fit->l2 = own->l2;
    if (fit->dropout < 0) fit->dropout = own->dropout;
}

struct baseline *baseline_new(const struct baseline_options *o, struct pool *pool) {
    struct baseline *b = mem_calloc(1, sizeof *b);

    b->family = families[o->kind];
    b->o = o;
    b->state = b->family->make(o, pool);
    return b;
}

void baseline_free(struct baseline *b) {
    if (!b) return;
    b->family->drop(b->state);
    free(b);
}

const char *baseline_name(int kind) {
    return families[kind]->name;
}

const char *baseline_note(const struct baseline *b) {
    return b->family->note ? b->family->note(b->state) : NULL;
}

int baseline_learn(struct baseline *b, const struct rec_case *c, const json_t *rec,
                   struct err *err) {
    return b->family->learn ? b->family->learn(b->state, c, rec, err) : 0;
}

/* Takes popularity out. An item nobody knows is divided as if known once, so that its score stays a
 * number; a score below 0 is multiplied, so that what is popular loses either way. */
void baseline_correct(const struct baseline_options *o, const struct rec_case *c, double *scores) {
    for (int k = 0; k < c->n && (o->pop_power != 0 || o->log_pop != 0); k++) {
        double count = (double)case_item_count(c, c->candidates[k]);

        if (o->pop_power != 0)
            scores[k] *= pow(count > 0 ? count : 1, scores[k] < 0 ? o->pop_power : -o->pop_power);
        scores[k] -= o->log_pop * log1p(count);
    }
}

int baseline_raw(struct baseline *b, const struct rec_case *c, const json_t *rec, double *scores,
                 struct err *err) {
    if (b->family->trained && c->part == PART_TRAIN)
        return err_set(err, "%s has learned the training targets: score valid or test cases",
                       b->family->name);
    return b->family->score(b->state, c, rec, scores, err);
}

int baseline_score(struct baseline *b, const struct rec_case *c, const json_t *rec, double *scores,
                   struct err *err) {
    if (baseline_raw(b, c, rec, scores, err)) return -1;
    baseline_correct(b->o, c, scores);
    return 0;
}

bool baseline_trained(int kind) {
    return families[kind]->trained;
}

struct owned *family_items(const struct rec_case *c, double recency) {
    struct owned *items = mem_alloc(c->history, sizeof *items);
    const int *row = c->split->known->edge_item + c->split->known->user_row[c->at.user];

    for (size_t r = 0; r < c->history; r++) {
        items[r].item = row[c->history - 1 - r];
        items[r].weight = recency > 0 ? exp(-(double)r / recency) : 1;
    }
    return items;
}

size_t family_target_edge(const struct rec_case *c) {
    const struct graph *g = c->split->known;

    for (size_t e = g->user_row[c->at.user]; e < g->user_row[c->at.user + 1]; e++)
        if (g->edge_item[e] == c->at.item) return g->edge_time[e] < c->at.before ? e : SIZE_MAX;
    return SIZE_MAX;
}

size_t family_row_end(const struct graph *g, int u, int64_t before) {
    size_t end = g->user_row[u + 1];

    while (end > g->user_row[u] && g->edge_time[end - 1] >= before) end--;
    return end;
}

int family_numbers(const json_t *obj, const char *field, int n, double *out, size_t stride,
                   struct err *err) {
    json_t *list;

    if (jsonl_array(obj, field, &list, err)) return -1;
    if (json_array_size(list) != (size_t)n)
        return err_set(err, "\"%s\" has %zu entries for %d candidates", field,
                       json_array_size(list), n);
    for (int k = 0; k < n; k++) {
        const json_t *v = json_array_get(list, (size_t)k);

        if (!json_is_number(v)) return err_set(err, "\"%s\" holds what is not a number", field);
        out[(size_t)k * stride] = json_number_value(v);
    }
    return 0;
}
