/* Log-mel features and the loudness that they carry. */
#include "server/media/log_mel.h"

#include "server/media/fft.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define FLOOR 1e-6
#define TOP_HZ 8000.0

/* The sum of the squared window: what white noise of unit variance has in each bin's power. */
#define WINDOW_POWER (0.375 * (VV_MEL_WINDOW - 1))

typedef struct Band {
    int first, count; /* bins under the triangle */
    int weights;      /* where they begin in the table */
} Band;

struct VvLogMel {
    VvFft fft;
    double window[VV_MEL_WINDOW];
    Band band[VV_MEL_BANDS];
    double weight[2 * VV_FFT_BINS]; /* a bin lies under at most two triangles */
    int16_t held[VV_MEL_WINDOW];    /* the next row's samples so far */
    int count;
};

static double mel_of(double hz) {
    return 2595 * log10(1 + hz / 700);
}

static double hz_of(double mel) {
    return 700 * (pow(10, mel / 2595) - 1);
}

/* Band b rises from edge b to edge b + 1 and falls to edge b + 2; the edges are evenly spaced in mel. */
static double edge(int i) {
    return hz_of(mel_of(TOP_HZ) * i / (VV_MEL_BANDS + 1));
}

static double triangle(int b, double hz) {
    const double rising = (hz - edge(b)) / (edge(b + 1) - edge(b));
    const double falling = (edge(b + 2) - hz) / (edge(b + 2) - edge(b + 1));
    return fmax(0, fmin(rising, falling));
}

static void make_bands(VvLogMel *mel) {
    int used = 0;
    for (int b = 0; b < VV_MEL_BANDS; b++) {
        Band *band = &mel->band[b];
        band->weights = used;
        for (int k = 0; k < VV_FFT_BINS; k++) {
            const double weight = triangle(b, (double)k * VV_MEL_RATE / VV_FFT_SIZE);
            if (weight <= 0)
                continue;
            if (band->count++ == 0)
                band->first = k;
            mel->weight[used++] = weight;
        }
    }
}

VvLogMel *vv_log_mel_new(void) {
    VvLogMel *mel = calloc(1, sizeof *mel);
    if (!mel)
        return NULL;
    vv_fft_init(&mel->fft);
    for (int i = 0; i < VV_MEL_WINDOW; i++)
        mel->window[i] = 0.5 - 0.5 * cos(2 * 3.14159265358979323846 * i / (VV_MEL_WINDOW - 1));
    make_bands(mel);
    vv_log_mel_reset(mel);
    return mel;
}

void vv_log_mel_free(VvLogMel **mel) {
    free(*mel);
    *mel = NULL;
}

/* Row 0 begins this much before the first sample. */
void vv_log_mel_reset(VvLogMel *mel) {
    mel->count = VV_MEL_WINDOW - VV_MEL_HOP - VV_MEL_AHEAD;
    memset(mel->held, 0, sizeof mel->held);
}

void vv_log_mel_row(VvLogMel *mel, const int16_t window[VV_MEL_WINDOW], float row[VV_MEL_BANDS]) {
    double x[VV_FFT_SIZE] = {0}, power[VV_FFT_BINS];
    for (int i = 0; i < VV_MEL_WINDOW; i++)
        x[i] = mel->window[i] * window[i] / 32768;
    vv_fft_power(&mel->fft, x, power);
    for (int b = 0; b < VV_MEL_BANDS; b++) {
        const Band *band = &mel->band[b];
        double sum = 0;
        for (int i = 0; i < band->count; i++)
            sum += mel->weight[band->weights + i] * power[band->first + i];
        row[b] = (float)log(sum + FLOOR);
    }
}

int vv_log_mel_push(VvLogMel *mel, const int16_t *pcm, int count, float *rows, int room) {
    int made = 0;
    while (count > 0) {
        const int missing = VV_MEL_WINDOW - mel->count;
        const int take = count < missing ? count : missing;
        memcpy(mel->held + mel->count, pcm, (size_t)take * sizeof *pcm);
        mel->count += take;
        pcm += take;
        count -= take;
        if (mel->count < VV_MEL_WINDOW)
            break;
        if (made < room)
            vv_log_mel_row(mel, mel->held, rows + (ptrdiff_t)made++ * VV_MEL_BANDS);
        memmove(mel->held, mel->held + VV_MEL_HOP, (VV_MEL_WINDOW - VV_MEL_HOP) * sizeof *mel->held);
        mel->count -= VV_MEL_HOP;
    }
    return made;
}

/* Between the first band's peak and the last one's, the triangles over any bin add up to 1. So the bands' sum is the
 * whole power spectrum but for its outermost bins, and by Parseval that is the windowed energy: 256 sum(w^2) rms^2,
 * the negative frequencies being left out. No fitted constant is needed. */
float vv_mel_amplitude(const float row[VV_MEL_BANDS]) {
    double power = 0;
    for (int b = 0; b < VV_MEL_BANDS; b++)
        power += exp((double)row[b]) - FLOOR;
    return power <= 0 ? 0 : (float)sqrt(power / (0.5 * VV_FFT_SIZE * WINDOW_POWER));
}
