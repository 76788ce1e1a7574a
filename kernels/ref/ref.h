/* Inside kernels/ref: the definition of every operation in plain C, one number at a time, sums in double. Written to be
 * read and to be right; what runs fast is elsewhere. */
#ifndef VV_KERNELS_REF_H
#define VV_KERNELS_REF_H

#include "kernels/kernels.h"

/* Layers (layers.c). */
VvKernelStatus vv_conv_open_ref(const VvConvSpec *spec, VvConv **conv);
VvKernelStatus vv_conv_plan_ref(VvConv *conv, VvTensor src, VvTensor dst, size_t *scratch);
VvKernelStatus vv_conv_ref(VvStream *stream, const VvConv *conv, VvTensor src, VvTensor residual, VvTensor dst);
void vv_conv_close_ref(VvConv **conv);
VvKernelStatus vv_linear_open_ref(const VvLinearSpec *spec, VvLinear **linear);
VvKernelStatus vv_linear_plan_ref(VvLinear *linear, VvTensor src, VvTensor dst, size_t *scratch);
VvKernelStatus vv_linear_ref(VvStream *stream, const VvLinear *linear, VvTensor src, VvTensor residual, VvTensor dst);
void vv_linear_close_ref(VvLinear **linear);

/* Element by element, and rearrangements (elements.c). */
VvKernelStatus vv_relu_ref(VvStream *stream, VvTensor src, VvTensor dst);
VvKernelStatus vv_add_ref(VvStream *stream, VvTensor a, VvTensor b, VvTensor dst);
VvKernelStatus vv_convert_ref(VvStream *stream, VvTensor src, VvTensor dst);
VvKernelStatus vv_upsample2_ref(VvStream *stream, VvTensor src, VvTensor dst);
VvKernelStatus vv_pixel_shuffle_ref(VvStream *stream, int r, VvTensor src, VvTensor dst);
VvKernelStatus vv_unshuffle2_ref(VvStream *stream, VvByteScale scale, VvTensor src, VvTensor dst);
VvKernelStatus vv_pool2_bytes_ref(VvStream *stream, VvByteScale scale, VvTensor src, VvTensor dst);

/* Flow and colour (flow.c). */
VvKernelStatus vv_warp_ref(VvStream *stream, const VvWarp *warp);
VvKernelStatus vv_blend_ref(VvStream *stream, const VvBlend *blend);

/* Tokens (elements.c, tokens.c, attention.c). */
VvKernelStatus vv_silu_ref(VvStream *stream, VvTensor a, VvTensor b, VvTensor dst);
VvKernelStatus vv_flow_step_ref(VvStream *stream, float dt, VvTensor x, VvTensor v, VvTensor dst);
VvKernelStatus vv_norm_ref(VvStream *stream, const VvNorm *norm);
VvKernelStatus vv_insert_ref(VvStream *stream, int first, VvTensor src, VvTensor place, VvTensor dst);
VvKernelStatus vv_embed_ref(VvStream *stream, int first, int places, VvTensor place, VvTensor frame, VvTensor h);
VvKernelStatus vv_rotary_ref(VvStream *stream, int heads, VvTensor src, VvTensor angles, VvTensor dst);
VvKernelStatus vv_attention_plan_ref(const VvAttention *attention, size_t *scratch);
VvKernelStatus vv_attention_ref(VvStream *stream, const VvAttention *attention);
VvKernelStatus vv_decoupled_plan_ref(const VvDecoupled *decoupled, size_t *scratch);
VvKernelStatus vv_decoupled_ref(VvStream *stream, const VvDecoupled *decoupled);
VvKernelStatus vv_noise_ref(VvStream *stream, const uint64_t seeds[], const uint64_t windows[], uint32_t number,
                            VvTensor dst);

/* The element at (row, c) of a table, and at (n, t, c) of token rows. */
static inline size_t vv_ref_row(VvTensor t, int row, int c) {
    return (size_t)row * (size_t)t.pitch + (size_t)c;
}

static inline size_t vv_ref_token(VvTensor t, int n, int row, int c) {
    return vv_ref_row(t, n * t.shape[1] + row, c);
}

/* The element at (n, y, x, c) of a picture. */
static inline size_t vv_ref_at(VvTensor t, int n, int y, int x, int c) {
    return (size_t)((n * t.shape[1] + y) * t.shape[2] + x) * (size_t)t.pitch + (size_t)c;
}

/* Any element as a number, and back with rounding (floats only). */
static inline double vv_ref_get(VvTensor t, size_t at) {
    switch (t.type) {
    case VV_F32:
        return (double)((const float *)t.data)[at];
    case VV_BF16:
        return (double)vv_f32_from_bf16(((const uint16_t *)t.data)[at]);
    case VV_U8:
        return ((const uint8_t *)t.data)[at];
    case VV_I32:
        return ((const int32_t *)t.data)[at];
    }
    return 0;
}

static inline void vv_ref_put(VvTensor t, size_t at, double value) {
    if (t.type == VV_F32)
        ((float *)t.data)[at] = (float)value;
    else
        ((uint16_t *)t.data)[at] = vv_bf16_from_f32((float)value);
}

#endif
