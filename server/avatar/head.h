/* The head generator (Warm Chat's "consistent random head mask generator"): where the head is, where the eyes look and
 * whether they are shut, frame by frame, without end; the same for the same seed. What it decides is told to the
 * denoiser, and where the head covers the latents' grid follows from it.
 *
 * All its memory is the last frame and one vector, so frames that were thrown away are taken back by keeping the memory
 * from before them. Plain C on f32: a frame is a hundred thousand products. weights/train/head.py is the definition.
 *
 * A VvHead does not change once it is open: any thread may use it. */
#ifndef VV_HEAD_H
#define VV_HEAD_H

#include "server/avatar/model_reader.h"

#define VV_HEAD_TOLD_MAX 16
#define VV_HEAD_WIDTH_MAX 256
#define VV_HEAD_POSE 6 /* of the numbers told, those that move the head */

typedef struct VvHead VvHead;

typedef struct VvHeadInfo {
    int told;           /* numbers of a frame */
    int heard, emotion; /* numbers that a frame is made of, beside the frame before: loudness, emotion */
    int places;         /* of the mask */
    int width;          /* of the memory */
    size_t parameters;
    const float *low, *high; /* [told]: what is told stays within */
} VvHeadInfo;

/* Reads the config ("head.width", ...) and the tensors ("head.enter.weight", ...) of `weights`, which may be closed
 * afterwards. 0; -EINVAL: the weights are not a head generator's; -ENOMEM. `*head` is NULL then, and `problem` (may be
 * NULL) says why. */
int vv_head_open(const VvWeights *weights, VvHead **head, VvModelProblem *problem);

/* Takes the address and clears it; NULL inside is fine. */
void vv_head_close(VvHead **head);

const VvHeadInfo *vv_head_info(const VvHead *head);

/* What a frame was told and what is remembered after it; numbers in units of their spread in training, around their
 * mean: yaw, pitch, roll, shift x, y, z of the head, yaw and pitch of the gaze, how far the eyes are shut. */
typedef struct VvHeadFrame {
    float told[VV_HEAD_TOLD_MAX];
    float memory[VV_HEAD_WIDTH_MAX];
} VvHeadFrame;

/* The head at rest, as a portrait shows it, and nothing remembered. */
void vv_head_rest(const VvHead *head, VvHeadFrame *frame);

/* The next frame: `heard` [heard] is how loud the avatar and then the user are in it, `emotion` [emotion] what the
 * avatar feels. Chance is Philox's, keyed by the session's seed and the frame's number. `after` may be `before`. */
void vv_head_step(const VvHead *head, uint64_t seed, uint64_t number, const float *heard, const float *emotion,
                  const VvHeadFrame *before, VvHeadFrame *after);

/* Where the head is: [places], 0..1. */
void vv_head_mask(const VvHead *head, const float *told, float *mask);

#endif
