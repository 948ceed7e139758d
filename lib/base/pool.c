/* pool — a job is a number of tasks; threads take the next one from a shared counter.
 *
 * The generation number tells sleeping workers that a job has begun. Counter and generation are
 * packed in one word, so a thread that comes late cannot take a task of the next job. */
#define _GNU_SOURCE
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"

enum { SPINS = 4000 };              /* looks at the generation before sleeping: some 20 microseconds */

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
    atomic_int stop;
    pthread_mutex_t lock;
    pthread_cond_t wake;
};

static void spin_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/* Takes tasks of `generation` until none is left. */
static void take_tasks(struct pool *p, unsigned generation, int worker) {
    uint_fast64_t now = atomic_load(&p->next);

    for (;;) {
        if (now >> 32 != generation || (uint32_t)now >= atomic_load(&p->n)) return;
        if (!atomic_compare_exchange_weak(&p->next, &now, now + 1)) continue;
        p->task(p->ctx, (int)(uint32_t)now, worker);
        atomic_fetch_sub(&p->left, 1);
        now = atomic_load(&p->next);
    }
}

/* Waits until the generation is not `seen` any more, or the pool ends. */
static unsigned await_job(struct pool *p, unsigned seen) {
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load(&p->generation) != seen || atomic_load(&p->stop)) break;
        spin_pause();
    }
    if (atomic_load(&p->generation) == seen && !atomic_load(&p->stop)) {
        pthread_mutex_lock(&p->lock);
        atomic_fetch_add(&p->sleepers, 1);
        while (atomic_load(&p->generation) == seen && !atomic_load(&p->stop))
            pthread_cond_wait(&p->wake, &p->lock);
        atomic_fetch_sub(&p->sleepers, 1);
        pthread_mutex_unlock(&p->lock);
    }
    return atomic_load(&p->generation);
}

static void *work(void *arg) {
    struct worker *w = arg;
    unsigned seen = 0;

    for (;;) {
        seen = await_job(w->pool, seen);
        if (atomic_load(&w->pool->stop)) return NULL;
        take_tasks(w->pool, seen, w->id);
    }
}

static int usable_cores(void) {
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set)) return 1;
    return CPU_COUNT(&set) > 0 ? CPU_COUNT(&set) : 1;
}

struct pool *pool_new(int threads) {
    struct pool *p = mem_calloc(1, sizeof *p);

    p->threads = threads > 0 ? threads : usable_cores();
    p->workers = mem_calloc((size_t)p->threads, sizeof *p->workers);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
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

static void wake_sleepers(struct pool *p) {
    if (!atomic_load(&p->sleepers)) return;
    pthread_mutex_lock(&p->lock);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
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
    wake_sleepers(p);
    take_tasks(p, generation, 0);
    for (int i = 0; atomic_load(&p->left); i++) {
        spin_pause();
        if (i > SPINS) sched_yield();
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
    free(p->workers);
    free(p);
}
