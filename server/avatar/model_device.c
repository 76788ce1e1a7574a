/* A step's items in one batch. */
#include "server/avatar/model_device.h"

#include <stdlib.h>

/* ---- opening ----------------------------------------------------------------------------------------------------- */

bool vv_model_is_device(const VvKernels *kernels) {
    return kernels->record != NULL; /* calls cost more than small work there */
}

static void choose_sizes(VvModelDevice *device, int max_batch) {
    for (int size = 1; size < max_batch; size *= 2)
        device->size[device->sizes++] = size;
    device->size[device->sizes++] = max_batch;
}

static VvTensor take_z(VvArena *arena, const VvDenoiserInfo *info, int items) {
    return vv_arena_take_nhwc(arena, VV_F32, items * info->fresh, info->grid, info->grid, info->latent);
}

static VvKernelStatus open_memory(VvModelDevice *device, const VvModelParts *parts, int items) {
    const VvDenoiserInfo *info = vv_denoiser_info(parts->denoiser);
    const size_t count = (size_t)items, frame = (size_t)info->places * (size_t)info->latent;
    VvArena counting = vv_arena_plan(parts->kernels);
    take_z(&counting, info, items);
    device->overlap = calloc(count * (size_t)info->overlap * frame, sizeof(float));
    device->reference = calloc(count * frame, sizeof(float));
    device->seeds = calloc(count, sizeof(uint64_t));
    device->windows = calloc(count, sizeof(uint64_t));
    if (counting.failed || !device->overlap || !device->reference || !device->seeds || !device->windows)
        return VV_KERNEL_MEMORY;
    const VvKernelStatus status = vv_arena_open(&device->arena, parts->kernels, counting.peak);
    if (status == VV_KERNEL_OK)
        device->z = take_z(&device->arena, info, items);
    return status;
}

/* As many as there are threads and pieces for. */
static VvKernelStatus open_codecs(VvModelDevice *device, VvCodec *codec, int frames, int workers) {
    const int pieces = (frames + VV_MODEL_DEVICE_FRAMES - 1) / VV_MODEL_DEVICE_FRAMES;
    VvKernelStatus status = VV_KERNEL_OK;
    while (status == VV_KERNEL_OK && device->codecs < pieces && device->codecs < workers &&
           device->codecs < VV_MODEL_DEVICE_CODECS_MAX) {
        status = vv_codec_worker_open(codec, &device->codec[device->codecs]);
        device->codecs += status == VV_KERNEL_OK;
    }
    return status;
}

VvKernelStatus vv_model_device_open(VvModelDevice *device, const VvModelParts *parts, int max_batch, int workers) {
    const VvDenoiserInfo *info = vv_denoiser_info(parts->denoiser);
    *device = (VvModelDevice){0};
    if (max_batch < 1 || max_batch > VV_DENOISER_BATCH_MAX)
        return VV_KERNEL_SHAPE;
    choose_sizes(device, max_batch);
    VvKernelStatus status = open_memory(device, parts, max_batch);
    if (status == VV_KERNEL_OK)
        status = open_codecs(device, parts->codec, max_batch * info->fresh, workers);
    for (int i = 0; i < device->sizes && status == VV_KERNEL_OK; i++) {
        status = vv_speech_worker_open_many(parts->speech, device->size[i], &device->speech[i]);
        if (status == VV_KERNEL_OK)
            status = vv_denoiser_team_open(parts->denoiser, 1, device->size[i], &device->team[i]);
    }
    return status;
}

void vv_model_device_close(VvModelDevice *device) {
    for (int i = 0; i < device->sizes; i++) {
        vv_speech_worker_close(&device->speech[i]);
        vv_denoiser_team_close(&device->team[i]);
    }
    for (int i = 0; i < device->codecs; i++)
        vv_codec_worker_close(&device->codec[i]);
    vv_arena_close(&device->arena);
    free(device->overlap);
    free(device->reference);
    free(device->seeds);
    free(device->windows);
    *device = (VvModelDevice){0};
}

/* ---- a batch ----------------------------------------------------------------------------------------------------- */

/* The number of the smallest size that holds `count`. */
static int number_of(const VvModelDevice *device, int count) {
    int i = 0;
    while (device->size[i] < count)
        i++;
    return i;
}

void vv_model_device_put(VvModelDevice *device, int count, int index, const VvSpeechSteps *steps) {
    vv_speech_encode_put(device->speech[number_of(device, count)], index, steps);
}

VvKernelStatus vv_model_device_hear(VvModelDevice *device, int count, VvTensor *tokens) {
    return vv_speech_encode_many(device->speech[number_of(device, count)], tokens);
}

VvKernelStatus vv_model_device_denoise(VvModelDevice *device, int count, VvTensor tokens,
                                       const VvDenoiserWindow *window) {
    const int i = number_of(device, count), items = device->size[device->sizes - 1];
    VvDenoiserWindow all = *window;
    all.tokens = tokens;
    all.overlap = device->overlap;
    all.reference = device->reference;
    all.seeds = device->seeds;
    all.windows = device->windows;
    all.z = vv_tensor_items(device->z, 0, device->z.shape[0] / items * device->size[i]);
    return vv_denoiser_run(device->team[i], 0, &all);
}

VvKernelStatus vv_model_device_warm_up(VvModelDevice *device, const VvDenoiserWindow *window) {
    VvKernelStatus status = VV_KERNEL_OK;
    for (int i = 0; i < device->sizes && status == VV_KERNEL_OK; i++) {
        VvTensor tokens;
        status = vv_model_device_hear(device, device->size[i], &tokens);
        if (status == VV_KERNEL_OK)
            status = vv_model_device_denoise(device, device->size[i], tokens, window);
    }
    return status;
}
