/* From a session's item to the networks' numbers. Whatever comes in, numbers go out. */
#include "server/avatar/model_inputs.h"

#include <math.h>
#include <string.h>

#define FRAME (VV_HOPS * VV_MEL_BANDS)
#define MEL_MOST 20.0f     /* no sound is as loud */
#define MEL_CENTRE (-9.0f) /* as in head.py */
#define MEL_SPREAD 5.0f

static float clamped(float value, float low, float high) {
    return fminf(fmaxf(value, low), high); /* no number becomes `low` */
}

void vv_model_rows(const VvAvatarItem *item, int ahead, float *rows) {
    const int spoken = item->speech_frames > VV_WINDOW_FRAMES ? VV_WINDOW_FRAMES : item->speech_frames;
    int frames = VV_SPEECH_PAST_FRAMES + (spoken > 0 ? spoken + ahead : 0);
    if (frames * VV_HOPS > VV_SPEECH_ROWS)
        frames = VV_SPEECH_ROWS / VV_HOPS;
    for (int i = 0; i < VV_SPEECH_ROWS * VV_MEL_BANDS; i++)
        rows[i] = i < frames * FRAME ? clamped(item->speech[i], VV_MEL_SILENCE, MEL_MOST) : VV_MEL_SILENCE;
}

void vv_model_loudness(const float *rows, float loudness[VV_MODEL_LOUDNESS]) {
    enum { HALF = VV_MEL_BANDS / VV_MODEL_LOUDNESS };
    for (int half = 0; half < VV_MODEL_LOUDNESS; half++) {
        float sum = 0;
        for (int row = 0; row < VV_HOPS; row++)
            for (int band = half * HALF; band < (half + 1) * HALF; band++)
                sum += rows[row * VV_MEL_BANDS + band];
        loudness[half] = (sum / (VV_HOPS * HALF) - MEL_CENTRE) / MEL_SPREAD;
    }
}

void vv_model_user(const VvAvatarItem *item, float loudness[VV_WINDOW_FRAMES][VV_MODEL_LOUDNESS]) {
    const int rows = item->user_muted || !item->user ? 0 : item->user_rows;
    float frame[FRAME];
    for (int i = 0; i < VV_WINDOW_FRAMES; i++) {
        /* The newest row belongs to the last frame; where too few came, the first frames hear the oldest of them. */
        for (int hop = 0; hop < VV_HOPS; hop++) {
            int row = rows - (VV_WINDOW_FRAMES - i) * VV_HOPS + hop;
            row = row < 0 ? 0 : row;
            for (int band = 0; band < VV_MEL_BANDS; band++)
                frame[hop * VV_MEL_BANDS + band] =
                    rows > 0 ? clamped(item->user[row * VV_MEL_BANDS + band], VV_MEL_SILENCE, MEL_MOST)
                             : VV_MEL_SILENCE;
        }
        vv_model_loudness(frame, loudness[i]);
    }
}

void vv_model_emotion(const VvAffect *affect, float emotion[VV_MODEL_EMOTION]) {
    const float intensity = clamped(affect->intensity, 0, 1);
    const int label = affect->label >= 0 && affect->label < VV_MODEL_EMOTIONS ? affect->label : 0;
    memset(emotion, 0, VV_MODEL_EMOTION * sizeof *emotion);
    emotion[0] = 1 - intensity;
    emotion[label] += intensity;
    emotion[VV_MODEL_EMOTIONS] = affect->valence;
    emotion[VV_MODEL_EMOTIONS + 1] = affect->arousal;
    emotion[VV_MODEL_EMOTIONS + 2] = affect->dominance;
    for (int i = VV_MODEL_EMOTIONS; i < VV_MODEL_EMOTION; i++)
        emotion[i] = isfinite(emotion[i]) ? clamped(emotion[i], -1, 1) : 0;
}
