/* Token rows: additions, RMS norm, embeddings, rotary positions. */
#include <math.h>

#include "kernels/check.h"
#include "kernels/cpu/vector/lanes.h"

/* Token `t` of item `n`, in elements. */
VV_ALWAYS_INLINE ptrdiff_t token_start(const VvTensor *tensor, int n, int t) {
    return ((ptrdiff_t)n * tensor->shape[1] + t) * tensor->pitch;
}

/* Row `row` of a table of f32, or NULL if there is none. */
static const float *table_row(const VvTensor *table, int row) {
    return table->rank ? (const float *)table->data + (ptrdiff_t)row * table->pitch : NULL;
}

/* ---- additions --------------------------------------------------------------------------------------------------- */

VV_ALWAYS_INLINE void add_row(VvDataType from, const void *restrict y, const float *restrict gate, float *restrict h,
                              int count) {
    if (gate)
        for (int i = 0; i < count; i++)
            h[i] += (1 + gate[i]) * load(y, from, i);
    else
        for (int i = 0; i < count; i++)
            h[i] += load(y, from, i);
}

/* Row t of item n of y, gated, to a row of h. */
static void add_token(const VvTensor *y, const float *gate, int n, int t, float *h) {
    const void *from = moved_const(y->data, y->type, token_start(y, n, t));
    if (y->type == VV_F32)
        add_row(VV_F32, from, gate, h, y->shape[2]);
    else
        add_row(VV_BF16, from, gate, h, y->shape[2]);
}

VvKernelStatus VV_CPU(vv_embed)(VvStream *stream, int first, int places, VvTensor place, VvTensor frame, VvTensor h) {
    (void)stream;
    const VvKernelStatus status = vv_check_embed(VV_ON_CPU, first, places, place, frame, h);
    if (status != VV_KERNEL_OK)
        return status;
    for (int n = 0; n < h.shape[0]; n++)
        for (int t = 0; t < h.shape[1]; t++) {
            float *to = (float *)h.data + token_start(&h, n, t);
            if (place.rank)
                add_row(VV_F32, table_row(&place, (first + t) % places), NULL, to, h.shape[2]);
            if (frame.rank)
                add_row(VV_F32, (const float *)frame.data + token_start(&frame, n, (first + t) / places), NULL, to,
                        h.shape[2]);
        }
    return VV_KERNEL_OK;
}

VV_ALWAYS_INLINE void insert_row(VvDataType from, const void *restrict src, const float *restrict place,
                                 float *restrict dst, int count) {
    for (int i = 0; i < count; i++)
        dst[i] = place ? load(src, from, i) + place[i] : load(src, from, i);
}

VvKernelStatus VV_CPU(vv_insert)(VvStream *stream, int first, VvTensor src, VvTensor place, VvTensor dst) {
    (void)stream;
    const VvKernelStatus status = vv_check_insert(VV_ON_CPU, first, src, place, dst);
    if (status != VV_KERNEL_OK)
        return status;
    const int d = dst.shape[2];
    for (int n = 0; n < dst.shape[0]; n++)
        for (int i = 0; i < src.shape[1]; i++) {
            const void *from = moved_const(src.data, src.type, token_start(&src, src.shape[0] == 1 ? 0 : n, i));
            const float *there = place.rank ? table_row(&place, i % place.shape[0]) : NULL;
            float *to = (float *)dst.data + token_start(&dst, n, first + i);
            if (src.type == VV_F32)
                insert_row(VV_F32, from, there, to, d);
            else
                insert_row(VV_BF16, from, there, to, d);
        }
    return VV_KERNEL_OK;
}

/* ---- norm -------------------------------------------------------------------------------------------------------- */

static float sum_of_squares(const float *x, int count) {
    Lanes sum[4] = {{0}};
    int i = 0;
    for (; i + 4 * LANES <= count; i += 4 * LANES)
        for (int j = 0; j < 4; j++) {
            const Lanes part = lanes_load(x + i + j * LANES);
            sum[j] += part * part;
        }
    float squares = lanes_sum((sum[0] + sum[1]) + (sum[2] + sum[3]));
    for (; i < count; i++)
        squares += x[i] * x[i];
    return squares;
}

VV_ALWAYS_INLINE void norm_row(VvDataType to, const float *src, float factor, const float *scale, const float *shift,
                               void *dst, int count) {
    if (scale && shift)
        VV_IN_PLACE
    for (int i = 0; i < count; i++)
        store(dst, to, i, src[i] * factor * (1 + scale[i]) + shift[i]);
    else if (scale) VV_IN_PLACE for (int i = 0; i < count; i++) store(dst, to, i, src[i] * factor * (1 + scale[i]));
    else if (shift) VV_IN_PLACE for (int i = 0; i < count; i++) store(dst, to, i, src[i] * factor + shift[i]);
    else VV_IN_PLACE for (int i = 0; i < count; i++) store(dst, to, i, src[i] * factor);
}

VvKernelStatus VV_CPU(vv_norm)(VvStream *stream, const VvNorm *norm) {
    (void)stream;
    const VvKernelStatus status = vv_check_norm(VV_ON_CPU, norm);
    if (status != VV_KERNEL_OK)
        return status;
    const VvTensor *h = &norm->h, *dst = &norm->dst;
    const int d = h->shape[2];
    for (int n = 0; n < h->shape[0]; n++)
        for (int t = 0; t < h->shape[1]; t++) {
            const float *scale = table_row(&norm->scale, n), *shift = table_row(&norm->shift, n);
            float *row = (float *)h->data + token_start(h, n, t);
            void *to = moved(dst->data, dst->type, token_start(dst, n, t));
            if (norm->y.rank)
                add_token(&norm->y, table_row(&norm->gate, n), n, t, row);
            const float factor = 1 / sqrtf(sum_of_squares(row, d) / (float)d + VV_NORM_EPSILON);
            if (dst->type == VV_F32)
                norm_row(VV_F32, row, factor, scale, shift, to, d);
            else
                norm_row(VV_BF16, row, factor, scale, shift, to, d);
        }
    return VV_KERNEL_OK;
}

/* ---- rotary positions -------------------------------------------------------------------------------------------- */

/* One head of one token; `half` its pairs. */
VV_ALWAYS_INLINE void turn_pairs(VvDataType type, const void *src, const float *restrict cosine,
                                 const float *restrict sine, void *dst, int half) {
    VV_IN_PLACE
    for (int i = 0; i < half; i++) {
        const float a = load(src, type, i), b = load(src, type, i + half);
        store(dst, type, i, a * cosine[i] - b * sine[i]);
        store(dst, type, i + half, b * cosine[i] + a * sine[i]);
    }
}

VvKernelStatus VV_CPU(vv_rotary)(VvStream *stream, int heads, VvTensor src, VvTensor angles, VvTensor dst) {
    (void)stream;
    const VvKernelStatus status = vv_check_rotary(VV_ON_CPU, heads, src, angles, dst);
    if (status != VV_KERNEL_OK)
        return status;
    const int size = angles.shape[1], half = size / 2;
    for (int n = 0; n < src.shape[0]; n++)
        for (int t = 0; t < src.shape[1]; t++) {
            const float *cosine = table_row(&angles, t), *sine = cosine + half;
            for (int head = 0; head < heads; head++) {
                const void *from = moved_const(src.data, src.type, token_start(&src, n, t) + head * size);
                void *to = moved(dst.data, dst.type, token_start(&dst, n, t) + head * size);
                if (src.type == VV_F32)
                    turn_pairs(VV_F32, from, cosine, sine, to, half);
                else
                    turn_pairs(VV_BF16, from, cosine, sine, to, half);
            }
        }
    return VV_KERNEL_OK;
}
