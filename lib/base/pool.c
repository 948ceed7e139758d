/* pool — a job is a number of tasks; threads take the next one from a shared counter.
 *
 * The generation number tells sleeping workers that a job has begun. Counter and generation are
 * packed in one word, so a thread that comes late cannot take a task of the next job. */
#define _GNU_SOURCE
#include "base/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "base/cores.h"
#include "base/mem.h"

/* A thread that has nothing to do looks for so long before it sleeps. To be woken takes as long; another program
 * that wants the core waits no longer. */
enum { SPIN_NS = 50000, SPIN_LOOKS = 32 };      /* looks between two at the clock: a pause takes up to 50 ns */

struct worker {
    struct pool *pool;
    pthread_t thread;
    int id;
};

struct pool {
    int threads;
    struct worker *workers;         /* threads - 1 of them; the caller is worker 0 */
    pool_task *task;
    void *ctx;
    atomic_uint n;
    atomic_uint generation;         /* of the job under way */
    atomic_uint_fast64_t next;      /* generation << 32 | next task */
    atomic_int left;                /* tasks not finished */
    atomic_int sleepers;
    atomic_int waiting;             /* the caller sleeps until nothing is left */
    atomic_int stop;
    pthread_mutex_t lock;
    pthread_cond_t wake, done;
    enum pool_part part;
    int64_t since, ns[POOL_PARTS];
    void *scratch;
    size_t scratch_bytes;
};

static void spin_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static int64_t now_ns(void) {
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

typedef bool pool_sign(const struct pool *p, unsigned seen);

static bool job_came(const struct pool *p, unsigned seen) {
    return atomic_load(&p->generation) != seen || atomic_load(&p->stop);
}

static bool all_done(const struct pool *p, unsigned seen) {
    (void)seen;
    return !atomic_load(&p->left);
}

/* Spins until the sign, for a moment, then sleeps; `asleep` counts who does. */
static void await(struct pool *p, pool_sign *sign, unsigned seen, atomic_int *asleep, pthread_cond_t *cond) {
    int64_t end = 0;

    for (unsigned i = 1; !sign(p, seen); i++) {
        spin_pause();
        if (i % SPIN_LOOKS) continue;
        if (!end) end = now_ns() + SPIN_NS;
        else if (now_ns() > end) break;
    }
    if (sign(p, seen)) return;
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add(asleep, 1);
    while (!sign(p, seen)) pthread_cond_wait(cond, &p->lock);
    atomic_fetch_sub(asleep, 1);
    pthread_mutex_unlock(&p->lock);
}

static void wake_all(struct pool *p, atomic_int *asleep, pthread_cond_t *cond) {
    if (!atomic_load(asleep)) return;
    pthread_mutex_lock(&p->lock);
    pthread_cond_broadcast(cond);
    pthread_mutex_unlock(&p->lock);
}

/* Takes tasks of `generation` until none is left, then tells how many: a count for each would wait for the other cores. */
static void take_tasks(struct pool *p, unsigned generation, int worker) {
    uint_fast64_t now = atomic_load(&p->next);
    int done = 0;

    while (now >> 32 == generation && (uint32_t)now < atomic_load(&p->n)) {
        if (!atomic_compare_exchange_weak(&p->next, &now, now + 1)) continue;
        p->task(p->ctx, (int)(uint32_t)now, worker);
        done++;
        now = atomic_load(&p->next);
    }
    if (done && atomic_fetch_sub(&p->left, done) == done) wake_all(p, &p->waiting, &p->done);
}

static void *work(void *arg) {
    struct worker *w = arg;
    unsigned seen = 0;

    for (;;) {
        await(w->pool, job_came, seen, &w->pool->sleepers, &w->pool->wake);
        seen = atomic_load(&w->pool->generation);
        if (atomic_load(&w->pool->stop)) return NULL;
        take_tasks(w->pool, seen, w->id);
    }
}

struct pool *pool_new(int threads) {
    struct pool *p = mem_calloc(1, sizeof *p);

    p->threads = threads > 0 ? threads : cores_usable();
    p->workers = mem_calloc((size_t)p->threads, sizeof *p->workers);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    pthread_cond_init(&p->done, NULL);
    p->since = now_ns();
    for (int i = 1; i < p->threads; i++) {
        struct worker *w = &p->workers[i - 1];

        *w = (struct worker){ .pool = p, .id = i };
        if (pthread_create(&w->thread, NULL, work, w)) {
            p->threads = i;         /* fewer threads give the same bits */
            break;
        }
    }
    return p;
}

int pool_threads(const struct pool *p) {
    return p->threads;
}

void pool_run(struct pool *p, int n, pool_task *task, void *ctx) {
    unsigned generation;

    if (n <= 1 || p->threads == 1) {
        for (int i = 0; i < n; i++) task(ctx, i, 0);
        return;
    }
    /* First close the old counter: a late thread that sees the new n must not take an old task. */
    generation = atomic_load(&p->generation) + 1;
    atomic_store(&p->next, (uint_fast64_t)generation << 32 | UINT32_MAX);
    p->task = task;
    p->ctx = ctx;
    atomic_store(&p->n, (unsigned)n);
    atomic_store(&p->left, n);
    atomic_store(&p->next, (uint_fast64_t)generation << 32);
    atomic_store(&p->generation, generation);
    wake_all(p, &p->sleepers, &p->wake);
    take_tasks(p, generation, 0);
    await(p, all_done, generation, &p->waiting, &p->done);
}

void *pool_scratch(struct pool *p, size_t bytes) {
    if (bytes > p->scratch_bytes) {
        free(p->scratch);
        p->scratch = mem_aligned(bytes, 1);
        p->scratch_bytes = bytes;
    }
    return p->scratch;
}

enum pool_part pool_part(struct pool *p, enum pool_part part) {
    enum pool_part before = p->part;
    int64_t now = now_ns();

    p->ns[before] += now - p->since;
    p->since = now;
    p->part = part;
    return before;
}

void pool_seconds(struct pool *p, double seconds[POOL_PARTS]) {
    pool_part(p, p->part);
    for (int i = 0; i < POOL_PARTS; i++) {
        seconds[i] = 1e-9 * (double)p->ns[i];
        p->ns[i] = 0;
    }
}

void pool_free(struct pool *p) {
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->stop, 1);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    for (int i = 1; i < p->threads; i++) pthread_join(p->workers[i - 1].thread, NULL);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->wake);
    pthread_cond_destroy(&p->done);
    free(p->workers);
    free(p->scratch);
    free(p);
}
