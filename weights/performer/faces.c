/* Named faces, as a table; those of emotions are emotion.c's. */
#include "weights/performer/faces.h"
#include "weights/performer/emotion.h"
#include "weights/performer/expression.h"

enum { SHAPES_MAX = 10 };

/* A shape and its weight; BOTH sets a left shape and the right one that follows it. */
typedef struct Part {
    int shape;
    float weight;
    int both;
} Part;

#define BOTH(shape, weight)                                                                                            \
    { VV_##shape##_L, weight, 1 }
#define ONE(shape, weight)                                                                                             \
    { VV_##shape, weight, 0 }

typedef struct Face {
    Part part[SHAPES_MAX];
    VvEmotion emotion; /* at full strength */
    float head[3], gaze[2], tongue;
} Face;

static const Face table[VV_FACES] = {
    [VV_FACE_REST] = {.gaze = {0, 0}},
    [VV_FACE_AA] = {.part = {ONE(JAW_OPEN, 0.55f), BOTH(MOUTH_LOWER_DOWN, 0.3f), BOTH(MOUTH_UPPER_UP, 0.2f)}},
    [VV_FACE_EE] = {.part = {ONE(JAW_OPEN, 0.10f), BOTH(MOUTH_STRETCH, 0.4f), BOTH(MOUTH_SMILE, 0.25f),
                             BOTH(MOUTH_LOWER_DOWN, 0.5f), BOTH(MOUTH_UPPER_UP, 0.35f)}},
    [VV_FACE_OO] = {.part = {ONE(JAW_OPEN, 0.15f), ONE(MOUTH_FUNNEL, 0.5f), ONE(MOUTH_PUCKER, 0.65f)}},
    [VV_FACE_FV] = {.part = {ONE(JAW_OPEN, 0.04f), ONE(MOUTH_ROLL_LOWER, 0.75f), BOTH(MOUTH_UPPER_UP, 0.42f),
                             ONE(MOUTH_SHRUG_LOWER, 0.30f)}},
    [VV_FACE_MBP] = {.part = {ONE(MOUTH_ROLL_LOWER, 0.25f), ONE(MOUTH_ROLL_UPPER, 0.2f), BOTH(MOUTH_PRESS, 0.45f)}},
    [VV_FACE_TH] = {.part = {ONE(JAW_OPEN, 0.20f), BOTH(MOUTH_LOWER_DOWN, 0.3f), BOTH(MOUTH_UPPER_UP, 0.2f)},
                    .tongue = 1},
    [VV_FACE_SMILE] = {.emotion = VV_EMOTION_JOY},
    [VV_FACE_SAD] = {.emotion = VV_EMOTION_SADNESS},
    [VV_FACE_SURPRISE] = {.emotion = VV_EMOTION_SURPRISE},
    [VV_FACE_ANGER] = {.emotion = VV_EMOTION_ANGER},
    [VV_FACE_DISGUST] = {.emotion = VV_EMOTION_DISGUST},
    [VV_FACE_FEAR] = {.emotion = VV_EMOTION_FEAR},
    [VV_FACE_BLINK] = {.part = {BOTH(EYE_BLINK, 1)}},
    [VV_FACE_LEFT] = {.head = {0.5f, 0, 0}, .gaze = {-0.25f, 0}},
    [VV_FACE_RIGHT] = {.head = {-0.5f, 0, 0}, .gaze = {0.25f, 0}},
    [VV_FACE_UP] = {.head = {0, 0.33f, 0}, .gaze = {0, -0.15f}},
    [VV_FACE_DOWN] = {.head = {0, -0.33f, 0}, .gaze = {0, 0.15f}},
    [VV_FACE_GRIN] = {.part = {BOTH(MOUTH_SMILE, 0.75f), BOTH(CHEEK_SQUINT, 0.4f), BOTH(MOUTH_UPPER_UP, 0.5f),
                               ONE(JAW_OPEN, 0.20f), BOTH(MOUTH_LOWER_DOWN, 0.3f), BOTH(EYE_SQUINT, 0.15f)},
                      .head = {0.15f, 0, -0.08f},
                      .gaze = {-0.1f, 0}},
    [VV_FACE_GLANCE] = {.gaze = {0.4f, 0.1f}},
};

VvPose vv_face_pose(VvFace which) {
    const Face *face = &table[which];
    VvPose pose = {.vergence = 0.04f, .tongue = face->tongue};
    vv_emotion_face(face->emotion, 1, pose.expression);
    for (int i = 0; i < SHAPES_MAX; i++)
        for (int side = 0; side <= face->part[i].both; side++)
            if (face->part[i].weight != 0)
                pose.expression[face->part[i].shape + side] = face->part[i].weight;
    for (int k = 0; k < 3; k++)
        pose.head[k] = face->head[k];
    pose.gaze[0] = face->gaze[0];
    pose.gaze[1] = face->gaze[1];
    return pose;
}
