/* A call: speech becomes a picture and a voice in step, the user is seen and heard, and playback is told as promised.
 */
#include "server/avatar/test_pattern.h"
#include "server/media/opus_codec.h"
#include "server/media/vp8_codec.h"
#include "test/e2e/loop.h"
#include "test/e2e/peer.h"
#include "test/e2e/sight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BOTH "{\"type\":\"session.start\",\"role\":\"both\",\"session\":\"s\",\"seed\":7}"
#define VIEWER "{\"type\":\"session.start\",\"role\":\"viewer\",\"session\":\"s\"}"
#define BACKEND "{\"type\":\"session.start\",\"role\":\"backend\",\"session\":\"s\"}"

/* Started before its first frame and with that frame's time, finished after its last one and whole. */
static void check_whole(const Peer *viewer, uint32_t utterance, int64_t position_ms) {
    const int pictures = (int)((position_ms + 39) / 40);
    assert_int_equal(peer_frames(viewer, VV_KIND_AVATAR_VIDEO, utterance), pictures); /* the last one filled up */
    assert_int_equal(peer_frames(viewer, VV_KIND_AVATAR_AUDIO, utterance), 2 * pictures);
    const PeerMessage *started = peer_started(viewer, utterance), *finished = peer_finished(viewer, utterance);
    assert_non_null(started);
    const PeerFrame *first = peer_frame(viewer, VV_KIND_AVATAR_VIDEO, utterance, 0);
    const PeerFrame *last = peer_frame(viewer, VV_KIND_AVATAR_VIDEO, utterance, pictures - 1);
    assert_int_equal(started->message->body.PlaybackStarted.pts, first->header.pts);
    assert_string_equal(started->message->body.PlaybackStarted.text, "a tone");
    assert_true(started->order < first->order);
    assert_true(finished->order > last->order);
    assert_int_equal(finished->message->body.PlaybackFinished.position_ms, position_ms);
    assert_false(finished->message->body.PlaybackFinished.interrupted);
    assert_int_equal(last->header.sequence, first->header.sequence + (uint32_t)pictures - 1); /* without a pause */
}

/* Every codec and rate, begun one after the other without waiting: heard in order and whole. */
static void one_socket_says_all_codecs(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--workers=2");
    Peer *both = peer_join(daemon, BOTH);
    static const struct {
        VvSpeechCodec codec;
        int rate;
    } ways[] = {{VV_SPEECH_PCM, 16000},  {VV_SPEECH_PCM, 24000},  {VV_SPEECH_PCM, 48000},
                {VV_SPEECH_OPUS, 48000}, {VV_SPEECH_OPUS, 24000}, {VV_SPEECH_OPUS, 16000}};
    const int count = sizeof ways / sizeof *ways;
    for (int i = 0; i < count; i++)
        assert_int_equal(peer_say(both, ways[i].codec, ways[i].rate, 0.7), i + 1);
    peer_await(both, VV_MSG_PLAYBACK_FINISHED, count);
    peer_await_more(both, 3);
    for (int i = 0; i < count; i++)
        check_whole(both, (uint32_t)i + 1, 700);
    assert_int_equal(peer_messages(both, VV_MSG_PLAYBACK_STARTED), count);
    assert_int_equal(peer_messages(both, VV_MSG_ERROR), 0);
    peer_check_media(both);
    Sight *sight = sight_open(both);
    for (int i = 0; i < count; i++) {
        const SightMatch match = sight_mouth(sight, (uint32_t)i + 1);
        print_message("# mouth against sound, %s %d: r = %.4f (a frame earlier %.4f, later %.4f)\n",
                      ways[i].codec == VV_SPEECH_OPUS ? "Opus" : "PCM", ways[i].rate, match.now, match.earlier,
                      match.later);
        assert_true(match.now >= 0.95 && match.now > match.earlier && match.now > match.later);
    }
    sight_close(&sight);
    peer_leave(both);
    daemon_stop(&daemon);
}

/* Two sockets, the backend first: only the viewer gets media, both are told of playback and of each other's turns. */
static void two_sockets(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--workers=2");
    Peer *backend = peer_join(daemon, BACKEND), *viewer = peer_join(daemon, VIEWER);
    peer_await_frames(viewer, 0, 3);
    assert_true(peer_frame(viewer, VV_KIND_AVATAR_VIDEO, -1, 0)->header.flags & VV_FLAG_KEY);
    peer_send(viewer, "{\"type\":\"dialogue.turn\",\"speaker\":\"user\",\"text\":\"Grüß Gott?\"}");
    assert_string_equal(peer_await(backend, VV_MSG_DIALOGUE_TURN, 1)->body.DialogueTurn.text, "Grüß Gott?");
    peer_send(backend, "{\"type\":\"dialogue.turn\",\"speaker\":\"avatar\",\"text\":\"Servus.\","
                       "\"emotion\":{\"label\":\"joy\",\"intensity\":1}}");
    assert_string_equal(peer_await(viewer, VV_MSG_DIALOGUE_TURN, 1)->body.DialogueTurn.text, "Servus.");
    assert_int_equal(peer_await(viewer, VV_MSG_CONTEXT_AFFECT, 1)->body.ContextAffect.label, VV_EMOTION_JOY);
    const uint32_t said = peer_say(backend, VV_SPEECH_PCM, 24000, 2);
    peer_await(viewer, VV_MSG_PLAYBACK_FINISHED, 1);
    peer_await(backend, VV_MSG_PLAYBACK_FINISHED, 1);
    peer_await_more(viewer, 3);
    check_whole(viewer, said, 2000);
    assert_int_equal(peer_finished(backend, said)->message->body.PlaybackFinished.position_ms, 2000);
    assert_true(peer_started(backend, said)->order < peer_finished(backend, said)->order);
    assert_int_equal(backend->frame_count, 0);
    peer_check_media(viewer);
    Sight *sight = sight_open(viewer);
    assert_true(sight_mouth(sight, said).now >= 0.95);
    assert_int_equal(sight_last(sight)->label, VV_EMOTION_JOY); /* and the face shows it */
    sight_close(&sight);
    peer_send(backend, "{\"type\":\"session.end\",\"reason\":\"good bye\"}");
    assert_string_equal(peer_await(viewer, VV_MSG_SESSION_END, 1)->body.SessionEnd.reason, "good bye");
    peer_await_closed(viewer, 1000);
    peer_await_closed(backend, 1000);
    daemon_stop(&daemon);
}

/* ---- the user ---------------------------------------------------------------------------------------------------- */

/* Nine fields, no two alike. */
static const uint8_t colours[3][3][3] = {{{200, 40, 40}, {40, 200, 40}, {40, 40, 200}},
                                         {{200, 200, 40}, {128, 128, 128}, {40, 200, 200}},
                                         {{30, 30, 30}, {200, 40, 200}, {220, 220, 220}}};

static void send_camera(Peer *viewer, VvVp8Encoder *encoder, const VvPicture *picture, int number) {
    const uint8_t *data;
    size_t size;
    bool key;
    assert_int_equal(vv_vp8_encode(encoder, picture, number == 0, &data, &size, &key), 0);
    if (size)
        peer_send_media(viewer,
                        (VvFrameHeader){.kind = VV_KIND_USER_VIDEO,
                                        .flags = key ? VV_FLAG_KEY : 0,
                                        .codec = VV_CODEC_VP8,
                                        .pts = number * 40000,
                                        .length = (uint32_t)size},
                        data);
}

static void camera_is_seen(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--workers=2");
    Peer *viewer = peer_join(daemon, "{\"type\":\"session.start\",\"role\":\"viewer\",\"session\":\"s\","
                                     "\"video\":{\"kbps\":1500}}");
    VvPicture picture = {0};
    VvVp8Encoder *encoder = vv_vp8_encoder_new(320, 240, 25, 1500);
    assert_int_equal(vv_picture_alloc(&picture, 320, 240), 0);
    for (int row = 0; row < 3; row++)
        for (int column = 0; column < 3; column++) {
            const uint8_t *c = colours[row][column];
            const int x = 320 * column / 3 & ~1, y = 80 * row;
            vv_picture_fill(&picture, x, y, 320 - x, 80, vv_rgb_to_yuv(c[0], c[1], c[2]));
        }
    peer_send(viewer, "{\"type\":\"ping\",\"t\":0}");
    for (int i = 0; i < 25; i++) {
        send_camera(viewer, encoder, &picture, i);
        peer_await_more(viewer, 1);
    }
    peer_await_more(viewer, 10);
    assert_int_equal(peer_messages(viewer, VV_MSG_ERROR), 0);
    Sight *sight = sight_open(viewer);
    const VvPatternReading *reading = sight_last(sight);
    int worst = 0;
    for (int i = 0; i < 27; i++) {
        const int off = abs(reading->thumbnail[i / 9][i / 3 % 3][i % 3] - colours[i / 9][i / 3 % 3][i % 3]);
        worst = off > worst ? off : worst;
    }
    print_message("# camera through VP8 twice: colours off by %d of 255 at most\n", worst);
    assert_true(worst <= 6);
    sight_close(&sight);
    vv_vp8_encoder_free(&encoder);
    vv_picture_free(&picture);
    peer_leave(viewer);
    daemon_stop(&daemon);
}

/* One packet of 20 ms for each frame that arrives twice over: about real time, by the avatar's own clock. */
static void send_microphone(Peer *viewer, VvOpusEncoder *encoder, const int16_t *pcm, int packets) {
    for (int i = 0; i < packets; i++) {
        uint8_t packet[VV_OPUS_PACKET_MAX];
        const int size = vv_opus_encode(encoder, pcm + 960 * i, packet, sizeof packet);
        assert_true(size > 0);
        peer_send_media(viewer,
                        (VvFrameHeader){.kind = VV_KIND_USER_AUDIO,
                                        .codec = VV_CODEC_OPUS,
                                        .pts = viewer->sequence[VV_KIND_USER_AUDIO] * INT64_C(20000),
                                        .length = (uint32_t)size},
                        packet);
        if (i % 2)
            peer_await_more(viewer, 1);
    }
}

static bool has_event(void *arg) {
    const Peer *peer = arg;
    for (int i = 0; i < peer->message_count; i++) {
        const VvMessage *message = peer->messages[i].message;
        if (message->type == VV_MSG_CONTEXT_EVENT && message->body.ContextEvent.kind == VV_EVENT_SPEAKING &&
            message->body.ContextEvent.value == 0)
            return true;
    }
    return peer->closed;
}

/* The user's voice becomes events, in order and with media times; and packets for a backend that wants them. */
static void microphone_is_heard(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--workers=2");
    Peer *viewer = peer_join(daemon, VIEWER);
    Peer *backend = peer_join(daemon, "{\"type\":\"session.start\",\"role\":\"backend\",\"session\":\"s\","
                                      "\"want\":[\"events\",\"user_audio\"]}");
    static int16_t quiet[48000], voice[48000];
    make_tone(voice, 48000, 48000);
    VvOpusEncoder *encoder = vv_opus_encoder_new(32);
    peer_send(viewer, "{\"type\":\"ping\",\"t\":0}");
    send_microphone(viewer, encoder, quiet, 20);
    send_microphone(viewer, encoder, voice, 50);
    for (int i = 0; i < 4; i++)
        send_microphone(viewer, encoder, quiet, 25);
    e2e_until(has_event, backend, "the user to be silent again");
    const VvContextEvent *began = &peer_message(backend, VV_MSG_CONTEXT_EVENT, 0)->message->body.ContextEvent;
    const VvContextEvent *ended = &peer_message(backend, VV_MSG_CONTEXT_EVENT, 1)->message->body.ContextEvent;
    assert_int_equal(began->kind, VV_EVENT_SPEAKING);
    assert_true(began->value == 1);
    assert_int_equal(ended->kind, VV_EVENT_SPEAKING);
    assert_true(ended->value == 0);
    assert_true(ended->pts > began->pts);
    assert_true(ended->pts <= peer_clock(backend));
    const int passed = peer_frames(backend, VV_KIND_USER_AUDIO, -1);
    assert_true(passed >= 70);
    for (int i = 1; i < passed; i++) {
        const VvFrameHeader *before = &peer_frame(backend, VV_KIND_USER_AUDIO, -1, i - 1)->header;
        const VvFrameHeader *header = &peer_frame(backend, VV_KIND_USER_AUDIO, -1, i)->header;
        assert_int_equal(header->sequence, before->sequence + 1);
        assert_true(header->pts >= before->pts);
    }
    assert_int_equal(peer_frames(viewer, VV_KIND_USER_AUDIO, -1), 0);
    assert_int_equal(peer_messages(viewer, VV_MSG_ERROR), 0);
    vv_opus_encoder_free(&encoder);
    peer_leave(viewer);
    daemon_stop(&daemon);
}

/* ---- playback ------------------------------------------------------------------------------------------------------
 */

static void interrupt_within_a_window(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--workers=2");
    Peer *viewer = peer_join(daemon, VIEWER), *backend = peer_join(daemon, BACKEND);
    const int64_t window = peer_message(viewer, VV_MSG_SESSION_READY, 0)->message->body.SessionReady.window_ms * 1000;
    const uint32_t heard = peer_say(backend, VV_SPEECH_PCM, 16000, 5);
    const uint32_t whole = peer_say(backend, VV_SPEECH_PCM, 16000, 1);          /* waits, and is never heard */
    const uint32_t open = peer_begin(backend, VV_SPEECH_PCM, 16000, "nothing"); /* cleared while open */
    peer_await_frames(viewer, heard, 12);
    peer_send(backend, "{\"type\":\"speech.interrupt\"}");
    const int64_t asked = peer_clock(backend);
    peer_await(backend, VV_MSG_PLAYBACK_FINISHED, 3);
    peer_await(viewer, VV_MSG_PLAYBACK_FINISHED, 3);
    peer_await_more(viewer, 15);
    const int frames = peer_frames(viewer, VV_KIND_AVATAR_VIDEO, heard);
    const PeerFrame *last = peer_frame(viewer, VV_KIND_AVATAR_VIDEO, heard, frames - 1);
    print_message("# interrupted at %lld ms, last of it at %lld ms\n", (long long)asked / 1000,
                  (long long)last->header.pts / 1000);
    assert_true(last->header.pts + 40000 <= asked + window);
    const VvPlaybackFinished *end = &peer_finished(viewer, heard)->message->body.PlaybackFinished;
    assert_true(end->interrupted);
    assert_int_equal(end->position_ms, frames * 40);
    const uint32_t unheard[] = {whole, open};
    for (int i = 0; i < 2; i++) {
        const VvPlaybackFinished *none = &peer_finished(backend, unheard[i])->message->body.PlaybackFinished;
        assert_true(none->interrupted);
        assert_int_equal(none->position_ms, 0);
        assert_null(peer_started(backend, unheard[i]));
        assert_int_equal(peer_frames(viewer, VV_KIND_AVATAR_VIDEO, unheard[i]), 0);
        assert_int_equal(peer_frames(viewer, VV_KIND_AVATAR_AUDIO, unheard[i]), 0);
    }
    int16_t pcm[1600] = {0};
    peer_speech(backend, pcm, sizeof pcm, false); /* late: told once, then thrown away */
    peer_speech(backend, pcm, sizeof pcm, false);
    peer_await_error(backend, VV_ERR_UTTERANCE_CLEARED, 1);
    const uint32_t next = peer_say(backend, VV_SPEECH_PCM, 16000, 0.4);
    peer_await(viewer, VV_MSG_PLAYBACK_FINISHED, 4);
    peer_await_more(viewer, 2);
    check_whole(viewer, next, 400);
    assert_int_equal(peer_messages(backend, VV_MSG_ERROR), 1);
    peer_check_media(viewer);
    peer_leave(viewer);
    daemon_stop(&daemon);
}

/* An empty utterance, one cut off by the session's end: each gets its one end. */
static void every_utterance_ends(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--workers=2");
    Peer *viewer = peer_join(daemon, VIEWER), *backend = peer_join(daemon, BACKEND);
    const uint32_t empty = peer_begin(backend, VV_SPEECH_PCM, 48000, "");
    peer_send(backend, "{\"type\":\"speech.end\",\"utterance\":%u}", empty);
    peer_await(viewer, VV_MSG_PLAYBACK_FINISHED, 1);
    assert_int_equal(peer_finished(viewer, empty)->message->body.PlaybackFinished.position_ms, 0);
    assert_false(peer_finished(viewer, empty)->message->body.PlaybackFinished.interrupted);
    assert_null(peer_started(viewer, empty));
    const uint32_t cut = peer_say(backend, VV_SPEECH_PCM, 24000, 4),
                   unheard = peer_say(backend, VV_SPEECH_PCM, 24000, 1);
    peer_await_frames(viewer, cut, 5);
    peer_leave(viewer);
    peer_await_closed(backend, 1000);
    const Peer *sides[] = {viewer, backend};
    for (int i = 0; i < 2; i++) {
        const PeerMessage *end = peer_message(sides[i], VV_MSG_SESSION_END, 0);
        const VvPlaybackFinished *first = &peer_finished(sides[i], cut)->message->body.PlaybackFinished;
        assert_true(first->interrupted);
        assert_true(first->position_ms >= 200 && first->position_ms < 4000);
        assert_int_equal(peer_finished(sides[i], unheard)->message->body.PlaybackFinished.position_ms, 0);
        assert_non_null(end);
        assert_true(end->order > peer_finished(sides[i], unheard)->order);
    }
    daemon_stop(&daemon);
}

/* More speech than the server holds: who keeps to the credit gets all of it through. */
static void credit_carries_it_all(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--workers=2");
    Peer *both = peer_join(daemon, BOTH);
    const int64_t room = peer_message(both, VV_MSG_SESSION_READY, 0)->message->body.SessionReady.speech_bytes;
    const int seconds = (int)(room / (48000 * 2)) + 2;
    const uint32_t said = peer_say(both, VV_SPEECH_PCM, 48000, seconds);
    peer_await(both, VV_MSG_PLAYBACK_FINISHED, 1);
    peer_await_more(both, 2);
    check_whole(both, said, seconds * 1000);
    int64_t last = 0;
    for (int i = 0; i < peer_messages(both, VV_MSG_SPEECH_CREDIT); i++) {
        const VvSpeechCredit *credit = &peer_message(both, VV_MSG_SPEECH_CREDIT, i)->message->body.SpeechCredit;
        assert_true(credit->bytes >= last);
        last = credit->bytes;
    }
    assert_true(last >= both->sent && last > room);
    assert_int_equal(peer_messages(both, VV_MSG_ERROR), 0);
    peer_leave(both);
    daemon_stop(&daemon);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        e2e_test(one_socket_says_all_codecs),
        e2e_test(two_sockets),
        e2e_test(camera_is_seen),
        e2e_test(microphone_is_heard),
        e2e_test(interrupt_within_a_window),
        e2e_test(every_utterance_ends),
        e2e_test(credit_carries_it_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
