/* The reference backend's table. */
#include <stdlib.h>

#include "kernels/host.h"
#include "kernels/ref/ref.h"

/* Remembers nothing; it exists so that callers hold one for every backend. */
struct VvStream {
    VvTensor scratch;
};

static VvKernelStatus stream_open(VvTensor scratch, VvStream **stream) {
    *stream = calloc(1, sizeof **stream);
    if (!*stream)
        return VV_KERNEL_MEMORY;
    (*stream)->scratch = scratch;
    return VV_KERNEL_OK;
}

static void stream_close(VvStream **stream) {
    free(*stream);
    *stream = NULL;
}

const VvKernels *vv_kernels_ref(void) {
    static const VvKernels table = {
        .name = "ref",
        .device = VV_ON_CPU,
        .compute = VV_F32,
        .memory_open = vv_host_memory_open,
        .memory_close = vv_host_memory_close,
        .stream_open = stream_open,
        .stream_close = stream_close,
        .wait = vv_host_wait,
        .upload = vv_host_upload,
        .download = vv_host_download,
        .conv_open = vv_conv_open_ref,
        .conv_plan = vv_conv_plan_ref,
        .conv = vv_conv_ref,
        .conv_close = vv_conv_close_ref,
        .linear_open = vv_linear_open_ref,
        .linear_plan = vv_linear_plan_ref,
        .linear = vv_linear_ref,
        .linear_close = vv_linear_close_ref,
        .relu = vv_relu_ref,
        .add = vv_add_ref,
        .convert = vv_convert_ref,
        .upsample2 = vv_upsample2_ref,
        .pixel_shuffle = vv_pixel_shuffle_ref,
        .unshuffle2 = vv_unshuffle2_ref,
        .pool2_bytes = vv_pool2_bytes_ref,
        .warp = vv_warp_ref,
        .blend = vv_blend_ref,
        .silu = vv_silu_ref,
        .flow_step = vv_flow_step_ref,
        .norm = vv_norm_ref,
        .insert = vv_insert_ref,
        .embed = vv_embed_ref,
        .rotary = vv_rotary_ref,
        .attention_plan = vv_attention_plan_ref,
        .attention = vv_attention_ref,
        .decoupled_plan = vv_decoupled_plan_ref,
        .decoupled = vv_decoupled_ref,
        .noise = vv_noise_ref,
    };
    return &table;
}
