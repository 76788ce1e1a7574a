/* Sessions through the hub, with the test pattern and real codecs, in real time but asserting only order and media
 * time. */
#include "test/unit/session/call.h"

#include "server/avatar/test_pattern.h"
#include "server/media/opus_codec.h"
#include "server/media/vp8_codec.h"
#include "server/session/speech.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define VIEWER "{\"type\":\"session.start\",\"role\":\"viewer\",\"session\":\"s\",\"id\":\"v\"}"
#define BACKEND "{\"type\":\"session.start\",\"role\":\"backend\",\"session\":\"s\"}"
#define BOTH "{\"type\":\"session.start\",\"role\":\"both\",\"session\":\"s\",\"seed\":7}"
#define BEGIN(n, rate) "{\"type\":\"speech.begin\",\"utterance\":" #n ",\"codec\":\"pcm_s16le\",\"rate\":" #rate "}"

typedef struct Need {
    Call *call;
    VvMessageType type; /* that many messages of this type */
    int messages;
    VvKind kind; /* or that many frames of this kind and utterance */
    int64_t utterance;
    int frames;
} Need;

static bool met(void *arg) {
    const Need *need = arg;
    return need->frames ? call_frames(need->call, need->kind, need->utterance) >= need->frames
                        : call_count(need->call, need->type) >= need->messages;
}

static void wait_messages(Call *calls[], Call *call, VvMessageType type, int count) {
    call_until(calls, met, &(Need){.call = call, .type = type, .messages = count});
}

static void wait_frames(Call *calls[], Call *call, int64_t utterance, int count) {
    call_until(calls, met,
               &(Need){.call = call, .kind = VV_KIND_AVATAR_VIDEO, .utterance = utterance, .frames = count});
}

static bool is_closed(void *arg) {
    return ((Call *)arg)->closed;
}

static bool is_empty(void *arg) {
    return vv_hub_sessions(arg) == 0;
}

/* Ends a session the proper way and closes the hub. */
static void finish(VvHub *hub, Call *calls[]) {
    Call *first = calls[0];
    if (first->seat && !first->closed)
        assert_int_equal(call_send(first, "{\"type\":\"session.end\"}"), VV_ERR_OK);
    for (int i = 0; calls[i]; i++) {
        if (calls[i]->seat)
            call_until(calls, is_closed, calls[i]);
        call_leave(calls[i]);
    }
    call_until(calls, is_empty, hub);
    call_hub_close(&hub);
    for (int i = 0; calls[i]; i++)
        call_free(calls[i]);
}

/* Sequence numbers without a gap, presentation times on the 40 ms grid (video), audio to the sample between them. */
static void check_media(const Call *call) {
    int64_t last_video = -1, last_audio = -1;
    uint32_t video = 0, audio = 0;
    for (int i = 0; i < call->frame_count; i++) {
        const VvFrameHeader *header = &call->frames[i].header;
        if (header->kind == VV_KIND_AVATAR_VIDEO) {
            assert_int_equal(header->sequence, video++);
            assert_int_equal(header->pts % VV_FRAME_US, 0);
            assert_true(header->pts > last_video);
            assert_true(header->flags & VV_FLAG_DISCONTINUITY || last_video < 0 ||
                        header->pts == last_video + VV_FRAME_US);
            last_video = header->pts;
        } else {
            assert_int_equal(header->kind, VV_KIND_AVATAR_AUDIO);
            assert_int_equal(header->sequence, audio++);
            assert_true(header->flags & VV_FLAG_DISCONTINUITY || last_audio < 0 || header->pts == last_audio + 20000);
            last_audio = header->pts;
        }
    }
    assert_true(abs((int)audio - 2 * (int)video) <= 2);
}

static void idles_alive(void **state) {
    (void)state;
    Call viewer = {0}, *calls[] = {&viewer, NULL};
    VvHub *hub = call_hub(4, 60);
    assert_int_equal(call_join(&viewer, hub, VIEWER), VV_ERR_OK);
    wait_frames(calls, &viewer, 0, 30);
    const CallMessage *ready = call_message(&viewer, VV_MSG_SESSION_READY, 0);
    assert_non_null(ready);
    assert_int_equal(ready->order, 0);
    assert_string_equal(ready->message.ref, "v");
    assert_int_equal(ready->message.body.SessionReady.window_ms, 200);
    assert_true(call_frame(&viewer, VV_KIND_AVATAR_VIDEO, 0, 0)->header.flags & VV_FLAG_KEY);
    for (int i = 0; i < 30; i++)
        assert_true(call_frame(&viewer, VV_KIND_AVATAR_VIDEO, 0, i)->header.flags & VV_FLAG_IDLE);
    check_media(&viewer);
    finish(hub, calls);
}

/* One second of each rate: exactly 25 frames, started before the first of them, finished after the last. */
static void says_what_it_gets(void **state) {
    (void)state;
    Call both = {0}, *calls[] = {&both, NULL};
    VvHub *hub = call_hub(4, 60);
    assert_int_equal(call_join(&both, hub, BOTH), VV_ERR_OK);
    wait_frames(calls, &both, 0, 7);
    static const char *const begin[3] = {BEGIN(1, 16000), BEGIN(2, 24000), BEGIN(3, 48000)};
    static const int rates[3] = {16000, 24000, 48000};
    for (uint32_t n = 1; n <= 3; n++) {
        assert_int_equal(call_send(&both, begin[n - 1]), VV_ERR_OK);
        assert_int_equal(call_tone(&both, n, rates[n - 1], 1.01), VV_ERR_OK);
    }
    wait_messages(calls, &both, VV_MSG_PLAYBACK_FINISHED, 3);
    for (int n = 1; n <= 3; n++) {
        const CallMessage *started = call_message(&both, VV_MSG_PLAYBACK_STARTED, n - 1);
        const CallMessage *finished = call_message(&both, VV_MSG_PLAYBACK_FINISHED, n - 1);
        assert_int_equal(started->message.body.PlaybackStarted.utterance, n);
        assert_int_equal(finished->message.body.PlaybackFinished.utterance, n);
        assert_int_equal(finished->message.body.PlaybackFinished.position_ms, 1010);
        assert_false(finished->message.body.PlaybackFinished.interrupted);
        assert_int_equal(call_frames(&both, VV_KIND_AVATAR_VIDEO, n), 26); /* the last one filled up */
        assert_int_equal(call_frames(&both, VV_KIND_AVATAR_AUDIO, n), 52);
        const CallFrame *first = call_frame(&both, VV_KIND_AVATAR_VIDEO, n, 0);
        assert_int_equal(started->message.body.PlaybackStarted.pts, first->header.pts);
        assert_true(started->order < first->order);
        assert_true(finished->order > call_frame(&both, VV_KIND_AVATAR_VIDEO, n, 25)->order);
    }
    assert_int_equal(call_count(&both, VV_MSG_PLAYBACK_STARTED), 3);
    assert_int_equal(call_count(&both, VV_MSG_PLAYBACK_FINISHED), 3);
    check_media(&both);
    finish(hub, calls);
}

static double correlation(const double *a, const double *b, int count) {
    double ma = 0, mb = 0, ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < count; i++) {
        ma += a[i] / count;
        mb += b[i] / count;
    }
    for (int i = 0; i < count; i++) {
        ab += (a[i] - ma) * (b[i] - mb);
        aa += (a[i] - ma) * (a[i] - ma);
        bb += (b[i] - mb) * (b[i] - mb);
    }
    return ab / sqrt(aa * bb + 1e-30);
}

/* Decodes what came and holds the mouth bar in each picture against the sound of the same presentation time. */
static void mouth_follows_sound(void **state) {
    (void)state;
    Call both = {0}, *calls[] = {&both, NULL};
    VvHub *hub = call_hub(4, 60);
    assert_int_equal(call_join(&both, hub, BOTH), VV_ERR_OK);
    wait_frames(calls, &both, 0, 25); /* long enough for silence to be sent without encoding it */
    assert_int_equal(call_send(&both, BEGIN(1, 24000)), VV_ERR_OK);
    assert_int_equal(call_tone(&both, 1, 24000, 3), VV_ERR_OK);
    wait_messages(calls, &both, VV_MSG_PLAYBACK_FINISHED, 1);
    wait_frames(calls, &both, 0, 3);

    VvOpusDecoder *opus = vv_opus_decoder_new(48000);
    VvVp8Decoder *vp8 = vv_vp8_decoder_new();
    const int64_t origin = call_frame(&both, VV_KIND_AVATAR_VIDEO, -1, 0)->header.pts;
    const int total = 48000 * 8;
    double *sound = calloc((size_t)total, sizeof *sound);
    double mouth[256], level[256];
    int count = 0;
    for (int i = 0; i < both.frame_count; i++) { /* sound first: all of it, by presentation time */
        const CallFrame *frame = &both.frames[i];
        if (frame->header.kind != VV_KIND_AVATAR_AUDIO)
            continue;
        int16_t pcm[5760];
        const int samples = vv_opus_decode(opus, frame->payload, frame->header.length, pcm, 5760);
        assert_int_equal(samples, 960);
        const int64_t at = (frame->header.pts - origin) * 48 / 1000;
        for (int k = 0; k < samples; k++)
            if (at + k >= 0 && at + k < total)
                sound[at + k] = pcm[k] / 32768.0;
    }
    for (int i = 0; i < both.frame_count; i++) {
        const CallFrame *frame = &both.frames[i];
        if (frame->header.kind != VV_KIND_AVATAR_VIDEO)
            continue;
        VvPicture picture;
        VvPatternReading reading;
        assert_int_equal(vv_vp8_decode(vp8, frame->payload, frame->header.length, 1024, 1024, &picture), 0);
        if (frame->header.utterance != 1)
            continue;
        assert_true(vv_test_pattern_read(&picture, &reading));
        const int64_t at = (frame->header.pts - origin) * 48 / 1000;
        double energy = 0;
        if (count == 0) /* before it, silence; the fraction of the first packet aside */
            for (int64_t k = 0; k < at - 960; k++)
                assert_true(fabs(sound[k]) < 1e-3);
        for (int k = 0; k < VV_FRAME_SAMPLES; k++)
            energy += sound[at + k] * sound[at + k] / VV_FRAME_SAMPLES;
        mouth[count] = (double)reading.mouth;
        level[count++] = sqrt(energy);
    }
    const double r = correlation(mouth, level, count);
    double earlier = 0, later = 0;
    earlier = correlation(mouth + 1, level, count - 1);
    later = correlation(mouth, level + 1, count - 1);
    print_message("# mouth against sound of the same frame: r = %.4f (a frame earlier %.4f, later %.4f)\n", r, earlier,
                  later);
    assert_int_equal(count, 75);
    assert_true(r >= 0.95 && r > earlier && r > later);
    free(sound);
    vv_opus_decoder_free(&opus);
    vv_vp8_decoder_free(&vp8);
    finish(hub, calls);
}

static void interrupt_stops_it(void **state) {
    (void)state;
    Call viewer = {0}, backend = {0}, *calls[] = {&viewer, &backend, NULL};
    VvHub *hub = call_hub(4, 60);
    assert_int_equal(call_join(&viewer, hub, VIEWER), VV_ERR_OK);
    assert_int_equal(call_join(&backend, hub, BACKEND), VV_ERR_OK);
    assert_int_equal(call_send(&backend, BEGIN(1, 16000)), VV_ERR_OK);
    assert_int_equal(call_tone(&backend, 1, 16000, 5), VV_ERR_OK);
    assert_int_equal(call_send(&backend, BEGIN(2, 16000)), VV_ERR_OK); /* waits, open, and is cleared unheard */
    wait_frames(calls, &viewer, 1, 12);
    const int before = call_frames(&viewer, VV_KIND_AVATAR_VIDEO, 1);
    assert_int_equal(call_send(&backend, "{\"type\":\"speech.interrupt\"}"), VV_ERR_OK);
    wait_messages(calls, &backend, VV_MSG_PLAYBACK_FINISHED, 2);
    wait_frames(calls, &viewer, 0, call_frames(&viewer, VV_KIND_AVATAR_VIDEO, 0) + 10);
    const int heard = call_frames(&viewer, VV_KIND_AVATAR_VIDEO, 1);
    assert_true(heard <= before + VV_WINDOW_FRAMES);
    const VvPlaybackFinished *one = &call_message(&viewer, VV_MSG_PLAYBACK_FINISHED, 0)->message.body.PlaybackFinished;
    const VvPlaybackFinished *two = &call_message(&backend, VV_MSG_PLAYBACK_FINISHED, 1)->message.body.PlaybackFinished;
    assert_true(one->interrupted && two->interrupted);
    assert_int_equal(one->position_ms, heard * 40);
    assert_int_equal(two->utterance, 2);
    assert_int_equal(two->position_ms, 0);
    /* Late audio is refused, in words once. */
    assert_int_equal(call_tone(&backend, 2, 16000, 0.02), VV_ERR_UTTERANCE_CLEARED);
    assert_int_equal(call_tone(&backend, 2, 16000, 0.2), VV_ERR_OK);
    /* And the next one is heard. */
    assert_int_equal(call_send(&backend, BEGIN(3, 16000)), VV_ERR_OK);
    assert_int_equal(call_tone(&backend, 3, 16000, 0.4), VV_ERR_OK);
    wait_messages(calls, &viewer, VV_MSG_PLAYBACK_FINISHED, 3);
    assert_int_equal(call_frames(&viewer, VV_KIND_AVATAR_VIDEO, 3), 10);
    assert_int_equal(call_frames(&viewer, VV_KIND_AVATAR_VIDEO, 2), 0);
    assert_int_equal(call_count(&viewer, VV_MSG_PLAYBACK_FINISHED), 3);
    check_media(&viewer);
    finish(hub, calls);
}

/* Without a word from the server in between: what comes behind an interrupt finds the utterance closed. */
static void who_interrupts_may_begin_at_once(void **state) {
    (void)state;
    Call viewer = {0}, backend = {0}, *calls[] = {&viewer, &backend, NULL};
    VvHub *hub = call_hub(4, 60);
    assert_int_equal(call_join(&viewer, hub, VIEWER), VV_ERR_OK);
    assert_int_equal(call_join(&backend, hub, BACKEND), VV_ERR_OK);
    assert_int_equal(call_send(&backend, BEGIN(1, 16000)), VV_ERR_OK);
    assert_int_equal(call_send(&backend, "{\"type\":\"speech.interrupt\",\"utterance\":1}"), VV_ERR_OK);
    assert_int_equal(call_send(&backend, BEGIN(2, 16000)), VV_ERR_OK);
    assert_int_equal(call_tone(&backend, 1, 16000, 0.02), VV_ERR_UTTERANCE_CLEARED);
    assert_int_equal(call_tone(&backend, 1, 16000, 0.02), VV_ERR_OK);
    assert_int_equal(call_send(&backend, "{\"type\":\"speech.interrupt\",\"utterance\":1}"),
                     VV_ERR_OK); /* not this one */
    assert_int_equal(call_send(&backend, BEGIN(3, 16000)), VV_ERR_UTTERANCE_OPEN);
    assert_int_equal(call_tone(&backend, 2, 16000, 0.4), VV_ERR_OK);
    wait_messages(calls, &viewer, VV_MSG_PLAYBACK_FINISHED, 2);
    const VvPlaybackFinished *one = &call_message(&viewer, VV_MSG_PLAYBACK_FINISHED, 0)->message.body.PlaybackFinished;
    const VvPlaybackFinished *two = &call_message(&viewer, VV_MSG_PLAYBACK_FINISHED, 1)->message.body.PlaybackFinished;
    assert_true(one->utterance == 1 && one->interrupted);
    assert_true(two->utterance == 2 && !two->interrupted);
    assert_int_equal(call_frames(&viewer, VV_KIND_AVATAR_VIDEO, 2), 10);
    assert_int_equal(call_send(&backend, BEGIN(3, 16000)), VV_ERR_OK);
    assert_int_equal(call_send(&backend, "{\"type\":\"speech.interrupt\"}"), VV_ERR_OK);
    assert_int_equal(call_send(&backend, BEGIN(4, 16000)), VV_ERR_OK);
    finish(hub, calls);
}

/* Speech that comes in pieces: the picture goes on, nothing is lost, one start and one end. */
static void starves_alive(void **state) {
    (void)state;
    Call both = {0}, *calls[] = {&both, NULL};
    VvHub *hub = call_hub(4, 60);
    assert_int_equal(call_join(&both, hub, BOTH), VV_ERR_OK);
    wait_frames(calls, &both, 0, 3);
    assert_int_equal(call_send(&both, BEGIN(1, 16000)), VV_ERR_OK);
    int16_t pcm[16000];
    call_make_tone(pcm, 16000, 16000);
    assert_int_equal(call_speech(&both, 1, VV_CODEC_PCM, pcm, 12800, false), VV_ERR_OK); /* 400 ms */
    wait_frames(calls, &both, 1, 9); /* the filters hold the last one back until more comes */
    wait_frames(calls, &both, 0, call_frames(&both, VV_KIND_AVATAR_VIDEO, 0) + 12);
    assert_int_equal(call_count(&both, VV_MSG_PLAYBACK_FINISHED), 0);
    assert_int_equal(call_speech(&both, 1, VV_CODEC_PCM, pcm, 12800, false), VV_ERR_OK);
    assert_int_equal(call_send(&both, "{\"type\":\"speech.end\",\"utterance\":1}"), VV_ERR_OK);
    wait_messages(calls, &both, VV_MSG_PLAYBACK_FINISHED, 1);
    const VvPlaybackFinished *end = &call_message(&both, VV_MSG_PLAYBACK_FINISHED, 0)->message.body.PlaybackFinished;
    assert_int_equal(end->position_ms, 800);
    assert_false(end->interrupted);
    assert_int_equal(call_frames(&both, VV_KIND_AVATAR_VIDEO, 1), 20);
    assert_int_equal(call_count(&both, VV_MSG_PLAYBACK_STARTED), 1);
    wait_messages(calls, &both, VV_MSG_STATS, call_count(&both, VV_MSG_STATS) + 1);
    const VvStats *stats = &call_message(&both, VV_MSG_STATS, call_count(&both, VV_MSG_STATS) - 1)->message.body.Stats;
    assert_true(stats->starved >= 10);
    check_media(&both);
    finish(hub, calls);
}

/* Ten seconds at 48 kHz are more than the store holds: a backend that keeps to its credit gets all of it through. */
static void credit_carries_it_all(void **state) {
    (void)state;
    Call both = {0}, *calls[] = {&both, NULL};
    VvHub *hub = call_hub(4, 60);
    assert_int_equal(call_join(&both, hub, BOTH), VV_ERR_OK);
    assert_int_equal(call_send(&both, BEGIN(1, 48000)), VV_ERR_OK);
    wait_messages(calls, &both, VV_MSG_SPEECH_CREDIT, 1);
    static int16_t pcm[48000 * 11];
    call_make_tone(pcm, 48000 * 11, 48000);
    const int64_t all = sizeof pcm, block = 19200;
    int64_t at = 0, counted = 0, last_credit = 0;
    while (at < all) {
        const int credits = call_count(&both, VV_MSG_SPEECH_CREDIT);
        const int64_t credit = call_message(&both, VV_MSG_SPEECH_CREDIT, credits - 1)->message.body.SpeechCredit.bytes;
        assert_true(credit >= last_credit);
        last_credit = credit;
        if (counted + block + VV_FRAME_HEADER_SIZE > credit) {
            wait_messages(calls, &both, VV_MSG_SPEECH_CREDIT, credits + 1);
            continue;
        }
        assert_int_equal(
            call_speech(&both, 1, VV_CODEC_PCM, (const uint8_t *)pcm + at, (size_t)block, at + block == all),
            VV_ERR_OK);
        at += block;
        counted += block + VV_FRAME_HEADER_SIZE;
    }
    wait_messages(calls, &both, VV_MSG_PLAYBACK_FINISHED, 1);
    assert_int_equal(call_message(&both, VV_MSG_PLAYBACK_FINISHED, 0)->message.body.PlaybackFinished.position_ms,
                     11000);
    /* And one that does not keep to it is refused. */
    assert_int_equal(call_send(&both, BEGIN(2, 48000)), VV_ERR_OK);
    VvErr code = VV_ERR_OK;
    for (int i = 0; i < 100 && code == VV_ERR_OK; i++)
        code = call_speech(&both, 2, VV_CODEC_PCM, pcm, 19200, false);
    assert_int_equal(code, VV_ERR_CREDIT_EXCEEDED);
    finish(hub, calls);
}

static void rules_of_order(void **state) {
    (void)state;
    Call viewer = {0}, backend = {0}, other = {0}, *calls[] = {&viewer, &backend, NULL};
    VvHub *hub = call_hub(1, 60);
    assert_int_equal(call_join(&viewer, hub, VIEWER), VV_ERR_OK);
    assert_int_equal(call_join(&other, hub, VIEWER), VV_ERR_ROLE_TAKEN);
    assert_int_equal(call_join(&other, hub, "{\"type\":\"session.start\",\"role\":\"viewer\"}"), VV_ERR_SERVER_FULL);
    assert_int_equal(
        call_join(&other, hub,
                  "{\"type\":\"session.start\",\"role\":\"viewer\",\"resume\":\"0123456789abcdef0123456789abcdef\"}"),
        VV_ERR_RESUME_UNKNOWN);
    assert_int_equal(
        call_join(&other, hub,
                  "{\"type\":\"session.start\",\"role\":\"backend\",\"session\":\"s\",\"character\":\"nobody\"}"),
        VV_ERR_UNKNOWN_CHARACTER);
    assert_int_equal(
        call_join(&other, hub,
                  "{\"type\":\"session.start\",\"role\":\"backend\",\"session\":\"s\",\"style\":\"none\"}"),
        VV_ERR_UNKNOWN_STYLE);
    assert_int_equal(call_join(&backend, hub, BACKEND), VV_ERR_OK);
    assert_int_equal(call_send(&viewer, BEGIN(1, 16000)), VV_ERR_BAD_DIRECTION);
    assert_int_equal(call_tone(&viewer, 1, 16000, 0.1), VV_ERR_BAD_KIND);
    assert_int_equal(call_tone(&backend, 1, 16000, 0.1), VV_ERR_UTTERANCE_UNKNOWN);
    assert_int_equal(call_send(&backend, "{\"type\":\"speech.end\",\"utterance\":4}"), VV_ERR_UTTERANCE_UNKNOWN);
    assert_int_equal(call_send(&backend, BEGIN(5, 16000)), VV_ERR_OK);
    assert_int_equal(call_send(&backend, BEGIN(6, 16000)), VV_ERR_UTTERANCE_OPEN);
    assert_int_equal(call_tone(&backend, 4, 16000, 0.1), VV_ERR_UTTERANCE_UNKNOWN);
    assert_int_equal(call_speech(&backend, 5, VV_CODEC_OPUS, "abc", 3, false), VV_ERR_BAD_CODEC);
    assert_int_equal(call_speech(&backend, 5, VV_CODEC_PCM, "abc", 3, false), VV_ERR_BAD_MEDIA);
    assert_int_equal(call_tone(&backend, 5, 16000, 0.1), VV_ERR_OK);
    assert_int_equal(call_tone(&backend, 5, 16000, 0.1), VV_ERR_UTTERANCE_UNKNOWN); /* its last message said: end */
    assert_int_equal(call_send(&backend, BEGIN(5, 16000)), VV_ERR_UTTERANCE_USED);
    assert_int_equal(call_send(&backend, "{\"type\":\"video.keyframe\",\"stream\":\"user_video\"}"),
                     VV_ERR_BAD_DIRECTION);
    assert_int_equal(call_send(&viewer, VIEWER), VV_ERR_ALREADY_STARTED);
    wait_messages(calls, &viewer, VV_MSG_PLAYBACK_FINISHED, 1);
    /* An utterance without any audio is finished too. */
    assert_int_equal(call_send(&backend, BEGIN(7, 16000)), VV_ERR_OK);
    assert_int_equal(call_send(&backend, "{\"type\":\"speech.end\",\"utterance\":7}"), VV_ERR_OK);
    wait_messages(calls, &viewer, VV_MSG_PLAYBACK_FINISHED, 2);
    assert_int_equal(call_message(&viewer, VV_MSG_PLAYBACK_FINISHED, 1)->message.body.PlaybackFinished.position_ms, 0);
    assert_int_equal(call_count(&viewer, VV_MSG_PLAYBACK_STARTED), 1);
    finish(hub, calls);
    call_free(&other);
}

/* Messages of the one go to the other; updates are checked and take effect; emotions are told. */
static void dialogue_passes(void **state) {
    (void)state;
    Call viewer = {0}, backend = {0}, *calls[] = {&viewer, &backend, NULL};
    VvHub *hub = call_hub(4, 60);
    assert_int_equal(call_join(&viewer, hub, VIEWER), VV_ERR_OK);
    assert_int_equal(call_join(&backend, hub, BACKEND), VV_ERR_OK);
    assert_int_equal(
        call_send(&viewer, "{\"type\":\"dialogue.turn\",\"id\":\"x\",\"speaker\":\"user\",\"text\":\"hello\"}"),
        VV_ERR_OK);
    wait_messages(calls, &backend, VV_MSG_DIALOGUE_TURN, 1);
    const VvMessage *turn = &call_message(&backend, VV_MSG_DIALOGUE_TURN, 0)->message;
    assert_string_equal(turn->body.DialogueTurn.text, "hello");
    assert_string_equal(turn->id, "");
    assert_int_equal(call_count(&viewer, VV_MSG_DIALOGUE_TURN), 0);
    assert_int_equal(call_send(&backend, "{\"type\":\"dialogue.turn\",\"speaker\":\"avatar\",\"text\":\"hi\","
                                         "\"emotion\":{\"label\":\"anger\",\"intensity\":0.5}}"),
                     VV_ERR_OK);
    wait_messages(calls, &viewer, VV_MSG_CONTEXT_AFFECT, 1);
    const VvContextAffect *affect = &call_message(&viewer, VV_MSG_CONTEXT_AFFECT, 0)->message.body.ContextAffect;
    assert_int_equal(affect->label, VV_EMOTION_ANGER);
    assert_int_equal(affect->path.count, 1);
    assert_int_equal(affect->path.value[0], 2);
    assert_int_equal(call_send(&backend, "{\"type\":\"session.update\",\"id\":\"u\",\"style\":\"loud\"}"), VV_ERR_OK);
    wait_messages(calls, &backend, VV_MSG_ERROR, 1);
    const VvMessage *error = &call_message(&backend, VV_MSG_ERROR, 0)->message;
    assert_int_equal(error->body.Error.code, VV_ERR_UNKNOWN_STYLE);
    assert_string_equal(error->ref, "u");
    assert_int_equal(
        call_send(&backend,
                  "{\"type\":\"session.update\",\"emotion\":{\"valence\":0.8,\"arousal\":0.5,\"dominance\":0.3}}"),
        VV_ERR_OK);
    wait_messages(calls, &viewer, VV_MSG_CONTEXT_AFFECT, 2);
    assert_int_equal(call_message(&viewer, VV_MSG_CONTEXT_AFFECT, 1)->message.body.ContextAffect.label, VV_EMOTION_JOY);
    finish(hub, calls);
}

/* A lost viewer comes back by its token: the media clock, sequence numbers and the speech go on where they were. */
static void resumes(void **state) {
    (void)state;
    Call viewer = {0}, backend = {0}, *calls[] = {&viewer, &backend, NULL};
    VvHub *hub = call_hub(4, 60);
    assert_int_equal(call_join(&viewer, hub, VIEWER), VV_ERR_OK);
    assert_int_equal(call_join(&backend, hub, BACKEND), VV_ERR_OK);
    assert_int_equal(call_send(&backend, BEGIN(1, 16000)), VV_ERR_OK);
    assert_int_equal(call_tone(&backend, 1, 16000, 2), VV_ERR_OK);
    wait_frames(calls, &viewer, 1, 10);
    call_leave(&viewer);
    char start[256];
    snprintf(start, sizeof start, "{\"type\":\"session.start\",\"role\":\"viewer\",\"resume\":\"%s\"}", viewer.token);
    wait_messages(calls, &backend, VV_MSG_STATS, call_count(&backend, VV_MSG_STATS) + 2); /* away for a while */
    assert_int_equal(call_count(&backend, VV_MSG_PLAYBACK_FINISHED), 0);
    assert_int_equal(call_join(&viewer, hub, start), VV_ERR_OK);
    wait_messages(calls, &viewer, VV_MSG_SESSION_READY, 2);
    assert_true(call_message(&viewer, VV_MSG_SESSION_READY, 1)->message.body.SessionReady.resumed);
    assert_string_equal(call_message(&viewer, VV_MSG_SESSION_READY, 1)->message.body.SessionReady.session, "s");
    Call thief = {0};
    assert_int_equal(call_join(&thief, hub, start), VV_ERR_RESUME_UNKNOWN); /* good once */
    wait_messages(calls, &viewer, VV_MSG_PLAYBACK_FINISHED, 1);
    const VvPlaybackFinished *end = &call_message(&viewer, VV_MSG_PLAYBACK_FINISHED, 0)->message.body.PlaybackFinished;
    assert_int_equal(end->position_ms, 2000);
    assert_false(end->interrupted);
    assert_int_equal(call_count(&viewer, VV_MSG_PLAYBACK_STARTED), 1);
    /* Frames between the last taken and the loss never arrived; those after carry on with sequence and time. */
    int discontinuities = 0;
    int64_t last = -1;
    for (int i = 0; call_frame(&viewer, VV_KIND_AVATAR_VIDEO, -1, i); i++) {
        const VvFrameHeader *header = &call_frame(&viewer, VV_KIND_AVATAR_VIDEO, -1, i)->header;
        assert_true(header->pts > last);
        last = header->pts;
        if (i > 0 && header->flags & VV_FLAG_DISCONTINUITY) {
            discontinuities++;
            assert_true(header->flags & VV_FLAG_KEY);
        }
    }
    assert_true(discontinuities >= 1);
    finish(hub, calls);
    call_free(&thief);
}

/* A backend that was away when its utterances ended hears of each end when it comes back, once. */
static void absent_hear_of_the_end(void **state) {
    (void)state;
    Call viewer = {0}, backend = {0}, *calls[] = {&viewer, &backend, NULL}, *alone[] = {&viewer, NULL};
    VvHub *hub = call_hub(4, 60);
    assert_int_equal(call_join(&viewer, hub, VIEWER), VV_ERR_OK);
    assert_int_equal(call_join(&backend, hub, BACKEND), VV_ERR_OK);
    assert_int_equal(call_send(&backend, BEGIN(1, 16000)), VV_ERR_OK);
    assert_int_equal(call_tone(&backend, 1, 16000, 0.4), VV_ERR_OK);
    assert_int_equal(call_send(&backend, BEGIN(2, 16000)), VV_ERR_OK);
    assert_int_equal(call_tone(&backend, 2, 16000, 0.2), VV_ERR_OK);
    wait_messages(calls, &backend, VV_MSG_SESSION_READY, 1);
    char start[256];
    snprintf(start, sizeof start, "{\"type\":\"session.start\",\"role\":\"backend\",\"resume\":\"%s\"}", backend.token);
    call_leave(&backend);
    wait_messages(alone, &viewer, VV_MSG_PLAYBACK_FINISHED, 2);
    assert_int_equal(call_count(&backend, VV_MSG_PLAYBACK_FINISHED), 0);
    assert_int_equal(call_join(&backend, hub, start), VV_ERR_OK);
    wait_messages(calls, &backend, VV_MSG_PLAYBACK_FINISHED, 2);
    for (int i = 0; i < 2; i++) {
        const VvPlaybackFinished *end =
            &call_message(&backend, VV_MSG_PLAYBACK_FINISHED, i)->message.body.PlaybackFinished;
        assert_int_equal(end->utterance, i + 1);
        assert_int_equal(end->position_ms, i ? 200 : 400);
        assert_false(end->interrupted);
    }
    assert_int_equal(call_send(&backend, BEGIN(3, 16000)), VV_ERR_OK);
    assert_int_equal(call_send(&backend, "{\"type\":\"speech.end\",\"utterance\":3}"), VV_ERR_OK);
    wait_messages(calls, &backend, VV_MSG_PLAYBACK_FINISHED, 3);
    assert_int_equal(call_count(&viewer, VV_MSG_PLAYBACK_FINISHED), 3);
    finish(hub, calls);
}

/* Draining: what is being said is said to its end, nothing new begins, then the session ends by itself. */
static void drains(void **state) {
    (void)state;
    Call both = {0}, other = {0}, *calls[] = {&both, NULL};
    VvHub *hub = call_hub(4, 60);
    assert_int_equal(call_join(&both, hub, BOTH), VV_ERR_OK);
    assert_int_equal(call_send(&both, BEGIN(1, 16000)), VV_ERR_OK);
    assert_int_equal(call_tone(&both, 1, 16000, 1), VV_ERR_OK);
    wait_frames(calls, &both, 1, 5);
    vv_hub_drain(hub, 60 * VV_SECOND);
    assert_false(vv_hub_ready(hub));
    assert_int_equal(call_join(&other, hub, "{\"type\":\"session.start\",\"role\":\"viewer\"}"), VV_ERR_DRAINING);
    assert_int_equal(call_send(&both, BEGIN(2, 16000)), VV_ERR_OK);
    call_until(calls, is_closed, &both);
    const CallMessage *two = call_message(&both, VV_MSG_PLAYBACK_FINISHED, 0);
    const CallMessage *one = call_message(&both, VV_MSG_PLAYBACK_FINISHED, 1);
    const CallMessage *end = call_message(&both, VV_MSG_SESSION_END, 0);
    assert_int_equal(two->message.body.PlaybackFinished.utterance, 2);
    assert_true(two->message.body.PlaybackFinished.interrupted);
    assert_int_equal(one->message.body.PlaybackFinished.utterance, 1);
    assert_int_equal(one->message.body.PlaybackFinished.position_ms, 1000);
    assert_false(one->message.body.PlaybackFinished.interrupted);
    assert_true(end->order > one->order);
    finish(hub, calls);
    call_free(&other);
}

static void send_mic(Call *call, VvOpusEncoder *encoder, const int16_t *pcm, int *at, int total) {
    uint8_t packet[VV_OPUS_PACKET_MAX];
    const int size = vv_opus_encode(encoder, pcm + *at % (total - 960), packet, sizeof packet);
    const VvFrameHeader header = {.kind = VV_KIND_USER_AUDIO,
                                  .codec = VV_CODEC_OPUS,
                                  .sequence = call->sequence++,
                                  .pts = *at * INT64_C(1000) / 48,
                                  .length = (uint32_t)size};
    assert_int_equal(vv_seat_media(call->seat, &header, packet), VV_ERR_OK);
    *at += 960;
}

/* The user speaks over the avatar: an event; with auto_interrupt the avatar stops. */
static void barge_in(void **state) {
    (void)state;
    Call viewer = {0}, backend = {0}, *calls[] = {&viewer, &backend, NULL};
    VvHub *hub = call_hub(4, 60);
    assert_int_equal(call_join(&viewer, hub, VIEWER), VV_ERR_OK);
    assert_int_equal(
        call_join(&backend, hub,
                  "{\"type\":\"session.start\",\"role\":\"backend\",\"session\":\"s\",\"auto_interrupt\":true,"
                  "\"want\":[\"events\",\"user_audio\"]}"),
        VV_ERR_OK);
    assert_int_equal(call_send(&backend, BEGIN(1, 16000)), VV_ERR_OK);
    assert_int_equal(call_tone(&backend, 1, 16000, 20), VV_ERR_OK);
    wait_frames(calls, &viewer, 1, 3);
    VvOpusEncoder *encoder = vv_opus_encoder_new(32);
    static int16_t pcm[48000];
    int at = 0;
    static int16_t quiet[4800];
    for (int i = 0; i < 25; i++) { /* first a quiet room */
        int zero = 0;
        send_mic(&viewer, encoder, quiet, &zero, 4800);
        wait_messages(calls, &backend, VV_MSG_CONTEXT_EVENT, 0);
    }
    call_make_tone(pcm, 48000, 48000);
    for (int i = 0; i < 300 && !call_count(&backend, VV_MSG_PLAYBACK_FINISHED); i++) {
        send_mic(&viewer, encoder, pcm, &at, 48000);
        wait_frames(calls, &viewer, -1, call_frames(&viewer, VV_KIND_AVATAR_VIDEO, -1) + i % 2);
    }
    wait_messages(calls, &backend, VV_MSG_PLAYBACK_FINISHED, 1);
    assert_true(call_message(&backend, VV_MSG_PLAYBACK_FINISHED, 0)->message.body.PlaybackFinished.interrupted);
    bool speaking = false, barged = false;
    for (int i = 0; call_message(&backend, VV_MSG_CONTEXT_EVENT, i); i++) {
        const VvContextEvent *event = &call_message(&backend, VV_MSG_CONTEXT_EVENT, i)->message.body.ContextEvent;
        speaking |= event->kind == VV_EVENT_SPEAKING && event->value > 0.5;
        barged |= event->kind == VV_EVENT_BARGE_IN;
    }
    assert_true(speaking && barged);
    assert_true(call_frames(&backend, VV_KIND_USER_AUDIO, -1) > 10); /* passed on, as asked */
    vv_opus_encoder_free(&encoder);
    finish(hub, calls);
}

/* A client that reads nothing: its video is dropped, then it is closed; the session lives on. */
static void slow_reader(void **state) {
    (void)state;
    Call viewer = {0}, backend = {0}, *calls[] = {&backend, NULL};
    VvHub *hub = call_hub(4, 60);
    assert_int_equal(call_join(&backend, hub, BACKEND), VV_ERR_OK);
    assert_int_equal(call_join(&viewer, hub,
                               "{\"type\":\"session.start\",\"role\":\"viewer\",\"session\":\"s\",\"video\":{\"width\":"
                               "512,\"height\":512,\"kbps\":4000}}"),
                     VV_ERR_OK);
    wait_messages(calls, &backend, VV_MSG_STATS, 6);
    Call *all[] = {&viewer, &backend, NULL};
    wait_frames(all, &viewer, -1, 20); /* now it reads: what it gets is whole */
    uint32_t next = 0;
    bool gap = false;
    for (int i = 0; call_frame(&viewer, VV_KIND_AVATAR_VIDEO, -1, i); i++) {
        const VvFrameHeader *header = &call_frame(&viewer, VV_KIND_AVATAR_VIDEO, -1, i)->header;
        gap |= header->sequence != next;
        assert_true(header->sequence == next || header->flags & VV_FLAG_KEY);
        next = header->sequence + 1;
    }
    finish(hub, all);
    (void)gap;
}

/* Sessions come and go: none is left, and nothing of them. */
static void comes_and_goes(void **state) {
    (void)state;
    VvHub *hub = call_hub(8, 60);
    for (int i = 0; i < 40; i++) {
        Call both = {0}, *calls[] = {&both, NULL};
        char start[128];
        snprintf(start, sizeof start, "{\"type\":\"session.start\",\"role\":\"both\",\"session\":\"n%d\"}", i);
        assert_int_equal(call_join(&both, hub, start), VV_ERR_OK);
        if (i % 3 == 0)
            wait_frames(calls, &both, -1, 2);
        if (i % 2)
            assert_int_equal(call_send(&both, BEGIN(1, 16000)), VV_ERR_OK);
        assert_int_equal(call_send(&both, "{\"type\":\"session.end\",\"reason\":\"bye\"}"), VV_ERR_OK);
        if (i % 4)
            call_until(calls, is_closed, &both);
        call_leave(&both);
        call_until(calls, is_empty, hub);
        call_free(&both);
    }
    call_hub_close(&hub);
}

/* A session whose last connection is lost ends after its time to resume. */
static void nobody_comes_back(void **state) {
    (void)state;
    VvHub *hub = call_hub(8, 1);
    Call both = {0}, *calls[] = {&both, NULL};
    assert_int_equal(call_join(&both, hub, BOTH), VV_ERR_OK);
    wait_frames(calls, &both, -1, 2);
    call_leave(&both);
    assert_int_equal(vv_hub_sessions(hub), 1);
    call_until(calls, is_empty, hub);
    char start[256];
    snprintf(start, sizeof start, "{\"type\":\"session.start\",\"role\":\"both\",\"resume\":\"%s\"}", both.token);
    assert_int_equal(call_join(&both, hub, start), VV_ERR_RESUME_UNKNOWN);
    call_hub_close(&hub);
    call_free(&both);
}

/* All places taken: one that only waits for its lost connection is given up for a new session, one in use is not. */
static void lost_ones_give_way(void **state) {
    (void)state;
    VvHub *hub = call_hub(1, 60);
    Call first = {0}, second = {0}, *calls[] = {&second, NULL};
    assert_int_equal(call_join(&first, hub, "{\"type\":\"session.start\",\"role\":\"both\",\"session\":\"a\"}"),
                     VV_ERR_OK);
    Call *firsts[] = {&first, NULL};
    wait_frames(firsts, &first, -1, 2);
    assert_int_equal(call_join(&second, hub, "{\"type\":\"session.start\",\"role\":\"both\",\"session\":\"b\"}"),
                     VV_ERR_SERVER_FULL);
    call_leave(&first);
    assert_int_equal(call_join(&second, hub, "{\"type\":\"session.start\",\"role\":\"both\",\"session\":\"b\"}"),
                     VV_ERR_OK);
    wait_frames(calls, &second, -1, 5);
    assert_int_equal(vv_hub_sessions(hub), 1);
    char start[256];
    snprintf(start, sizeof start, "{\"type\":\"session.start\",\"role\":\"both\",\"resume\":\"%s\"}", first.token);
    assert_int_equal(call_join(&first, hub, start), VV_ERR_RESUME_UNKNOWN);
    finish(hub, calls);
    call_free(&first);
}

/* Who is thrown out takes an empty session along, and the token is void; a session with somebody in it stays. */
static void expelled_do_not_resume(void **state) {
    (void)state;
    VvHub *hub = call_hub(4, 60);
    Call viewer = {0}, backend = {0}, *calls[] = {&viewer, NULL};
    assert_int_equal(call_join(&viewer, hub, VIEWER), VV_ERR_OK);
    assert_int_equal(call_join(&backend, hub, BACKEND), VV_ERR_OK);
    Call *both[] = {&viewer, &backend, NULL};
    wait_messages(both, &backend, VV_MSG_SESSION_READY, 1);
    vv_seat_leave(&backend.seat, false);
    wait_frames(calls, &viewer, -1, call_frames(&viewer, VV_KIND_AVATAR_VIDEO, -1) + 5);
    char start[256];
    snprintf(start, sizeof start, "{\"type\":\"session.start\",\"role\":\"backend\",\"resume\":\"%s\"}", backend.token);
    assert_int_equal(call_join(&backend, hub, start), VV_ERR_RESUME_UNKNOWN);
    vv_seat_leave(&viewer.seat, false);
    call_until(calls, is_empty, hub);
    call_hub_close(&hub);
    call_free(&viewer);
    call_free(&backend);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idles_alive),
        cmocka_unit_test(says_what_it_gets),
        cmocka_unit_test(mouth_follows_sound),
        cmocka_unit_test(interrupt_stops_it),
        cmocka_unit_test(who_interrupts_may_begin_at_once),
        cmocka_unit_test(starves_alive),
        cmocka_unit_test(credit_carries_it_all),
        cmocka_unit_test(rules_of_order),
        cmocka_unit_test(dialogue_passes),
        cmocka_unit_test(resumes),
        cmocka_unit_test(absent_hear_of_the_end),
        cmocka_unit_test(drains),
        cmocka_unit_test(barge_in),
        cmocka_unit_test(slow_reader),
        cmocka_unit_test(comes_and_goes),
        cmocka_unit_test(nobody_comes_back),
        cmocka_unit_test(lost_ones_give_way),
        cmocka_unit_test(expelled_do_not_resume),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
