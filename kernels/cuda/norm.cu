/* Adaptive RMS norm: a warp to a row. The row is read twice, the second time from the cache; scale, shift and the
 * rounding to bf16 happen on the way out. */
#include "kernels/cuda/launch.cuh"

namespace vv {
namespace {

enum { ROWS_OF_BLOCK = 4 }; /* a warp each */

template <typename T> struct Norm {
    Rows<const float> src, scale, shift;
    Rows<T> dst;
    int rows, tokens, columns;
};

/* Up to four numbers side by side, the rest 0; at once if TOGETHER. Whether or not, a lane has the same numbers, so
 * that sums are the same to the last bit. */
template <bool TOGETHER> __device__ void load_four(float (&numbers)[4], const float *at, int there) {
    if constexpr (TOGETHER)
        load(numbers, at);
    else
        for (int i = 0; i < 4; i++)
            numbers[i] = i < there ? at[i] : 0.0f;
}

template <typename T, bool TOGETHER>
__global__ void __launch_bounds__(32 * ROWS_OF_BLOCK) norm_kernel(const Norm<T> norm) {
    const int row = static_cast<int>(blockIdx.x) * ROWS_OF_BLOCK + static_cast<int>(threadIdx.x / 32);
    if (row >= norm.rows)
        return;
    const float *src = norm.src.row(row);
    const int first = static_cast<int>(lane_id()) * 4;
    float numbers[4], squares = 0;
    for (int c = first; c < norm.columns; c += 4 * 32) {
        load_four<TOGETHER>(numbers, src + c, norm.columns - c);
#pragma unroll
        for (int i = 0; i < 4; i++)
            squares += numbers[i] * numbers[i];
    }
    const float factor = rsqrtf(warp_sum(squares) / static_cast<float>(norm.columns) + VV_NORM_EPSILON);
    const int n = row / norm.tokens;
    for (int c = first; c < norm.columns; c += 4 * 32) {
        const int there = norm.columns - c;
        float scale[4] = {}, shift[4] = {};
        load_four<TOGETHER>(numbers, src + c, there);
        if (norm.scale)
            load_four<TOGETHER>(scale, norm.scale.row(n) + c, there);
        if (norm.shift)
            load_four<TOGETHER>(shift, norm.shift.row(n) + c, there);
#pragma unroll
        for (int i = 0; i < 4; i++)
            numbers[i] = numbers[i] * factor * (1.0f + scale[i]) + shift[i];
        if constexpr (TOGETHER)
            store(norm.dst.row(row) + c, numbers);
        else
            for (int i = 0; i < 4 && i < there; i++)
                put(norm.dst.row(row) + c + i, numbers[i]);
    }
}

} // namespace
} // namespace vv

VvKernelStatus vv_cuda_norm(VvStream *stream, VvTensor src, VvTensor scale, VvTensor shift, VvTensor dst) {
    const VvKernelStatus status = vv_check_norm(VV_CUDA_DEVICE, src, scale, shift, dst);
    if (status != VV_KERNEL_OK)
        return status;
    const int rows = src.shape[0] * src.shape[1], columns = src.shape[2];
    const bool together = columns % 4 == 0 && vv::is_aligned(src) && vv::is_aligned(scale) && vv::is_aligned(shift) &&
                          vv::is_aligned(dst);
    const dim3 blocks(static_cast<unsigned>(vv::divide_up(rows, vv::ROWS_OF_BLOCK)));
    return vv::with_float_type(dst.type, [&](auto type) {
        using T = decltype(type);
        const vv::Norm<T> norm = {vv::rows_of<const float>(src),
                                  vv::rows_of<const float>(scale),
                                  vv::rows_of<const float>(shift),
                                  vv::rows_of<T>(dst),
                                  rows,
                                  src.shape[1],
                                  columns};
        const int threads = 32 * vv::ROWS_OF_BLOCK;
        return together ? vv::launch(stream, vv::norm_kernel<T, true>, blocks, threads, 0, norm)
                        : vv::launch(stream, vv::norm_kernel<T, false>, blocks, threads, 0, norm);
    });
}
