/* Element by element: ReLU, addition, conversion. Bound by memory: 16 bytes at once where tensors allow it. */
#include "kernels/cuda/each.cuh"

namespace vv {
namespace {

/* NaN stays. */
struct Relu {
    __device__ float operator()(const float (&x)[1]) const {
        return x[0] < 0.0f ? 0.0f : x[0];
    }
};

struct Add {
    __device__ float operator()(const float (&x)[2]) const {
        return x[0] + x[1];
    }
};

template <typename From, typename To> struct Convert {
    Rows<const From> src;
    Rows<To> dst;
    int64_t groups;
    int in_row;
};

template <typename From, typename To, int COUNT>
__global__ void __launch_bounds__(256) convert_kernel(const Convert<From, To> convert) {
    const int64_t group = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (group >= convert.groups)
        return;
    const int row = static_cast<int>(group / convert.in_row);
    const int column = static_cast<int>(group % convert.in_row) * COUNT;
    float numbers[COUNT];
    load(numbers, convert.src.row(row) + column);
    store(convert.dst.row(row) + column, numbers);
}

template <typename From, typename To> VvKernelStatus launch_convert(VvStream *stream, VvTensor src, VvTensor dst) {
    const int columns = dst.shape[dst.rank - 1];
    const bool together = columns % 8 == 0 && is_aligned(src) && is_aligned(dst);
    const int in_row = together ? columns / 8 : columns;
    const Convert<From, To> convert = {rows_of<const From>(src), rows_of<To>(dst),
                                       static_cast<int64_t>(vv_tensor_rows(dst)) * in_row, in_row};
    const dim3 blocks(static_cast<unsigned>((convert.groups + 255) / 256));
    return together ? launch(stream, convert_kernel<From, To, 8>, blocks, 256, 0, convert)
                    : launch(stream, convert_kernel<From, To, 1>, blocks, 256, 0, convert);
}

} // namespace
} // namespace vv

VvKernelStatus vv_cuda_relu(VvStream *stream, VvTensor src, VvTensor dst) {
    const VvKernelStatus status = vv_check_relu(VV_CUDA_DEVICE, src, dst);
    if (status != VV_KERNEL_OK)
        return status;
    return vv::with_float_type(dst.type, [&](auto type) {
        const VvTensor sources[1] = {src};
        return vv::launch_each<decltype(type)>(stream, sources, dst, vv::Relu());
    });
}

VvKernelStatus vv_cuda_add(VvStream *stream, VvTensor a, VvTensor b, VvTensor dst) {
    const VvKernelStatus status = vv_check_add(VV_CUDA_DEVICE, a, b, dst);
    if (status != VV_KERNEL_OK)
        return status;
    return vv::with_float_type(dst.type, [&](auto type) {
        const VvTensor sources[2] = {a, b};
        return vv::launch_each<decltype(type)>(stream, sources, dst, vv::Add());
    });
}

VvKernelStatus vv_cuda_convert(VvStream *stream, VvTensor src, VvTensor dst) {
    const VvKernelStatus status = vv_check_convert(VV_CUDA_DEVICE, src, dst);
    if (status != VV_KERNEL_OK)
        return status;
    return vv::with_float_type(src.type, [&](auto from) {
        return vv::with_float_type(
            dst.type, [&](auto to) { return vv::launch_convert<decltype(from), decltype(to)>(stream, src, dst); });
    });
}
