/* Pitch by normalised autocorrelation at 8 kHz over 64 ms around each frame. */
#include "weights/performer/prosody.h"

#include <math.h>

enum { FRAME = 640, WINDOW = 512, LAG_MIN = 16, LAG_MAX = 133 };

static float loudness_of(const int16_t *pcm, int samples, int frame) {
    double energy = 0;
    for (int i = frame * FRAME; i < (frame + 1) * FRAME && i < samples; i++)
        energy += (double)pcm[i] * pcm[i];
    return (float)(sqrt(energy / FRAME) / 2300.0);
}

/* 8 kHz samples around the frame's middle, at half the rate by pair means. */
static void window_of(const int16_t *pcm, int samples, int frame, float out[WINDOW + LAG_MAX]) {
    const int first = frame * FRAME + FRAME / 2 - (WINDOW + LAG_MAX);
    for (int i = 0; i < WINDOW + LAG_MAX; i++) {
        const int at = first + 2 * i;
        out[i] = at >= 0 && at + 1 < samples ? 0.5f * (float)(pcm[at] + pcm[at + 1]) : 0;
    }
}

/* Running energy makes every lag's normalisation one step; the first lag near the best one wins, against octave errors.
 */
static float pitch_of(const float x[WINDOW + LAG_MAX]) {
    float score[LAG_MAX + 1], best = 0;
    double own = 1e-3;
    for (int i = 0; i < WINDOW; i++)
        own += (double)x[i] * x[i];
    double other = own;
    for (int lag = 1; lag <= LAG_MAX; lag++) {
        other += (double)x[WINDOW + lag - 1] * x[WINDOW + lag - 1] - (double)x[lag - 1] * x[lag - 1];
        float sum = 0;
        for (int i = 0; i < WINDOW && lag >= LAG_MIN; i++)
            sum += x[i] * x[i + lag];
        score[lag] = (float)(sum / sqrt(own * fmax(other, 1e-3)));
        if (lag >= LAG_MIN && score[lag] > best)
            best = score[lag];
    }
    if (best < 0.55f)
        return 0;
    for (int lag = LAG_MIN + 1; lag < LAG_MAX; lag++)
        if (score[lag] > 0.88f * best && score[lag] >= score[lag - 1] && score[lag] >= score[lag + 1])
            return 8000.0f / (float)lag;
    return 0;
}

void vv_prosody(const int16_t *pcm, int samples, VvTone *tones, int frames) {
    float x[WINDOW + LAG_MAX];
    for (int f = 0; f < frames; f++) {
        tones[f] = (VvTone){.loudness = loudness_of(pcm, samples, f)};
        if (tones[f].loudness < 0.06f)
            continue;
        window_of(pcm, samples, f, x);
        tones[f].pitch = pitch_of(x);
    }
}
