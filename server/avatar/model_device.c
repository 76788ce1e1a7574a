/* A step's items in one batch. */
#include "server/avatar/model_device.h"

#include <stdlib.h>

bool vv_model_is_device(const VvKernels *kernels) {
    return kernels->record != NULL; /* calls cost more than small work there */
}

static void choose_sizes(VvModelDevice *device, int max_batch) {
    for (int size = 1; size < max_batch; size *= 2)
        device->size[device->sizes++] = size;
    device->size[device->sizes++] = max_batch;
}

VvKernelStatus vv_model_device_open(VvModelDevice *device, VvDenoiser *denoiser, VvCodec *codec, int max_batch) {
    const VvDenoiserInfo *info = vv_denoiser_info(denoiser);
    const size_t items = (size_t)max_batch, frame = (size_t)info->places * (size_t)info->latent;
    *device = (VvModelDevice){0};
    if (max_batch < 1 || max_batch > VV_DENOISER_BATCH_MAX)
        return VV_KERNEL_SHAPE;
    choose_sizes(device, max_batch);
    device->overlap = calloc(items * (size_t)info->overlap * frame, sizeof(float));
    device->reference = calloc(items * frame, sizeof(float));
    device->seeds = calloc(items, sizeof(uint64_t));
    device->windows = calloc(items, sizeof(uint64_t));
    if (!device->overlap || !device->reference || !device->seeds || !device->windows)
        return VV_KERNEL_MEMORY;
    VvKernelStatus status = vv_codec_worker_open(codec, &device->codec);
    for (int i = 0; i < device->sizes && status == VV_KERNEL_OK; i++)
        status = vv_denoiser_team_open(denoiser, 1, device->size[i], &device->team[i]);
    return status;
}

void vv_model_device_close(VvModelDevice *device) {
    for (int i = 0; i < device->sizes; i++)
        vv_denoiser_team_close(&device->team[i]);
    vv_codec_worker_close(&device->codec);
    free(device->overlap);
    free(device->reference);
    free(device->seeds);
    free(device->windows);
    *device = (VvModelDevice){0};
}

/* The smallest batch that holds `count`. */
static VvDenoiserTeam *team_for(const VvModelDevice *device, int count) {
    int i = 0;
    while (device->size[i] < count)
        i++;
    return device->team[i];
}

VvKernelStatus vv_model_device_denoise(VvModelDevice *device, const VvDenoiserWindow *window, int count) {
    VvDenoiserWindow all = *window;
    all.overlap = device->overlap;
    all.reference = device->reference;
    all.seeds = device->seeds;
    all.windows = device->windows;
    return vv_denoiser_run(team_for(device, count), 0, &all);
}

VvKernelStatus vv_model_device_warm_up(VvModelDevice *device, const VvDenoiserWindow *window) {
    VvKernelStatus status = VV_KERNEL_OK;
    for (int i = 0; i < device->sizes && status == VV_KERNEL_OK; i++)
        status = vv_model_device_denoise(device, window, device->size[i]);
    return status;
}

VvDenoiserTimes vv_model_device_times(const VvModelDevice *device, int count) {
    return vv_denoiser_times(team_for(device, count));
}
