/* pool — threads over tiles.
 *
 * A job is cut into `n` tasks, each of which writes its own part of the output. Their number and borders depend on
 * the shape of the data alone, or, where they depend on the number of threads, leave every element's bits alone. So
 * results have the same bits with any number of threads. Idle threads spin for a moment, then sleep. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>

struct pool;

/* One task: number `task` of the job, run by thread `worker` (0 .. pool_threads-1, for scratch space). */
typedef void pool_task(void *ctx, int task, int worker);

/* A pool of `threads` threads, the caller among them; 0 means cores_usable().
 * Free it with pool_free. */
struct pool *pool_new(int threads);

/* Number of threads, the caller among them. */
int pool_threads(const struct pool *p);

/* Runs tasks 0 .. n-1 and returns when all are done. Not to be called from within a task. */
void pool_run(struct pool *p, int n, pool_task *task, void *ctx);

/* At least so many bytes, aligned for vectors, for the caller's job: theirs until the next call. The pool keeps them. */
void *pool_scratch(struct pool *p, size_t bytes);

/* Kinds of work, of which the pool keeps the time that its caller spends: rows are norms, rope, gates and sums of
 * streams. */
enum pool_part { POOL_OTHER, POOL_PRODUCTS, POOL_ATTENTION, POOL_ROWS, POOL_LOSS, POOL_OPTIMIZER, POOL_PARTS };

/* From now on time counts for `part`. Returns the part before, to be given back when the work is done. */
enum pool_part pool_part(struct pool *p, enum pool_part part);

/* Seconds of each part since the last call, or the pool's beginning. */
void pool_seconds(struct pool *p, double seconds[POOL_PARTS]);

/* Ends the threads. NULL is fine. */
void pool_free(struct pool *p);

#endif
