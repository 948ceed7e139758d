/* attention — both kinds against plain loops in double: a sequence, and one that goes on after a part of it. */
#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "tensor/products.h"

enum { ROOT = 75, BRANCH = 150, T = ROOT + BRANCH };

struct shape {
    struct attn_shape of;
    int skip;
};

/* Rows of qkv, results, and gradients of one run. */
struct run {
    real *qkv, *out, *lse, *dout, *dqkv, *D, *droot;
};

static real *noise(size_t n, const char *what) {
    struct rng r = rng_start(1, what, NULL);
    real *x = mem_aligned(n, sizeof *x);

    for (size_t i = 0; i < n; i++) x[i] = (real)rng_normal(&r);
    return x;
}

static size_t width(const struct attn_shape *s) {
    return (size_t)(s->heads + 2 * s->kv_heads) * s->hs;
}

static size_t outs(const struct attn_shape *s) {
    return (size_t)s->heads * s->hs;
}

static struct run run_new(const struct attn_shape *s) {
    size_t rows = T, lse = rows * s->heads;

    return (struct run){ .qkv = noise(rows * width(s), "qkv"),
                         .out = mem_calloc(rows * outs(s), sizeof(real)),
                         .lse = mem_calloc(lse, sizeof(real)),
                         .dout = noise(rows * outs(s), "dout"),
                         .dqkv = mem_calloc(rows * width(s), sizeof(real)),
                         .D = mem_calloc(lse, sizeof(real)),
                         .droot = mem_calloc(ROOT * (width(s) - outs(s)), sizeof(real)) };
}

static void run_free(struct run *r) {
    free(r->qkv), free(r->out), free(r->lse), free(r->dout), free(r->dqkv), free(r->D), free(r->droot);
}

static double dot(const real *a, const real *b, int n) {
    double s = 0;

    for (int i = 0; i < n; i++) s += (double)a[i] * (double)b[i];
    return s;
}

static void add(real *to, double a, const real *x, int n) {
    for (int i = 0; i < n; i++) to[i] += (real)(a * (double)x[i]);
}

/* Row r, head h: the branch's rows follow the root's, so that a row sees all rows up to itself. */
static void plain_row(struct run *a, const struct attn_shape *s, int r, int h) {
    size_t ld = width(s), at = r * outs(s) + (size_t)h * s->hs, head = h / (size_t)(s->heads / s->kv_heads);
    size_t key = (s->heads + head) * s->hs, value = key + (size_t)s->kv_heads * s->hs;
    const real *q = a->qkv + r * ld + (size_t)h * s->hs;
    double p[T], top = -INFINITY, sum = 0, scale = 1 / sqrt(s->hs), D = 0;

    for (int j = 0; j <= r; j++) {
        p[j] = dot(q, a->qkv + j * ld + key, s->hs) * scale;
        top = fmax(top, p[j]);
    }
    for (int j = 0; j <= r; j++) sum += p[j] = exp(p[j] - top);
    for (int j = 0; j <= r; j++) add(a->out + at, p[j] /= sum, a->qkv + j * ld + value, s->hs);
    D = dot(a->dout + at, a->out + at, s->hs);
    for (int j = 0; j <= r; j++) {
        double ds = p[j] * (dot(a->dout + at, a->qkv + j * ld + value, s->hs) - D) * scale;

        add(a->dqkv + r * ld + (size_t)h * s->hs, ds, a->qkv + j * ld + key, s->hs);
        add(a->dqkv + j * ld + key, ds, q, s->hs);
        add(a->dqkv + j * ld + value, p[j], a->dout + at, s->hs);
    }
}

/* Rows of the branch from `skip` on, and those of the root. */
static struct run plain(const struct shape *s) {
    struct run a = run_new(&s->of);

    for (int r = 0; r < T; r++)
        for (int h = 0; h < s->of.heads && (r < ROOT || r >= ROOT + s->skip); h++) plain_row(&a, &s->of, r, h);
    return a;
}

static void forward(const struct products *k, struct run *a, const struct shape *s, int kv,
                    const struct attn_span *spans) {
    int size = (int)k->attention->block_size(s->of.hs), group = s->of.heads / s->of.kv_heads;
    real *root = mem_aligned((size_t)attn_blocks(0, ROOT) * size, sizeof *root);
    real *own = mem_aligned((size_t)attn_blocks(ROOT, T) * size, sizeof *own);

    attn_pack(k->attention, root, a->qkv, &spans[0], &s->of, kv);
    attn_pack(k->attention, own, a->qkv, &spans[1], &s->of, kv);
    for (int i = 0; i < 2; i++) {
        struct attn_keys keys = { i ? root : NULL, i ? ROOT / ATTN_BLOCK : 0, i ? own : root };
        int row = spans[i].start + spans[i].skip, head = kv * group, at = head * s->of.hs;
        struct attn_queries q = { .q = a->qkv + row * width(&s->of) + at, .out = a->out + row * outs(&s->of) + at,
                                  .lse = a->lse + row * s->of.heads + head, .ldq = width(&s->of),
                                  .ldo = outs(&s->of), .ldl = (size_t)s->of.heads, .pos = row,
                                  .n = spans[i].len - spans[i].skip, .group = group, .hs = s->of.hs };

        attn_forward(k->attention, &q, &keys);
    }
    free(root), free(own);
}

/* What the branch leaves for its root is added by us. */
static struct run computed(const struct products *k, const struct shape *s, bool apart) {
    const struct attn_span spans[] = { { 0, ROOT, 0, 0, 0 }, { ROOT, BRANCH, 0, ROOT, s->skip } };
    size_t keys = outs(&s->of), kvs = width(&s->of) - keys;
    struct run a = run_new(&s->of);
    struct attn_grads g = { a.dout, a.out, a.qkv, a.lse, a.dqkv, a.D, NULL };

    for (int kv = 0; kv < s->of.kv_heads; kv++) {
        forward(k, &a, s, kv, spans);
        g.droot = NULL;
        attn_backward(k->attention, &g, &spans[0], &s->of, kv);
        g.droot = apart ? a.droot : NULL;
        attn_backward(k->attention, &g, &spans[1], &s->of, kv);
    }
    for (int r = 0; r < ROOT && apart; r++) add(a.dqkv + r * width(&s->of) + keys, 1, a.droot + r * kvs, (int)kvs);
    return a;
}

/* The norm of the difference, of that of the norm. */
static double distance(const real *a, const real *b, size_t n) {
    double diff = 0, norm = 0;

    for (size_t i = 0; i < n; i++) {
        diff += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        norm += (double)b[i] * (double)b[i];
    }
    return sqrt(diff / norm);
}

static void check(const struct shape *s) {
    static const struct {
        const struct products *kind;
        double tol;
    } kinds[] = { { &products_exact, 1e-6 }, { &products_bf16, 6e-3 } };
    struct run want = plain(s);

    for (int i = 0; i < 2; i++)
        for (int apart = 0; apart < 2; apart++) {
            struct run got = computed(kinds[i].kind, s, apart);

            CHECK_NEAR(distance(got.out, want.out, T * outs(&s->of)), 0, kinds[i].tol);
            CHECK_NEAR(distance(got.dqkv, want.dqkv, T * width(&s->of)), 0, kinds[i].tol);
            run_free(&got);
        }
    run_free(&want);
}

int main(void) {
    static const struct shape shapes[] = { { { 2, 1, 16 }, 0 }, { { 6, 2, 64 }, 0 }, { { 3, 3, 40 }, 33 },
                                           { { 5, 1, 2 }, 149 }, { { 4, 4, 256 }, 70 } };

    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) check(&shapes[i]);
    return 0;
}
