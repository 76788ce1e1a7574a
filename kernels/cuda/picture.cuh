/* Pictures as kernels see them, and kernels whose threads each make a few channels of one pixel. */
#ifndef VV_KERNELS_CUDA_PICTURE_CUH
#define VV_KERNELS_CUDA_PICTURE_CUH

#include "kernels/cuda/launch.cuh"

namespace vv {

/* [n, height, width, channels], channels last. */
template <typename T> struct Picture {
    T *data;
    int pitch, height, width;

    __device__ __forceinline__ T *at(int n, int y, int x) const {
        return data + ((static_cast<int64_t>(n) * height + y) * width + x) * pitch;
    }
};

template <typename T> static inline Picture<T> picture_of(const VvTensor &tensor) {
    return tensor.rank ? Picture<T>{static_cast<T *>(tensor.data), tensor.pitch, tensor.shape[1], tensor.shape[2]}
                       : Picture<T>{nullptr, 0, 0, 0};
}

/* Calls work.at<COUNT>(n, y, x, c) for every COUNT channels of every pixel of a picture. */
template <int COUNT, typename Work>
__global__ void __launch_bounds__(256)
    pixels_kernel(const Work work, int64_t groups, int in_pixel, int height, int width) {
    const int64_t group = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (group >= groups)
        return;
    const int64_t pixel = group / in_pixel;
    const int c = static_cast<int>(group % in_pixel) * COUNT, x = static_cast<int>(pixel % width);
    const int64_t row = pixel / width;
    work.template at<COUNT>(static_cast<int>(row / height), static_cast<int>(row % height), x, c);
}

template <int COUNT, typename Work>
static VvKernelStatus launch_pixels(VvStream *stream, const Work &work, int n, int height, int width, int channels) {
    const int in_pixel = channels / COUNT;
    const int64_t groups = static_cast<int64_t>(n) * height * width * in_pixel;
    const dim3 blocks(static_cast<unsigned>((groups + 255) / 256));
    return launch(stream, pixels_kernel<COUNT, Work>, blocks, 256, 0, work, groups, in_pixel, height, width);
}

/* Over the pixels of `picture`. */
template <int COUNT, typename Work>
static VvKernelStatus launch_pixels(VvStream *stream, const Work &work, const VvTensor &picture) {
    return launch_pixels<COUNT>(stream, work, picture.shape[0], picture.shape[1], picture.shape[2], picture.shape[3]);
}

} // namespace vv

#endif
