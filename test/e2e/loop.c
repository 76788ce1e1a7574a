/* See loop.h. */
#include "test/e2e/loop.h"

#include "test/e2e/daemon.h"
#include "test/e2e/peer.h"

#include <ev.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define GUARD (120 * VV_SECOND)
#define GUARD_SLOW (900 * VV_SECOND) /* with a sanitizer everything is many times slower */
#define TURN 0.005

static struct ev_loop *loop;
static ev_timer turn;

static void nothing(struct ev_loop *l, ev_timer *timer, int events) {
    (void)l, (void)timer, (void)events;
}

struct ev_loop *e2e_loop(void) {
    if (!loop) {
        loop = ev_loop_new(EVFLAG_AUTO);
        assert_non_null(loop);
        ev_timer_init(&turn, nothing, TURN, TURN); /* so that a round of the loop always ends */
        ev_timer_start(loop, &turn);
    }
    return loop;
}

VvTime e2e_guard(void) {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    return vv_now() + GUARD_SLOW;
#else
    return vv_now() + GUARD;
#endif
}

void e2e_turn(void) {
    ev_run(e2e_loop(), EVRUN_ONCE);
}

void e2e_until(bool (*done)(void *arg), void *arg, const char *what) {
    const VvTime guard = e2e_guard();
    while (!done(arg)) {
        if (vv_now() > guard)
            fail_msg("waited in vain for %s", what);
        e2e_turn();
    }
}

int e2e_teardown(void **state) {
    (void)state;
    peers_close();
    daemons_kill();
    if (loop) {
        ev_timer_stop(loop, &turn);
        ev_loop_destroy(loop);
        loop = NULL;
    }
    return 0;
}
