/* Calls that come and go, in every way: nothing of them stays. */
#include "test/e2e/loop.h"
#include "test/e2e/peer.h"
#include "test/e2e/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#define CYCLES 200

typedef struct Files {
    const Daemon *daemon;
    int count;
} Files;

static bool has_files(void *arg) {
    const Files *files = arg;
    return daemon_files(files->daemon) == files->count;
}

static bool has_sent(void *arg) {
    const Peer *peer = arg;
    return peer->closed || vv_client_queued(peer->client) == 0;
}

/* One call, ended in one of eight ways. */
static void cycle(const Daemon *daemon, int n) {
    char start[160];
    snprintf(start, sizeof start, "{\"type\":\"session.start\",\"role\":\"%s\",\"session\":\"n%d\"}",
             n % 3 ? "both" : "viewer", n);
    if (n % 8 == 0) { /* without ever starting */
        Peer *silent = peer_connect(daemon, NULL);
        peer_drop(silent);
        return;
    }
    if (n % 8 == 1) { /* without waiting for the answer */
        Peer *hasty = peer_connect(daemon, NULL);
        peer_send(hasty, "%s", start);
        e2e_until(has_sent, hasty, "a message to be sent");
        peer_drop(hasty);
        return;
    }
    Peer *peer = peer_join(daemon, start);
    peer->forgets = true;
    if (n % 3 && n % 2)
        peer_say(peer, VV_SPEECH_PCM, 16000, 0.5);
    if (n % 5 == 0)
        peer_await_more(peer, 3);
    if (n % 8 < 4) {
        peer_leave(peer);
    } else if (n % 8 < 6) {
        peer_drop(peer);     /* lost, and nobody comes back */
    } else if (n % 8 == 6) { /* lost, back, and ended */
        char resume[256];
        snprintf(resume, sizeof resume, "{\"type\":\"session.start\",\"role\":\"%s\",\"resume\":\"%s\"}",
                 n % 3 ? "both" : "viewer", peer->token);
        peer_drop(peer);
        peer_leave(peer_join(daemon, resume));
    } else {
        vv_client_close(peer->client, 1000); /* a clean close, but no session.end */
        peer_await_closed(peer, 1000);
    }
}

static void nothing_stays(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--resume-seconds=1", "--capacity=250");
    peer_leave(peer_join(daemon, "{\"type\":\"session.start\",\"role\":\"viewer\"}")); /* what is opened once is open */
    metric_until(daemon, "sessions", 0);
    const int files = daemon_files(daemon);
    for (int n = 0; n < CYCLES; n++)
        cycle(daemon, n);
    metric_until(daemon, "sessions", 0);
    metric_until(daemon, "connections", 0);
    e2e_until(has_files, &(Files){daemon, files}, "as many open files as before");
    assert_int_equal((int)metric(daemon, "sessions_refused_total"), 0);
    assert_int_equal((int)metric(daemon, "sessions_resumed_total"), CYCLES / 8);
    assert_true(metric(daemon, "sessions_started_total") >= CYCLES * 7 / 8);
    Peer *last = peer_join(daemon, "{\"type\":\"session.start\",\"role\":\"viewer\"}");
    peer_expect_well(last, daemon);
    peer_leave(last);
    daemon_stop(&daemon);
}

int main(void) {
    const struct CMUnitTest tests[] = {e2e_test(nothing_stays)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
