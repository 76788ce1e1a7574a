/* The faces follow the action units that people agree on (Ekman and Friesen): joy 6+12, sadness 1+4+15, anger 4+5+7+23,
 * fear 1+2+4+5+20, disgust 9+10+15, surprise 1+2+5+26, contempt 14 on one side. */
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
    [VV_EMOTION_SADNESS] = {{{BOTH(BROW_INNER_UP), .80f},
                             {BOTH(BROW_DOWN), .18f},
                             {BOTH(MOUTH_FROWN), .65f},
                             {ONE(MOUTH_SHRUG_LOWER), .22f},
                             {BOTH(EYE_SQUINT), .15f},
                             {BOTH(EYE_LOOK_DOWN), .12f},
                             {BOTH(MOUTH_PRESS), .12f}},
                            {-.8f, -.4f, -.5f}},
    [VV_EMOTION_ANGER] = {{{BOTH(BROW_DOWN), .95f},
                           {BOTH(EYE_SQUINT), .38f},
                           {BOTH(EYE_WIDE), .10f},
                           {BOTH(NOSE_SNEER), .25f},
                           {BOTH(MOUTH_PRESS), .45f},
                           {BOTH(MOUTH_FROWN), .35f},
                           {ONE(JAW_FORWARD), .12f}},
                          {-.75f, .75f, .6f}},
    [VV_EMOTION_FEAR] = {{{BOTH(BROW_INNER_UP), .85f},
                          {BOTH(BROW_OUTER_UP), .30f},
                          {BOTH(BROW_DOWN), .25f},
                          {BOTH(EYE_WIDE), .80f},
                          {BOTH(MOUTH_STRETCH), .60f},
                          {BOTH(MOUTH_LOWER_DOWN), .22f},
                          {ONE(JAW_OPEN), .10f}},
                         {-.75f, .8f, -.7f}},
    [VV_EMOTION_DISGUST] = {{{BOTH(NOSE_SNEER), .85f},
                             {BOTH(MOUTH_UPPER_UP), .40f},
                             {BOTH(BROW_DOWN), .45f},
                             {BOTH(CHEEK_SQUINT), .40f},
                             {BOTH(EYE_SQUINT), .32f},
                             {BOTH(MOUTH_FROWN), .30f}},
                            {-.7f, .35f, .2f}},
    [VV_EMOTION_SURPRISE] = {{{BOTH(BROW_INNER_UP), .85f},
                              {BOTH(BROW_OUTER_UP), .90f},
                              {BOTH(EYE_WIDE), .70f},
                              {ONE(JAW_OPEN), .26f},
                              {ONE(MOUTH_FUNNEL), .08f}},
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
