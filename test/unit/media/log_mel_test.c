/* Log-mel features: against the rows of an independent computation, against a plain Fourier sum, streamed in pieces
 * against the whole, their place in time, and the amplitude that is read back from them. */
#include "server/media/fft.h"
#include "server/media/log_mel.h"
#include "test/unit/media/golden_signal.h"
#include "test/unit/media/synth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { SECONDS = 4, COUNT = SECONDS * VV_MEL_RATE, ROWS = COUNT / VV_MEL_HOP };

static int16_t pcm[COUNT];
static float rows[ROWS + 2][VV_MEL_BANDS], again[ROWS + 2][VV_MEL_BANDS];
static VvLogMel *mel;

static int make_mel(void **state) {
    (void)state;
    mel = vv_log_mel_new();
    return mel ? 0 : -1;
}

static int free_mel(void **state) {
    (void)state;
    vv_log_mel_free(&mel);
    return mel ? -1 : 0;
}

static int push_all(const int16_t *samples, int count, float out[][VV_MEL_BANDS]) {
    vv_log_mel_reset(mel);
    return vv_log_mel_push(mel, samples, count, out[0], count / VV_MEL_HOP + 1);
}

static void transform_is_the_fourier_sum(void **state) {
    (void)state;
    static VvFft fft;
    double x[VV_FFT_SIZE], power[VV_FFT_BINS];
    uint32_t seed = 17;
    vv_fft_init(&fft);
    for (int i = 0; i < VV_FFT_SIZE; i++)
        x[i] = synth_noise(&seed);
    vv_fft_power(&fft, x, power);
    for (int k = 0; k < VV_FFT_BINS; k++) {
        double re = 0, im = 0;
        for (int i = 0; i < VV_FFT_SIZE; i++) {
            re += x[i] * cos(2 * SYNTH_PI * k * i / VV_FFT_SIZE);
            im -= x[i] * sin(2 * SYNTH_PI * k * i / VV_FFT_SIZE);
        }
        assert_true(fabs(power[k] - re * re - im * im) < 1e-9);
    }
}

static void rows_are_the_golden_ones(void **state) {
    (void)state;
    static float golden[GOLDEN_ROWS][VV_MEL_BANDS];
    FILE *file = fopen("test/golden/log_mel.bin", "rb");
    assert_non_null(file);
    assert_int_equal(fread(golden, sizeof golden[0], GOLDEN_ROWS, file), GOLDEN_ROWS);
    assert_int_equal(fgetc(file), EOF);
    fclose(file);
    golden_signal(pcm);
    assert_int_equal(push_all(pcm, GOLDEN_COUNT, rows), GOLDEN_ROWS);
    double lowest = 0, highest = 0;
    for (int h = 0; h < GOLDEN_ROWS; h++)
        for (int b = 0; b < VV_MEL_BANDS; b++) {
            assert_true(fabs((double)rows[h][b] - golden[h][b]) <= 1e-4);
            lowest = fmin(lowest, golden[h][b]);
            highest = fmax(highest, golden[h][b]);
        }
    assert_true(lowest < -13.8 && highest > 5); /* from digital silence to full scale */
}

static void pieces_equal_the_whole(void **state) {
    (void)state;
    synth_speech(pcm, COUNT, VV_MEL_RATE, 0.3, 6);
    const int whole = push_all(pcm, COUNT, rows);
    assert_int_equal(whole, (COUNT - 280) / 160 + 1);
    uint32_t seed = 8;
    for (int most = 1; most <= 3000; most = most * 5 + 2) {
        vv_log_mel_reset(mel);
        int made = 0;
        for (int at = 0; at < COUNT;) {
            int take = (int)(synth_next(&seed) % (uint32_t)most) + 1;
            take = take < COUNT - at ? take : COUNT - at;
            made += vv_log_mel_push(mel, pcm + at, take, again[made], take / VV_MEL_HOP + 1);
            at += take;
            assert_int_equal(made, at < 280 ? 0 : (at - 280) / 160 + 1); /* as soon as it can be, and no sooner */
        }
        assert_memory_equal(rows, again, (size_t)whole * sizeof rows[0]);
    }
}

/* Each row is a function of its own 400 samples, whatever came before. */
static void a_row_is_its_window_alone(void **state) {
    (void)state;
    synth_speech(pcm, COUNT, VV_MEL_RATE, 0.3, 6);
    const int count = push_all(pcm, COUNT, rows);
    for (int h = 1; h < count; h++) {
        float row[VV_MEL_BANDS];
        vv_log_mel_row(mel, pcm + 160 * h - 120, row);
        assert_memory_equal(row, rows[h], sizeof row);
    }
}

static void silence_is_the_floor(void **state) {
    (void)state;
    memset(pcm, 0, sizeof pcm);
    const int count = push_all(pcm, COUNT, rows);
    for (int h = 0; h < count; h++) {
        for (int b = 0; b < VV_MEL_BANDS; b++)
            assert_true(rows[h][b] == VV_MEL_SILENCE);
        assert_true(vv_mel_amplitude(rows[h]) < 1e-6f);
    }
}

/* A click shows in the rows whose windows hold it and in no other; the window's ends weigh nothing. */
static void rows_lie_where_they_should(void **state) {
    (void)state;
    const int places[] = {0, 1, 100, 4000, 4039, 4040, 4119, 4120, 4279, 4280};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        memset(pcm, 0, sizeof pcm);
        pcm[places[i]] = 32767;
        const int count = push_all(pcm, 16000, rows);
        for (int h = 0; h < count; h++) {
            const int in_window = places[i] - (160 * h - 120);
            assert_int_equal(rows[h][40] != VV_MEL_SILENCE, in_window > 0 && in_window < 399);
        }
    }
}

static void room_is_respected(void **state) {
    (void)state;
    synth_white(pcm, COUNT, 0.1, 5);
    memset(again, 0x55, sizeof again);
    vv_log_mel_reset(mel);
    assert_int_equal(vv_log_mel_push(mel, pcm, 8000, again[0], 3), 3);
    for (size_t i = 0; i < sizeof again[0]; i++)
        assert_int_equal(((const uint8_t *)again[3])[i], 0x55);
    /* What had no room is gone, and time goes on: the next row is the one that follows. */
    push_all(pcm, COUNT, rows);
    vv_log_mel_reset(mel);
    const int before = (8000 - 280) / 160 + 1;
    vv_log_mel_push(mel, pcm, 8000, again[0], 0);
    assert_int_equal(vv_log_mel_push(mel, pcm + 8000, 160, again[0], 2), 1);
    assert_memory_equal(again[0], rows[before], sizeof again[0]);
}

static void a_tone_lies_in_its_band(void **state) {
    (void)state;
    for (int b = 8; b < VV_MEL_BANDS; b += 3) {
        const double top = 2595 * log10(1 + 8000 / 700.0);
        const double centre = 700 * (pow(10, top * (b + 1) / 81 / 2595) - 1);
        synth_tone(pcm, 1600, VV_MEL_RATE, centre, 0.5);
        push_all(pcm, 1600, rows);
        int highest = 0;
        for (int i = 1; i < VV_MEL_BANDS; i++)
            if (rows[4][i] > rows[4][highest])
                highest = i;
        assert_in_range(highest, b - 1, b + 1);
    }
}

/* Over the rows of `pcm`: correlation of the amplitude read from the bands with the hop's own root mean square, and
 * the slope of the line through the origin. */
static void compare_amplitude(const char *what, double *correlation, double *slope) {
    const int count = push_all(pcm, COUNT, rows);
    double x = 0, y = 0, xx = 0, yy = 0, xy = 0;
    for (int h = 1; h < count; h++) {
        const double is = synth_rms(pcm + 160 * h, 160), seen = (double)vv_mel_amplitude(rows[h]);
        x += is;
        y += seen;
        xx += is * is;
        yy += seen * seen;
        xy += is * seen;
    }
    const int n = count - 1;
    *correlation = (n * xy - x * y) / sqrt((n * xx - x * x) * (n * yy - y * y));
    *slope = xy / xx;
    print_message("# %s: correlation %.4f, slope %.4f\n", what, *correlation, *slope);
}

/* Steady sounds whose level changes every 80 ms, so that there is something to correlate. */
static void make_steps(bool noise, double hz) {
    uint32_t seed = 31;
    double level = 0;
    for (int i = 0; i < COUNT; i++) {
        if (i % 1280 == 0)
            level = 0.5 * synth_next(&seed) / 16777216.0;
        pcm[i] = synth_sample(level * (noise ? synth_noise(&seed) : sin(2 * SYNTH_PI * hz * i / VV_MEL_RATE)));
    }
}

static void amplitude_is_the_root_mean_square(void **state) {
    (void)state;
    double correlation, slope;
    const double tones[] = {120, 300, 1000, 2500, 6000};
    for (int i = 0; i < 5; i++) {
        make_steps(false, tones[i]);
        compare_amplitude("tone", &correlation, &slope);
        assert_true(correlation > 0.98 && fabs(slope - 1) < 0.03);
    }
    make_steps(true, 0);
    compare_amplitude("noise", &correlation, &slope);
    assert_true(correlation > 0.98 && fabs(slope - 1) < 0.03);
    for (uint32_t seed = 1; seed < 4; seed++) {
        synth_speech(pcm, COUNT, VV_MEL_RATE, 0.3, seed);
        compare_amplitude("speech", &correlation, &slope);
        assert_true(correlation > 0.98 && fabs(slope - 1) < 0.03);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transform_is_the_fourier_sum),
        cmocka_unit_test(rows_are_the_golden_ones),
        cmocka_unit_test(pieces_equal_the_whole),
        cmocka_unit_test(a_row_is_its_window_alone),
        cmocka_unit_test(silence_is_the_floor),
        cmocka_unit_test(rows_lie_where_they_should),
        cmocka_unit_test(room_is_respected),
        cmocka_unit_test(a_tone_lies_in_its_band),
        cmocka_unit_test(amplitude_is_the_root_mean_square),
    };
    return cmocka_run_group_tests(tests, make_mel, free_mel);
}
