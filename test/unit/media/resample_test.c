/* The resampler: time is kept to a fraction of a sample, lengths are exact, a stream in pieces equals the whole, and
 * what must not pass does not. */
#include "server/media/resample.h"
#include "test/unit/media/synth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const int rates[][2] = {{48000, 16000}, {24000, 16000}, {16000, 48000}, {24000, 48000}, {16000, 24000},
                               {44100, 16000}, {44100, 48000}, {22050, 48000}, {8000, 16000},  {48000, 48000}};
enum { RATES = sizeof rates / sizeof *rates, ROOM = 200000 };

static int16_t input[ROOM], output[ROOM], again[ROOM];

/* Converts the whole input in pieces of at most `piece` samples (0: at once), flushed. */
static int convert(int from, int to, int count, int piece, int16_t *out) {
    VvResampler *resampler = vv_resampler_new(from, to);
    assert_non_null(resampler);
    uint32_t seed = 9;
    int given = 0;
    for (int at = 0; at < count;) {
        int take = piece ? (int)(synth_next(&seed) % (uint32_t)piece) + 1 : count;
        if (take > count - at)
            take = count - at;
        const int room = (int)((int64_t)take * to / from) + 2;
        const int got = vv_resample(resampler, input + at, take, out + given, room);
        assert_in_range(got, 0, room);
        at += take;
        given += got;
        /* What came so far is what the delay allows: output n needs input n * from / to + delay. */
        const int64_t ready = (int64_t)at - vv_resampler_delay(resampler);
        const int64_t least = ready <= 0 ? 0 : ready * to / from;
        assert_in_range(given, least, least + to / from + 1);
    }
    given += vv_resampler_flush(resampler, out + given, ROOM - given);
    vv_resampler_free(&resampler);
    assert_null(resampler);
    return given;
}

static void refuses_rates_outside_its_range(void **state) {
    (void)state;
    assert_null(vv_resampler_new(999, 16000));
    assert_null(vv_resampler_new(16000, 384001));
    assert_null(vv_resampler_new(0, 16000));
    assert_null(vv_resampler_new(16000, -1));
    VvResampler *none = NULL;
    vv_resampler_free(&none);
}

static void lengths_are_exact(void **state) {
    (void)state;
    memset(input, 0, sizeof input);
    const int counts[] = {0, 1, 2, 3, 7, 10, 159, 160, 161, 441, 960, 12345, 48000};
    for (int r = 0; r < RATES; r++)
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            const int want = (int)lround((double)counts[i] * rates[r][1] / rates[r][0]);
            assert_int_equal(convert(rates[r][0], rates[r][1], counts[i], 0, output), want);
            assert_int_equal(convert(rates[r][0], rates[r][1], counts[i], 700, output), want);
        }
}

static void pieces_equal_the_whole(void **state) {
    (void)state;
    synth_speech(input, 30000, 24000, 0.3, 1);
    for (int r = 0; r < RATES; r++)
        for (int piece = 1; piece <= 2000; piece = piece * 7 + 3) {
            const int whole = convert(rates[r][0], rates[r][1], 30000, 0, output);
            const int pieces = convert(rates[r][0], rates[r][1], 30000, piece, again);
            assert_int_equal(whole, pieces);
            assert_memory_equal(output, again, (size_t)whole * sizeof *output);
        }
}

/* After flush or reset the object is as new. */
static void flush_and_reset_begin_a_new_stream(void **state) {
    (void)state;
    synth_speech(input, 8000, 16000, 0.3, 2);
    VvResampler *resampler = vv_resampler_new(16000, 48000);
    int first = vv_resample(resampler, input, 8000, output, ROOM);
    first += vv_resampler_flush(resampler, output + first, ROOM - first);
    int second = vv_resample(resampler, input, 8000, again, ROOM);
    second += vv_resampler_flush(resampler, again + second, ROOM - second);
    assert_int_equal(first, second);
    assert_memory_equal(output, again, (size_t)first * sizeof *output);
    vv_resample(resampler, input, 4321, again, ROOM);
    vv_resampler_reset(resampler);
    second = vv_resample(resampler, input, 8000, again, ROOM);
    assert_int_equal(second + vv_resampler_flush(resampler, again + second, ROOM - second), first);
    assert_memory_equal(output, again, (size_t)first * sizeof *output);
    vv_resampler_free(&resampler);
}

static void writes_no_more_than_its_room(void **state) {
    (void)state;
    synth_speech(input, 1000, 16000, 0.3, 2);
    for (int r = 0; r < RATES; r++) {
        VvResampler *resampler = vv_resampler_new(rates[r][0], rates[r][1]);
        memset(output, 0x55, 4000);
        assert_int_equal(vv_resample(resampler, input, 1000, output, 100), 100);
        assert_in_range(vv_resampler_flush(resampler, output + 100, 10), 0, 10);
        for (int i = 110; i < 2000; i++)
            assert_int_equal(output[i], 0x5555);
        vv_resampler_free(&resampler);
    }
}

/* An impulse comes out at its own time, to half a sample of the slower side. */
static void impulse_keeps_its_time(void **state) {
    (void)state;
    for (int r = 0; r < RATES; r++) {
        memset(input, 0, sizeof input);
        const int at = rates[r][0] / 10;
        input[at] = 30000;
        const int count = convert(rates[r][0], rates[r][1], rates[r][0] / 5, 333, output);
        double sum = 0, moment = 0;
        for (int i = 0; i < count; i++) {
            sum += output[i];
            moment += (double)output[i] * i;
        }
        assert_true(fabs(moment / sum - (double)at * rates[r][1] / rates[r][0]) < 0.05);
    }
}

/* Gain in dB and phase in samples of the output at `hz`, over the middle of the stream. */
static void measure(int from, int to, double hz, double *gain, double *shift) {
    synth_tone(input, from, from, hz, 0.5);
    const int count = convert(from, to, from, 480, output);
    assert_int_equal(count, to);
    double c = 0, s = 0;
    const int begin = to / 4, end = begin + to / 2;
    for (int i = begin; i < end; i++) {
        const double angle = 2 * SYNTH_PI * hz * i / to;
        c += output[i] * cos(angle);
        s += output[i] * sin(angle);
    }
    *gain = 20 * log10(2 * hypot(c, s) / (end - begin) / (0.5 * 32767));
    *shift = atan2(c, s) / (2 * SYNTH_PI * hz) * to;
}

static void passes_speech_flat_and_in_phase(void **state) {
    (void)state;
    for (int r = 0; r < RATES; r++) {
        const int lower = rates[r][0] < rates[r][1] ? rates[r][0] : rates[r][1];
        const double parts[] = {0.01, 0.1, 0.25, 0.4, 0.45};
        for (int i = 0; i < 5; i++) {
            double gain, shift;
            measure(rates[r][0], rates[r][1], round(lower * parts[i] / 4) * 4, &gain, &shift);
            assert_true(fabs(gain) < (i < 4 ? 0.05 : 0.3));
            assert_true(fabs(shift) < 0.01);
        }
    }
}

/* Going down: what lies above the new band must not fold into it. */
static void stops_what_would_alias(void **state) {
    (void)state;
    for (int r = 0; r < RATES; r++) {
        const int from = rates[r][0], to = rates[r][1];
        for (double part = 0.56; to < from && part * to < from / 2.0; part += 0.07) {
            synth_tone(input, from, from, part * to, 0.5);
            convert(from, to, from, 0, output);
            assert_true(20 * log10(synth_rms(output + to / 4, to / 2) / (0.5 / sqrt(2)) + 1e-9) < -75);
        }
    }
}

/* Full-scale square waves overshoot in the filter: they must clip, not wrap. */
static void clips_instead_of_wrapping(void **state) {
    (void)state;
    for (int r = 0; r < RATES; r++) {
        for (int i = 0; i < 20000; i++)
            input[i] = i / 100 % 2 ? 32767 : -32768;
        const int count = convert(rates[r][0], rates[r][1], 20000, 0, output);
        const double step = 100.0 * rates[r][1] / rates[r][0];
        for (int i = (int)step; i < count - (int)step; i++) {
            const double within = fmod(i, step) / step;
            if (within > 0.2 && within < 0.8)
                assert_true(fmod(i / step, 2) >= 1 ? output[i] > 20000 : output[i] < -20000);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_rates_outside_its_range), cmocka_unit_test(lengths_are_exact),
        cmocka_unit_test(pieces_equal_the_whole),          cmocka_unit_test(flush_and_reset_begin_a_new_stream),
        cmocka_unit_test(writes_no_more_than_its_room),    cmocka_unit_test(impulse_keeps_its_time),
        cmocka_unit_test(passes_speech_flat_and_in_phase), cmocka_unit_test(stops_what_would_alias),
        cmocka_unit_test(clips_instead_of_wrapping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
