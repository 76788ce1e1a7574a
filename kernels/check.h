/* Inside kernels/: what every backend checks before it works, so that all refuse the same, and the sizes that follow.
 * Each returns VV_KERNEL_OK or what is wrong, in the order shape, type, device. */
#ifndef VV_KERNELS_CHECK_H
#define VV_KERNELS_CHECK_H

#include "kernels/kernels.h"

/* A tensor whose own numbers make sense. */
static inline bool vv_is_view(VvTensor t) {
    if (t.rank < 1 || t.rank > VV_RANK_MAX || t.pitch < t.shape[t.rank - 1])
        return false;
    for (int i = 0; i < t.rank; i++)
        if (t.shape[i] <= 0)
            return false;
    return true;
}

static inline bool vv_is_float(VvTensor t) {
    return t.type == VV_F32 || t.type == VV_BF16;
}

/* VV_KERNEL_OK if all have data on the device; those of rank 0 need none. */
VvKernelStatus vv_on_device(VvDevice device, const VvTensor tensors[], int count);

VvKernelStatus vv_check_conv_spec(const VvConvSpec *spec);
VvKernelStatus vv_check_linear_spec(const VvLinearSpec *spec);

/* Shapes and types only: planning looks at no data. */
VvKernelStatus vv_check_conv_plan(const VvConvSpec *spec, VvTensor src, VvTensor dst);
VvKernelStatus vv_check_linear_plan(const VvLinearSpec *spec, VvTensor src, VvTensor dst);

/* The tensors of a layer's run beyond what its plan has checked: data is there, the residual fits if there is one. */
VvKernelStatus vv_check_layer_run(VvDevice device, bool has_residual, VvTensor src, VvTensor residual, VvTensor dst);

VvKernelStatus vv_check_relu(VvDevice device, VvTensor src, VvTensor dst);
VvKernelStatus vv_check_add(VvDevice device, VvTensor a, VvTensor b, VvTensor dst);
VvKernelStatus vv_check_convert(VvDevice device, VvTensor src, VvTensor dst);
VvKernelStatus vv_check_upsample2(VvDevice device, VvTensor src, VvTensor dst);
VvKernelStatus vv_check_pixel_shuffle(VvDevice device, int r, VvTensor src, VvTensor dst);
VvKernelStatus vv_check_unshuffle2(VvDevice device, VvTensor src, VvTensor dst);
VvKernelStatus vv_check_pool2_bytes(VvDevice device, VvTensor src, VvTensor dst);
VvKernelStatus vv_check_warp(VvDevice device, const VvWarp *warp);
VvKernelStatus vv_check_blend(VvDevice device, const VvBlend *blend);
VvKernelStatus vv_check_copy(VvDevice device, const void *host, VvTensor tensor);

/* check_tokens.c. A plan's checks look at no data. */
VvKernelStatus vv_check_silu(VvDevice device, VvTensor a, VvTensor b, VvTensor dst);
VvKernelStatus vv_check_flow_step(VvDevice device, VvTensor x, VvTensor v, VvTensor dst);
VvKernelStatus vv_check_norm(VvDevice device, const VvNorm *norm);
VvKernelStatus vv_check_insert(VvDevice device, int first, VvTensor src, VvTensor place, VvTensor dst);
VvKernelStatus vv_check_embed(VvDevice device, int first, int places, VvTensor place, VvTensor frame, VvTensor h);
VvKernelStatus vv_check_rotary(VvDevice device, int heads, VvTensor src, VvTensor angles, VvTensor dst);
VvKernelStatus vv_check_attention_plan(const VvAttention *attention);
VvKernelStatus vv_check_attention(VvDevice device, const VvAttention *attention);
VvKernelStatus vv_check_decoupled_plan(const VvDecoupled *decoupled);
VvKernelStatus vv_check_decoupled(VvDevice device, const VvDecoupled *decoupled);
VvKernelStatus vv_check_noise(VvDevice device, const uint64_t seeds[], const uint64_t windows[], VvTensor dst);

/* What one unit of the flow is in pixels of a picture of `size`, along a side where the flow has `cells`. */
float vv_flow_scale(VvFlowUnit unit, int size, int cells);

#endif
