/* Inside the model: how a step is made on a device. Where a CPU's workers take items one by one, a device is given all
 * items of a step in one batch: as many as there are, rounded up to a power of two, so that few sizes are planned and
 * recorded. What lies behind the last item is made too, and never looked at.
 *
 * From part to part numbers stay on the device: the encoder's tokens are the denoiser's input, its latents the codec's.
 * Each part has a queue of its own; what it made is complete before the next part begins. Frames go through the codec
 * in pieces, on as many queues as there are threads for them: while a piece's pictures come down, others are made. */
#ifndef VV_MODEL_DEVICE_H
#define VV_MODEL_DEVICE_H

#include "server/avatar/model_parts.h"

#define VV_MODEL_DEVICE_SIZES_MAX 8  /* 1, 2, 4 ... 128 */
#define VV_MODEL_DEVICE_FRAMES 32    /* of a piece */
#define VV_MODEL_DEVICE_CODECS_MAX 3 /* one makes pictures, one's come down, one's are handed over */

typedef struct VvModelDevice {
    int sizes, size[VV_MODEL_DEVICE_SIZES_MAX]; /* of batches, ascending; the last is the largest */
    VvSpeechWorker *speech[VV_MODEL_DEVICE_SIZES_MAX];
    VvDenoiserTeam *team[VV_MODEL_DEVICE_SIZES_MAX];
    int codecs;
    VvCodecWorker *codec[VV_MODEL_DEVICE_CODECS_MAX]; /* of the first of the model's workers, one each */
    VvArena arena;
    VvTensor
        z; /* f32 [items * fresh,grid,grid,latent], on the device: the batch's frames, as the codec is shown them */
    /* Of the items of a batch, to be filled in before a run: */
    float *overlap;   /* [size][overlap][places][latent] */
    float *reference; /* [size][places][latent] */
    uint64_t *seeds, *windows;
} VvModelDevice;

/* Whether a table's device wants batches. */
bool vv_model_is_device(const VvKernels *kernels);

/* Opens what batches of up to `max_batch` items take, and codecs for up to `workers` threads; nothing allocates after
 * that. On failure the caller closes it. */
VvKernelStatus vv_model_device_open(VvModelDevice *device, const VvModelParts *parts, int max_batch, int workers);

/* Makes windows of nothing in every size, so that each is recorded. `window` as below. */
VvKernelStatus vv_model_device_warm_up(VvModelDevice *device, const VvDenoiserWindow *window);

/* Clears it; one that failed to open, or is all zero, is fine. */
void vv_model_device_close(VvModelDevice *device);

/* Lays down what item `index` of `count` is to hear (vv_speech_encode_put). Threads may do it at once, for different
 * items. */
void vv_model_device_put(VvModelDevice *device, int count, int index, const VvSpeechSteps *steps);

/* Encodes what `count` items (1..max_batch) hear. `tokens`: of the whole batch, on the device, until the next run. */
VvKernelStatus vv_model_device_hear(VvModelDevice *device, int count, VvTensor *tokens);

/* Denoises `count` items that hear `tokens`, to `window`'s latents and the device's z: `window` says where all but the
 * device's own is, for max_batch items. */
VvKernelStatus vv_model_device_denoise(VvModelDevice *device, int count, VvTensor tokens,
                                       const VvDenoiserWindow *window);

#endif
