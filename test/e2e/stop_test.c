/* Stopping: what is being said is said to its end, everyone is told, and nothing new begins. */
#include "test/e2e/loop.h"
#include "test/e2e/peer.h"
#include "test/e2e/wire.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define BOTH "{\"type\":\"session.start\",\"role\":\"both\",\"session\":\"s\"}"

static bool not_ready(void *arg) {
    return http_status(arg, "/readyz") == 503;
}

static void await_draining(Daemon *daemon) {
    e2e_until(not_ready, daemon, "/readyz to say no");
    assert_int_equal(http_status(daemon, "/healthz"), 200);
}

static void speech_is_finished_first(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--workers=2");
    assert_int_equal(http_status(daemon, "/readyz"), 200);
    Peer *early = peer_connect(daemon, NULL); /* connected, but without a session yet */
    Peer *both = peer_join(daemon, BOTH);
    const uint32_t said = peer_say(both, VV_SPEECH_PCM, 16000, 3);
    peer_await_frames(both, said, 5);
    daemon_signal(daemon, SIGTERM);
    await_draining(daemon);
    static Reply reply;
    const int late = wire_connect(daemon, 0);
    assert_int_equal(wire_upgrade(late, daemon, "/v1/session", "Sec-WebSocket-Protocol: visavis.v1\r\n", &reply), 503);
    assert_non_null(strstr(reply.body, "\"error\":\"draining\""));
    peer_send(early, "{\"type\":\"session.start\",\"role\":\"viewer\",\"session\":\"t\"}");
    assert_true(peer_await_error(early, VV_ERR_DRAINING, 1)->fatal);
    peer_await_closed(early, 1001);
    peer_send(both, "{\"type\":\"speech.begin\",\"utterance\":2,\"codec\":\"pcm_s16le\",\"rate\":16000}");
    peer_await_closed(both, 1000);
    const PeerMessage *finished = peer_finished(both, said), *refused = peer_finished(both, 2);
    assert_false(finished->message->body.PlaybackFinished.interrupted);
    assert_int_equal(finished->message->body.PlaybackFinished.position_ms, 3000);
    assert_int_equal(peer_frames(both, VV_KIND_AVATAR_VIDEO, said), 75);
    assert_true(refused->message->body.PlaybackFinished.interrupted);
    assert_null(peer_started(both, 2));
    const PeerMessage *end = peer_message(both, VV_MSG_SESSION_END, 0);
    assert_non_null(end);
    assert_string_equal(end->message->body.SessionEnd.reason, "shutting down");
    assert_true(end->order > finished->order);
    peer_check_media(both);
    daemon_wait(&daemon);
}

/* The second signal does not wait. */
static void the_second_signal_is_final(void **state) {
    (void)state;
    static const int signals[] = {SIGTERM, SIGINT};
    for (int i = 0; i < 2; i++) {
        Daemon *daemon = daemon_start("--workers=2");
        Peer *both = peer_join(daemon, BOTH);
        const uint32_t said = peer_say(both, VV_SPEECH_PCM, 16000, 20);
        peer_await_frames(both, said, 5);
        daemon_signal(daemon, signals[i]);
        await_draining(daemon);
        peer_await_more(both, 3); /* it goes on */
        daemon_signal(daemon, signals[i]);
        daemon_wait(&daemon);
        assert_true(peer_frames(both, VV_KIND_AVATAR_VIDEO, said) < 20 * 25);
    }
}

/* With a second's patience a long speech is cut, and said to be. */
static void patience_ends(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--drain-seconds=1");
    Peer *both = peer_join(daemon, BOTH);
    const uint32_t said = peer_say(both, VV_SPEECH_PCM, 16000, 25);
    peer_await_frames(both, said, 5);
    daemon_signal(daemon, SIGTERM);
    peer_await_closed(both, 1000);
    const VvPlaybackFinished *finished = &peer_finished(both, said)->message->body.PlaybackFinished;
    assert_true(finished->interrupted);
    assert_int_equal(finished->position_ms, 40 * peer_frames(both, VV_KIND_AVATAR_VIDEO, said));
    assert_int_equal(peer_messages(both, VV_MSG_SESSION_END), 1);
    daemon_wait(&daemon);
}

/* Nobody speaks: all end at once. A client that does not answer does not hold the daemon up for good. */
static void silence_ends_at_once(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--workers=2");
    Peer *viewer = peer_join(daemon, "{\"type\":\"session.start\",\"role\":\"viewer\",\"session\":\"s\"}");
    Peer *other = peer_join(daemon, "{\"type\":\"session.start\",\"role\":\"viewer\",\"session\":\"t\"}");
    Peer *lost = peer_join(daemon, "{\"type\":\"session.start\",\"role\":\"viewer\",\"session\":\"u\"}");
    static const char start[] = "{\"type\":\"session.start\",\"role\":\"viewer\",\"session\":\"v\"}";
    wire_send_frame(wire_session(daemon, 4096), WIRE_FINAL | WIRE_TEXT, start, strlen(start));
    peer_await_frames(viewer, 0, 3);
    peer_drop(lost); /* may resume, but nobody waits for it */
    daemon_signal(daemon, SIGTERM);
    peer_await_closed(viewer, 1000);
    peer_await_closed(other, 1000);
    assert_int_equal(peer_messages(viewer, VV_MSG_SESSION_END), 1);
    assert_int_equal(peer_messages(other, VV_MSG_SESSION_END), 1);
    daemon_wait(&daemon);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        e2e_test(speech_is_finished_first),
        e2e_test(the_second_signal_is_final),
        e2e_test(patience_ends),
        e2e_test(silence_ends_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
