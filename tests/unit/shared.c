/* shared — the gradient of completions that share a prompt equals that of copies, each with a prompt of its own, to
 * 1e-5 of each tensor's norm. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/pool.h"
#include "base/rng.h"
#include "check.h"
#include "model/decoder.h"
#include "train/adamw.h"

enum { PROMPT = 75, SAMPLES = 4, LONGEST = 60, VOCAB = 300, ROWS = SAMPLES * (PROMPT + LONGEST) };
static const int lengths[SAMPLES] = { LONGEST, 1, 33, 32 };

struct input {
    int tokens[ROWS];
    struct seq seqs[SAMPLES + 1];
    struct target targets[SAMPLES * LONGEST];
    struct packed in;
};

static int random_token(uint64_t at) {
    struct rng r = rng_start(at, "shared", NULL);

    return (int)rng_below(&r, VOCAB);
}

/* Numbers from .. from+n-1 of sample k's text, of which the prompt is the same in all. */
static void add_rows(struct packed *in, int *tokens, int k, int from, int n) {
    for (int t = from; t < from + n; t++)
        tokens[in->n_tokens++] = random_token(t < PROMPT ? (uint64_t)t : (uint64_t)(1000 * (k + 1) + t));
}

/* The samples' tokens but the last of each, which is only asked about. */
static void fill(struct input *b, bool shared) {
    struct packed *in = &b->in;

    *b = (struct input){ .in = { b->tokens, b->seqs, b->targets, 0, 0, 0 } };
    if (shared) {
        b->seqs[in->n_seqs++] = (struct seq){ 0, PROMPT, -1 };
        add_rows(in, b->tokens, 0, 0, PROMPT);
    }
    for (int k = 0; k < SAMPLES; k++) {
        int first = in->n_tokens, from = shared ? PROMPT : 0, n = PROMPT + lengths[k] - 1 - from;

        for (int t = 0; t < lengths[k]; t++)
            b->targets[in->n_targets++] = (struct target){ shared && !t ? PROMPT - 1 : first + PROMPT - from + t - 1,
                                                           random_token((uint64_t)(1000 * (k + 1) + PROMPT + t)) };
        if (n) b->seqs[in->n_seqs++] = (struct seq){ first, n, shared ? 0 : -1 };
        add_rows(in, b->tokens, k, from, n);
    }
}

static real *gradient(const struct model *m, struct pool *pool, bool shared) {
    static struct input b;
    real logprob[SAMPLES * LONGEST], dlogprob[SAMPLES * LONGEST], *grad = params_block(&m->p);
    struct decoder *d = decoder_new(m, pool);
    struct rng r = rng_start(1, "advantage", NULL);
    struct err err;

    fill(&b, shared);
    CHECK(decoder_check(&m->cfg, &b.in, &err) == 0);
    for (int i = 0; i < b.in.n_targets; i++) dlogprob[i] = (real)rng_normal(&r);
    decoder_forward(d, &b.in, logprob, NULL);
    decoder_backward(d, &b.in, grad, dlogprob, NULL);
    decoder_free(d);
    return grad;
}

static void check(enum config_arch arch, struct pool *pool) {
    struct config c = config_default(arch);
    struct model *m;
    real *one, *copies;
    struct err err;

    c.vocab = VOCAB, c.hidden = 96, c.layers = 3, c.heads = 6, c.kv_heads = 2, c.head_dim = 16, c.intermediate = 200;
    CHECK(config_check(&c, &err) == 0);
    m = model_init(&c, 1);
    one = gradient(m, pool, true);
    copies = gradient(m, pool, false);
    for (int i = 0; i < m->p.n_tensors; i++) {
        const struct tensor *t = &m->p.tensors[i];
        double norm = grad_norm(copies + t->offset, t->n, pool);

        for (size_t k = 0; k < t->n; k++) one[t->offset + k] -= copies[t->offset + k];
        CHECK(norm > 0);
        CHECK_NEAR(grad_norm(one + t->offset, t->n, pool), 0, 1e-5 * norm);
    }
    free(one);
    free(copies);
    model_free(m);
}

int main(void) {
    struct pool *pool = pool_new(2);

    for (int arch = ARCH_LLAMA; arch <= ARCH_QWEN3; arch++) check((enum config_arch)arch, pool);
    pool_free(pool);
    return 0;
}
