/* The faces follow the action units that people agree on (Ekman and Friesen): joy 6+12, sadness 1+4+15+17, anger 4+5+9
 * with bared teeth 16+22, fear 1+2+4+5+20+25, disgust 9+10+15+17, surprise 1+2+5+26, contempt 14 on one side. Their
 * weights are such that networks trained on photographs read them right (docs/performer.md). */
#include "weights/performer/emotion.h"

#include "weights/performer/expression.h"

#include <math.h>
#include <string.h>

enum { PARTS = 12 };

typedef struct Part {
    int left, right; /* right -1: one shape only */
    float weight;
} Part;

#define BOTH(name) VV_##name##_L, VV_##name##_R
#define ONE(name) VV_##name, -1

static const struct {
    Part part[PARTS];
    float dimension[3];
} faces[VV_Emotion_COUNT] = {
    [VV_EMOTION_NEUTRAL] = {{{0, 0, 0}}, {0, 0, 0}},
    [VV_EMOTION_JOY] = {{{BOTH(MOUTH_SMILE), .72f},
                         {BOTH(CHEEK_SQUINT), .55f},
                         {BOTH(EYE_SQUINT), .18f},
                         {BOTH(MOUTH_DIMPLE), .15f},
                         {BOTH(MOUTH_UPPER_UP), .16f},
                         {BOTH(MOUTH_LOWER_DOWN), .08f}},
                        {.95f, .6f, .45f}},
    [VV_EMOTION_SADNESS] = {{{BOTH(BROW_INNER_UP), 1},
                             {BOTH(BROW_DOWN), .50f},
                             {BOTH(MOUTH_FROWN), 1},
                             {ONE(MOUTH_SHRUG_LOWER), .70f},
                             {BOTH(MOUTH_STRETCH), .15f},
                             {BOTH(EYE_SQUINT), .30f}},
                            {-.8f, -.4f, -.5f}},
    [VV_EMOTION_ANGER] = {{{BOTH(BROW_DOWN), 1},
                           {BOTH(EYE_WIDE), .25f},
                           {BOTH(NOSE_SNEER), 1},
                           {BOTH(MOUTH_UPPER_UP), .10f},
                           {BOTH(MOUTH_LOWER_DOWN), .70f},
                           {ONE(MOUTH_FUNNEL), .30f},
                           {ONE(MOUTH_SHRUG_UPPER), .30f},
                           {BOTH(MOUTH_FROWN), .60f},
                           {ONE(JAW_FORWARD), .20f}},
                          {-.75f, .75f, .6f}},
    [VV_EMOTION_FEAR] = {{{BOTH(BROW_INNER_UP), 1},
                          {BOTH(BROW_DOWN), .50f},
                          {BOTH(EYE_WIDE), 1},
                          {BOTH(MOUTH_STRETCH), 1},
                          {BOTH(MOUTH_LOWER_DOWN), .70f},
                          {BOTH(MOUTH_UPPER_UP), .10f},
                          {ONE(JAW_OPEN), .20f}},
                         {-.75f, .8f, -.7f}},
    [VV_EMOTION_DISGUST] = {{{BOTH(NOSE_SNEER), 1},
                             {BOTH(MOUTH_UPPER_UP), .70f},
                             {BOTH(BROW_DOWN), .60f},
                             {BOTH(CHEEK_SQUINT), .20f},
                             {BOTH(EYE_SQUINT), .40f},
                             {BOTH(MOUTH_FROWN), .80f},
                             {ONE(MOUTH_SHRUG_LOWER), .90f},
                             {ONE(MOUTH_SHRUG_UPPER), .20f},
                             {ONE(MOUTH_PUCKER), .15f}},
                            {-.7f, .35f, .2f}},
    [VV_EMOTION_SURPRISE] = {{{BOTH(BROW_INNER_UP), .90f},
                              {BOTH(BROW_OUTER_UP), .90f},
                              {BOTH(EYE_WIDE), .90f},
                              {ONE(JAW_OPEN), .36f},
                              {ONE(MOUTH_FUNNEL), .20f}},
                             {.15f, .8f, -.1f}},
    [VV_EMOTION_CONTEMPT] = {{{ONE(MOUTH_SMILE_L), .38f},
                              {ONE(MOUTH_DIMPLE_L), .60f},
                              {ONE(CHEEK_SQUINT_L), .22f},
                              {ONE(BROW_DOWN_R), .22f},
                              {ONE(BROW_OUTER_UP_L), .18f},
                              {BOTH(EYE_SQUINT), .20f}},
                             {-.5f, .1f, .6f}},
};

static void add(float *weight, float more) {
    *weight = fmaxf(0, fminf(1, *weight + more));
}

void vv_emotion_face(VvEmotion emotion, float intensity, float expression[VV_EXPRESSIONS]) {
    for (int i = 0; i < PARTS; i++) {
        const Part *part = &faces[emotion].part[i];
        if (part->weight == 0)
            break;
        add(&expression[part->left], part->weight * intensity);
        if (part->right >= 0)
            add(&expression[part->right], part->weight * intensity);
    }
}

void vv_emotion_dimensions(VvEmotion emotion, float out[3]) {
    memcpy(out, faces[emotion].dimension, sizeof faces[emotion].dimension);
}

const char *vv_emotion_name(VvEmotion emotion) {
    static const char *const names[VV_Emotion_COUNT] = {
        [VV_EMOTION_NEUTRAL] = "neutral",   [VV_EMOTION_JOY] = "joy",           [VV_EMOTION_SADNESS] = "sadness",
        [VV_EMOTION_ANGER] = "anger",       [VV_EMOTION_FEAR] = "fear",         [VV_EMOTION_DISGUST] = "disgust",
        [VV_EMOTION_SURPRISE] = "surprise", [VV_EMOTION_CONTEMPT] = "contempt",
    };
    return emotion < VV_Emotion_COUNT ? names[emotion] : "?";
}
