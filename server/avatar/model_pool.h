/* The avatar's own threads: a few that sleep until there is a step, then all do the same piece of work together with
 * the thread that asked for it. */
#ifndef VV_MODEL_POOL_H
#define VV_MODEL_POOL_H

#include "server/avatar/denoiser_barrier.h"

#define VV_POOL_WORKERS_MAX 32

typedef struct VvPool VvPool;

/* What each worker does, 0 to workers - 1. Workers may meet at the pool's barrier, all of them or none. */
typedef void VvPoolWork(void *ctx, int worker);

/* Starts workers - 1 threads (1 <= workers <= VV_POOL_WORKERS_MAX). 0 or -errno. */
int vv_pool_open(int workers, VvPool **pool);

/* Stops and joins them. Takes the address and clears it; NULL inside is fine. */
void vv_pool_close(VvPool **pool);

/* Has every worker do the work, the calling thread being worker 0; returns when all have. One caller at a time. */
void vv_pool_run(VvPool *pool, VvPoolWork *work, void *ctx);

/* For workers, within a run: waits until all have come here. */
void vv_pool_meet(VvPool *pool);

#endif
