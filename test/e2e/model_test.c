/* The daemon with the model: its characters are offered and refused by name, speech is heard and seen whole, a
 * character is changed in the middle of a call, an interrupt is obeyed. Wants the model's weights: in weights, or where
 * VISAVIS_WEIGHTS says. What the pictures show is for weights/eval to judge. */
#include "server/avatar/avatar.h"
#include "server/media/footage.h"
#include "server/media/sound.h"
#include "server/media/vp8_codec.h"
#include "test/e2e/loop.h"
#include "test/e2e/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define BOTH "{\"type\":\"session.start\",\"role\":\"both\",\"session\":\"s\",\"seed\":7%s}"

static const char *weights(void) {
    const char *named = getenv("VISAVIS_WEIGHTS");
    return named ? named : "weights";
}

static void need_weights(void) {
    static const char *const files[] = {"codec", "speech", "denoiser", "head"};
    for (int i = 0; i < 4; i++) {
        char path[600];
        snprintf(path, sizeof path, "%s/%s.safetensors", weights(), files[i]);
        if (access(path, R_OK)) {
            print_message("skipped: there is no %s\n", path);
            skip();
        }
    }
}

static Daemon *start(void) {
    return daemon_start("--avatar", "model", "--weights", weights(), "--capacity", "2", "--workers", "2");
}

static Peer *join(const Daemon *daemon, const char *more) {
    char text[300];
    snprintf(text, sizeof text, BOTH, more);
    return peer_join(daemon, text);
}

/* Mean of the absolute differences of two pictures' brightness. */
static double apart(const VvPicture *a, const VvPicture *b) {
    double sum = 0;
    for (int y = 0; y < a->height; y++)
        for (int x = 0; x < a->width; x++)
            sum += abs(a->plane[0][y * a->stride[0] + x] - b->plane[0][y * b->stride[0] + x]);
    return sum / a->width / a->height;
}

/* The last picture of what came, decoded; the caller frees. */
static VvPicture last_picture(const Peer *peer) {
    VvVp8Decoder *decoder = vv_vp8_decoder_new();
    VvPicture seen = {0}, kept = {0};
    const int count = peer_frames(peer, VV_KIND_AVATAR_VIDEO, -1);
    for (int i = 0; i < count; i++) {
        const PeerFrame *frame = peer_frame(peer, VV_KIND_AVATAR_VIDEO, -1, i);
        assert_int_equal(vv_vp8_decode(decoder, frame->payload, frame->header.length, 1024, 1024, &seen), 0);
    }
    assert_int_equal(vv_picture_alloc(&kept, seen.width, seen.height), 0);
    vv_picture_copy(&kept, &seen);
    vv_vp8_decoder_free(&decoder);
    return kept;
}

static void a_call(void **state) {
    (void)state;
    need_weights();
    Daemon *daemon = start();
    Peer *both = join(daemon, "");
    const VvSessionReady *ready = &peer_message(both, VV_MSG_SESSION_READY, 0)->message->body.SessionReady;
    assert_string_not_equal(ready->avatar, "test-pattern");
    assert_non_null(strstr(ready->characters, "amara,bruno"));
    assert_int_equal(ready->video_width, 256);
    assert_int_equal(ready->video_height, 256);
    assert_in_range(ready->lookahead_ms, 40, 200);
    const uint32_t said = peer_say(both, VV_SPEECH_PCM, 24000, 1.0);
    peer_await(both, VV_MSG_PLAYBACK_FINISHED, 1);
    assert_int_equal(peer_frames(both, VV_KIND_AVATAR_VIDEO, said), 25);
    assert_int_equal(peer_frames(both, VV_KIND_AVATAR_AUDIO, said), 50);
    assert_int_equal(peer_finished(both, said)->message->body.PlaybackFinished.position_ms, 1000);
    assert_false(peer_finished(both, said)->message->body.PlaybackFinished.interrupted);
    assert_int_equal(peer_messages(both, VV_MSG_ERROR), 0);
    peer_leave(both);
    daemon_stop(&daemon);
}

static void characters(void **state) {
    (void)state;
    need_weights();
    Daemon *daemon = start();
    Peer *stranger = peer_connect(daemon, NULL);
    peer_send(stranger, BOTH, ",\"character\":\"nobody\"");
    const VvError *error = peer_await_error(stranger, VV_ERR_UNKNOWN_CHARACTER, 1);
    assert_non_null(strstr(error->message, "amara,bruno"));
    Peer *both = join(daemon, ",\"character\":\"bruno\"");
    const VvSessionReady *ready = &peer_message(both, VV_MSG_SESSION_READY, 0)->message->body.SessionReady;
    assert_string_equal(ready->character, "bruno");
    peer_await_more(both, 10);
    VvPicture bruno = last_picture(both);
    peer_await_more(both, 5);
    VvPicture still = last_picture(both);
    peer_send(both, "{\"type\":\"session.update\",\"character\":\"amara\"}");
    peer_await_more(both, 40); /* what was made is shown first */
    VvPicture amara = last_picture(both);
    assert_true(apart(&bruno, &amara) > 10); /* other clothes, another room */
    assert_true(apart(&bruno, &still) < apart(&bruno, &amara) / 2);
    vv_picture_free(&bruno);
    vv_picture_free(&still);
    vv_picture_free(&amara);
    peer_leave(both);
    daemon_stop(&daemon);
}

static void an_interrupt(void **state) {
    (void)state;
    need_weights();
    Daemon *daemon = start();
    Peer *both = join(daemon, "");
    const uint32_t said = peer_say(both, VV_SPEECH_PCM, 16000, 6.0);
    peer_await_frames(both, said, 10);
    peer_send(both, "{\"type\":\"speech.interrupt\"}");
    peer_await(both, VV_MSG_PLAYBACK_FINISHED, 1);
    const VvPlaybackFinished *finished = &peer_finished(both, said)->message->body.PlaybackFinished;
    assert_true(finished->interrupted);
    assert_true(finished->position_ms < 6000);
    assert_int_equal(finished->position_ms, 40 * peer_frames(both, VV_KIND_AVATAR_VIDEO, said));
    peer_await_more(both, 5); /* and it lives on */
    assert_int_equal(peer_frames(both, VV_KIND_AVATAR_VIDEO, said) * 40, finished->position_ms);
    peer_leave(both);
    daemon_stop(&daemon);
}

/* The same film for the same seed, another for another; as many frames as the sound lasts, and a few. */
static void rendered(void **state) {
    (void)state;
    need_weights();
    const char *speech = scratch_path("tone.wav");
    VvSoundWriter *writer;
    static int16_t pcm[16000];
    make_tone(pcm, 16000, 16000);
    assert_int_equal(vv_sound_writer_open(speech, 16000, &writer, NULL), VV_MEDIA_OK);
    assert_int_equal(vv_sound_write(writer, pcm, 16000, NULL), VV_MEDIA_OK);
    assert_int_equal(vv_sound_writer_close(&writer, NULL), VV_MEDIA_OK);
    for (int i = 0; i < 3; i++)
        shell("\"$VISAVIS\" render --quiet --weights '%s' --character hugo --speech '%s' --out '%s/%d.webm' --seed %d",
              weights(), speech, scratch_folder(), i, i / 2);
    shell("cmp '%s/0.webm' '%s/1.webm'", scratch_folder(), scratch_folder());
    shell("! cmp -s '%s/0.webm' '%s/2.webm'", scratch_folder(), scratch_folder());
    VvFootage *footage;
    VvFootageFrame frame;
    int frames = 0;
    assert_int_equal(vv_footage_open(scratch_path("0.webm"), 1024, &footage, NULL), VV_MEDIA_OK);
    while (vv_footage_next(footage, &frame, NULL) == 1)
        frames++;
    vv_footage_close(&footage);
    assert_int_equal(frames, 25 + 12);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        e2e_test(a_call),
        e2e_test(characters),
        e2e_test(an_interrupt),
        e2e_test(rendered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
