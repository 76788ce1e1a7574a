/* Inside the model: how a step is made on a device. Where a CPU's workers take items one by one, a device is given all
 * items of a step in one batch: as many as there are, rounded up to a power of two, so that few sizes are planned and
 * recorded. What lies behind the last item is made too, and never looked at. */
#ifndef VV_MODEL_DEVICE_H
#define VV_MODEL_DEVICE_H

#include "server/avatar/codec.h"
#include "server/avatar/denoiser.h"

#define VV_MODEL_DEVICE_SIZES_MAX 8 /* 1, 2, 4 ... 128 */
#define VV_MODEL_DEVICE_FRAMES 32   /* that go through the codec at once */

typedef struct VvModelDevice {
    int sizes, size[VV_MODEL_DEVICE_SIZES_MAX]; /* of batches, ascending; the last is the largest */
    VvDenoiserTeam *team[VV_MODEL_DEVICE_SIZES_MAX];
    VvCodecWorker *codec;
    /* Of the items of a batch, to be filled in before a run: */
    float *overlap;   /* [size][overlap][places][latent] */
    float *reference; /* [size][places][latent] */
    uint64_t *seeds, *windows;
} VvModelDevice;

/* Whether a table's device wants batches. */
bool vv_model_is_device(const VvKernels *kernels);

/* Opens teams for batches of up to `max_batch` items, and a worker of the codec; nothing allocates after that. On
 * failure the caller closes it. */
VvKernelStatus vv_model_device_open(VvModelDevice *device, VvDenoiser *denoiser, VvCodec *codec, int max_batch);

/* Makes windows of nothing in every size, so that each is recorded. `window` as
 * below. */
VvKernelStatus vv_model_device_warm_up(VvModelDevice *device, const VvDenoiserWindow *window);

/* Clears it; one that failed to open, or is all zero, is fine. */
void vv_model_device_close(VvModelDevice *device);

/* Denoises `count` items (1..max_batch): `window` says where all but the device's own is, for max_batch items. */
VvKernelStatus vv_model_device_denoise(VvModelDevice *device, const VvDenoiserWindow *window, int count);

/* Of the last batch. */
VvDenoiserTimes vv_model_device_times(const VvModelDevice *device, int count);

#endif
