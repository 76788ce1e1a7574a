/* Pictures rearranged: upsampling, pixel shuffle and its reverse, pooling. */
#include "kernels/check.h"
#include "kernels/cpu/vector/vector.h"

VvKernelStatus VV_CPU(vv_upsample2)(VvStream *stream, VvTensor src, VvTensor dst) {
    (void)stream;
    const VvKernelStatus status = vv_check_upsample2(VV_ON_CPU, src, dst);
    if (status != VV_KERNEL_OK)
        return status;
    const size_t size = vv_type_size(src.type), pixel = (size_t)src.shape[3] * size;
    const size_t src_step = (size_t)src.pitch * size, dst_step = (size_t)dst.pitch * size;
    const int width = src.shape[2], rows = src.shape[0] * src.shape[1];
    const char *from = src.data;
    char *to = dst.data;
    for (int row = 0; row < rows; row++, to += 2 * (size_t)width * dst_step) {
        char *below = to + 2 * (size_t)width * dst_step;
        for (int x = 0; x < width; x++, from += src_step, to += 2 * dst_step, below += 2 * dst_step) {
            memcpy(to, from, pixel);
            memcpy(to + dst_step, from, pixel);
            memcpy(below, from, pixel);
            memcpy(below + dst_step, from, pixel);
        }
    }
    return VV_KERNEL_OK;
}

/* ---- pixel shuffle --------------------------------------------------------------------------------------------- */

/* Line `line` of the r that a source row becomes. */
VV_ALWAYS_INLINE void shuffle_row(int r, int line, VvDataType from, VvDataType to, const VvTensor *src,
                                  ptrdiff_t src_at, const VvTensor *dst, ptrdiff_t dst_at) {
    for (int x = 0; x < src->shape[2]; x++)
        for (int j = 0; j < r; j++)
            for (int c = 0; c < dst->shape[3]; c++)
                store(dst->data, to, dst_at + (ptrdiff_t)(x * r + j) * dst->pitch + c,
                      load(src->data, from, src_at + (ptrdiff_t)x * src->pitch + (c * r + line) * r + j));
}

VV_ALWAYS_INLINE void shuffle(int r, VvDataType from, VvDataType to, const VvTensor *src, const VvTensor *dst) {
    for (int n = 0; n < dst->shape[0]; n++)
        for (int y = 0; y < dst->shape[1]; y++)
            shuffle_row(r, y % r, from, to, src, row_at(src, n, y / r), dst, row_at(dst, n, y));
}

VvKernelStatus VV_CPU(vv_pixel_shuffle)(VvStream *stream, int r, VvTensor src, VvTensor dst) {
    (void)stream;
    const VvKernelStatus status = vv_check_pixel_shuffle(VV_ON_CPU, r, src, dst);
    if (status != VV_KERNEL_OK)
        return status;
    if (src.type == VV_F32 && dst.type == VV_F32)
        shuffle(r, VV_F32, VV_F32, &src, &dst);
    else if (src.type == VV_F32)
        shuffle(r, VV_F32, VV_BF16, &src, &dst);
    else if (dst.type == VV_F32)
        shuffle(r, VV_BF16, VV_F32, &src, &dst);
    else
        shuffle(r, VV_BF16, VV_BF16, &src, &dst);
    return VV_KERNEL_OK;
}

/* ---- its reverse, and pooling, from bytes ---------------------------------------------------------------------- */

VV_ALWAYS_INLINE float number_at(const VvTensor *src, ptrdiff_t at, VvByteScale scale) {
    if (src->type == VV_U8)
        return ((float)((const uint8_t *)src->data)[at] - scale.mean) * scale.scale;
    return load(src->data, src->type, at);
}

VV_ALWAYS_INLINE void unshuffle_row(VvByteScale scale, VvDataType to, const VvTensor *src, ptrdiff_t src_at,
                                    const VvTensor *dst, ptrdiff_t dst_at) {
    const ptrdiff_t below = (ptrdiff_t)src->shape[2] * src->pitch;
    for (int x = 0; x < dst->shape[2]; x++, dst_at += dst->pitch, src_at += 2 * (ptrdiff_t)src->pitch)
        for (int c = 0; c < src->shape[3]; c++) {
            store(dst->data, to, dst_at + 4 * c, number_at(src, src_at + c, scale));
            store(dst->data, to, dst_at + 4 * c + 1, number_at(src, src_at + src->pitch + c, scale));
            store(dst->data, to, dst_at + 4 * c + 2, number_at(src, src_at + below + c, scale));
            store(dst->data, to, dst_at + 4 * c + 3, number_at(src, src_at + below + src->pitch + c, scale));
        }
}

VvKernelStatus VV_CPU(vv_unshuffle2)(VvStream *stream, VvByteScale scale, VvTensor src, VvTensor dst) {
    (void)stream;
    const VvKernelStatus status = vv_check_unshuffle2(VV_ON_CPU, src, dst);
    if (status != VV_KERNEL_OK)
        return status;
    for (int n = 0; n < dst.shape[0]; n++)
        for (int y = 0; y < dst.shape[1]; y++) {
            const ptrdiff_t from = row_at(&src, n, 2 * y), to = row_at(&dst, n, y);
            if (dst.type == VV_F32)
                unshuffle_row(scale, VV_F32, &src, from, &dst, to);
            else
                unshuffle_row(scale, VV_BF16, &src, from, &dst, to);
        }
    return VV_KERNEL_OK;
}

/* One row of sums of four; from it the row of means. */
VV_ALWAYS_INLINE void pool_row(VvByteScale scale, VvDataType to, const VvTensor *src, ptrdiff_t src_at,
                               const VvTensor *dst, ptrdiff_t dst_at) {
    const uint8_t *upper = (const uint8_t *)src->data + src_at, *lower = upper + (ptrdiff_t)src->shape[2] * src->pitch;
    for (int x = 0; x < dst->shape[2]; x++, dst_at += dst->pitch)
        for (int c = 0; c < dst->shape[3]; c++) {
            const ptrdiff_t left = 2 * (ptrdiff_t)x * src->pitch + c, right = left + src->pitch;
            const int sum = upper[left] + upper[right] + lower[left] + lower[right];
            if (to == VV_U8)
                ((uint8_t *)dst->data)[dst_at + c] = (uint8_t)((sum + 2) >> 2);
            else
                store(dst->data, to, dst_at + c, (0.25f * (float)sum - scale.mean) * scale.scale);
        }
}

VvKernelStatus VV_CPU(vv_pool2_bytes)(VvStream *stream, VvByteScale scale, VvTensor src, VvTensor dst) {
    (void)stream;
    const VvKernelStatus status = vv_check_pool2_bytes(VV_ON_CPU, src, dst);
    if (status != VV_KERNEL_OK)
        return status;
    for (int n = 0; n < dst.shape[0]; n++)
        for (int y = 0; y < dst.shape[1]; y++) {
            const ptrdiff_t from = row_at(&src, n, 2 * y), to = row_at(&dst, n, y);
            if (dst.type == VV_U8)
                pool_row(scale, VV_U8, &src, from, &dst, to);
            else if (dst.type == VV_F32)
                pool_row(scale, VV_F32, &src, from, &dst, to);
            else
                pool_row(scale, VV_BF16, &src, from, &dst, to);
        }
    return VV_KERNEL_OK;
}
