/* Media workers: threads with an event loop each, that run sessions. A session belongs to one worker all its life, so
 * its state needs no locks. Others reach it through mailboxes. */
#ifndef VV_WORKER_H
#define VV_WORKER_H

#include "server/base/clock.h"
#include "server/session/mailbox.h"

#include <ev.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

typedef struct VvWorker {
    struct ev_loop *loop;
    ev_async wake;
    pthread_t thread;
    bool running;
    atomic_bool stop;
    VvMailbox ready; /* sessions with something in their inbox (VvSession.ready_node) */
    VvMailbox done;  /* sessions whose window came back (VvPlayout.done_node) */
    VvMailbox dead;  /* sessions to free (VvSession.dead_node) */
    int sessions;    /* network thread's count, for balance */
} VvWorker;

/* Starts the thread. 0 or -errno. */
int vv_worker_open(VvWorker *worker);

/* Stops and joins it. Sessions in `dead` are freed; there must be no others. */
void vv_worker_close(VvWorker *worker);

/* Any thread: has the worker look at its mailboxes. */
void vv_worker_wake(VvWorker *worker);

#endif
