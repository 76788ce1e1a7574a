/* Adaptive RMS norm, and the gated addition before it: a warp to a row. The row is read twice, the second time from the
 * cache; scale, shift and the rounding to bf16 happen on the way out. */
#include "kernels/cuda/launch.cuh"

namespace vv {
namespace {

enum { ROWS_OF_BLOCK = 4 }; /* a warp each */

template <typename Y, typename T> struct Norm {
    Rows<float> h;
    Rows<const Y> y;
    Rows<const float> gate, scale, shift;
    Rows<T> dst;
    int rows, tokens, columns;
};

/* Up to four numbers side by side, the rest 0; at once if TOGETHER. Whether or not, a lane has the same numbers, so
 * that sums are the same to the last bit. */
template <bool TOGETHER, typename T> __device__ void load_four(float (&numbers)[4], const T *at, int there) {
    if constexpr (TOGETHER)
        load(numbers, at);
    else
        for (int i = 0; i < 4; i++)
            numbers[i] = i < there ? to_f32(at[i]) : 0.0f;
}
template <bool TOGETHER, typename T> __device__ void store_four(T *at, const float (&numbers)[4], int there) {
    if constexpr (TOGETHER)
        store(at, numbers);
    else
        for (int i = 0; i < 4 && i < there; i++)
            put(at + i, numbers[i]);
}

/* h += (1 + gate) y for four numbers, which the lane will read again. */
template <bool TOGETHER, typename Y, typename T>
__device__ void add_four(const Norm<Y, T> &norm, int row, int n, int c, float (&numbers)[4]) {
    const int there = norm.columns - c;
    float more[4], gate[4] = {};
    load_four<TOGETHER>(more, norm.y.row(row) + c, there);
    if (norm.gate)
        load_four<TOGETHER>(gate, norm.gate.row(n) + c, there);
#pragma unroll
    for (int i = 0; i < 4; i++)
        numbers[i] += (1.0f + gate[i]) * more[i];
    store_four<TOGETHER>(norm.h.row(row) + c, numbers, there);
}

template <typename Y, typename T, bool TOGETHER>
__global__ void __launch_bounds__(32 * ROWS_OF_BLOCK) norm_kernel(const Norm<Y, T> norm) {
    const int row = static_cast<int>(blockIdx.x) * ROWS_OF_BLOCK + static_cast<int>(threadIdx.x / 32);
    if (row >= norm.rows)
        return;
    const int first = static_cast<int>(lane_id()) * 4, n = row / norm.tokens;
    const float *h = norm.h.row(row);
    float numbers[4], squares = 0;
#pragma unroll 2 /* the model's rows in one go; further, ptxas spills for one architecture */
    for (int c = first; c < norm.columns; c += 4 * 32) {
        load_four<TOGETHER>(numbers, h + c, norm.columns - c);
        if (norm.y)
            add_four<TOGETHER>(norm, row, n, c, numbers);
#pragma unroll
        for (int i = 0; i < 4; i++)
            squares += numbers[i] * numbers[i];
    }
    const float factor = rsqrtf(warp_sum(squares) / static_cast<float>(norm.columns) + VV_NORM_EPSILON);
#pragma unroll 2
    for (int c = first; c < norm.columns; c += 4 * 32) {
        const int there = norm.columns - c;
        float scale[4] = {}, shift[4] = {};
        load_four<TOGETHER>(numbers, h + c, there);
        if (norm.scale)
            load_four<TOGETHER>(scale, norm.scale.row(n) + c, there);
        if (norm.shift)
            load_four<TOGETHER>(shift, norm.shift.row(n) + c, there);
#pragma unroll
        for (int i = 0; i < 4; i++)
            numbers[i] = numbers[i] * factor * (1.0f + scale[i]) + shift[i];
        store_four<TOGETHER>(norm.dst.row(row) + c, numbers, there);
    }
}

template <typename Y, typename T> VvKernelStatus launch_norm(VvStream *stream, const VvNorm &what) {
    const int rows = what.h.shape[0] * what.h.shape[1], columns = what.h.shape[2];
    const bool together = columns % 4 == 0 && is_aligned(what.h) && is_aligned(what.y) && is_aligned(what.gate) &&
                          is_aligned(what.scale) && is_aligned(what.shift) && is_aligned(what.dst);
    const Norm<Y, T> norm = {rows_of<float>(what.h),
                             rows_of<const Y>(what.y),
                             rows_of<const float>(what.gate),
                             rows_of<const float>(what.scale),
                             rows_of<const float>(what.shift),
                             rows_of<T>(what.dst),
                             rows,
                             what.h.shape[1],
                             columns};
    const dim3 blocks(static_cast<unsigned>(divide_up(rows, ROWS_OF_BLOCK)));
    const int threads = 32 * ROWS_OF_BLOCK;
    return together ? launch(stream, norm_kernel<Y, T, true>, blocks, threads, 0, norm)
                    : launch(stream, norm_kernel<Y, T, false>, blocks, threads, 0, norm);
}

} // namespace
} // namespace vv

VvKernelStatus vv_cuda_norm(VvStream *stream, const VvNorm *norm) {
    const VvKernelStatus status = vv_check_norm(VV_CUDA_DEVICE, norm);
    if (status != VV_KERNEL_OK)
        return status;
    return vv::with_float_type(norm->y.rank ? norm->y.type : VV_F32, [&](auto y) {
        return vv::with_float_type(
            norm->dst.type, [&](auto dst) { return vv::launch_norm<decltype(y), decltype(dst)>(stream, *norm); });
    });
}
