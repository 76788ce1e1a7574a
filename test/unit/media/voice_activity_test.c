/* Voice activity: speech is noticed in quiet and in noise, in time and to its end; silence, white noise of any level,
 * brown noise, steps of noise and typing are not speech. */
#include "server/media/voice_activity.h"
#include "test/unit/media/synth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { SECONDS = 20, COUNT = SECONDS * VV_MEL_RATE, ROWS = COUNT / VV_MEL_HOP, SECOND = VV_MEL_RATE };

static int16_t pcm[COUNT], other[COUNT];
static float rows[ROWS + 1][VV_MEL_BANDS];
static bool speaking[ROWS + 1];

/* Adds `from` to pcm, clipping. */
static void mix(const int16_t *from, int at, int count) {
    for (int i = 0; i < count; i++) {
        const int sum = pcm[at + i] + from[i];
        pcm[at + i] = (int16_t)(sum > 32767 ? 32767 : sum < -32768 ? -32768 : sum);
    }
}

static void add_white(int at, int count, double rms, uint32_t seed) {
    synth_white(other, count, rms, seed);
    mix(other, at, count);
}

static void add_speech(int at, int count, double level, uint32_t seed) {
    synth_speech(other, count, VV_MEL_RATE, level, seed);
    mix(other, at, count);
}

/* Hears all of pcm; returns the rows that were taken for speech. */
static int listen(void) {
    VvVoiceActivity voice;
    VvLogMel *mel = vv_log_mel_new();
    vv_voice_activity_init(&voice);
    const int count = vv_log_mel_push(mel, pcm, COUNT, rows[0], ROWS + 1);
    int taken = 0;
    memset(speaking, 0, sizeof speaking);
    for (int h = 0; h < count; h++)
        taken += speaking[h] = vv_voice_activity_push(&voice, rows[h]);
    vv_log_mel_free(&mel);
    return taken;
}

static int first_row(bool what, int from) {
    int h = from;
    while (h < ROWS && speaking[h] != what)
        h++;
    return h;
}

static void speech_is_noticed_in_time_and_to_its_end(void **state) {
    (void)state;
    const double levels[] = {0.3, 0.03, 0.01}, below[] = {1000, 20, 10}; /* dB from speech down to the noise */
    for (int l = 0; l < 3; l++)
        for (int n = 0; n < 3; n++)
            for (uint32_t seed = 1; seed <= 3; seed++) {
                memset(pcm, 0, sizeof pcm);
                add_speech(4 * SECOND, 8 * SECOND, levels[l], seed);
                const double rms = synth_rms(pcm + 4 * SECOND, 8 * SECOND);
                if (below[n] < 100)
                    add_white(0, COUNT, rms * pow(10, -below[n] / 20), seed + 100);
                listen();
                const int begin = first_row(true, 0);
                assert_in_range(begin, 400 + 6 - 1, 400 + 30); /* no sooner than its attack, within a syllable */
                assert_in_range(first_row(false, begin), 1200 + 20, 1200 + 50);
                assert_int_equal(first_row(true, first_row(false, begin)), ROWS);
            }
}

static void short_pauses_do_not_end_it(void **state) {
    (void)state;
    memset(pcm, 0, sizeof pcm);
    add_speech(2 * SECOND, 10 * SECOND, 0.2, 5);
    for (int at = 3 * SECOND; at < 11 * SECOND; at += SECOND)
        memset(pcm + at, 0, SECOND / 5 * sizeof *pcm);
    listen();
    const int begin = first_row(true, 0);
    assert_in_range(begin, 200, 230);
    assert_in_range(first_row(false, begin), 1200, 1250);
}

static void a_long_pause_ends_it(void **state) {
    (void)state;
    memset(pcm, 0, sizeof pcm);
    add_speech(2 * SECOND, 2 * SECOND, 0.2, 5);
    add_speech(6 * SECOND, 2 * SECOND, 0.2, 6);
    listen();
    const int end = first_row(false, first_row(true, 0)), again = first_row(true, end);
    assert_in_range(end, 400 + 20, 400 + 50);
    assert_in_range(again, 600, 630);
    assert_in_range(first_row(false, again), 800 + 20, 800 + 50);
}

static void silence_and_steady_noise_are_not_speech(void **state) {
    (void)state;
    memset(pcm, 0, sizeof pcm);
    assert_int_equal(listen(), 0);
    const double levels[] = {0.0003, 0.003, 0.03, 0.1, 0.3};
    for (int l = 0; l < 5; l++)
        for (uint32_t seed = 1; seed <= 3; seed++) {
            memset(pcm, 0, sizeof pcm);
            add_white(0, COUNT, levels[l], seed);
            assert_int_equal(listen(), 0);
        }
}

/* One pole makes it brown above 50 Hz: a fan, wind, traffic. */
static void coloured_noise_is_not_speech(void **state) {
    (void)state;
    for (uint32_t seed = 1; seed <= 5; seed++) {
        double low = 0;
        uint32_t state_of_noise = seed;
        for (int i = 0; i < COUNT; i++) {
            low += 0.02 * (synth_noise(&state_of_noise) - low);
            pcm[i] = synth_sample(low * (i < COUNT / 2 ? 0.1 : 2)); /* and a step of 26 dB */
        }
        assert_int_equal(listen(), 0);
    }
}

static void steps_of_noise_are_not_speech(void **state) {
    (void)state;
    const double levels[] = {0.001, 0.1, 0.01, 0.3, 0.0001, 0.03};
    memset(pcm, 0, sizeof pcm);
    for (int i = 0; i < 6; i++)
        add_white(3 * SECOND * i + SECOND, 3 * SECOND, levels[i], (uint32_t)i + 1);
    assert_int_equal(listen(), 0);
}

/* Keys: bursts of 3 to 15 ms with a ring of their own, two to twelve a second, up to full scale. */
static void typing_is_not_speech(void **state) {
    (void)state;
    for (uint32_t seed = 1; seed <= 5; seed++) {
        uint32_t dice = seed;
        memset(pcm, 0, sizeof pcm);
        for (int at = SECOND; at < COUNT - SECOND; at += SECOND / 12 + (int)(synth_next(&dice) % (SECOND / 3))) {
            const double level = 0.1 + 0.9 * synth_next(&dice) / 16777216.0, hz = 300 + synth_next(&dice) % 3000;
            const double decay = 0.001 + 0.002 * synth_next(&dice) / 16777216.0;
            for (int i = 0; i < SECOND / 50; i++) {
                const double t = (double)i / SECOND;
                other[i] = synth_sample(level * exp(-t / decay) *
                                        (0.5 * synth_noise(&dice) + 0.5 * sin(2 * SYNTH_PI * hz * t)));
            }
            mix(other, at, SECOND / 50);
        }
        add_white(0, COUNT, 0.001, seed + 50);
        assert_int_equal(listen(), 0);
    }
}

/* After noise that was as loud as speech, soft speech is heard again once the floor is down. */
static void the_floor_comes_down(void **state) {
    (void)state;
    memset(pcm, 0, sizeof pcm);
    add_white(0, 5 * SECOND, 0.2, 1);
    add_white(5 * SECOND, 15 * SECOND, 0.0005, 2);
    add_speech(7 * SECOND, 3 * SECOND, 0.03, 3);
    listen();
    assert_in_range(first_row(true, 0), 700, 730);
    assert_in_range(first_row(false, first_row(true, 0)), 1000 + 20, 1000 + 50);
}

/* A hum counts as speech at first, being tonal, but not for ever. */
static void a_steady_hum_is_forgotten(void **state) {
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        double sum = 0;
        for (int k = 1; k < 20; k++)
            sum += sin(2 * SYNTH_PI * 100 * k * i / VV_MEL_RATE) / k;
        pcm[i] = synth_sample(0.01 * sum);
    }
    listen();
    for (int h = ROWS * 3 / 4; h < ROWS - 2; h++)
        assert_false(speaking[h]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(speech_is_noticed_in_time_and_to_its_end),
        cmocka_unit_test(short_pauses_do_not_end_it),
        cmocka_unit_test(a_long_pause_ends_it),
        cmocka_unit_test(silence_and_steady_noise_are_not_speech),
        cmocka_unit_test(coloured_noise_is_not_speech),
        cmocka_unit_test(steps_of_noise_are_not_speech),
        cmocka_unit_test(typing_is_not_speech),
        cmocka_unit_test(the_floor_comes_down),
        cmocka_unit_test(a_steady_hum_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
