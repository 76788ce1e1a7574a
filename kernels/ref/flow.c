/* The definition of flow warping and of blending. */
#include <math.h>

#include "kernels/check.h"
#include "kernels/ref/ref.h"

/* Two neighbours and how far between them. */
typedef struct Between {
    int first, second;
    double part; /* of the second */
} Between;

/* Where pixel `x` of `size` lies among `cells` (interpolate, bilinear, align_corners=False). */
static Between cells_at(int x, int size, int cells) {
    double at = (x + 0.5) * cells / size - 0.5;
    if (at < 0)
        at = 0;
    const int first = (int)at;
    return (Between){first, first + 1 < cells ? first + 1 : first, at - first};
}

/* Where position `at` lies among `size` pixels, the border repeated; what is no number is the first. */
static Between pixels_at(double at, int size) {
    if (!(at > 0))
        at = 0;
    if (at > size - 1)
        at = size - 1;
    const int first = (int)at;
    return (Between){first, first + 1 < size ? first + 1 : first, at - first};
}

/* Channel c of item n between four neighbours. */
static double bilinear(VvTensor t, int n, Between y, Between x, int c) {
    return (1 - y.part) * (1 - x.part) * vv_ref_get(t, vv_ref_at(t, n, y.first, x.first, c)) +
           (1 - y.part) * x.part * vv_ref_get(t, vv_ref_at(t, n, y.first, x.second, c)) +
           y.part * (1 - x.part) * vv_ref_get(t, vv_ref_at(t, n, y.second, x.first, c)) +
           y.part * x.part * vv_ref_get(t, vv_ref_at(t, n, y.second, x.second, c));
}

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

/* The source item that destination item n reads. */
static int chosen(VvTensor src, VvTensor which, int n) {
    int item = which.rank ? ((const int32_t *)which.data)[n] : src.shape[0] == 1 ? 0 : n;
    if (item < 0)
        item = 0;
    return item < src.shape[0] ? item : src.shape[0] - 1;
}

/* Where the flow at (n, y, x) leads to in a picture of h by w. */
static void follow(VvTensor flow, VvFlowUnit unit, int n, int y, int x, int h, int w, Between *to_y, Between *to_x) {
    const Between fy = cells_at(y, h, flow.shape[1]), fx = cells_at(x, w, flow.shape[2]);
    *to_x = pixels_at(x + bilinear(flow, n, fy, fx, 0) * (double)vv_flow_scale(unit, w, flow.shape[2]), w);
    *to_y = pixels_at(y + bilinear(flow, n, fy, fx, 1) * (double)vv_flow_scale(unit, h, flow.shape[1]), h);
}

VvKernelStatus vv_warp_ref(VvStream *stream, const VvWarp *warp) {
    (void)stream;
    const VvKernelStatus status = vv_check_warp(VV_ON_CPU, warp);
    if (status != VV_KERNEL_OK)
        return status;
    const VvTensor src = warp->src, dst = warp->dst, flow = warp->flow;
    const int h = dst.shape[1], w = dst.shape[2];
    for (int n = 0; n < dst.shape[0]; n++)
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++) {
                Between sy, sx;
                follow(flow, warp->unit, n, y, x, h, w, &sy, &sx);
                double seen = 1;
                if (warp->occlusion.rank) {
                    const Between oy = cells_at(y, h, flow.shape[1]), ox = cells_at(x, w, flow.shape[2]);
                    seen = sigmoid(bilinear(warp->occlusion, n, oy, ox, 0) + (double)VV_OCCLUSION_BIAS);
                }
                for (int c = 0; c < dst.shape[3]; c++)
                    vv_ref_put(dst, vv_ref_at(dst, n, y, x, c),
                               bilinear(src, chosen(src, warp->which, n), sy, sx, c) * seen);
            }
    return VV_KERNEL_OK;
}

/* Element c of the painted picture at full size (pixel shuffle on the way). */
static double painted_at(const VvBlend *blend, int n, int y, int x, int c) {
    const VvTensor t = blend->painted;
    const int r = blend->portrait.shape[1] / t.shape[1];
    return vv_ref_get(t, vv_ref_at(t, n, y / r, x / r, (c * r + y % r) * r + x % r));
}

static uint8_t to_byte(double value) {
    if (!(value > 0))
        return 0;
    return value > 255 ? 255 : (uint8_t)lrint(value);
}

/* One pixel of the result. */
static void blended(const VvBlend *blend, int n, int y, int x, uint8_t colour[4]) {
    const VvTensor portrait = blend->portrait;
    const int h = portrait.shape[1], w = portrait.shape[2], channels = portrait.shape[3];
    Between sy, sx;
    follow(blend->flow, blend->unit, n, y, x, h, w, &sy, &sx);
    const double mask = sigmoid(painted_at(blend, n, y, x, channels));
    for (int c = 0; c < channels; c++) {
        const double own = bilinear(portrait, chosen(portrait, blend->which, n), sy, sx, c);
        const double painted = (painted_at(blend, n, y, x, c) + 1) * 127.5;
        colour[c] = to_byte(mask * own + (1 - mask) * painted);
    }
}

/* BT.709 in limited range; red, green and blue 0..255. */
static double luma(const double rgb[3]) {
    return 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2];
}

/* Four pixels of luma and one of each chroma, as I420; (y, x) is the chroma's. */
static void put_planes(const VvBlend *blend, int n, int y, int x) {
    const int h = blend->portrait.shape[1], w = blend->portrait.shape[2];
    uint8_t *to_y = (uint8_t *)blend->planes.data + (ptrdiff_t)n * h / 2 * 3 * w;
    uint8_t *to_u = to_y + (ptrdiff_t)h * w, *to_v = to_u + (ptrdiff_t)(h / 2) * (w / 2);
    double mean[3] = {0};
    for (int i = 0; i < 4; i++) {
        uint8_t colour[4] = {0};
        blended(blend, n, 2 * y + i / 2, 2 * x + i % 2, colour);
        const double rgb[3] = {colour[0], colour[1], colour[2]};
        to_y[(2 * y + i / 2) * w + 2 * x + i % 2] = (uint8_t)lrint(16 + luma(rgb) * 219 / 255);
        for (int c = 0; c < 3; c++)
            mean[c] += 0.25 * rgb[c];
    }
    to_u[y * (w / 2) + x] = (uint8_t)lrint(128 + (mean[2] - luma(mean)) / 1.8556 * 224 / 255);
    to_v[y * (w / 2) + x] = (uint8_t)lrint(128 + (mean[0] - luma(mean)) / 1.5748 * 224 / 255);
}

VvKernelStatus vv_blend_ref(VvStream *stream, const VvBlend *blend) {
    (void)stream;
    const VvKernelStatus status = vv_check_blend(VV_ON_CPU, blend);
    if (status != VV_KERNEL_OK)
        return status;
    const VvTensor dst = blend->dst;
    const int h = blend->portrait.shape[1], w = blend->portrait.shape[2];
    for (int n = 0; n < blend->painted.shape[0]; n++) {
        for (int y = 0; y < h && dst.rank; y++)
            for (int x = 0; x < w; x++) {
                uint8_t colour[4] = {0};
                blended(blend, n, y, x, colour);
                memcpy((uint8_t *)dst.data + vv_ref_at(dst, n, y, x, 0), colour, (size_t)dst.shape[3]);
            }
        for (int y = 0; y < h / 2 && blend->planes.rank; y++)
            for (int x = 0; x < w / 2; x++)
                put_planes(blend, n, y, x);
    }
    return VV_KERNEL_OK;
}
