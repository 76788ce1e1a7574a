/* One frame of a performer's motion: what behaviour and articulation produce, what the renderer draws, and what the
 * dataset records as ground truth. */
#ifndef VV_POSE_H
#define VV_POSE_H

#define VV_EXPRESSIONS 53 /* FACS expression shapes of the head asset; names in expressions.def */
#define VV_POSE_FPS 25

typedef struct VvPose {
    float expression[VV_EXPRESSIONS]; /* weights, 0..1 each, blinks and mouth included */
    float head[3];  /* yaw (to the subject's left), pitch (up), roll (to the subject's left), radians */
    float shift[3]; /* head position against rest, cm: x to the subject's left, y up, z forward */
    float gaze[2];  /* yaw and pitch of both eyes against the head, radians */
    float vergence; /* inward turn of each eye, radians */
    float tongue;   /* 0 rest .. 1 against the upper teeth */
    float breath;   /* 0..1, shoulders and chest */
} VvPose;

#endif
