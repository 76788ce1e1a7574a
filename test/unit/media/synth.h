/* Seeded material for the media tests and the benchmark: tones, noise, speech-like sound, moving pictures; and the
 * measures that go with it. Integer and double arithmetic only, so that every machine makes the same. */
#ifndef VV_TEST_SYNTH_H
#define VV_TEST_SYNTH_H

#include "server/media/picture.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SYNTH_PI 3.14159265358979323846

static inline uint32_t synth_next(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Uniform in [-1, 1). */
static inline double synth_noise(uint32_t *seed) {
    return synth_next(seed) / 8388608.0 - 1;
}

static inline int16_t synth_sample(double value) {
    const double scaled = value * 32767;
    return (int16_t)lrint(scaled > 32767 ? 32767 : scaled < -32768 ? -32768 : scaled);
}

static inline void synth_tone(int16_t *pcm, int count, int rate, double hz, double amplitude) {
    for (int i = 0; i < count; i++)
        pcm[i] = synth_sample(amplitude * sin(2 * SYNTH_PI * hz * i / rate));
}

/* White noise of the given root mean square. */
static inline void synth_white(int16_t *pcm, int count, double rms, uint32_t seed) {
    for (int i = 0; i < count; i++)
        pcm[i] = synth_sample(rms * sqrt(3) * synth_noise(&seed));
}

/* Speech-like: a glottal pulse train whose pitch wanders, three formants that change from syllable to syllable, a
 * syllable of 160 to 280 ms, a short gap now and then, and a burst of hiss at the onset of every third one. `level` is
 * roughly the root mean square in the middle of a syllable. */
static inline void synth_speech(int16_t *pcm, int count, int rate, double level, uint32_t seed) {
    static const double formant[6][3] = {{730, 1090, 2440}, {270, 2290, 3010}, {300, 870, 2240},
                                         {530, 1840, 2480}, {570, 840, 2410},  {660, 1720, 2410}};
    double state[3][2] = {{0}};
    double phase = 0, pitch = 120;
    int left = 0, length = 1, syllable = 0, vowel = 0;
    for (int i = 0; i < count; i++) {
        if (left-- == 0) {
            length = left = rate * (160 + (int)(synth_next(&seed) % 120)) / 1000;
            vowel = (int)(synth_next(&seed) % 6);
            pitch = 100 + synth_next(&seed) % 60;
            syllable++;
        }
        const double at = 1 - (double)left / length;
        const double envelope = at < 0.8 ? sin(SYNTH_PI * at / 0.8) : 0;
        phase += pitch * (1 + 0.1 * sin(2 * SYNTH_PI * at)) / rate;
        double source = 0.02 * synth_noise(&seed);
        if (phase >= 1) {
            phase -= 1;
            source += 1;
        }
        double sum = 0;
        for (int f = 0; f < 3; f++) {
            const double r = exp(-SYNTH_PI * (60 + 30 * f) / rate);
            const double y = source * (1 - r) + 2 * r * cos(2 * SYNTH_PI * formant[vowel][f] / rate) * state[f][0] -
                             r * r * state[f][1];
            state[f][1] = state[f][0];
            state[f][0] = y;
            sum += y;
        }
        const double hiss = syllable % 3 == 0 && at < 0.25 ? 0.3 * synth_noise(&seed) * sin(4 * SYNTH_PI * at) : 0;
        pcm[i] = synth_sample(level * (envelope * sum * 12 * sqrt(rate / 16000.0) + hiss));
    }
}

static inline double synth_rms(const int16_t *pcm, int count) {
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += (double)pcm[i] * pcm[i];
    return sqrt(sum / count) / 32768;
}

/* Signal to noise of `got` against `want`, in dB. */
static inline double synth_snr(const int16_t *want, const int16_t *got, int count) {
    double signal = 0, noise = 1e-9;
    for (int i = 0; i < count; i++) {
        const double error = (double)got[i] - want[i];
        signal += (double)want[i] * want[i];
        noise += error * error;
    }
    return 10 * log10(signal / noise);
}

/* The lag in 0..most by which `got` best repeats `want`. */
static inline int synth_lag(const int16_t *want, const int16_t *got, int count, int most) {
    int best = 0;
    double highest = -1;
    for (int lag = 0; lag <= most; lag++) {
        double sum = 0;
        for (int i = 0; i + most < count; i++)
            sum += (double)want[i] * got[i + lag];
        if (sum > highest) {
            highest = sum;
            best = lag;
        }
    }
    return best;
}

/* A picture that moves: a sliding gradient, a textured disc on a circle, a bar that opens and closes. */
static inline void synth_picture(VvPicture *picture, int frame) {
    const int w = picture->width, h = picture->height;
    const double cx = w * (0.5 + 0.25 * cos(frame * 0.13)), cy = h * (0.5 + 0.25 * sin(frame * 0.13));
    const int bar = (int)(h * (0.06 + 0.05 * sin(frame * 0.7)));
    for (int y = 0; y < h; y++) {
        uint8_t *row = picture->plane[0] + (ptrdiff_t)y * picture->stride[0];
        for (int x = 0; x < w; x++) {
            const double distance = hypot(x - cx, y - cy) / (0.2 * (w < h ? w : h) + 1);
            double value = 60 + 60.0 * (x + 2 * frame % w) / w + 40.0 * y / h;
            if (distance < 1)
                value = 150 + 50 * sin(distance * 9) * (1 - distance);
            if (y >= h - 2 * bar && y < h - bar && x > w / 3 && x < 2 * w / 3)
                value = 30;
            row[x] = (uint8_t)value;
        }
    }
    for (int p = 1; p < 3; p++)
        for (int y = 0; y < (h + 1) / 2; y++) {
            uint8_t *row = picture->plane[p] + (ptrdiff_t)y * picture->stride[p];
            for (int x = 0; x < (w + 1) / 2; x++) {
                const double distance = hypot(2 * x - cx, 2 * y - cy) / (0.2 * (w < h ? w : h) + 1);
                row[x] = (uint8_t)(128 + (p == 1 ? -1 : 1) * (distance < 1 ? 30 : 20.0 * y / h - 10));
            }
        }
}

/* Peak signal to noise ratio over one plane, in dB. */
static inline double synth_psnr(const VvPicture *a, const VvPicture *b, int p) {
    const int w = p ? (a->width + 1) / 2 : a->width, h = p ? (a->height + 1) / 2 : a->height;
    double sum = 1e-9;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            const double error =
                (double)a->plane[p][(ptrdiff_t)y * a->stride[p] + x] - b->plane[p][(ptrdiff_t)y * b->stride[p] + x];
            sum += error * error;
        }
    return 10 * log10(255.0 * 255.0 * w * h / sum);
}

#endif
