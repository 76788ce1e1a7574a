/* What works on token rows element by element: SiLU, a step of the flow, rows put in their places, rotary positions.
 * All are bound by memory: every number is read once and written once, several to a thread where tensors allow it. */
#include "kernels/cuda/each.cuh"

namespace vv {
namespace {

/* ---- no element knows where it is ----------------------------------------------------------------------------- */

struct Silu {
    bool gated;
    __device__ float operator()(const float (&x)[2]) const {
        const float value = x[0] / (1.0f + expf(-x[0]));
        return gated ? value * x[1] : value;
    }
};

struct FlowStep {
    float dt;
    __device__ float operator()(const float (&x)[2]) const {
        return x[0] - dt * x[1];
    }
};

/* ---- an element belongs to an item, a token and a channel -------------------------------------------------------- */

/* Where a thread's numbers are. */
struct Place {
    int n, t, row, column; /* row = n * tokens + t */
};

/* Rows of src, with the place's vector, to rows `first` and on of dst. */
template <typename T> struct Insert {
    int first, tokens, places; /* tokens of an item of dst */
    bool shared;               /* src has one item */
    Rows<const T> src;
    Rows<const float> place;
    Rows<float> dst;

    template <int COUNT> __device__ void at(const Place &at) const {
        float sum[COUNT], more[COUNT];
        load(sum, src.row(shared ? at.t : at.row) + at.column);
        if (place) {
            load(more, place.row(at.t % places) + at.column);
#pragma unroll
            for (int i = 0; i < COUNT; i++)
                sum[i] += more[i];
        }
        store(dst.row(at.n * tokens + first + at.t) + at.column, sum);
    }
};

/* h += the place's vector + the frame's */
struct Embed {
    int first, places, frames;
    Rows<const float> place, frame;
    Rows<float> h;

    template <int COUNT> __device__ void at(const Place &at) const {
        float sum[COUNT], more[COUNT];
        load(sum, h.row(at.row) + at.column);
        if (place) {
            load(more, place.row((first + at.t) % places) + at.column);
#pragma unroll
            for (int i = 0; i < COUNT; i++)
                sum[i] += more[i];
        }
        if (frame) {
            load(more, frame.row(at.n * frames + (first + at.t) / places) + at.column);
#pragma unroll
            for (int i = 0; i < COUNT; i++)
                sum[i] += more[i];
        }
        store(h.row(at.row) + at.column, sum);
    }
};

/* Pairs (i, i + half) of every head turn. The column counts pairs: half of a row's channels. */
template <typename T> struct Rotary {
    int half;
    Rows<const T> src;
    Rows<const float> angles;
    Rows<T> dst;

    template <int COUNT> __device__ void at(const Place &at) const {
        const int i = at.column % half, channel = at.column / half * 2 * half + i;
        float a[COUNT], b[COUNT], cosine[COUNT], sine[COUNT], turned[COUNT];
        load(a, src.row(at.row) + channel);
        load(b, src.row(at.row) + channel + half);
        load(cosine, angles.row(at.t) + i);
        load(sine, angles.row(at.t) + half + i);
#pragma unroll
        for (int j = 0; j < COUNT; j++) {
            turned[j] = a[j] * cosine[j] - b[j] * sine[j];
            b[j] = b[j] * cosine[j] + a[j] * sine[j];
        }
        store(dst.row(at.row) + channel, turned);
        store(dst.row(at.row) + channel + half, b);
    }
};

/* A thread's share is COUNT numbers side by side. */
template <int COUNT, typename Op>
__global__ void __launch_bounds__(256) tokens_kernel(const Op op, int tokens, int in_row, int64_t shares) {
    const int64_t share = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (share >= shares)
        return;
    const int row = static_cast<int>(share / in_row), column = static_cast<int>(share % in_row) * COUNT;
    op.template at<COUNT>({row / tokens, row % tokens, row, column});
}

/* op for every `columns` columns of the rows of `shape`, [N,T,...]; `together`: columns go by fours. */
template <typename Op>
VvKernelStatus launch_tokens(VvStream *stream, const VvTensor &shape, int columns, bool together, const Op &op) {
    const int in_row = together ? columns / 4 : columns;
    const int64_t shares = static_cast<int64_t>(vv_tensor_rows(shape)) * in_row;
    const dim3 blocks(static_cast<unsigned>((shares + 255) / 256));
    return together ? launch(stream, tokens_kernel<4, Op>, blocks, 256, 0, op, shape.shape[1], in_row, shares)
                    : launch(stream, tokens_kernel<1, Op>, blocks, 256, 0, op, shape.shape[1], in_row, shares);
}

} // namespace
} // namespace vv

VvKernelStatus vv_cuda_silu(VvStream *stream, VvTensor a, VvTensor b, VvTensor dst) {
    const VvKernelStatus status = vv_check_silu(VV_CUDA_DEVICE, a, b, dst);
    if (status != VV_KERNEL_OK)
        return status;
    return vv::with_float_type(dst.type, [&](auto type) {
        return vv::launch_each<decltype(type), 2>(stream, {a, b}, dst, vv::Silu{b.rank != 0});
    });
}

VvKernelStatus vv_cuda_flow_step(VvStream *stream, float dt, VvTensor x, VvTensor v, VvTensor dst) {
    const VvKernelStatus status = vv_check_flow_step(VV_CUDA_DEVICE, x, v, dst);
    if (status != VV_KERNEL_OK)
        return status;
    return vv::launch_each<float, 2>(stream, {x, v}, dst, vv::FlowStep{dt});
}

VvKernelStatus vv_cuda_insert(VvStream *stream, int first, VvTensor src, VvTensor place, VvTensor dst) {
    const VvKernelStatus status = vv_check_insert(VV_CUDA_DEVICE, first, src, place, dst);
    if (status != VV_KERNEL_OK)
        return status;
    VvTensor rows = src; /* of all items */
    rows.shape[0] = dst.shape[0];
    const int d = dst.shape[2];
    const bool together = d % 4 == 0 && vv::is_aligned(src) && vv::is_aligned(place) && vv::is_aligned(dst);
    return vv::with_float_type(src.type, [&](auto type) {
        using T = decltype(type);
        const vv::Insert<T> op = {first,
                                  dst.shape[1],
                                  place.rank ? place.shape[0] : 0,
                                  src.shape[0] == 1,
                                  vv::rows_of<const T>(src),
                                  vv::rows_of<const float>(place),
                                  vv::rows_of<float>(dst)};
        return vv::launch_tokens(stream, rows, d, together, op);
    });
}

VvKernelStatus vv_cuda_embed(VvStream *stream, int first, int places, VvTensor place, VvTensor frame, VvTensor h) {
    const VvKernelStatus status = vv_check_embed(VV_CUDA_DEVICE, first, places, place, frame, h);
    if (status != VV_KERNEL_OK)
        return status;
    const int d = h.shape[2];
    const bool together = d % 4 == 0 && vv::is_aligned(place) && vv::is_aligned(frame) && vv::is_aligned(h);
    const vv::Embed op = {first,
                          places,
                          frame.rank ? frame.shape[1] : 0,
                          vv::rows_of<const float>(place),
                          vv::rows_of<const float>(frame),
                          vv::rows_of<float>(h)};
    return vv::launch_tokens(stream, h, d, together, op);
}

VvKernelStatus vv_cuda_rotary(VvStream *stream, int heads, VvTensor src, VvTensor angles, VvTensor dst) {
    const VvKernelStatus status = vv_check_rotary(VV_CUDA_DEVICE, heads, src, angles, dst);
    if (status != VV_KERNEL_OK)
        return status;
    const int half = angles.shape[1] / 2;
    const bool together = half % 4 == 0 && vv::is_aligned(src) && vv::is_aligned(angles) && vv::is_aligned(dst);
    return vv::with_float_type(src.type, [&](auto type) {
        using T = decltype(type);
        const vv::Rotary<T> op = {half, vv::rows_of<const T>(src), vv::rows_of<const float>(angles),
                                  vv::rows_of<T>(dst)};
        return vv::launch_tokens(stream, src, heads * half, together, op);
    });
}
