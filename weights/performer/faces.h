/* Named faces: mouth shapes, full expressions and turns of the head, for sheets, benchmarks and tests. */
#ifndef VV_FACES_H
#define VV_FACES_H

#include "weights/performer/pose.h"

#define VV_HEAD_ASSET "weights/performer/assets/head.vvh"
#define VV_CHARACTERS "weights/performer/characters"

typedef enum VvFace {
    VV_FACE_REST,
    VV_FACE_AA,
    VV_FACE_EE,
    VV_FACE_OO,
    VV_FACE_FV,
    VV_FACE_MBP,
    VV_FACE_TH,
    VV_FACE_SMILE,
    VV_FACE_SAD,
    VV_FACE_SURPRISE,
    VV_FACE_ANGER,
    VV_FACE_DISGUST,
    VV_FACE_FEAR,
    VV_FACE_BLINK,
    VV_FACE_LEFT,
    VV_FACE_RIGHT,
    VV_FACE_UP,
    VV_FACE_DOWN,
    VV_FACE_GRIN,
    VV_FACE_GLANCE,
    VV_FACES
} VvFace;

/* The pose of a named face. */
VvPose vv_face_pose(VvFace face);

#endif
