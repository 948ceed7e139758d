/* kvcache — log-probabilities of decoding have the bits of the decoder's, whatever the batch: token by
 * token, in pieces, with a shared prompt, with a prompt that begins with another's tokens, many sequences
 * at once, places used again, weights packed. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/pool.h"
#include "base/rng.h"
#include "model/decoder.h"
#include "model/kvcache.h"
#include "model/packing.h"

enum { GROUPS = 3, BRANCHES = 7, PROMPT = 75, LEN = 41, VOCAB = 331 };

static struct model *make(enum config_arch arch) {
    struct config c = config_default(arch);
    struct err err;
    struct model *m;
    struct rng r = rng_start(3, "test", NULL);

    c.vocab = VOCAB, c.hidden = 72, c.layers = 2, c.heads = 6, c.kv_heads = 2, c.head_dim = 20;
    c.intermediate = 100, c.max_positions = 256, c.tied = arch != ARCH_QWEN2;
    CHECK(config_check(&c, &err) == 0);
    m = model_init(&c, 5);
    for (size_t i = 0; i < m->p.n_block; i++) m->p.data[i] += (real)(0.1 * rng_normal(&r));
    return m;
}

struct texts {
    int prompt[GROUPS][PROMPT], n[GROUPS];
    int branch[GROUPS][BRANCHES][LEN];
};

static void draw(struct texts *t) {
    struct rng r = rng_start(1, "texts", NULL);

    for (int g = 0; g < GROUPS; g++) {
        t->n[g] = g == 1 ? 64 : PROMPT - 11 * g;        /* one ends with a block */
        for (int i = 0; i < PROMPT; i++) t->prompt[g][i] = (int)rng_below(&r, VOCAB);
        if (g) memcpy(t->prompt[g], t->prompt[g - 1], (g == 1 ? PROMPT : 40) * sizeof **t->prompt);
        for (int b = 0; b < BRANCHES; b++)
            for (int i = 0; i < LEN; i++) t->branch[g][b][i] = (int)rng_below(&r, VOCAB);
    }
}

/* Log-probabilities of all branches by the decoder: packed as branches of their prompts, or (copies) each
 * with a copy of the prompt. */
static void by_decoder(const struct model *m, struct pool *pool, const struct texts *t, bool copies,
                       real lp[GROUPS][BRANCHES][LEN]) {
    int *tokens = mem_alloc(GROUPS * BRANCHES * (PROMPT + LEN), sizeof *tokens);
    struct seq seqs[GROUPS * (BRANCHES + 1)];
    struct target *targets = mem_alloc(GROUPS * BRANCHES * LEN, sizeof *targets);
    struct packed in = { .tokens = tokens, .seqs = seqs, .targets = targets };
    struct decoder *d = decoder_new(m, pool);
    struct err err;

    for (int g = 0; g < GROUPS; g++) {
        int parent = -1, before = 0;

        for (int b = 0; b < BRANCHES; b++) {
            if (!b || copies) {
                memcpy(tokens + in.n_tokens, t->prompt[g], (size_t)t->n[g] * sizeof *tokens);
                parent = in.n_seqs;
                before = in.n_tokens += t->n[g];
                seqs[in.n_seqs++] = (struct seq){ before - t->n[g], t->n[g] + (copies ? LEN : 0), -1 };
            }
            if (!copies) seqs[in.n_seqs++] = (struct seq){ in.n_tokens, LEN, parent };
            for (int i = 0; i < LEN; i++) {
                targets[in.n_targets++] = (struct target){ i ? in.n_tokens - 1 : before - 1, t->branch[g][b][i] };
                tokens[in.n_tokens++] = t->branch[g][b][i];
            }
        }
    }
    CHECK(decoder_check(&m->cfg, &in, &err) == 0);
    decoder_forward(d, &in, &lp[0][0][0], NULL);
    decoder_free(d);
    free(tokens);
    free(targets);
}

/* A root for the group's prompt; what it has in common with the one before it is copied from that. */
static int open_root(struct kvcache *kv, const struct texts *t, int g, int other, int room, real *logits) {
    int same = 0, id;

    while (other >= 0 && same < t->n[g] - 1 && same < t->n[g - 1] && t->prompt[g][same] == t->prompt[g - 1][same])
        same++;
    id = kvcache_root_like(kv, other, same, room);
    CHECK(kvcache_len(kv, id) == same);
    kvcache_feed(kv, &(struct kv_feed){ id, t->prompt[g] + same, t->n[g] - same }, 1, logits);
    return id;
}

/* The same by the cache: all sequences step together, those of odd number in pieces of two to five
 * tokens, groups with or without a shared prompt. */
static void by_cache(const struct model *m, struct pool *pool, const struct texts *t, bool shared,
                     real lp[GROUPS][BRANCHES][LEN]) {
    enum { N = GROUPS * BRANCHES };
    struct kvcache *kv = kvcache_new(m, pool);
    real *logits = mem_alloc((size_t)N * 5 * VOCAB, sizeof *logits), *first = mem_alloc(VOCAB, sizeof *first);
    int ids[N], done[N] = { 0 }, left = N, root = -1, waste = kvcache_root(kv, 64), junk[40] = { 0 };

    kvcache_feed(kv, &(struct kv_feed){ waste, junk, 40 }, 1, NULL);
    kvcache_release(kv, waste);                 /* its place serves again, old content and all */
    for (int g = 0; g < GROUPS; g++) {
        int before = root;

        for (int b = 0; b < BRANCHES; b++) {
            if (!b || !shared) root = open_root(kv, t, g, b ? -1 : before, t->n[g] + (shared ? 0 : LEN), first);
            ids[g * BRANCHES + b] = shared ? kvcache_branch(kv, root, LEN) : root;
            lp[g][b][0] = kvcache_logprob(first, VOCAB, t->branch[g][b][0]);
        }
        if (shared && before >= 0) kvcache_release(kv, before);
    }
    if (shared) kvcache_release(kv, root);
    while (left) {
        struct kv_feed feeds[N];
        int who[N], n = 0, row = 0;

        for (int s = 0; s < N; s++) {
            int take = s % 2 ? 2 + s % 4 : 1;

            if (done[s] == LEN) continue;
            if (take > LEN - done[s]) take = LEN - done[s];
            who[n] = s;
            feeds[n++] = (struct kv_feed){ ids[s], t->branch[s / BRANCHES][s % BRANCHES] + done[s], take };
        }
        kvcache_feed_all(kv, feeds, n, logits);
        for (int i = 0; i < n; i++) {
            int s = who[i];

            for (int k = 0; k < feeds[i].n; k++, row++)
                if (++done[s] < LEN)
                    lp[s / BRANCHES][s % BRANCHES][done[s]] =
                        kvcache_logprob(logits + (size_t)row * VOCAB, VOCAB, t->branch[s / BRANCHES][s % BRANCHES][done[s]]);
            if (done[s] < LEN) continue;
            kvcache_release(kv, ids[s]);
            left--;
        }
    }
    kvcache_free(kv);
    free(logits);
    free(first);
}

static real want[GROUPS][BRANCHES][LEN], got[GROUPS][BRANCHES][LEN];

/* The model packed in full precision has the same bits; in less, those of one number of threads and way to read,
 * near the others by `tol`, on average. */
static void check_packed(enum config_arch arch, const struct texts *t, enum packed_type type, double tol) {
    static real first[GROUPS][BRANCHES][LEN];

    for (int threads = 1; threads <= 3; threads++)
        for (int shared = 0; shared < 2; shared++) {
            struct pool *pool = pool_new(threads);
            struct model *m = make(arch);
            double gap = 0;

            model_pack(m, type, pool);
            by_cache(m, pool, t, shared, got);
            if (threads == 1 && !shared) memcpy(first, type == PACKED_FP32 ? want : got, sizeof first);
            CHECK(!memcmp(got, first, sizeof got));
            for (int i = 0; i < GROUPS * BRANCHES * LEN; i++) gap += fabs((double)((&got[0][0][0])[i] - (&want[0][0][0])[i]));
            CHECK_NEAR(gap / (GROUPS * BRANCHES * LEN), 0, tol);
            model_free(m);
            pool_free(pool);
        }
}

int main(void) {
    struct texts t;

    draw(&t);
    for (int arch = ARCH_LLAMA; arch <= ARCH_QWEN3; arch++) {
        for (int threads = 1; threads <= 3; threads++) {
            struct model *m = make(arch);
            struct pool *pool = pool_new(threads);

            if (threads == 1) by_decoder(m, pool, &t, false, want);
            for (int way = 0; way < 4; way++) {
                memset(got, 0, sizeof got);
                if (way < 2) by_decoder(m, pool, &t, way, got);
                else by_cache(m, pool, &t, way == 3, got);
                if (memcmp(got, want, sizeof got)) fprintf(stderr, "arch %d threads %d way %d\n", arch, threads, way);
                CHECK(!memcmp(got, want, sizeof got));
            }
            pool_free(pool);
            model_free(m);
        }
        check_packed(arch, &t, PACKED_FP32, 0);
        check_packed(arch, &t, PACKED_BF16, 0.03);
        check_packed(arch, &t, PACKED_INT8, 0.1);
    }
    return 0;
}
