/* The user's side: the same person through a bad webcam. */
#ifndef VV_CAMERA_H
#define VV_CAMERA_H

#include "weights/performer/render.h"

/* What is wrong with a webcam and where it hangs. All zero but zoom 1 and gain 1: nothing. */
typedef struct VvWebcam {
    uint64_t seed;
    float zoom;         /* below 1 the person is smaller, above 1 nearer */
    float shift[2];     /* of the person, in picture widths: right, down */
    float tilt;         /* radians */
    float gain;         /* exposure: 0.3 dark .. 2.5 burnt out */
    float warmth, fade; /* colour cast -1..1; 0..1 towards grey and flat */
    float noise;        /* deviation in levels */
    float blur;         /* radius, pixels */
    float smear;        /* share of the frame before that is still seen */
    int coarseness;     /* of a video encoder's quantiser: 0 none .. 40 */
    bool off;           /* camera off: a grey picture, nobody there */
} VvWebcam;

/* A random webcam; most are tolerable, some are awful, few are off. Any thread. */
void vv_webcam_random(VvWebcam *webcam, uint64_t seed);

/* A frame as the webcam sees it: `seen` gets picture, masks and points moved along; what falls outside is not visible,
 * and with the camera off nothing is. `before` is the last one that this webcam saw, or NULL; `number` counts frames.
 * Both frames have the same size; seen must not be frame. scratch[size * size * 3]. Any thread. */
void vv_webcam_see(const VvWebcam *webcam, const VvFrame *frame, const VvFrame *before, uint64_t number, float *scratch,
                   VvFrame *seen);

#endif
