/* Inside kernels/cpu/vector: what both kinds of attention do around attend.h. */
#ifndef VV_KERNELS_CPU_ATTENDING_H
#define VV_KERNELS_CPU_ATTENDING_H

#include "kernels/cpu/attend.h"
#include "kernels/cpu/vector/vector.h"

/* The way to multiply numbers of this type. */
static inline const VvAttend *attend_for(VvDataType type) {
#ifdef __AVX512F__
    if (type == VV_BF16 && vv_cpu_has_bf16_products())
        return &vv_attend_avx512bf16;
#else
    (void)type;
#endif
    return &VV_CPU(vv_attend);
}

static inline int key_count(const VvTensor *k) {
    return k->rank ? k->shape[1] : 0;
}

/* Channel `channel` of token `t` of item `n`. */
static inline const void *token_at(const VvTensor *tensor, int n, int t, int channel) {
    return moved_const(tensor->data, tensor->type, ((ptrdiff_t)n * tensor->shape[1] + t) * tensor->pitch + channel);
}

static inline VvKeys keys_at(const VvTensor *k, const VvTensor *v, int n, int first, int count, int channel) {
    return (VvKeys){.k = token_at(k, n, first, channel),
                    .v = token_at(v, n, first, channel),
                    .k_pitch = k->pitch,
                    .v_pitch = v->pitch,
                    .count = count};
}

/* row = weight * (1 + gate) * what query i sees; without a gate, 1. */
VV_ALWAYS_INLINE void weigh(const VvAttendWork *work, int i, float weight, const float *gate, float *restrict row) {
    const float *restrict out = work->out + (ptrdiff_t)i * work->padded, share = work->share[i] * weight;
    if (gate)
        for (int c = 0; c < work->size; c++)
            row[c] = share * (1 + gate[c]) * out[c];
    else
        for (int c = 0; c < work->size; c++)
            row[c] = share * out[c];
}

/* Rounds a head's row into token `t` of item `n`. */
VV_ALWAYS_INLINE void put_row(const VvTensor *dst, int n, int t, int channel, const float *restrict row, int size) {
    void *restrict to = moved(dst->data, dst->type, ((ptrdiff_t)n * dst->shape[1] + t) * dst->pitch + channel);
    if (dst->type == VV_F32)
        for (int c = 0; c < size; c++)
            store(to, VV_F32, c, row[c]);
    else
        for (int c = 0; c < size; c++)
            store(to, VV_BF16, c, row[c]);
}

#endif
