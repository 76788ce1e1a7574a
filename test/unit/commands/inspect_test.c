/* The inspector, fed with pictures and sound whose truth is known: it must see what is right and what is wrong. */
#include "server/avatar/avatar.h"
#include "server/commands/bench/inspect.h"
#include "server/media/opus_codec.h"
#include "server/media/vp8_codec.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WINDOWS = 30, SIZE = 256, FRAME = 1920, START = 50 };

/* Loudness that changes from frame to frame without a pattern of its own. */
static float level(int frame) {
    uint32_t x = (uint32_t)frame * 2654435761u;
    return 0.02f + 0.2f * (float)(x >> 16 & 255) / 255;
}

static void send(VvInspector *inspector, uint8_t kind, uint32_t sequence, int64_t pts, uint8_t flags,
                 const uint8_t *data, size_t size) {
    VvFrameHeader header = {.kind = kind,
                            .codec = kind == VV_KIND_AVATAR_VIDEO ? VV_CODEC_VP8 : VV_CODEC_OPUS,
                            .flags = flags,
                            .sequence = sequence,
                            .pts = pts,
                            .utterance = 1,
                            .length = (uint32_t)size};
    vv_inspector_take(inspector, &header, data);
}

/* Tone bursts, each frame at its level; `delay` samples late. */
static void send_sound(VvInspector *inspector, int delay) {
    VvOpusEncoder *encoder = vv_opus_encoder_new(64);
    int64_t lag = (int64_t)vv_opus_encoder_lookahead(encoder) * 1000000 / 48000;
    for (int packet = 0; packet < WINDOWS * VV_WINDOW_FRAMES * 2; packet++) {
        int16_t pcm[960];
        uint8_t out[VV_OPUS_PACKET_MAX];
        for (int i = 0; i < 960; i++) {
            int n = packet * 960 + i - delay;
            float amplitude = n < 0 ? 0 : level(n / FRAME) * 1.41421f;
            pcm[i] = (int16_t)(amplitude * 32000 * sinf((float)n * 0.0575f));
        }
        int size = vv_opus_encode(encoder, pcm, out, sizeof out);
        assert_true(size > 0);
        send(inspector, VV_KIND_AVATAR_AUDIO, (uint32_t)packet, (START * 2 + packet) * INT64_C(20000) - lag, 0, out,
             (size_t)size);
    }
    vv_opus_encoder_free(&encoder);
}

/* Pictures of the real test pattern. `shift`: frames by which their pts is wrong; `lose`: drop one delta frame. */
static void send_pictures(VvInspector *inspector, int shift, bool lose) {
    static float speech[VV_SPEECH_ROWS * VV_MEL_BANDS];
    static int16_t window[VV_MEL_WINDOW];
    VvAvatar *avatar = NULL;
    VvVp8Encoder *encoder = vv_vp8_encoder_new(SIZE, SIZE, 25, 600);
    VvLogMel *mel = vv_log_mel_new();
    assert_int_equal(vv_test_pattern_open(SIZE, SIZE, &avatar), 0);
    VvAvatarItem item = {.state = avatar->create(avatar, 1), .seed = 1, .speech = speech, .user_muted = true};
    for (int i = 0; i < VV_WINDOW_FRAMES; i++)
        assert_int_equal(vv_picture_alloc(&item.frames[i], SIZE, SIZE), 0);
    for (int w = 0; w < WINDOWS; w++) {
        for (int row = 0; row < VV_SPEECH_ROWS; row++) {
            int frame = w * VV_WINDOW_FRAMES - VV_SPEECH_PAST_FRAMES + row / VV_HOPS;
            float amplitude = frame < 0 ? 0 : level(frame) * 1.41421f;
            for (int i = 0; i < VV_MEL_WINDOW; i++)
                window[i] = (int16_t)(amplitude * 32000 * sinf((float)i * 0.1725f));
            vv_log_mel_row(mel, window, speech + row * VV_MEL_BANDS);
        }
        item.window = (uint64_t)w;
        item.kept = w ? VV_WINDOW_FRAMES : 0;
        item.pts = (START + w * VV_WINDOW_FRAMES) * INT64_C(40000);
        item.speech_frames = VV_WINDOW_FRAMES;
        VvAvatarItem *items[] = {&item};
        assert_int_equal(avatar->step(avatar, items, 1), 0);
        for (int i = 0; i < VV_WINDOW_FRAMES; i++) {
            const uint8_t *data;
            size_t size;
            bool key;
            uint32_t number = (uint32_t)(w * VV_WINDOW_FRAMES + i);
            assert_int_equal(vv_vp8_encode(encoder, &item.frames[i], number == 100, &data, &size, &key), 0);
            if (!(lose && number == 90))
                send(inspector, VV_KIND_AVATAR_VIDEO, number, item.pts + (i + shift) * 40000, key ? VV_FLAG_KEY : 0,
                     data, size);
        }
    }
    for (int i = 0; i < VV_WINDOW_FRAMES; i++)
        vv_picture_free(&item.frames[i]);
    avatar->destroy(avatar, &item.state);
    avatar->close(&avatar);
    vv_vp8_encoder_free(&encoder);
    vv_log_mel_free(&mel);
}

static int best_step(const VvInspection *found) {
    int best = 0;
    for (int i = 0; i <= 2 * VV_INSPECT_STEPS; i++)
        best = found->lips[i] > found->lips[best] ? i : best;
    return best - VV_INSPECT_STEPS;
}

static VvInspection inspect(int delay, int shift, bool lose) {
    VvInspector *inspector = vv_inspector_new();
    VvInspection found;
    assert_non_null(inspector);
    send_sound(inspector, delay);
    send_pictures(inspector, shift, lose);
    vv_inspector_result(inspector, &found);
    vv_inspector_free(&inspector);
    assert_null(inspector);
    return found;
}

static void sees_that_all_is_well(void **state) {
    (void)state;
    VvInspection found = inspect(0, 0, false);
    assert_int_equal(found.pictures, WINDOWS * VV_WINDOW_FRAMES);
    assert_int_equal(found.agree, WINDOWS * VV_WINDOW_FRAMES);
    assert_int_equal(found.differ + found.unreadable + found.broken, 0);
    assert_true(found.spoken >= WINDOWS * VV_WINDOW_FRAMES - 2);
    assert_true(found.lips[VV_INSPECT_STEPS] > 0.95);
    assert_in_range(best_step(&found) + 1, 0, 2); /* no more than 2.5 ms off */
}

static void sees_late_sound(void **state) {
    (void)state;
    VvInspection found = inspect(960, 0, false); /* 20 ms */
    assert_in_range(-best_step(&found), 7, 9);   /* the mouth is 8 steps of 2.5 ms before the sound */
    assert_true(found.lips[VV_INSPECT_STEPS] < 0.9);
}

static void sees_wrong_numbers(void **state) {
    (void)state;
    VvInspection found = inspect(0, 1, false);
    assert_int_equal(found.agree, 0);
    assert_int_equal(found.differ, WINDOWS * VV_WINDOW_FRAMES);
}

static void does_not_look_at_what_a_gap_broke(void **state) {
    (void)state;
    VvInspection found = inspect(0, 0, true);
    assert_int_equal(found.broken, 9); /* 91 to 99; frame 100 is a key frame */
    assert_int_equal(found.agree, WINDOWS * VV_WINDOW_FRAMES - 10);
    assert_int_equal(found.differ, 0);
}

static void counts_garbage(void **state) {
    (void)state;
    VvInspector *inspector = vv_inspector_new();
    VvInspection found;
    uint8_t garbage[200];
    memset(garbage, 0xa5, sizeof garbage);
    send(inspector, VV_KIND_AVATAR_VIDEO, 0, 40000, VV_FLAG_KEY, garbage, sizeof garbage);
    send(inspector, VV_KIND_USER_AUDIO, 0, 40000, 0, garbage, sizeof garbage);
    vv_inspector_result(inspector, &found);
    assert_int_equal(found.pictures, 0);
    assert_int_equal(found.broken, 1);
    vv_inspector_free(&inspector);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sees_that_all_is_well), cmocka_unit_test(sees_late_sound),
        cmocka_unit_test(sees_wrong_numbers),    cmocka_unit_test(does_not_look_at_what_a_gap_broke),
        cmocka_unit_test(counts_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
