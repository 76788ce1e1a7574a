/* Emotions, by label and by dimensions. */
#include "server/session/affect.h"

#include "protocol/vv_protocol.h"

#include <math.h>

/* Valence, arousal and dominance of the labels, after Russell and Mehrabian (1977), rounded. */
static const float label_vad[VV_Emotion_COUNT][3] = {
    [VV_EMOTION_NEUTRAL] = {0, 0, 0},
    [VV_EMOTION_JOY] = {0.76f, 0.48f, 0.35f},
    [VV_EMOTION_SADNESS] = {-0.63f, -0.27f, -0.33f},
    [VV_EMOTION_ANGER] = {-0.51f, 0.59f, 0.25f},
    [VV_EMOTION_FEAR] = {-0.64f, 0.60f, -0.43f},
    [VV_EMOTION_DISGUST] = {-0.60f, 0.35f, 0.11f},
    [VV_EMOTION_SURPRISE] = {0.40f, 0.67f, -0.13f},
    [VV_EMOTION_CONTEMPT] = {-0.23f, 0.31f, 0.18f},
};

/* The label whose direction is nearest to given dimensions. */
static int nearest_label(const float vad[3]) {
    int best = VV_EMOTION_NEUTRAL;
    float least = vad[0] * vad[0] + vad[1] * vad[1] + vad[2] * vad[2];
    for (int label = 1; label < VV_Emotion_COUNT; label++) {
        float distance = 0;
        for (int d = 0; d < 3; d++)
            distance += (vad[d] - label_vad[label][d]) * (vad[d] - label_vad[label][d]);
        if (distance < least) {
            least = distance;
            best = label;
        }
    }
    return best;
}

VvAffect vv_affect(const VvEmotionGiven *given) {
    VvAffect affect = {0};
    float vad[3];
    affect.intensity = given->intensity ? (float)*given->intensity : 1.0f;
    for (int d = 0; d < 3; d++) {
        const float from_label = given->label ? label_vad[*given->label][d] * affect.intensity : 0;
        vad[d] = given->dimensions[d] ? (float)*given->dimensions[d] : from_label;
    }
    affect.label = given->label ? *given->label : nearest_label(vad);
    if (!given->label && !given->intensity)
        affect.intensity = fminf(1, sqrtf(vad[0] * vad[0] + vad[1] * vad[1] + vad[2] * vad[2]));
    affect.valence = vad[0];
    affect.arousal = vad[1];
    affect.dominance = vad[2];
    return affect;
}
