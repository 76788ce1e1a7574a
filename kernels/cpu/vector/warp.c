/* Features moved along a flow field. */
#include "kernels/cpu/vector/follow.h"

/* The channels of one pixel between four. */
VV_ALWAYS_INLINE void between(VvDataType type, const void *restrict a, const void *restrict b, const void *restrict c,
                              const void *restrict d, const float weight[4], void *restrict dst, int channels) {
    for (int i = 0; i < channels; i++)
        store(dst, type, i,
              weight[0] * load(a, type, i) + weight[1] * load(b, type, i) + weight[2] * load(c, type, i) +
                  weight[3] * load(d, type, i));
}

VV_ALWAYS_INLINE void warp_block(VvDataType type, const Taps *taps, int count, const void *item, ptrdiff_t src_pitch,
                                 void *dst, ptrdiff_t dst_pitch, int channels) {
    for (int i = 0; i < count; i++) {
        const float weight[4] = {taps->weight[0][i], taps->weight[1][i], taps->weight[2][i], taps->weight[3][i]};
        between(type, moved_const(item, type, taps->at[0][i] * src_pitch),
                moved_const(item, type, taps->at[1][i] * src_pitch),
                moved_const(item, type, taps->at[2][i] * src_pitch),
                moved_const(item, type, taps->at[3][i] * src_pitch), weight, moved(dst, type, i * dst_pitch), channels);
    }
}

static void warp_row(const VvWarp *warp, const Course *course, int n, int y) {
    const VvTensor *src = &warp->src, *dst = &warp->dst;
    const int channels = dst->shape[3];
    const void *item = moved_const(src->data, src->type, row_at(src, chosen(src, &warp->which, n), 0));
    Taps taps;
    for (int x = 0; x < course->width; x += course->block) {
        const int count = course->width - x < course->block ? course->width - x : course->block;
        void *to = moved(dst->data, dst->type, row_at(dst, n, y) + (ptrdiff_t)x * dst->pitch);
        follow(course, n, y, x, count, &taps);
        if (src->type == VV_F32)
            warp_block(VV_F32, &taps, count, item, src->pitch, to, dst->pitch, channels);
        else
            warp_block(VV_BF16, &taps, count, item, src->pitch, to, dst->pitch, channels);
    }
}

VvKernelStatus VV_CPU(vv_warp)(VvStream *stream, const VvWarp *warp) {
    (void)stream;
    const VvKernelStatus status = vv_check_warp(VV_ON_CPU, warp);
    if (status != VV_KERNEL_OK)
        return status;
    const Course course = course_of(warp->flow, warp->occlusion, warp->unit, warp->dst.shape[1], warp->dst.shape[2]);
    for (int n = 0; n < warp->dst.shape[0]; n++)
        for (int y = 0; y < course.height; y++)
            warp_row(warp, &course, n, y);
    return VV_KERNEL_OK;
}
