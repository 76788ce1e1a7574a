/* The avatar's threads. They begin and end a run by meeting; between runs they sleep on a condition. */
#include "server/avatar/model_pool.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

typedef struct Thread {
    VvPool *pool;
    int worker;
    pthread_t id;
} Thread;

struct VvPool {
    int workers, started; /* started: threads, of workers - 1 */
    VvBarrier barrier;
    bool met;             /* the barrier is open */
    bool locked;          /* lock and wake are */
    pthread_mutex_t lock; /* of the following */
    pthread_cond_t wake;
    unsigned runs;
    bool stop;
    VvPoolWork *work;
    void *ctx;
    Thread thread[];
};

static void *serve(void *arg) {
    const Thread *self = arg;
    VvPool *pool = self->pool;
    for (unsigned seen = 0;; seen++) {
        pthread_mutex_lock(&pool->lock);
        while (pool->runs == seen && !pool->stop)
            pthread_cond_wait(&pool->wake, &pool->lock);
        const bool stop = pool->runs == seen;
        VvPoolWork *work = pool->work;
        void *ctx = pool->ctx;
        pthread_mutex_unlock(&pool->lock);
        if (stop)
            return NULL;
        work(ctx, self->worker);
        vv_barrier_wait(&pool->barrier);
    }
}

static int start(VvPool *pool) {
    int status = vv_barrier_open(&pool->barrier, pool->workers);
    if (status)
        return status;
    pool->met = true;
    status = pthread_mutex_init(&pool->lock, NULL);
    if (status)
        return -status;
    status = pthread_cond_init(&pool->wake, NULL);
    if (status) {
        pthread_mutex_destroy(&pool->lock);
        return -status;
    }
    pool->locked = true;
    for (int i = 0; i + 1 < pool->workers && !status; i++) {
        pool->thread[i] = (Thread){.pool = pool, .worker = i + 1};
        status = pthread_create(&pool->thread[i].id, NULL, serve, &pool->thread[i]);
        pool->started += status == 0;
    }
    return -status;
}

int vv_pool_open(int workers, VvPool **pool) {
    *pool = NULL;
    if (workers < 1 || workers > VV_POOL_WORKERS_MAX)
        return -EINVAL;
    VvPool *p = calloc(1, sizeof *p + (size_t)workers * sizeof p->thread[0]);
    if (!p)
        return -ENOMEM;
    p->workers = workers;
    const int status = start(p);
    if (status)
        vv_pool_close(&p);
    *pool = p;
    return status;
}

void vv_pool_close(VvPool **pool) {
    VvPool *p = *pool;
    *pool = NULL;
    if (!p)
        return;
    if (p->locked) {
        pthread_mutex_lock(&p->lock);
        p->stop = true;
        pthread_cond_broadcast(&p->wake);
        pthread_mutex_unlock(&p->lock);
        for (int i = 0; i < p->started; i++)
            pthread_join(p->thread[i].id, NULL);
        pthread_cond_destroy(&p->wake);
        pthread_mutex_destroy(&p->lock);
    }
    if (p->met)
        vv_barrier_close(&p->barrier);
    free(p);
}

void vv_pool_run(VvPool *pool, VvPoolWork *work, void *ctx) {
    if (pool->workers > 1) {
        pthread_mutex_lock(&pool->lock);
        pool->work = work;
        pool->ctx = ctx;
        pool->runs++;
        pthread_cond_broadcast(&pool->wake);
        pthread_mutex_unlock(&pool->lock);
    }
    work(ctx, 0);
    vv_pool_meet(pool);
}

void vv_pool_meet(VvPool *pool) {
    if (pool->workers > 1)
        vv_barrier_wait(&pool->barrier);
}
