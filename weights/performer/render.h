/* The renderer: a studio (the head asset), performers (prepared people), and renderers that draw frames of them.
 *
 * A frame depends on nothing but performer, sway, pose and size: any number of threads may draw, each with its own
 * renderer, and get the same bytes. vv_render allocates nothing. */
#ifndef VV_RENDER_H
#define VV_RENDER_H

#include "weights/performer/hair.h"
#include "weights/performer/identity.h"
#include "weights/performer/pose.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct VvStudio VvStudio;
typedef struct VvPerformer VvPerformer;
typedef struct VvRenderer VvRenderer;

/* A picture and the truth about it. Pictures are rows from the top, left to right; the subject faces the camera, so
 * their left is on the right. Points are in pixels, (0.5, 0.5) is the middle of the first pixel. */
typedef struct VvFrame {
    int size;                        /* 256 or 512 pixels a side */
    uint8_t *rgb;                    /* [size][size][3] */
    uint8_t *face, *lip, *hair;      /* [size][size] masks, 255 is wholly covered; lip includes the open mouth */
    VvPose pose;                     /* as drawn: the lids follow the gaze */
    float landmark[VV_LANDMARKS][2]; /* the usual 68 points */
    bool visible[VV_LANDMARKS];      /* nothing is before it, and it is in the picture */
    float iris[2][2];                /* middle of each iris, subject's left first */
    float lid_gap[2];                /* between the lids, cm; at rest about 0.9 */
    float lip_gap;                   /* between the lips, cm; 0 or less is shut */
} VvFrame;

/* Loads the head asset and works out what all people share (about a second). NULL with a sentence in `error`. Any
 * thread. */
VvStudio *vv_studio_open(const char *asset_path, char *error, size_t error_size);
void vv_studio_close(VvStudio **studio);
const VvAsset *vv_studio_asset(const VvStudio *studio);

/* Prepares a person in a place, for pictures of this size (256 or 512); about half a second. NULL without memory. The
 * studio must outlive it. Any thread. */
VvPerformer *vv_performer_open(const VvStudio *studio, const VvIdentity *identity, const VvScene *scene, int size);
void vv_performer_close(VvPerformer **performer);
const VvHair *vv_performer_hair(const VvPerformer *performer);
const VvIdentity *vv_performer_identity(const VvPerformer *performer);

/* What a thread needs to draw frames. NULL without memory. */
VvRenderer *vv_renderer_open(void);
void vv_renderer_close(VvRenderer **renderer);

/* Room for a frame. False without memory; vv_frame_close either way. */
bool vv_frame_open(VvFrame *frame, int size);
void vv_frame_close(VvFrame *frame);

/* Draws one frame. `sway` is where the hair has swung to (vv_sway_step), NULL for at rest. frame->size must be the
 * performer's. */
void vv_render(VvRenderer *renderer, const VvPerformer *performer, const VvSway *sway, const VvPose *pose,
               VvFrame *frame);

#endif
