/* The daemon with the model: its characters are offered and refused by name, speech is heard and seen whole, an
 * assistant's words move the mouth, picture and sound of a moment carry one time, a character is changed in the middle
 * of a call, an interrupt is obeyed. Wants the model's weights: in weights, or where VISAVIS_WEIGHTS says. How well
 * lips are made is for weights/eval to judge. */
#include "server/avatar/avatar.h"
#include "server/media/footage.h"
#include "server/media/opus_codec.h"
#include "server/media/sound.h"
#include "server/media/vp8_codec.h"
#include "test/e2e/loop.h"
#include "test/e2e/peer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define OPUS_DELAY 6500 /* microseconds by which voice is stamped before the picture of the same moment */
/* Where the shipped portraits have their mouth, in the model's 256 x 256. */
#define MOUTH_X 96
#define MOUTH_Y 140
#define MOUTH_WIDTH 64
#define MOUTH_HEIGHT 48

#define BOTH "{\"type\":\"session.start\",\"role\":\"both\",\"session\":\"s\",\"seed\":7%s}"

static const char *weights(void) {
    const char *named = getenv("VISAVIS_WEIGHTS");
    return named ? named : "weights";
}

static const char *const files[] = {"codec", "speech", "denoiser", "head"};

static void need_weights(void) {
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

/* How much the mouth's part of the picture changes from one frame of an utterance (0: idle) to the next, on average. */
static double mouth_change(const Peer *peer, uint32_t utterance) {
    static uint8_t before[MOUTH_HEIGHT][MOUTH_WIDTH];
    VvVp8Decoder *decoder = vv_vp8_decoder_new();
    const VvFrameHeader *last = NULL;
    double sum = 0;
    int changes = 0;
    const int count = peer_frames(peer, VV_KIND_AVATAR_VIDEO, -1);
    for (int i = 0; i < count; i++) {
        const PeerFrame *frame = peer_frame(peer, VV_KIND_AVATAR_VIDEO, -1, i);
        VvPicture seen;
        assert_int_equal(vv_vp8_decode(decoder, frame->payload, frame->header.length, 1024, 1024, &seen), 0);
        const bool counts = last && frame->header.utterance == utterance && last->utterance == utterance &&
                            frame->header.pts - last->pts == 40000;
        changes += counts;
        for (int y = 0; y < MOUTH_HEIGHT; y++) {
            const uint8_t *row = seen.plane[0] + (MOUTH_Y + y) * seen.stride[0] + MOUTH_X;
            for (int x = 0; counts && x < MOUTH_WIDTH; x++)
                sum += abs(row[x] - before[y][x]);
            memcpy(before[y], row, MOUTH_WIDTH);
        }
        last = &frame->header;
    }
    vv_vp8_decoder_free(&decoder);
    assert_true(changes > 0);
    return sum / changes / (MOUTH_WIDTH * MOUTH_HEIGHT);
}

/* Root mean square of an utterance's sound (0: of the silence between), full scale being 1. */
static double loudness(const Peer *peer, uint32_t utterance) {
    VvOpusDecoder *decoder = vv_opus_decoder_new(48000);
    double sum = 0;
    long samples = 0;
    const int count = peer_frames(peer, VV_KIND_AVATAR_AUDIO, -1);
    for (int i = 0; i < count; i++) {
        const PeerFrame *frame = peer_frame(peer, VV_KIND_AVATAR_AUDIO, -1, i);
        int16_t pcm[VV_OPUS_SAMPLES_MAX(48000)];
        const int got =
            vv_opus_decode(decoder, frame->payload, frame->header.length, pcm, (int)(sizeof pcm / sizeof *pcm));
        assert_int_equal(got, 960);
        if (frame->header.utterance != utterance)
            continue;
        for (int k = 0; k < got; k++)
            sum += pcm[k] * (double)pcm[k];
        samples += got;
    }
    vv_opus_decoder_free(&decoder);
    assert_true(samples > 0);
    return sqrt(sum / (double)samples) / 32768;
}

/* Every picture has its 40 ms of sound: two packets of the same utterance, stamped with its time. */
static void check_pairs(const Peer *peer) {
    const int pictures = peer_frames(peer, VV_KIND_AVATAR_VIDEO, -1),
              packets = peer_frames(peer, VV_KIND_AVATAR_AUDIO, -1);
    for (int i = 0, k = 0; i < pictures && k + 1 < packets; i++, k += 2) {
        const VvFrameHeader *picture = &peer_frame(peer, VV_KIND_AVATAR_VIDEO, -1, i)->header;
        for (int half = 0; half < 2; half++) {
            const VvFrameHeader *packet = &peer_frame(peer, VV_KIND_AVATAR_AUDIO, -1, k + half)->header;
            assert_int_equal(packet->pts, picture->pts - OPUS_DELAY + half * 20000);
            assert_int_equal(packet->utterance, picture->utterance);
        }
    }
    peer_check_media(peer);
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
    check_pairs(both);
    peer_leave(both);
    daemon_stop(&daemon);
}

/* A backend that knows of sound only: its words are heard, and the face that says them is the model's. */
static void an_assistant(void **state) {
    (void)state;
    need_weights();
    static Run run;
    Daemon *daemon = start();
    Peer *viewer = peer_join(daemon, "{\"type\":\"session.start\",\"role\":\"viewer\",\"session\":\"s\"}");
    peer_await_frames(viewer, 0, 15);
    char url[128];
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/v1/session", daemon->port);
    run_visavis(&run, "assistant", "--url", url, "--session", "s", "--say", "Mama bought a ball.");
    if (run.status != 0)
        fail_msg("status %d\n%s%s", run.status, run.out, run.err);
    const VvPlaybackStarted *started = &peer_await(viewer, VV_MSG_PLAYBACK_STARTED, 1)->body.PlaybackStarted;
    peer_await(viewer, VV_MSG_PLAYBACK_FINISHED, 1);
    peer_await_more(viewer, 2);
    assert_string_equal(started->text, "Mama bought a ball.");
    const uint32_t said = (uint32_t)started->utterance;
    const VvPlaybackFinished *finished = &peer_finished(viewer, said)->message->body.PlaybackFinished;
    assert_false(finished->interrupted);
    assert_true(finished->position_ms > 600);
    assert_int_equal(peer_frames(viewer, VV_KIND_AVATAR_VIDEO, said), (finished->position_ms + 39) / 40);
    check_pairs(viewer);
    const double moving = mouth_change(viewer, said), resting = mouth_change(viewer, 0);
    const double voice = loudness(viewer, said), silence = loudness(viewer, 0);
    print_message("# the mouth's change from frame to frame: speaking %.2f, silent %.2f; the sound: %.3f, %.5f\n",
                  moving, resting, voice, silence);
    assert_true(moving > 2 * resting);
    assert_true(voice > 0.01 && voice > 20 * silence);
    assert_int_equal(peer_messages(viewer, VV_MSG_ERROR), 0);
    peer_leave(viewer);
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
    const uint32_t next = peer_say(both, VV_SPEECH_PCM, 16000, 0.4); /* and says what comes next, whole */
    peer_await(both, VV_MSG_PLAYBACK_FINISHED, 2);
    peer_await_more(both, 2);
    assert_false(peer_finished(both, next)->message->body.PlaybackFinished.interrupted);
    assert_int_equal(peer_frames(both, VV_KIND_AVATAR_VIDEO, next), 10);
    check_pairs(both);
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

/* A folder in which a file is missing, or cut off: nothing is served, and one line names the file. */
static void broken_weights(void **state) {
    (void)state;
    need_weights();
    static Run run;
    for (int i = 0; i < 8; i++) {
        const char *folder = scratch_path(i % 2 ? "cut" : "missing"), *file = files[i / 2];
        shell("rm -rf '%s' && mkdir '%s' && ln -s \"$(realpath '%s')\"/* '%s' && rm '%s/%s.safetensors'", folder,
              folder, weights(), folder, folder, file);
        if (i % 2)
            shell("head -c 100000 '%s/%s.safetensors' > '%s/%s.safetensors'", weights(), file, folder, file);
        run_visavis(&run, "serve", "--port=0", "--weights", folder);
        const char *named = strstr(run.err, file), *end = strchr(run.err, '\n');
        if (run.status != 1 || !named || !end || end[1])
            fail_msg("status %d, expected 1 and one line about %s:\n%s", run.status, file, run.err);
        assert_string_equal(run.out, "");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        e2e_test(a_call),       e2e_test(an_assistant), e2e_test(characters),
        e2e_test(an_interrupt), e2e_test(rendered),     e2e_test(broken_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
