/* The speech timeline alone: no threads, no clock. */
#include "server/session/speech.h"

#include "server/media/opus_codec.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void begin(VvSpeech *speech, uint32_t number, VvSpeechCodec codec, int rate) {
    const VvSpeechBegin message = {.utterance = number, .codec = (int32_t)codec, .rate = rate};
    assert_int_equal(vv_speech_begin(speech, &message, vv_speech_received(speech)), 0);
}

static void sine(int16_t *pcm, int count, int rate, double frequency) {
    for (int i = 0; i < count; i++)
        pcm[i] = (int16_t)lround(10000 * sin(2 * 3.14159265358979 * frequency * i / rate));
}

/* Sends every frame there is; returns how many, and their samples in `heard` if not NULL. */
static int send_all(VvSpeech *speech, int16_t *heard) {
    int count = 0;
    for (;;) {
        assert_int_equal(vv_speech_decode(speech), 0);
        const int64_t index = vv_speech_next(speech, vv_speech_unsent(speech));
        if (index < 0)
            return count;
        if (heard)
            memcpy(heard + (ptrdiff_t)count * VV_FRAME_SAMPLES, vv_speech_frame(speech, index)->pcm,
                   sizeof(int16_t) * VV_FRAME_SAMPLES);
        vv_speech_sent(speech, index);
        count++;
    }
}

/* Any length, cut into messages anyhow: as many frames as it takes, and the position is its length. */
static void lengths_are_exact(void **state) {
    (void)state;
    static const int rates[3] = {16000, 24000, 48000};
    static const int lengths[] = {1, 7, 640, 641, 1919, 1920, 1921, 16000, 33333};
    static int16_t pcm[40000];
    srand(3);
    uint32_t number = 0;
    VvSpeech *speech = vv_speech_new();
    for (int r = 0; r < 3; r++)
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
            const int length = lengths[l];
            sine(pcm, length, rates[r], 300);
            begin(speech, ++number, VV_SPEECH_PCM, rates[r]);
            for (int at = 0; at < length;) {
                int part = 1 + rand() % 4000;
                part = part < length - at ? part : length - at;
                assert_true(vv_speech_put(speech, number, true, at + part == length, (const uint8_t *)(pcm + at),
                                          (size_t)part * 2));
                at += part;
            }
            VvUtterance done;
            const int frames = send_all(speech, NULL);
            const int64_t samples = llround((double)length * 48000 / rates[r]);
            assert_int_equal(frames, (samples + VV_FRAME_SAMPLES - 1) / VV_FRAME_SAMPLES);
            assert_true(vv_speech_finish(speech, &done));
            assert_int_equal(done.number, number);
            assert_int_equal(done.samples, samples);
            assert_int_equal(vv_speech_position(&done), samples * 1000 / 48000);
            assert_false(vv_speech_finish(speech, &done));
        }
    assert_int_equal(vv_speech_waiting(speech), 0);
    vv_speech_free(&speech);
}

/* What is heard is what was sent, in its time: at 48 kHz to the bit, at 16 kHz by correlation. */
static void sound_keeps_its_time(void **state) {
    (void)state;
    enum { COUNT = 16000 };
    static int16_t pcm[3 * COUNT], heard[4 * COUNT];
    VvSpeech *speech = vv_speech_new();
    sine(pcm, 3 * COUNT, 48000, 440);
    begin(speech, 1, VV_SPEECH_PCM, 48000);
    assert_true(vv_speech_put(speech, 1, true, true, (const uint8_t *)pcm, sizeof pcm));
    assert_int_equal(send_all(speech, heard), 25);
    assert_memory_equal(heard, pcm, sizeof pcm);
    VvUtterance done;
    assert_true(vv_speech_finish(speech, &done));
    static int16_t low[COUNT];
    sine(low, COUNT, 16000, 440);
    begin(speech, 2, VV_SPEECH_PCM, 16000);
    assert_true(vv_speech_put(speech, 2, true, true, (const uint8_t *)low, sizeof low));
    assert_int_equal(send_all(speech, heard), 25);
    double error = 0, power = 0;
    for (int i = 2000; i < 3 * COUNT - 2000; i++) {
        error += pow(heard[i] - pcm[i], 2);
        power += pow(pcm[i], 2);
    }
    assert_true(error / power < 1e-3);
    vv_speech_free(&speech);
}

/* The features of an utterance depend on nothing before it, and not on how it was cut into messages. */
static void features_depend_on_the_utterance_alone(void **state) {
    (void)state;
    enum { COUNT = 24000 / 2 };
    static int16_t pcm[COUNT];
    static float first[12][VV_HOPS][VV_MEL_BANDS];
    VvSpeech *speech = vv_speech_new();
    sine(pcm, COUNT, 24000, 700);
    for (uint32_t number = 1; number <= 3; number++) {
        begin(speech, number, VV_SPEECH_PCM, 24000);
        const int step = number == 1 ? COUNT : 77 * (int)number;
        for (int at = 0; at < COUNT; at += step) {
            const int part = step < COUNT - at ? step : COUNT - at;
            assert_true(
                vv_speech_put(speech, number, true, at + part == COUNT, (const uint8_t *)(pcm + at), (size_t)part * 2));
        }
        assert_int_equal(vv_speech_decode(speech), 0);
        for (int i = 0; i < 12; i++) {
            const int64_t index = vv_speech_next(speech, vv_speech_unsent(speech));
            const VvSpeechFrame *frame = vv_speech_frame(speech, index);
            if (number == 1)
                memcpy(first[i], frame->mel, sizeof frame->mel);
            else
                assert_memory_equal(first[i], frame->mel, sizeof frame->mel);
            assert_int_equal(frame->first, i == 0);
            vv_speech_sent(speech, index);
        }
        send_all(speech, NULL);
        VvUtterance done;
        assert_true(vv_speech_finish(speech, &done));
    }
    vv_speech_free(&speech);
}

/* What may be made now: lookahead is waited for inside an utterance, not at its end. */
static void usable_respects_lookahead(void **state) {
    (void)state;
    static int16_t pcm[48000];
    bool complete;
    VvSpeech *speech = vv_speech_new();
    begin(speech, 1, VV_SPEECH_PCM, 16000);
    assert_true(vv_speech_put(speech, 1, true, false, (const uint8_t *)pcm, 2 * 640 * 8 + 600));
    assert_int_equal(vv_speech_decode(speech), 0);
    assert_int_equal(vv_speech_usable(speech, 0, 0, 50, &complete), 8);
    assert_false(complete);
    assert_int_equal(vv_speech_usable(speech, 0, 3, 50, &complete), 5);
    assert_int_equal(vv_speech_usable(speech, 4, 3, 50, &complete), 1);
    assert_int_equal(vv_speech_usable(speech, 0, 3, 2, &complete), 2);
    assert_int_equal(vv_speech_usable(speech, 0, 20, 50, &complete), 0);
    vv_speech_end(speech, 1);
    assert_int_equal(vv_speech_decode(speech), 0);
    assert_int_equal(vv_speech_usable(speech, 0, 20, 50, &complete), 9);
    assert_true(complete);
    vv_speech_free(&speech);
}

/* Clearing in the middle of the queue, while frames of three utterances are decoded. */
static void clears_any_of_them(void **state) {
    (void)state;
    static int16_t pcm[48000];
    VvUtterance cleared;
    VvSpeech *speech = vv_speech_new();
    for (uint32_t number = 1; number <= 4; number++) {
        begin(speech, number, VV_SPEECH_PCM, 16000);
        assert_true(vv_speech_put(speech, number, true, true, (const uint8_t *)pcm, 2 * 640 * 5));
    }
    assert_int_equal(vv_speech_decode(speech), 0);
    const int64_t one = vv_speech_next(speech, 0);
    assert_int_equal(vv_speech_sent(speech, one)->number, 1);
    assert_true(vv_speech_clear(speech, 2, &cleared));
    assert_int_equal(cleared.number, 2);
    assert_int_equal(vv_speech_position(&cleared), 0);
    assert_false(vv_speech_clear(speech, 2, &cleared));
    uint32_t expected[14];
    for (int i = 0; i < 14; i++)
        expected[i] = i < 4 ? 1 : i < 9 ? 3 : 4;
    for (int i = 0; i < 14; i++) {
        const int64_t index = vv_speech_next(speech, vv_speech_unsent(speech));
        assert_true(index >= 0);
        assert_int_equal(vv_speech_frame(speech, index)->utterance, expected[i]);
        vv_speech_sent(speech, index);
        assert_null(vv_speech_frame(speech, index)); /* a number is never good twice */
        vv_speech_decode(speech);
    }
    assert_int_equal(vv_speech_next(speech, 0), -1);
    for (uint32_t number = 1; number <= 4; number += number == 1 ? 2 : 1) {
        assert_true(vv_speech_finish(speech, &cleared));
        assert_int_equal(cleared.number, number);
    }
    assert_int_equal(vv_speech_queued(speech), 0);
    vv_speech_free(&speech);
}

/* Clearing everything empties the store, and what comes late is thrown away. */
static void clears_all(void **state) {
    (void)state;
    static int16_t pcm[48000];
    VvUtterance cleared;
    VvSpeech *speech = vv_speech_new();
    begin(speech, 1, VV_SPEECH_PCM, 48000);
    for (int i = 0; i < 8; i++)
        assert_true(vv_speech_put(speech, 1, true, false, (const uint8_t *)pcm, sizeof pcm));
    assert_false(vv_speech_put(speech, 1, true, false, (const uint8_t *)pcm, sizeof pcm)); /* beyond credit */
    assert_int_equal(vv_speech_decode(speech), 0);
    assert_true(vv_speech_clear(speech, 0, &cleared));
    assert_false(vv_speech_clear(speech, 0, &cleared));
    assert_int_equal(vv_speech_decode(speech), 0);
    assert_int_equal(vv_speech_waiting(speech), 0);
    assert_true(vv_speech_put(speech, 1, true, false, (const uint8_t *)pcm, 9600));
    begin(speech, 2, VV_SPEECH_PCM, 48000);
    assert_true(vv_speech_put(speech, 2, true, true, (const uint8_t *)pcm, 2 * 1920));
    assert_int_equal(vv_speech_decode(speech), 0);
    const int64_t index = vv_speech_next(speech, 0);
    assert_int_equal(vv_speech_frame(speech, index)->utterance, 2);
    assert_int_equal(vv_speech_next(speech, index + 1), -1);
    vv_speech_free(&speech);
}

/* What credit promises fits, in the smallest messages and in the largest; and as much again once it was taken out. */
static void credit_always_fits(void **state) {
    (void)state;
    static const uint8_t payload[VV_MESSAGE_BYTES_MAX];
    static const size_t sizes[] = {1, 2, 9, 80, 1920, 1922, 19200, VV_MESSAGE_BYTES_MAX - VV_FRAME_HEADER_SIZE};
    VvUtterance cleared;
    VvSpeech *speech = vv_speech_new();
    for (uint32_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const size_t whole = sizes[i] + VV_FRAME_HEADER_SIZE, most = VV_SPEECH_BYTES / whole;
        begin(speech, i + 1, VV_SPEECH_PCM, 48000);
        for (size_t n = 0; n < most; n++)
            assert_true(vv_speech_put(speech, i + 1, sizes[i] > 1, false, payload, sizes[i]));
        assert_int_equal(vv_speech_waiting(speech), most * whole);
        assert_false(vv_speech_put(speech, i + 1, sizes[i] > 1, false, payload, sizes[i]));
        assert_true(vv_speech_clear(speech, 0, &cleared));
        assert_int_equal(vv_speech_decode(speech), 0);
        assert_int_equal(vv_speech_waiting(speech), 0);
    }
    vv_speech_free(&speech);
}

/* Audio that is there before its speech.begin was read is kept for it. */
static void audio_may_overtake_its_begin(void **state) {
    (void)state;
    static int16_t pcm[1920];
    VvUtterance done;
    VvSpeech *speech = vv_speech_new();
    begin(speech, 1, VV_SPEECH_PCM, 48000);
    assert_true(vv_speech_put(speech, 1, true, true, (const uint8_t *)pcm, sizeof pcm));
    assert_true(vv_speech_put(speech, 2, true, true, (const uint8_t *)pcm, sizeof pcm));
    assert_int_equal(vv_speech_decode(speech), 0);
    assert_int_equal(send_all(speech, NULL), 1);
    assert_true(vv_speech_finish(speech, &done));
    assert_int_equal(done.number, 1);
    begin(speech, 2, VV_SPEECH_PCM, 48000);
    assert_int_equal(vv_speech_decode(speech), 0);
    assert_int_equal(send_all(speech, NULL), 1);
    assert_true(vv_speech_finish(speech, &done));
    assert_int_equal(done.number, 2);
    assert_int_equal(vv_speech_position(&done), 40);
    vv_speech_free(&speech);
}

/* Opus in, with packets that are not Opus among them: told once, time kept. */
static void bad_packets_keep_time(void **state) {
    (void)state;
    int16_t pcm[960];
    uint8_t packet[VV_OPUS_PACKET_MAX];
    VvSpeech *speech = vv_speech_new();
    VvOpusEncoder *encoder = vv_opus_encoder_new(32);
    begin(speech, 9, VV_SPEECH_OPUS, 48000);
    sine(pcm, 960, 48000, 500);
    for (int i = 0; i < 10; i++) {
        const int size = vv_opus_encode(encoder, pcm, packet, sizeof packet);
        if (i == 4 || i == 5)
            memset(packet, 0xff, sizeof packet);
        assert_true(vv_speech_put(speech, 9, false, i == 9, packet, i == 4 || i == 5 ? 3 : (size_t)size));
    }
    assert_int_equal(vv_speech_decode(speech), 9);
    assert_int_equal(vv_speech_decode(speech), 0);
    VvUtterance done;
    assert_int_equal(send_all(speech, NULL), 5);
    assert_true(vv_speech_finish(speech, &done));
    assert_int_equal(done.samples, 9600);
    vv_opus_encoder_free(&encoder);
    vv_speech_free(&speech);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_are_exact),
        cmocka_unit_test(sound_keeps_its_time),
        cmocka_unit_test(features_depend_on_the_utterance_alone),
        cmocka_unit_test(usable_respects_lookahead),
        cmocka_unit_test(clears_any_of_them),
        cmocka_unit_test(clears_all),
        cmocka_unit_test(credit_always_fits),
        cmocka_unit_test(audio_may_overtake_its_begin),
        cmocka_unit_test(bad_packets_keep_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
