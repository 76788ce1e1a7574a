/* Lost sockets: who has the token comes back to where the call was; nobody else does. */
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

#define BOTH "{\"type\":\"session.start\",\"role\":\"both\",\"session\":\"s\"}"
#define VIEWER "{\"type\":\"session.start\",\"role\":\"viewer\",\"session\":\"s\"}"
#define BACKEND "{\"type\":\"session.start\",\"role\":\"backend\",\"session\":\"s\"}"

static Peer *resume(const Daemon *daemon, const char *role, const char *token) {
    char start[256];
    snprintf(start, sizeof start, "{\"type\":\"session.start\",\"role\":\"%s\",\"session\":\"s\",\"resume\":\"%s\"}",
             role, token);
    Peer *peer = peer_join(daemon, start);
    const VvSessionReady *ready = &peer_message(peer, VV_MSG_SESSION_READY, 0)->message->body.SessionReady;
    assert_true(ready->resumed);
    assert_string_equal(ready->session, "s");
    assert_string_not_equal(ready->resume_token, token);
    return peer;
}

static void refuse(const Daemon *daemon, const char *role, const char *session, const char *token) {
    Peer *thief = peer_connect(daemon, NULL);
    peer_send(thief, "{\"type\":\"session.start\",\"role\":\"%s\",\"session\":\"%s\",\"resume\":\"%s\"}", role, session,
              token);
    assert_true(peer_await_error(thief, VV_ERR_RESUME_UNKNOWN, 1)->fatal);
    peer_await_closed(thief, 1008);
}

/* The media that came after a loss goes on from what came before it: in sequence, in time, and beginning anew. */
static void check_carried_on(const Peer *before, const Peer *after) {
    const VvFrameHeader *first = &peer_frame(after, VV_KIND_AVATAR_VIDEO, -1, 0)->header;
    const int count = peer_frames(before, VV_KIND_AVATAR_VIDEO, -1);
    const VvFrameHeader *last = &peer_frame(before, VV_KIND_AVATAR_VIDEO, -1, count - 1)->header;
    assert_true(first->flags & VV_FLAG_KEY);
    assert_true(first->sequence > last->sequence);
    assert_true(first->pts > last->pts);
    peer_check_media(before);
    peer_check_media(after);
}

static void the_only_socket_comes_back(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--workers=2");
    Peer *both = peer_join(daemon, BOTH);
    const uint32_t said = peer_say(both, VV_SPEECH_PCM, 16000, 2);
    peer_await_frames(both, said, 10);
    peer_drop(both);
    metric_until(daemon, "connections", 0);
    assert_int_equal((int)metric(daemon, "sessions"), 1);
    refuse(daemon, "both", "s", "0123456789abcdef0123456789abcdef");
    refuse(daemon, "both", "s", "short");
    refuse(daemon, "both", "other", both->token);
    Peer *back = resume(daemon, "both", both->token);
    refuse(daemon, "both", "s", both->token); /* good once */
    peer_await(back, VV_MSG_PLAYBACK_FINISHED, 1);
    peer_await_more(back, 2);
    assert_int_equal(peer_finished(back, said)->message->body.PlaybackFinished.position_ms, 2000);
    assert_false(peer_finished(back, said)->message->body.PlaybackFinished.interrupted);
    assert_int_equal(peer_messages(both, VV_MSG_PLAYBACK_STARTED), 1);
    assert_int_equal(peer_messages(back, VV_MSG_PLAYBACK_STARTED), 0);
    check_carried_on(both, back);
    Sight *sight = sight_open(back); /* what it gets can be decoded without what it lost */
    assert_true(sight_mouth(sight, said).now >= 0.9);
    sight_close(&sight);
    assert_int_equal((int)metric(daemon, "sessions_resumed_total"), 1);
    Peer *again = (peer_drop(back), resume(daemon, "both", back->token)); /* and with the new token once more */
    peer_await_more(again, 2);
    peer_leave(again);
    metric_until(daemon, "sessions", 0);
    daemon_stop(&daemon);
}

/* One of two is lost and comes back, then the other; the one that stays sees nothing of it but the pause. */
static void either_side_comes_back(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--workers=2");
    Peer *viewer = peer_join(daemon, VIEWER), *backend = peer_join(daemon, BACKEND);
    const uint32_t said = peer_say(backend, VV_SPEECH_PCM, 16000, 2);
    peer_await_frames(viewer, said, 8);
    peer_drop(viewer);
    refuse(daemon, "backend", "s", viewer->token); /* not this role's */
    Peer *seer = resume(daemon, "viewer", viewer->token);
    peer_await_frames(seer, said, 3);
    check_carried_on(viewer, seer);
    peer_drop(backend);
    Peer *voice = resume(daemon, "backend", backend->token);
    peer_await(seer, VV_MSG_PLAYBACK_FINISHED, 1);
    peer_await(voice, VV_MSG_PLAYBACK_FINISHED, 1);
    assert_int_equal(peer_finished(voice, said)->message->body.PlaybackFinished.position_ms, 2000);
    voice->utterance = said;
    const uint32_t next = peer_say(voice, VV_SPEECH_PCM, 24000, 0.4); /* its numbers go on */
    peer_await(seer, VV_MSG_PLAYBACK_FINISHED, 2);
    assert_false(peer_finished(seer, next)->message->body.PlaybackFinished.interrupted);
    assert_int_equal(peer_messages(seer, VV_MSG_ERROR) + peer_messages(voice, VV_MSG_ERROR), 0);
    peer_check_media(seer);
    peer_leave(seer);
    peer_await_closed(voice, 1000);
    daemon_stop(&daemon);
}

/* An utterance that was still open goes on where its sender was lost: what was sent counts, and credit stands. */
static void an_open_utterance_goes_on(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--workers=2");
    Peer *viewer = peer_join(daemon, VIEWER), *backend = peer_join(daemon, BACKEND);
    static int16_t pcm[32000];
    make_tone(pcm, 32000, 16000);
    const uint32_t open = peer_begin(backend, VV_SPEECH_PCM, 16000, "");
    peer_speech(backend, pcm, 32000, false);
    peer_await_frames(viewer, open, 10);
    peer_drop(backend);
    Peer *voice = resume(daemon, "backend", backend->token);
    voice->utterance = open;
    voice->sent = backend->sent;
    voice->credit = backend->credit;
    peer_speech(voice, pcm + 16000, 32000, true);
    peer_await(viewer, VV_MSG_PLAYBACK_FINISHED, 1);
    assert_int_equal(peer_finished(viewer, open)->message->body.PlaybackFinished.position_ms, 2000);
    assert_false(peer_finished(viewer, open)->message->body.PlaybackFinished.interrupted);
    assert_int_equal(peer_messages(voice, VV_MSG_ERROR), 0);
    peer_check_media(viewer);
    peer_leave(viewer);
    daemon_stop(&daemon);
}

/* A connection that hangs half open does not keep its owner out: the token takes the role over from it. */
static void a_dead_socket_is_taken_over(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--workers=2");
    Peer *hanging = peer_join(daemon, VIEWER);
    peer_await_frames(hanging, 0, 3);
    Peer *viewer = resume(daemon, "viewer", hanging->token);
    assert_true(peer_await_error(hanging, VV_ERR_ROLE_TAKEN, 1)->fatal);
    peer_await_closed(hanging, -1);
    peer_await_frames(viewer, 0, 3);
    check_carried_on(hanging, viewer);
    peer_leave(viewer);
    daemon_stop(&daemon);
}

static void too_late(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--resume-seconds=1");
    Peer *viewer = peer_join(daemon, VIEWER), *backend = peer_join(daemon, BACKEND);
    peer_await_frames(viewer, 0, 3);
    peer_drop(viewer);
    const int seconds = peer_messages(backend, VV_MSG_STATS); /* one comes each second of media time */
    peer_await(backend, VV_MSG_STATS, seconds + 3);
    refuse(daemon, "viewer", "s", viewer->token);
    Peer *other = peer_join(daemon, VIEWER); /* the role is free again; and the session has lived on */
    peer_await_frames(other, 0, 3);
    assert_false(peer_message(other, VV_MSG_SESSION_READY, 0)->message->body.SessionReady.resumed);
    peer_drop(other);
    peer_drop(backend);
    metric_until(daemon, "sessions", 0); /* nobody came back */
    refuse(daemon, "backend", "s", backend->token);
    daemon_stop(&daemon);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        e2e_test(the_only_socket_comes_back),
        e2e_test(either_side_comes_back),
        e2e_test(an_open_utterance_goes_on),
        e2e_test(a_dead_socket_is_taken_over),
        e2e_test(too_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
