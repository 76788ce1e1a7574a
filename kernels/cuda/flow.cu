/* Flow warping with occlusion, and the blend of warped and painted pixels to RGB and I420. A pixel's way through the
 * flow is found by every thread that works on it; the four cells it reads lie in the cache. */
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
    const float at =
        fmaxf((static_cast<float>(x) + 0.5f) * static_cast<float>(cells) / static_cast<float>(size) - 0.5f, 0.0f);
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
          weight{(1.0f - y.part) * (1.0f - x.part), (1.0f - y.part) * x.part, y.part * (1.0f - x.part),
                 y.part * x.part} {
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
    Picture<uint8_t> dst; /* data nullptr: not wanted */
    int channels, r;

    /* Red, green and blue of a pixel, rounded to bytes; stores them, and alpha, where that is wanted. */
    __device__ __forceinline__ void pixel(int n, int y, int x, float (&colour)[3]) const {
        Between to_y, to_x;
        flow.follow(n, y, x, &to_y, &to_x);
        const Corners<uint8_t> corners(portrait, flow.source(n), to_y, to_x);
        const T *paint = painted.at(n, y / r, x / r) + y % r * r + x % r;
        const float mask = sigmoid(to_f32(paint[channels * r * r]));
#pragma unroll
        for (int c = 0; c < 4; c++) {
            if (c >= channels)
                break;
            const float paint_c = (to_f32(paint[c * r * r]) + 1.0f) * 127.5f;
            const uint8_t byte = to_byte(mask * corners.channel(c) + (1.0f - mask) * paint_c);
            if (dst.data)
                dst.at(n, y, x)[c] = byte;
            if (c < 3)
                colour[c] = to_f32(byte);
        }
    }

    /* A thread makes a pixel. */
    template <int> __device__ void at(int n, int y, int x, int) const {
        float colour[3];
        pixel(n, y, x, colour);
    }
};

/* BT.709 in limited range. */
__device__ __forceinline__ float luma(const float (&colour)[3]) {
    return 0.2126f * colour[0] + 0.7152f * colour[1] + 0.0722f * colour[2];
}

__device__ __forceinline__ uint8_t scaled(float zero, float value, float scale) {
    return static_cast<uint8_t>(rintf(zero + value * scale));
}

enum { PLANES_WIDTH = 16, PLANES_THREADS = 256 };

/* The same as I420. A warp makes two rows of 16 pixels, a lane one of them; the four of a chroma meet by shuffles. */
template <typename T>
__global__ void __launch_bounds__(PLANES_THREADS)
    planes_kernel(const Blend<T> blend, uint8_t *planes, int in_row, int warps) {
    const int warp = static_cast<int>(blockIdx.x * (PLANES_THREADS / 32) + threadIdx.x / 32);
    if (warp >= warps)
        return;
    const int height = blend.portrait.height, width = blend.portrait.width;
    const int lane = static_cast<int>(lane_id()), pair = warp / in_row, n = pair / (height / 2);
    const int y = pair % (height / 2) * 2 + lane / PLANES_WIDTH;
    const int x = warp % in_row * PLANES_WIDTH + lane % PLANES_WIDTH;
    float colour[3] = {}, mean[3];
    if (x < width)
        blend.pixel(n, y, x, colour);
#pragma unroll
    for (int c = 0; c < 3; c++) {
        const float two = colour[c] + __shfl_xor_sync(ALL_LANES, colour[c], 1);
        mean[c] = 0.25f * (two + __shfl_xor_sync(ALL_LANES, two, PLANES_WIDTH));
    }
    if (x >= width)
        return;
    uint8_t *to_y = planes + static_cast<int64_t>(n) * (height / 2 * 3) * width;
    to_y[static_cast<int64_t>(y) * width + x] = scaled(16.0f, luma(colour), 219.0f / 255.0f);
    if (y % 2 || x % 2)
        return;
    uint8_t *to_u = to_y + static_cast<int64_t>(height) * width + static_cast<int64_t>(y / 2) * (width / 2) + x / 2;
    to_u[0] = scaled(128.0f, mean[2] - luma(mean), 224.0f / 255.0f / 1.8556f);
    to_u[static_cast<int64_t>(height / 2) * (width / 2)] =
        scaled(128.0f, mean[0] - luma(mean), 224.0f / 255.0f / 1.5748f);
}

template <typename T> VvKernelStatus launch_planes(VvStream *stream, const Blend<T> &blend, const VvTensor &planes) {
    const int in_row = divide_up(planes.shape[2], PLANES_WIDTH),
              warps = planes.shape[0] * (planes.shape[1] / 3) * in_row;
    const dim3 blocks(static_cast<unsigned>(divide_up(warps, PLANES_THREADS / 32)));
    return launch(stream, planes_kernel<T>, blocks, PLANES_THREADS, 0, blend, static_cast<uint8_t *>(planes.data),
                  in_row, warps);
}

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
    const int height = blend->portrait.shape[1], width = blend->portrait.shape[2];
    return vv::with_float_type(blend->painted.type, [&](auto type) {
        using T = decltype(type);
        const vv::Blend<T> work = {vv::picture_of<const uint8_t>(blend->portrait),
                                   vv::flow_of(blend->flow, blend->which, blend->portrait, blend->unit),
                                   vv::picture_of<const T>(blend->painted),
                                   vv::picture_of<uint8_t>(blend->dst),
                                   blend->portrait.shape[3],
                                   height / blend->painted.shape[1]};
        return blend->planes.rank ? vv::launch_planes(stream, work, blend->planes)
                                  : vv::launch_pixels<1>(stream, work, blend->painted.shape[0], height, width, 1);
    });
}
