/* Inside kernels/cpu/vector: code written so that compilers turn its loops into vector instructions.
 *
 * Every .c file here is compiled once per instruction set (kernels.mk), with VV_ISA naming it: VV_CPU(vv_relu) is then
 * vv_relu_avx512, and so on. No function here may be seen outside its file unless its name is made by VV_CPU. */
#ifndef VV_KERNELS_CPU_VECTOR_H
#define VV_KERNELS_CPU_VECTOR_H

#include <string.h>

#include "kernels/kernels.h"

#ifndef VV_ISA
#define VV_ISA plain
#endif
#define VV_CPU_JOINED(name, isa) name##_##isa
#define VV_CPU_JOIN(name, isa) VV_CPU_JOINED(name, isa)
#define VV_CPU(name) VV_CPU_JOIN(name, VV_ISA)

/* For bodies that take an element type: inlined with a constant they become one loop per type. */
#define VV_ALWAYS_INLINE static inline __attribute__((always_inline))

/* Before a loop whose destination may be its source, element for element: compilers would fear the worst. */
#if defined(__clang__)
#define VV_IN_PLACE _Pragma("clang loop vectorize(assume_safety)")
#else
#define VV_IN_PLACE _Pragma("GCC ivdep")
#endif

VV_ALWAYS_INLINE uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

VV_ALWAYS_INLINE float float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

VV_ALWAYS_INLINE float load(const void *data, VvDataType type, ptrdiff_t at) {
    return type == VV_F32 ? ((const float *)data)[at] : vv_f32_from_bf16(((const uint16_t *)data)[at]);
}

VV_ALWAYS_INLINE void store(void *data, VvDataType type, ptrdiff_t at, float value) {
    if (type == VV_F32)
        ((float *)data)[at] = value;
    else
        ((uint16_t *)data)[at] = vv_bf16_from_f32(value);
}

/* `data` moved on by so many elements. */
VV_ALWAYS_INLINE void *moved(void *data, VvDataType type, ptrdiff_t elements) {
    return (char *)data + elements * (ptrdiff_t)(type == VV_F32 ? sizeof(float) : sizeof(uint16_t));
}

VV_ALWAYS_INLINE const void *moved_const(const void *data, VvDataType type, ptrdiff_t elements) {
    return (const char *)data + elements * (ptrdiff_t)(type == VV_F32 ? sizeof(float) : sizeof(uint16_t));
}

/* Row (n, y) of a picture counts as its (n * H + y)th; this is where its first pixel is, in elements. */
VV_ALWAYS_INLINE ptrdiff_t row_at(const VvTensor *t, int n, int y) {
    return ((ptrdiff_t)n * t->shape[1] + y) * t->shape[2] * t->pitch;
}

/* Rounds to the nearest byte, halves to even; what is no number is 0. */
VV_ALWAYS_INLINE uint8_t byte_of(float value) {
    const float low = value > 0 ? value : 0, clamped = low < 255 ? low : 255;
    return (uint8_t)bits_of(clamped + 8388608.0f); /* 2^23: its last bits count ones */
}

/* exp for vector code: 2^whole times a polynomial for 2^part. Relative error below 2e-7; NaN stays. */
VV_ALWAYS_INLINE float exp_of(float x) {
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to whole numbers */
    const float low = x < -87.0f ? -87.0f : x, clamped = low > 88.0f ? 88.0f : low;
    const float shifted = clamped * 1.44269504f + magic, whole = shifted - magic;
    const float part = (clamped - whole * 0.693359375f) + whole * 2.12194440e-4f; /* ln 2 in two pieces */
    float value = 1.0f / 5040;
    value = value * part + 1.0f / 720;
    value = value * part + 1.0f / 120;
    value = value * part + 1.0f / 24;
    value = value * part + 1.0f / 6;
    value = value * part + 0.5f;
    value = value * part + 1.0f;
    value = value * part + 1.0f;
    return value * float_of((bits_of(shifted) - bits_of(magic) + 127) << 23);
}

VV_ALWAYS_INLINE float sigmoid_of(float x) {
    return 1.0f / (1.0f + exp_of(-x));
}

#define VV_VECTOR_KERNELS(isa)                                                                                         \
    VvKernelStatus vv_relu_##isa(VvStream *stream, VvTensor src, VvTensor dst);                                        \
    VvKernelStatus vv_add_##isa(VvStream *stream, VvTensor a, VvTensor b, VvTensor dst);                               \
    VvKernelStatus vv_convert_##isa(VvStream *stream, VvTensor src, VvTensor dst);                                     \
    VvKernelStatus vv_upsample2_##isa(VvStream *stream, VvTensor src, VvTensor dst);                                   \
    VvKernelStatus vv_pixel_shuffle_##isa(VvStream *stream, int r, VvTensor src, VvTensor dst);                        \
    VvKernelStatus vv_unshuffle2_##isa(VvStream *stream, VvByteScale scale, VvTensor src, VvTensor dst);               \
    VvKernelStatus vv_pool2_bytes_##isa(VvStream *stream, VvByteScale scale, VvTensor src, VvTensor dst);              \
    VvKernelStatus vv_warp_##isa(VvStream *stream, const VvWarp *warp);                                                \
    VvKernelStatus vv_blend_##isa(VvStream *stream, const VvBlend *blend);                                             \
    VvKernelStatus vv_silu_##isa(VvStream *stream, VvTensor a, VvTensor b, VvTensor dst);                              \
    VvKernelStatus vv_flow_step_##isa(VvStream *stream, float dt, VvTensor x, VvTensor v, VvTensor dst);               \
    VvKernelStatus vv_norm_##isa(VvStream *stream, const VvNorm *norm);                                                \
    VvKernelStatus vv_insert_##isa(VvStream *stream, int first, VvTensor src, VvTensor place, VvTensor dst);           \
    VvKernelStatus vv_embed_##isa(VvStream *stream, int first, int places, VvTensor place, VvTensor frame,             \
                                  VvTensor h);                                                                         \
    VvKernelStatus vv_rotary_##isa(VvStream *stream, int heads, VvTensor src, VvTensor angles, VvTensor dst);          \
    VvKernelStatus vv_attention_plan_##isa(const VvAttention *attention, size_t *scratch);                             \
    VvKernelStatus vv_attention_##isa(VvStream *stream, const VvAttention *attention);                                 \
    VvKernelStatus vv_decoupled_plan_##isa(const VvDecoupled *decoupled, size_t *scratch);                             \
    VvKernelStatus vv_decoupled_##isa(VvStream *stream, const VvDecoupled *decoupled);                                 \
    VvKernelStatus vv_noise_##isa(VvStream *stream, const uint64_t seeds[], const uint64_t windows[], uint32_t number, \
                                  VvTensor dst)

VV_VECTOR_KERNELS(plain);
VV_VECTOR_KERNELS(avx2);
VV_VECTOR_KERNELS(avx512);

#endif
