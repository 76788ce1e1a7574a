/* A media worker's loop. */
#include "server/session/worker.h"

#include "server/session/actor.h"

#include <errno.h>
#include <string.h>

/* The order matters. The sessions to free are taken out first, but freed last: whatever else was pushed for such a
 * session was pushed before, so it is in what is taken out after, and is dealt with while the session still exists. */
static void on_wake(struct ev_loop *loop, ev_async *wake, int events) {
    (void)loop, (void)events;
    VvWorker *worker = wake->data;
    VvNode *dead = vv_mailbox_take(&worker->dead);
    for (VvNode *node = vv_mailbox_take(&worker->done), *next; node; node = next) {
        next = node->next;
        vv_session_window_done(VV_OBJECT(node, VvSession, playout.done_node));
    }
    for (VvNode *node = vv_mailbox_take(&worker->ready), *next; node; node = next) {
        next = node->next;
        VvSession *session = VV_OBJECT(node, VvSession, ready_node);
        atomic_store_explicit(&session->ready, false, memory_order_release);
        vv_session_run(session);
    }
    for (VvNode *next; dead; dead = next) {
        next = dead->next;
        VvSession *session = VV_OBJECT(dead, VvSession, dead_node);
        vv_session_free(&session);
    }
    if (atomic_load_explicit(&worker->stop, memory_order_acquire))
        ev_break(worker->loop, EVBREAK_ALL);
}

static void *run(void *arg) {
    VvWorker *worker = arg;
    ev_run(worker->loop, 0);
    on_wake(worker->loop, &worker->wake, 0); /* what came together with `stop` */
    return NULL;
}

int vv_worker_open(VvWorker *worker) {
    memset(worker, 0, sizeof *worker);
    worker->loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
    if (!worker->loop)
        return -ENOMEM;
    ev_async_init(&worker->wake, on_wake);
    worker->wake.data = worker;
    ev_async_start(worker->loop, &worker->wake);
    const int status = pthread_create(&worker->thread, NULL, run, worker);
    worker->running = status == 0;
    if (status) {
        ev_loop_destroy(worker->loop);
        worker->loop = NULL;
    }
    return -status;
}

void vv_worker_close(VvWorker *worker) {
    if (worker->running) {
        atomic_store_explicit(&worker->stop, true, memory_order_release);
        vv_worker_wake(worker);
        pthread_join(worker->thread, NULL);
        worker->running = false;
    }
    if (worker->loop)
        ev_loop_destroy(worker->loop);
    worker->loop = NULL;
}

void vv_worker_wake(VvWorker *worker) {
    ev_async_send(worker->loop, &worker->wake);
}
