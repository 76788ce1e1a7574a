/* What the dataset says of every frame beside the pose: labels for the model's heads and conditions. */
#ifndef VV_DATASET_STATE_H
#define VV_DATASET_STATE_H

#include "weights/performer/dialogue.h"

/* The columns, in order; the emotions' columns follow them. VV_STATE(name, meaning) */
#define VV_STATES(VV_STATE)                                                                                            \
    VV_STATE(speaking, "1 while an utterance of this side sounds")                                                     \
    VV_STATE(loudness, "1 is usual speech")                                                                            \
    VV_STATE(pitch, "Hz / 500, 0 where there is none")                                                                 \
    VV_STATE(present, "0 while away")                                                                                  \
    VV_STATE(nod, "1 during a nod, and so on")                                                                         \
    VV_STATE(shake, "")                                                                                                \
    VV_STATE(smile, "")                                                                                                \
    VV_STATE(laugh, "")                                                                                                \
    VV_STATE(surprise, "")                                                                                             \
    VV_STATE(concern, "")                                                                                              \
    VV_STATE(look_away, "")                                                                                            \
    VV_STATE(valence, "of the accumulated emotion, -1..1")                                                             \
    VV_STATE(arousal, "")                                                                                              \
    VV_STATE(dominance, "")

#define VV_STATE(name, meaning) VV_STATE_##name,
enum { VV_STATES(VV_STATE) VV_STATE_affect, VV_STATE_COLUMNS = VV_STATE_affect + VV_Emotion_COUNT };
#undef VV_STATE

/* What is measured of every picture, in order. VV_TRUTH(name, meaning) */
#define VV_TRUTHS(VV_TRUTH)                                                                                            \
    VV_TRUTH(iris_left_x, "pixels; the subject's left eye")                                                            \
    VV_TRUTH(iris_left_y, "")                                                                                          \
    VV_TRUTH(iris_right_x, "")                                                                                         \
    VV_TRUTH(iris_right_y, "")                                                                                         \
    VV_TRUTH(lid_gap_left, "cm; at rest about 0.9")                                                                    \
    VV_TRUTH(lid_gap_right, "")                                                                                        \
    VV_TRUTH(lip_gap, "cm; 0 or less is shut")                                                                         \
    VV_TRUTH(face_share, "of the picture that is facial skin, 0..1")

#define VV_TRUTH(name, meaning) VV_TRUTH_##name,
enum { VV_TRUTHS(VV_TRUTH) VV_TRUTH_COLUMNS };
#undef VV_TRUTH

#define VV_POSE_COLUMNS ((int)(sizeof(VvPose) / sizeof(float)))

/* The name of a column of the state, the pose, or the truth; never NULL. */
const char *vv_state_column(int column);
const char *vv_pose_column(int column);
const char *vv_truth_column(int column);

/* All rows of a side: frames x VV_STATE_COLUMNS, malloc'ed; NULL if out of memory. */
float *vv_state_rows(const VvConversation *conversation, int side);

/* The phones of a side, `frames` * 4 bytes, malloc'ed: row r is what sounds at sample 160 r + 80. */
uint8_t *vv_phone_rows(const VvConversation *conversation, int side);

#endif
