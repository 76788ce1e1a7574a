/* Element by element over tensors of one shape: dst = op(sources). */
#ifndef VV_KERNELS_CUDA_EACH_CUH
#define VV_KERNELS_CUDA_EACH_CUH

#include "kernels/cuda/launch.cuh"

namespace vv {

/* What an element-wise kernel works on. A source may be absent: its numbers are then 0; or all items share it. */
template <typename T, int SOURCES> struct Each {
    Rows<const T> source[SOURCES];
    int shared[SOURCES]; /* rows of a source that begins anew where it ends; 0: as many as dst's */
    Rows<T> dst;
    int64_t groups; /* in all */
    int in_row;     /* groups of one row */
};

/* A thread's share is a group of COUNT numbers side by side: 16 bytes, or 1 number where tensors do not allow it.
 * Sources are not restrict: dst may be one. */
template <typename T, int SOURCES, int COUNT, typename Op>
__global__ void __launch_bounds__(256) each_kernel(const Each<T, SOURCES> each, const Op op) {
    const int64_t group = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (group >= each.groups)
        return;
    const int row = static_cast<int>(group / each.in_row), column = static_cast<int>(group % each.in_row) * COUNT;
    float numbers[SOURCES][COUNT], results[COUNT];
    for (int s = 0; s < SOURCES; s++) {
        if (!each.source[s])
            for (int i = 0; i < COUNT; i++)
                numbers[s][i] = 0;
        else
            load(numbers[s], each.source[s].row(each.shared[s] ? row % each.shared[s] : row) + column);
    }
    for (int i = 0; i < COUNT; i++) {
        float of[SOURCES];
        for (int s = 0; s < SOURCES; s++)
            of[s] = numbers[s][i];
        results[i] = op(of);
    }
    store(each.dst.row(row) + column, results);
}

/* Sources and dst have been checked: of type T and of one shape, but for sources that all items share. */
template <typename T, int SOURCES, typename Op>
static VvKernelStatus launch_each(VvStream *stream, const VvTensor (&sources)[SOURCES], const VvTensor &dst, Op op) {
    const int columns = dst.shape[dst.rank - 1];
    Each<T, SOURCES> each;
    bool together = columns % PACK<T> == 0 && is_aligned(dst);
    for (int s = 0; s < SOURCES; s++) {
        each.source[s] = rows_of<const T>(sources[s]);
        each.shared[s] = vv_tensor_same_shape(sources[s], dst) ? 0 : static_cast<int>(vv_tensor_rows(sources[s]));
        together = together && is_aligned(sources[s]);
    }
    const int count = together ? PACK<T> : 1;
    each.dst = rows_of<T>(dst);
    each.in_row = columns / count;
    each.groups = static_cast<int64_t>(vv_tensor_rows(dst)) * each.in_row;
    const dim3 blocks(static_cast<unsigned>((each.groups + 255) / 256));
    return together ? launch(stream, each_kernel<T, SOURCES, PACK<T>, Op>, blocks, 256, 0, each, op)
                    : launch(stream, each_kernel<T, SOURCES, 1, Op>, blocks, 256, 0, each, op);
}

} // namespace vv

#endif
