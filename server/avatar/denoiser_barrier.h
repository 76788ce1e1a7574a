/* A meeting point of a few threads that work on one window: it is reached a dozen times a window and a wait lasts
 * microseconds, so a thread first looks for a while before it sleeps. */
#ifndef VV_DENOISER_BARRIER_H
#define VV_DENOISER_BARRIER_H

#include <pthread.h>
#include <stdatomic.h>

typedef struct VvBarrier {
    int members;
    atomic_int missing; /* until the next meeting */
    atomic_uint meetings;
    pthread_mutex_t lock;
    pthread_cond_t met;
} VvBarrier;

/* For `members` threads, at least 1. 0 or -errno; close what was opened. */
int vv_barrier_open(VvBarrier *barrier, int members);
void vv_barrier_close(VvBarrier *barrier);

/* Returns when all members have called it; what any of them wrote before is then seen by all. */
void vv_barrier_wait(VvBarrier *barrier);

/* Tells the processor that this is a loop that waits. */
static inline void vv_barrier_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

#endif
