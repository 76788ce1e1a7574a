/* The face of each emotion, in FACS weights. */
#ifndef VV_EMOTION_FACE_H
#define VV_EMOTION_FACE_H

#include "protocol/vv_protocol.h"
#include "weights/performer/pose.h"

/* Adds the emotion's face to `expression`, `intensity` 0..1 of full strength; weights stay within 0..1. */
void vv_emotion_face(VvEmotion emotion, float intensity, float expression[VV_EXPRESSIONS]);

/* Where the emotion lies: [0] valence, [1] arousal, [2] dominance, each -1..1 at full strength. */
void vv_emotion_dimensions(VvEmotion emotion, float out[3]);

/* The label's name on the wire and in datasets, such as "joy"; never NULL. */
const char *vv_emotion_name(VvEmotion emotion);

#endif
