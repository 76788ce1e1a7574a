/* The meeting point: the last one to come wakes the others. */
#include "server/avatar/denoiser_barrier.h"

#define LOOKS 2000 /* before sleeping: some tens of microseconds */

int vv_barrier_open(VvBarrier *barrier, int members) {
    barrier->members = members;
    atomic_init(&barrier->missing, members);
    atomic_init(&barrier->meetings, 0);
    int status = pthread_mutex_init(&barrier->lock, NULL);
    if (status)
        return -status;
    status = pthread_cond_init(&barrier->met, NULL);
    if (status)
        pthread_mutex_destroy(&barrier->lock);
    return -status;
}

void vv_barrier_close(VvBarrier *barrier) {
    pthread_cond_destroy(&barrier->met);
    pthread_mutex_destroy(&barrier->lock);
}

void vv_barrier_wait(VvBarrier *barrier) {
    const unsigned meeting = atomic_load_explicit(&barrier->meetings, memory_order_acquire);
    /* Release for what this member wrote, acquire for what the others wrote: the last one passes all of it on. */
    if (atomic_fetch_sub_explicit(&barrier->missing, 1, memory_order_acq_rel) == 1) {
        /* Set before the meeting is announced: whoever leaves may be back at once. */
        atomic_store_explicit(&barrier->missing, barrier->members, memory_order_relaxed);
        pthread_mutex_lock(&barrier->lock);
        atomic_store_explicit(&barrier->meetings, meeting + 1, memory_order_release);
        pthread_cond_broadcast(&barrier->met);
        pthread_mutex_unlock(&barrier->lock);
        return;
    }
    for (int look = 0; look < LOOKS; look++) {
        if (atomic_load_explicit(&barrier->meetings, memory_order_acquire) != meeting)
            return;
        vv_barrier_pause();
    }
    pthread_mutex_lock(&barrier->lock);
    while (atomic_load_explicit(&barrier->meetings, memory_order_acquire) == meeting)
        pthread_cond_wait(&barrier->met, &barrier->lock);
    pthread_mutex_unlock(&barrier->lock);
}
