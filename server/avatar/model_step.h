/* Inside the model: what a step works with, and the step.
 *
 * All workers do the step together, in three parts between which they wait for each other. In the first and the last
 * they take what is next of a list: an item's speech and head; a frame. In the second, items are dealt out, as many to
 * each worker; what is left over is made by all together. Everything lies in staging memory until all of it is made: a
 * step that failed has changed nothing.
 *
 * On a device (model_device.h) the first part is the same; the others are the calling thread's, for all items at once.
 */
#ifndef VV_MODEL_STEP_H
#define VV_MODEL_STEP_H

#include "server/avatar/model_device.h"
#include "server/avatar/model_inputs.h"
#include "server/avatar/model_parts.h"
#include "server/avatar/model_pool.h"
#include "server/avatar/model_state.h"

#include <stdatomic.h>

/* One worker's part of the device. */
typedef struct VvModelWorker {
    VvSpeechWorker *speech;
    VvCodecWorker *codec;
    VvDenoiserTeam *alone;                                       /* a team of its own */
    float *rows;                                                 /* VV_SPEECH_ROWS of log-mel: the item's at hand */
    float loudness[VV_SPEECH_ROWS / VV_HOPS][VV_MODEL_LOUDNESS]; /* of their frames */
    VvKernelStatus status;                                       /* of its part of the step */
} VvModelWorker;

/* What an item becomes, on its way to its pictures; an array each, for all items. */
typedef struct VvModelStaging {
    float *speech, *coarse, *emotion, *told, *mask, *fresh, *z;
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
    bool on_device;           /* where workers have no teams and codecs of their own */
    VvModelDevice device;
    int workers, ahead;
    size_t frame_bytes; /* of a frame's planes */
    VvModelWorker *worker;
    VvModelStaging staging;
    VvModelTimes times;

    /* The step at hand: */
    VvAvatarItem **items;
    int count;
    atomic_int next[2]; /* of the lists of the first and the last part */
} VvModel;

/* What the device takes from the staging memory; its own inputs (model_device.h) are still to be said. */
VvDenoiserWindow vv_model_staged(const VvModel *model);

/* VvAvatar's step. The avatar is a VvModel's. */
int vv_model_step(VvAvatar *avatar, VvAvatarItem *items[], int count);

#endif
