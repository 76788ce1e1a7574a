/* Inside the model: what a step works with, and the step.
 *
 * All workers do the step together, in four parts between which they wait for each other. In all but the second they
 * take what is next of a list: an item's speech and head; a frame; an item's pictures, to hand them over. In the
 * second, items are dealt out, as many to each worker; what is left over is made by all together. Everything lies in
 * staging memory until all of it is made: a step that failed has changed nothing.
 *
 * On a device (model_device.h) the second part is the calling thread's, speech included, for all items at once; and in
 * the third a few workers take pieces of frames. */
#ifndef VV_MODEL_STEP_H
#define VV_MODEL_STEP_H

#include "server/avatar/model_device.h"
#include "server/avatar/model_inputs.h"
#include "server/avatar/model_pool.h"
#include "server/avatar/model_state.h"

#include <stdatomic.h>

#define VV_MODEL_LISTS 3

/* What a worker has to itself. */
typedef struct VvModelWorker {
    VvSpeechWorker *speech; /* not on a device, as the next two */
    VvCodecWorker *codec;
    VvDenoiserTeam *alone;                                       /* a team of its own */
    float *rows;                                                 /* VV_SPEECH_ROWS of log-mel: the item's at hand */
    float loudness[VV_SPEECH_ROWS / VV_HOPS][VV_MODEL_LOUDNESS]; /* of their frames */
    VvKernelStatus status;                                       /* of its part of the step */
} VvModelWorker;

/* What an item becomes, on its way to its pictures; an array each, for all items. */
typedef struct VvModelStaging {
    float *speech, *z; /* not on a device, where these stay there */
    float *coarse, *emotion, *told, *mask, *fresh;
    VvHeadFrame *head;   /* [items][VV_WINDOW_FRAMES] */
    int32_t *characters; /* [items][VV_WINDOW_FRAMES] */
    uint8_t *i420;       /* [items][VV_WINDOW_FRAMES][side * 3 / 2][side] */
} VvModelStaging;

typedef struct VvModel {
    VvAvatar avatar; /* first: the seam's pointer is ours */
    VvModelParts parts;
    VvModelSizes sizes;
    VvPool *pool;
    VvDenoiserTeam *together; /* all workers' team; NULL if there is only one */
    bool on_device;
    VvModelDevice device;
    int workers, ahead;
    size_t frame_bytes; /* of a frame's planes */
    VvModelWorker *worker;
    VvModelStaging staging;
    VvModelTimes times;

    /* The step at hand: */
    VvAvatarItem **items;
    int count;
    atomic_int next[VV_MODEL_LISTS]; /* of the lists of the first, the third and the last part */
} VvModel;

/* What the device takes from the staging memory; its own inputs (model_device.h) are still to be said. */
VvDenoiserWindow vv_model_staged(const VvModel *model);

/* VvAvatar's step. The avatar is a VvModel's. */
int vv_model_step(VvAvatar *avatar, VvAvatarItem *items[], int count);

#endif
