/* The voice assistant: as a command that says a text, and inside the daemon for the demo. */
#include "test/e2e/loop.h"
#include "test/e2e/peer.h"
#include "test/e2e/sight.h"
#include "test/e2e/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define VIEWER "{\"type\":\"session.start\",\"role\":\"viewer\",\"session\":\"s\"}"

static Run run;

static const char *url(const Daemon *daemon) {
    static char text[128];
    snprintf(text, sizeof text, "ws://127.0.0.1:%d/v1/session", daemon->port);
    return text;
}

/* The utterance that said this, once its end has come: spoken whole, with a mouth that moves to it. */
static const PeerMessage *expect_spoken(Peer *viewer, const char *text) {
    for (int i = 0;; i++) {
        const VvPlaybackStarted *started = &peer_await(viewer, VV_MSG_PLAYBACK_STARTED, i + 1)->body.PlaybackStarted;
        if (strcmp(started->text, text) != 0)
            continue;
        const uint32_t utterance = (uint32_t)started->utterance;
        for (int n = 1;; n++)
            if (peer_await(viewer, VV_MSG_PLAYBACK_FINISHED, n)->body.PlaybackFinished.utterance == utterance)
                break;
        peer_await_more(viewer, 2);
        const VvPlaybackFinished *finished = &peer_finished(viewer, utterance)->message->body.PlaybackFinished;
        assert_false(finished->interrupted);
        assert_true(finished->position_ms > 200);
        assert_int_equal(peer_frames(viewer, VV_KIND_AVATAR_VIDEO, utterance), (finished->position_ms + 39) / 40);
        Sight *sight = sight_open(viewer);
        const SightMatch match = sight_mouth(sight, utterance);
        sight_close(&sight);
        print_message("# \"%s\": %lld ms, mouth against sound r = %.4f\n", text, (long long)finished->position_ms,
                      match.now);
        assert_true(match.now >= 0.9);
        return peer_started(viewer, utterance);
    }
}

static void says_and_exits(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--workers=2");
    Peer *viewer = peer_join(daemon, VIEWER);
    run_visavis(&run, "assistant", "--url", url(daemon), "--session", "s", "--say",
                "Good morning. How do you do today?");
    if (run.status != 0)
        fail_msg("status %d\n%s%s", run.status, run.out, run.err);
    const PeerMessage *first = expect_spoken(viewer, "Good morning.");
    const PeerMessage *second = expect_spoken(viewer, "How do you do today?");
    assert_true(first->order < second->order);
    assert_non_null(strstr(run.out, "\"type\":\"playback.started\""));
    assert_non_null(strstr(run.out, "\"type\":\"playback.finished\""));
    assert_int_equal(peer_messages(viewer, VV_MSG_ERROR), 0);
    peer_check_media(viewer);
    peer_expect_well(viewer, daemon); /* the call goes on without it */
    peer_leave(viewer);
    daemon_stop(&daemon);
}

static void says_why_it_cannot(void **state) {
    (void)state;
    const char *secret = scratch_write("secret", "correct horse battery staple, 32 bytes and more\n");
    Daemon *daemon = daemon_start("--token-secret-file", secret);
    run_visavis(&run, "assistant", "--url", url(daemon), "--session", "s", "--say", "Hello.", "--patience=0");
    assert_int_equal(run.status, 1);
    assert_true(run.err[0]);
    run_visavis(&run, "token", "--secret-file", secret, "--role", "backend");
    run.out[strcspn(run.out, "\n")] = '\0';
    const Run backend = run;
    run_visavis(&run, "token", "--secret-file", secret, "--role", "viewer", "--session", "s");
    run.out[strcspn(run.out, "\n")] = '\0';
    Peer *viewer = peer_connect(daemon, &(PeerOptions){.token = run.out});
    peer_send(viewer, VIEWER);
    peer_await(viewer, VV_MSG_SESSION_READY, 1);
    run_visavis(&run, "assistant", "--url", url(daemon), "--session", "s", "--token", backend.out, "--say", "Hello.");
    assert_int_equal(run.status, 0);
    expect_spoken(viewer, "Hello.");
    peer_leave(viewer);
    daemon_stop(&daemon);
    run_visavis(&run, "assistant", "--url", "ws://127.0.0.1:1/v1/session", "--say", "Hello.", "--patience=0");
    assert_int_equal(run.status, 1);
    assert_true(run.err[0]);
}

/* The demo greets, says what is typed, and stops when it is interrupted. */
static void the_demo_answers(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--demo", "--greeting=Hello there.");
    Peer *viewer = peer_join(daemon, VIEWER);
    expect_spoken(viewer, "Hello there.");
    const int turns = peer_messages(viewer, VV_MSG_DIALOGUE_TURN);
    peer_send(viewer, "{\"type\":\"dialogue.turn\",\"speaker\":\"user\",\"text\":\"The sun is shining.\"}");
    expect_spoken(viewer, "The sun is shining.");
    const VvDialogueTurn *turn = &peer_await(viewer, VV_MSG_DIALOGUE_TURN, turns + 1)->body.DialogueTurn;
    assert_int_equal(turn->speaker, VV_SPEAKER_AVATAR);
    const int started = peer_messages(viewer, VV_MSG_PLAYBACK_STARTED);
    peer_send(viewer, "{\"type\":\"dialogue.turn\",\"speaker\":\"user\",\"text\":\"This is a rather long sentence that "
                      "goes on and on and on until somebody has heard enough of it and stops it\"}");
    const VvPlaybackStarted *last = &peer_await(viewer, VV_MSG_PLAYBACK_STARTED, started + 1)->body.PlaybackStarted;
    peer_await_more(viewer, 10);
    peer_send(viewer, "{\"type\":\"speech.interrupt\"}");
    peer_await(viewer, VV_MSG_PLAYBACK_FINISHED, started + 1);
    assert_true(peer_finished(viewer, (uint32_t)last->utterance)->message->body.PlaybackFinished.interrupted);
    peer_send(viewer, "{\"type\":\"dialogue.turn\",\"speaker\":\"user\",\"text\":\"Again.\"}");
    expect_spoken(viewer, "Again.");
    assert_int_equal(peer_messages(viewer, VV_MSG_ERROR), 0);
    peer_check_media(viewer);
    Peer *other = peer_join(daemon, "{\"type\":\"session.start\",\"role\":\"viewer\",\"session\":\"t\"}");
    expect_spoken(other, "Hello there."); /* one for every session */
    peer_leave(other);
    peer_leave(viewer);
    metric_until(daemon, "sessions", 0);
    metric_until(daemon, "connections", 0); /* it has hung up too */
    Peer *again = peer_join(daemon, VIEWER);
    expect_spoken(again, "Hello there.");
    peer_send(again, "{\"type\":\"dialogue.turn\",\"speaker\":\"user\",\"text\":\"These words are still said to their "
                     "end.\"}");
    peer_await(again, VV_MSG_PLAYBACK_STARTED, 2);
    daemon_stop(&daemon); /* while it speaks */
    assert_false(peer_finished(again, 2)->message->body.PlaybackFinished.interrupted);
}

/* With keys and TLS, the demo's own assistant gets in all the same. */
static void the_demo_has_a_token(void **state) {
    (void)state;
    const char *secret = scratch_write("secret", "correct horse battery staple, 32 bytes and more\n");
    const char *key = scratch_path("key.pem"), *cert = scratch_path("cert.pem");
    shell("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost "
          "-keyout '%s' -out '%s' 2>/dev/null",
          key, cert);
    Daemon *daemon = daemon_start("--demo", "--greeting=Welcome.", "--token-secret-file", secret, "--tls-cert", cert,
                                  "--tls-key", key);
    run_visavis(&run, "token", "--secret-file", secret, "--role", "viewer");
    run.out[strcspn(run.out, "\n")] = '\0';
    Peer *viewer = peer_connect(daemon, &(PeerOptions){.token = run.out});
    peer_send(viewer, VIEWER);
    expect_spoken(viewer, "Welcome.");
    peer_leave(viewer);
    daemon_stop(&daemon);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        e2e_test(says_and_exits),
        e2e_test(says_why_it_cannot),
        e2e_test(the_demo_answers),
        e2e_test(the_demo_has_a_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
