/* Flow warping with occlusion, the blend of warped and painted pixels, and RGB to I420. A pixel's way through the flow is
 * found by every thread that works on it; the four cells it reads lie in the cache. */
#include "kernels/cuda/picture.cuh"

namespace vv {
namespace {

/* Two neighbours and how far between them. */
struct Between {
    int first, second;
    float part; /* of the second */
};

/* Where pixel `x` of `size` lies among `cells`. */
__device__ __forceinline__ Between cells_at(int x, int size, int cells) {
    const float at = fmaxf((static_cast<float>(x) + 0.5f) * static_cast<float>(cells) / static_cast<float>(size) - 0.5f, 0.0f);
    const int first = min(static_cast<int>(at), cells - 1); /* rounding must not lead outside */
    return {first, min(first + 1, cells - 1), at - static_cast<float>(first)};
}

/* Where position `at` lies among `size` pixels, the border repeated; what is no number is the first. */
__device__ __forceinline__ Between pixels_at(float at, int size) {
    at = at > 0.0f ? fminf(at, static_cast<float>(size - 1)) : 0.0f;
    const int first = static_cast<int>(at);
    return {first, min(first + 1, size - 1), at - static_cast<float>(first)};
}

/* Four places and their weights. */
template <typename T> struct Corners {
    const T *at[4];
    float weight[4];

    __device__ __forceinline__ Corners(const Picture<const T> &picture, int n, const Between &y, const Between &x)
        : at{picture.at(n, y.first, x.first), picture.at(n, y.first, x.second), picture.at(n, y.second, x.first),
             picture.at(n, y.second, x.second)},
          weight{(1.0f - y.part) * (1.0f - x.part), (1.0f - y.part) * x.part, y.part * (1.0f - x.part), y.part * x.part} {
    }

    __device__ __forceinline__ float channel(int c) const {
        float sum = 0.0f;
#pragma unroll
        for (int i = 0; i < 4; i++)
            sum += weight[i] * to_f32(at[i][c]);
        return sum;
    }
};

__device__ __forceinline__ float sigmoid(float x) {
    return 1.0f / (1.0f + expf(-x));
}

/* A flow field over a picture of `height` by `width`, and which source each item reads. */
struct Flow {
    Picture<const float> cells;
    const int32_t *which; /* nullptr: each its own, or all the only one */
    int sources, height, width;
    float scale_x, scale_y; /* pixels of a unit */

    __device__ __forceinline__ int source(int n) const {
        const int item = which ? which[n] : sources == 1 ? 0 : n;
        return min(max(item, 0), sources - 1);
    }

    __device__ __forceinline__ void follow(int n, int y, int x, Between *to_y, Between *to_x) const {
        const Corners<float> corners(cells, n, cells_at(y, height, cells.height), cells_at(x, width, cells.width));
        *to_x = pixels_at(static_cast<float>(x) + corners.channel(0) * scale_x, width);
        *to_y = pixels_at(static_cast<float>(y) + corners.channel(1) * scale_y, height);
    }
};

Flow flow_of(const VvTensor &flow, const VvTensor &which, const VvTensor &src, VvFlowUnit unit) {
    return {picture_of<const float>(flow),
            which.rank ? static_cast<const int32_t *>(which.data) : nullptr,
            src.shape[0],
            src.shape[1],
            src.shape[2],
            vv_flow_scale(unit, src.shape[2], flow.shape[2]),
            vv_flow_scale(unit, src.shape[1], flow.shape[1])};
}

template <typename T> struct Warp {
    Picture<const T> src;
    Flow flow;
    Picture<const float> occlusion;
    Picture<T> dst;

    template <int COUNT> __device__ void at(int n, int y, int x, int c) const {
        Between to_y, to_x;
        flow.follow(n, y, x, &to_y, &to_x);
        float seen = 1.0f;
        if (occlusion.data) {
            const Corners<float> corners(occlusion, n, cells_at(y, dst.height, occlusion.height),
                                         cells_at(x, dst.width, occlusion.width));
            seen = sigmoid(corners.channel(0) + VV_OCCLUSION_BIAS);
        }
        const Corners<T> corners(src, flow.source(n), to_y, to_x);
        float sums[COUNT] = {};
#pragma unroll
        for (int i = 0; i < 4; i++) {
            float numbers[COUNT];
            load(numbers, corners.at[i] + c);
#pragma unroll
            for (int j = 0; j < COUNT; j++)
                sums[j] += corners.weight[i] * numbers[j];
        }
#pragma unroll
        for (int j = 0; j < COUNT; j++)
            sums[j] *= seen;
        store(dst.at(n, y, x) + c, sums);
    }
};

__device__ __forceinline__ uint8_t to_byte(float value) {
    return value > 0.0f ? static_cast<uint8_t>(rintf(fminf(value, 255.0f))) : 0;
}

template <typename T> struct Blend {
    Picture<const uint8_t> portrait;
    Flow flow;
    Picture<const T> painted;
    Picture<uint8_t> dst;
    int channels, r;

    /* A thread makes all channels of a pixel. */
    template <int> __device__ void at(int n, int y, int x, int) const {
        Between to_y, to_x;
        flow.follow(n, y, x, &to_y, &to_x);
        const Corners<uint8_t> corners(portrait, flow.source(n), to_y, to_x);
        const T *paint = painted.at(n, y / r, x / r) + y % r * r + x % r;
        const float mask = sigmoid(to_f32(paint[channels * r * r]));
        uint8_t *to = dst.at(n, y, x);
        for (int c = 0; c < channels; c++) {
            const float colour = (to_f32(paint[c * r * r]) + 1.0f) * 127.5f;
            to[c] = to_byte(mask * corners.channel(c) + (1.0f - mask) * colour);
        }
    }
};

/* BT.709 in limited range. Over the chroma's pixels: a thread makes four of luma, one of each chroma. */
struct I420 {
    Picture<const uint8_t> rgb;
    uint8_t *dst; /* planes one after another */

    static __device__ __forceinline__ float luma(const float (&colour)[3]) {
        return 0.2126f * colour[0] + 0.7152f * colour[1] + 0.0722f * colour[2];
    }

    template <int> __device__ void at(int n, int y, int x, int) const {
        const int height = rgb.height, width = rgb.width;
        uint8_t *to_y = dst + static_cast<int64_t>(n) * (height / 2 * 3) * width;
        uint8_t *to_u = to_y + static_cast<int64_t>(height) * width;
        uint8_t *to_v = to_u + static_cast<int64_t>(height / 2) * (width / 2);
        float mean[3] = {};
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const uint8_t *from = rgb.at(n, 2 * y + i / 2, 2 * x + i % 2);
            const float colour[3] = {to_f32(from[0]), to_f32(from[1]), to_f32(from[2])};
            to_y[static_cast<int64_t>(2 * y + i / 2) * width + 2 * x + i % 2] =
                static_cast<uint8_t>(rintf(16.0f + luma(colour) * (219.0f / 255.0f)));
#pragma unroll
            for (int c = 0; c < 3; c++)
                mean[c] += 0.25f * colour[c];
        }
        const int64_t place = static_cast<int64_t>(y) * (width / 2) + x;
        to_u[place] = static_cast<uint8_t>(rintf(128.0f + (mean[2] - luma(mean)) * (224.0f / 255.0f / 1.8556f)));
        to_v[place] = static_cast<uint8_t>(rintf(128.0f + (mean[0] - luma(mean)) * (224.0f / 255.0f / 1.5748f)));
    }
};

} // namespace
} // namespace vv

VvKernelStatus vv_cuda_warp(VvStream *stream, const VvWarp *warp) {
    const VvKernelStatus status = vv_check_warp(VV_CUDA_DEVICE, warp);
    if (status != VV_KERNEL_OK)
        return status;
    const VvTensor src = warp->src, dst = warp->dst;
    return vv::with_float_type(src.type, [&](auto type) {
        using T = decltype(type);
        const vv::Warp<T> work = {vv::picture_of<const T>(src), vv::flow_of(warp->flow, warp->which, src, warp->unit),
                                  vv::picture_of<const float>(warp->occlusion), vv::picture_of<T>(dst)};
        const bool together = src.shape[3] % vv::PACK<T> == 0 && vv::is_aligned(src) && vv::is_aligned(dst);
        return together ? vv::launch_pixels<vv::PACK<T>>(stream, work, dst) : vv::launch_pixels<1>(stream, work, dst);
    });
}

VvKernelStatus vv_cuda_blend(VvStream *stream, const VvBlend *blend) {
    const VvKernelStatus status = vv_check_blend(VV_CUDA_DEVICE, blend);
    if (status != VV_KERNEL_OK)
        return status;
    const VvTensor dst = blend->dst;
    return vv::with_float_type(blend->painted.type, [&](auto type) {
        using T = decltype(type);
        const vv::Blend<T> work = {vv::picture_of<const uint8_t>(blend->portrait),
                                   vv::flow_of(blend->flow, blend->which, blend->portrait, blend->unit),
                                   vv::picture_of<const T>(blend->painted),
                                   vv::picture_of<uint8_t>(dst),
                                   dst.shape[3],
                                   dst.shape[1] / blend->painted.shape[1]};
        return vv::launch_pixels<1>(stream, work, dst.shape[0], dst.shape[1], dst.shape[2], 1);
    });
}

VvKernelStatus vv_cuda_i420(VvStream *stream, VvTensor rgb, VvTensor dst) {
    const VvKernelStatus status = vv_check_i420(VV_CUDA_DEVICE, rgb, dst);
    if (status != VV_KERNEL_OK)
        return status;
    const vv::I420 work = {vv::picture_of<const uint8_t>(rgb), static_cast<uint8_t *>(dst.data)};
    return vv::launch_pixels<1>(stream, work, rgb.shape[0], rgb.shape[1] / 2, rgb.shape[2] / 2, 1);
}
