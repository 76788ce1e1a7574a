/* Numbers that change places: nearest-neighbour enlargement, pixel shuffle and its inverse, bytes to halves. Bound by
 * memory; threads follow the destination, so that what a warp writes lies side by side. */
#include "kernels/cuda/picture.cuh"

namespace vv {
namespace {

/* Over the source: read once, written four times. */
template <typename T> struct Upsample2 {
    Picture<const T> src;
    Picture<T> dst;

    template <int COUNT> __device__ void at(int n, int y, int x, int c) const {
        float numbers[COUNT];
        load(numbers, src.at(n, y, x) + c);
#pragma unroll
        for (int i = 0; i < 4; i++)
            store(dst.at(n, 2 * y + i / 2, 2 * x + i % 2) + c, numbers);
    }
};

template <typename From, typename To> struct PixelShuffle {
    Picture<const From> src;
    Picture<To> dst;
    int r;

    template <int> __device__ void at(int n, int y, int x, int c) const {
        put(dst.at(n, y, x) + c, to_f32(src.at(n, y / r, x / r)[(c * r + y % r) * r + x % r]));
    }
};

template <typename From, typename To> struct Unshuffle2 {
    Picture<const From> src;
    Picture<To> dst;
    float mean, scale;

    template <int> __device__ void at(int n, int y, int x, int c) const {
        const float value = to_f32(src.at(n, 2 * y + c / 2 % 2, 2 * x + c % 2)[c / 4]);
        put(dst.at(n, y, x) + c, (value - mean) * scale);
    }
};

/* To bytes: rounded half up. */
__device__ __forceinline__ void put_mean(uint8_t *at, int sum, float, float) {
    *at = static_cast<uint8_t>((sum + 2) / 4);
}
template <typename T> __device__ __forceinline__ void put_mean(T *at, int sum, float mean, float scale) {
    put(at, (0.25f * static_cast<float>(sum) - mean) * scale);
}

template <typename To> struct Pool2 {
    Picture<const uint8_t> src;
    Picture<To> dst;
    float mean, scale;

    template <int> __device__ void at(int n, int y, int x, int c) const {
        int sum = 0;
#pragma unroll
        for (int i = 0; i < 4; i++)
            sum += src.at(n, 2 * y + i / 2, 2 * x + i % 2)[c];
        put_mean(dst.at(n, y, x) + c, sum, mean, scale);
    }
};

template <typename From, typename To>
VvKernelStatus launch_unshuffle2(VvStream *stream, VvByteScale scale, const VvTensor &src, const VvTensor &dst) {
    const Unshuffle2<From, To> work = {picture_of<const From>(src), picture_of<To>(dst), scale.mean, scale.scale};
    return launch_pixels<1>(stream, work, dst);
}

template <typename To>
VvKernelStatus launch_pool2(VvStream *stream, VvByteScale scale, const VvTensor &src, const VvTensor &dst) {
    const Pool2<To> work = {picture_of<const uint8_t>(src), picture_of<To>(dst), scale.mean, scale.scale};
    return launch_pixels<1>(stream, work, dst);
}

} // namespace
} // namespace vv

VvKernelStatus vv_cuda_upsample2(VvStream *stream, VvTensor src, VvTensor dst) {
    const VvKernelStatus status = vv_check_upsample2(VV_CUDA_DEVICE, src, dst);
    if (status != VV_KERNEL_OK)
        return status;
    return vv::with_float_type(src.type, [&](auto type) {
        using T = decltype(type);
        const vv::Upsample2<T> work = {vv::picture_of<const T>(src), vv::picture_of<T>(dst)};
        const bool together = src.shape[3] % vv::PACK<T> == 0 && vv::is_aligned(src) && vv::is_aligned(dst);
        return together ? vv::launch_pixels<vv::PACK<T>>(stream, work, src) : vv::launch_pixels<1>(stream, work, src);
    });
}

VvKernelStatus vv_cuda_pixel_shuffle(VvStream *stream, int r, VvTensor src, VvTensor dst) {
    const VvKernelStatus status = vv_check_pixel_shuffle(VV_CUDA_DEVICE, r, src, dst);
    if (status != VV_KERNEL_OK)
        return status;
    return vv::with_float_type(src.type, [&](auto from) {
        return vv::with_float_type(dst.type, [&](auto to) {
            using From = decltype(from);
            using To = decltype(to);
            const vv::PixelShuffle<From, To> work = {vv::picture_of<const From>(src), vv::picture_of<To>(dst), r};
            return vv::launch_pixels<1>(stream, work, dst);
        });
    });
}

VvKernelStatus vv_cuda_unshuffle2(VvStream *stream, VvByteScale scale, VvTensor src, VvTensor dst) {
    const VvKernelStatus status = vv_check_unshuffle2(VV_CUDA_DEVICE, src, dst);
    if (status != VV_KERNEL_OK)
        return status;
    return vv::with_float_type(dst.type, [&](auto to) {
        using To = decltype(to);
        if (src.type == VV_U8)
            return vv::launch_unshuffle2<uint8_t, To>(stream, scale, src, dst);
        const VvByteScale same = {0.0f, 1.0f};
        return vv::with_float_type(
            src.type, [&](auto from) { return vv::launch_unshuffle2<decltype(from), To>(stream, same, src, dst); });
    });
}

VvKernelStatus vv_cuda_pool2_bytes(VvStream *stream, VvByteScale scale, VvTensor src, VvTensor dst) {
    const VvKernelStatus status = vv_check_pool2_bytes(VV_CUDA_DEVICE, src, dst);
    if (status != VV_KERNEL_OK)
        return status;
    if (dst.type == VV_U8)
        return vv::launch_pool2<uint8_t>(stream, scale, src, dst);
    return vv::with_float_type(dst.type,
                               [&](auto to) { return vv::launch_pool2<decltype(to)>(stream, scale, src, dst); });
}
