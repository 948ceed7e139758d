/* data — the spool: a head, then offsets, starts and ids, each array in one piece.
 *
 *     "R2SPOOL1"  n  ids  hash        at [n+1]  start [n]  id [ids]        little-endian */
#define _GNU_SOURCE
#include "train/data.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"
#include "io/atomic.h"

struct head {
    char magic[8];
    uint64_t n, ids, hash;
};

static const char magic[8] = { 'R', '2', 'S', 'P', 'O', 'O', 'L', '1' };

/* Examples as they are read. */
struct growing {
    uint64_t *at;
    uint32_t *start;
    struct bpe_ids ids;
    size_t n, cap_at, cap_start;
};

static int encode(struct data_reader *r, const json_t *rec, struct bpe_ids *ids, size_t *start, struct err *err) {
    json_t *prompt = json_object_get(rec, "prompt"), *completion = json_object_get(rec, "completion");
    json_t *messages = json_object_get(rec, "messages"), *head, *tail;
    size_t n = json_array_size(messages);
    const char *role = n ? json_string_value(json_object_get(json_array_get(messages, n - 1), "role")) : NULL;
    int bad;

    if (prompt && completion) return chat_encode(r->chat, r->bpe, prompt, completion, ids, start, err);
    if (n < 2 || !role || strcmp(role, "assistant"))
        return err_set(err, "no \"prompt\" and \"completion\", nor \"messages\" that end with the assistant's");
    head = json_array();
    tail = json_array();
    for (size_t i = 0; i < n; i++) json_array_append(i + 1 < n ? head : tail, json_array_get(messages, i));
    bad = chat_encode(r->chat, r->bpe, head, tail, ids, start, err);
    json_decref(head);
    json_decref(tail);
    return bad;
}

static int add_record(struct data_reader *r, struct growing *g, const json_t *rec, struct err *err) {
    size_t from = g->ids.n, start;

    if (encode(r, rec, &g->ids, &start, err)) return -1;
    for (size_t i = from; i < g->ids.n; i++)
        if (g->ids.id[i] >= r->vocab)
            return err_set(err, "token %d is not one of the model's %ld", g->ids.id[i], r->vocab);
    if (start == from) return err_set(err, "the prompt is empty");
    if (g->ids.n - from > (size_t)r->max_tokens) {
        r->skipped++;
        g->ids.n = from;
        return 0;
    }
    g->at = mem_grow(g->at, g->n, &g->cap_at, sizeof *g->at);
    g->start = mem_grow(g->start, g->n, &g->cap_start, sizeof *g->start);
    g->at[g->n] = from;
    g->start[g->n++] = (uint32_t)(start - from);
    return 0;
}

static int read_records(struct data_reader *r, struct growing *g, struct jsonl *in, struct err *err) {
    json_t *rec;
    int got;

    while ((got = jsonl_next(in, &rec, err)) > 0) {
        int bad = add_record(r, g, rec, err);

        json_decref(rec);
        if (bad) return -1;
    }
    if (got < 0) return -1;
    in->line = 0;
    if (!g->n) return err_set(err, "no example has at most %ld tokens", r->max_tokens);
    g->at = mem_grow(g->at, g->n, &g->cap_at, sizeof *g->at);
    g->at[g->n] = g->ids.n;
    return 0;
}

static uint64_t hash_of(const struct data *d) {
    struct hash h = hash_start();

    hash_bytes(&h, d->at, (d->n + 1) * sizeof *d->at);
    hash_bytes(&h, d->start, d->n * sizeof *d->start);
    hash_bytes(&h, d->id, d->at[d->n] * sizeof *d->id);
    return hash_value(&h);
}

static struct head make_head(const struct growing *g) {
    struct data d = { .n = g->n, .at = g->at, .start = g->start, .id = g->ids.id };
    struct head head = { .n = g->n, .ids = g->ids.n, .hash = hash_of(&d) };

    memcpy(head.magic, magic, sizeof magic);
    return head;
}

static int write_spool(const struct growing *g, const struct head *head, const char *path, struct err *err) {
    struct atomic_file f;

    if (atomic_open(&f, path, err)) return -1;
    fwrite(head, sizeof *head, 1, f.f);
    fwrite(g->at, sizeof *g->at, g->n + 1, f.f);
    fwrite(g->start, sizeof *g->start, g->n, f.f);
    fwrite(g->ids.id, sizeof *g->ids.id, g->ids.n, f.f);
    return atomic_commit(&f, err);
}

static bool exists(const char *path) {
    struct stat st;

    return !stat(path, &st);
}

int data_spool(struct data_reader *r, struct jsonl *in, const char *path, struct err *err) {
    struct growing g = { 0 };
    struct data old;
    int bad = read_records(r, &g, in, err);

    if (!bad) {
        struct head head = make_head(&g);

        if (!exists(path)) {
            bad = write_spool(&g, &head, path, err);
        } else if (!(bad = data_open(&old, path, r->vocab, err))) {
            if (old.hash != head.hash)
                bad = err_set(err, "these records are not those that the run was begun with (%s)", path);
            data_close(&old);
        }
    }
    free(g.at);
    free(g.start);
    free(g.ids.id);
    return bad;
}

/* Whether the sizes in the head fit the file, the offsets lie in order, and the tokens are below `vocab`. */
static bool sound(const struct data *d, const struct head *h, long vocab) {
    size_t rest = d->bytes - sizeof *h;

    if (memcmp(h->magic, magic, sizeof magic) || !h->n || h->n > rest / 12 || h->ids > rest / 4) return false;
    if (rest != (h->n + 1) * 8 + h->n * 4 + h->ids * 4) return false;
    for (size_t i = 0; i < h->n; i++)
        if (d->at[i] >= d->at[i + 1] || !d->start[i] || d->start[i] >= d->at[i + 1] - d->at[i]) return false;
    if (d->at[0] || d->at[h->n] != h->ids) return false;
    for (size_t i = 0; i < h->ids; i++)
        if (d->id[i] < 0 || d->id[i] >= vocab) return false;
    return hash_of(d) == h->hash;
}

int data_open(struct data *d, const char *path, long vocab, struct err *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    const struct head *h;
    struct stat st;

    *d = (struct data){ 0 };
    if (fd < 0 || fstat(fd, &st)) {
        err_set(err, "%s: %s", path, strerror(errno));
        if (fd >= 0) close(fd);
        return -1;
    }
    d->bytes = (size_t)st.st_size;
    d->map = d->bytes > sizeof *h ? mmap(NULL, d->bytes, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    close(fd);
    if (d->map == MAP_FAILED) {
        d->map = NULL;
        return err_set(err, "%s: not a spool", path);
    }
    h = d->map;
    d->n = (size_t)h->n;
    d->hash = h->hash;
    if (h->n <= d->bytes / 12) {
        d->at = (const uint64_t *)(h + 1);
        d->start = (const uint32_t *)(d->at + d->n + 1);
        d->id = (const int32_t *)(d->start + d->n);
        if (sound(d, h, vocab)) return 0;
    }
    data_close(d);
    return err_set(err, "%s: not a spool, or damaged", path);
}

void data_close(struct data *d) {
    if (d->map) munmap(d->map, d->bytes);
    *d = (struct data){ 0 };
}

size_t data_example(const struct data *d, uint64_t seed, uint64_t i, int *order, long *epoch) {
    long e = (long)(i / d->n);

    if (e != *epoch) {
        char name[32];
        struct rng r;

        snprintf(name, sizeof name, "%ld", e);
        r = rng_start(seed, "epoch", name);
        rng_permutation(&r, order, (int)d->n);
        *epoch = e;
    }
    return (size_t)order[i % d->n];
}
