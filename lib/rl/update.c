/* update — pack, forward, loss, backward. */
#include "rl/update.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* A batch of whole groups in the decoder's form. */
struct pack {
    int *tokens;
    struct seq *seqs;
    struct target *targets;
    real *logprob, *entropy, *dlogprob;
    struct packed in;
};

void rl_sample_free(struct rl_sample *s) {
    free(s->tokens);
    free(s->old);
    free(s->advantage);
    free(s->ref);
    free(s->trust);
}

void rl_group_free(struct rl_group *g) {
    for (int k = 0; k < g->n; k++) rl_sample_free(&g->samples[k]);
    free(g->samples);
    free(g->prompt);
}

/* Rows of a group: the prompt, and all but the last token of each sample. */
static int group_rows(const struct rl_group *g) {
    int rows = g->n_prompt;

    for (int k = 0; k < g->n; k++) rows += g->samples[k].n - 1;
    return rows;
}

static void add_sequence(struct packed *in, struct pack *p, const int32_t *tokens, int n, int parent) {
    p->seqs[in->n_seqs++] = (struct seq){ in->n_tokens, n, parent };
    for (int t = 0; t < n; t++) p->tokens[in->n_tokens + t] = tokens[t];
    in->n_tokens += n;
}

/* Token 0 of a sample is predicted by the prompt's last row, token t by the row of token t - 1. */
static void add_sample(struct packed *in, struct pack *p, const struct rl_sample *s, int root) {
    int last = p->seqs[root].start + p->seqs[root].len - 1, first = in->n_tokens;

    for (int t = 0; t < s->n; t++)
        p->targets[in->n_targets++] = (struct target){ t ? first + t - 1 : last, s->tokens[t] };
    if (s->n > 1) add_sequence(in, p, s->tokens, s->n - 1, root);
}

static struct pack pack_groups(const struct rl_group *g, int n) {
    size_t rows = 0, seqs = 0, targets = 0;
    struct pack p;

    for (int i = 0; i < n; i++) {
        rows += (size_t)group_rows(&g[i]);
        seqs += (size_t)g[i].n + 1;
        for (int k = 0; k < g[i].n; k++) targets += (size_t)g[i].samples[k].n;
    }
    p.tokens = mem_alloc(rows, sizeof *p.tokens);
    p.seqs = mem_alloc(seqs, sizeof *p.seqs);
    p.targets = mem_alloc(targets, sizeof *p.targets);
    p.logprob = mem_alloc(3 * targets, sizeof *p.logprob);
    p.entropy = p.logprob + targets;
    p.dlogprob = p.entropy + targets;
    memset(&p.in, 0, sizeof p.in);
    for (int i = 0; i < n; i++) {
        int root = p.in.n_seqs;

        add_sequence(&p.in, &p, g[i].prompt, g[i].n_prompt, -1);
        for (int k = 0; k < g[i].n; k++) add_sample(&p.in, &p, &g[i].samples[k], root);
    }
    p.in.tokens = p.tokens;
    p.in.seqs = p.seqs;
    p.in.targets = p.targets;
    return p;
}

static void free_pack(struct pack *p) {
    free(p->tokens);
    free(p->seqs);
    free(p->targets);
    free(p->logprob);
}

/* Targets stand sample by sample in the order of packing. */
static void loss_of_pack(struct rl_pass *pass, struct pack *p, const struct rl_group *g, int n) {
    int at = 0;

    for (int i = 0; i < n; i++) {
        for (int k = 0; k < g[i].n; k++) {
            const struct rl_sample *s = &g[i].samples[k];
            struct policy_tokens tokens = { p->logprob + at, s->old, s->ref, s->advantage, s->trust, s->n };

            policy_sequence(p->dlogprob + at, &pass->stats, &tokens,
                            policy_weight(pass->mean, s->n, pass->sequences, pass->tokens, pass->length), pass->o);
            at += s->n;
        }
    }
    for (int t = 0; t < at; t++) pass->entropy += (double)p->entropy[t];
}

/* How many of n groups are packed together. */
static int pack_size(const struct rl_group *g, int n, int rows) {
    int sum = group_rows(&g[0]), k = 1;

    while (k < n && sum + group_rows(&g[k]) <= rows) sum += group_rows(&g[k++]);
    return k;
}

void rl_gradient(struct rl_pass *pass, const struct rl_group *groups, int n, int rows, real *grad) {
    for (int from = 0, some; from < n; from += some) {
        struct pack p;

        some = pack_size(groups + from, n - from, rows);
        p = pack_groups(groups + from, some);
        if (p.in.n_targets) {           /* samples that were cut off may have been all */
            decoder_forward(pass->policy, &p.in, p.logprob, p.entropy);
            loss_of_pack(pass, &p, groups + from, some);
            decoder_backward(pass->policy, &p.in, grad, p.dlogprob, NULL);
        }
        free_pack(&p);
    }
}

void rl_logprobs(struct decoder *d, const struct rl_group *groups, int n, int rows, real *logprob, real *entropy) {
    size_t at = 0;

    for (int from = 0, some; from < n; from += some) {
        struct pack p;

        some = pack_size(groups + from, n - from, rows);
        p = pack_groups(groups + from, some);
        if (p.in.n_targets) decoder_forward(d, &p.in, logprob + at, entropy ? entropy + at : NULL);
        at += (size_t)p.in.n_targets;
        free_pack(&p);
    }
}
