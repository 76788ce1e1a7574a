/* Self-attention with cached keys, and whatever else has queries that all see the same keys (the memory banks): cached
 * keys and fresh ones are one row of keys that is walked once, with an online softmax.
 *
 * A block answers some queries of one head. Its four warps share them in one of two ways: where there are many blocks,
 * 16 queries each, and all see all keys; where there are few, two or four warps take the same queries and different
 * keys, and put their answers together at the end. While they work on one stage of keys, the next is on its way. */
#include "kernels/cuda/attend.cuh"
#include "kernels/cuda/attend_plain.cuh"
#include "kernels/cuda/launch.cuh"

namespace vv {
namespace {

enum { WARPS = 4 };

template <typename T> struct Attention {
    Rows<const T> q, cached_k, cached_v, k, v;
    Rows<const float> gate;
    Rows<T> dst;
    int queries, cached, fresh, size;
    bool cache_is_shared; /* one item of cached keys serves all */
};

struct Geometry {
    int tiles;     /* of 16 queries, in a block */
    int splits;    /* of the keys of a stage: tiles * splits = WARPS */
    bool together; /* rows are multiples of 16 bytes */
};

/* ---- tensor cores ------------------------------------------------------------------------------------------------ */

/* Bytes of shared memory: the block's queries, and two stages of keys and values. */
template <int HD, int CHUNK> constexpr size_t shared_bytes(const Geometry &geometry) {
    return static_cast<size_t>(16 * geometry.tiles + 4 * geometry.splits * CHUNK) * STRIDE<HD> * sizeof(Bf16);
}

/* What a warp does: a tile of the block's queries, and one split of every stage's keys. */
struct Part {
    int n, channel, first; /* item, the head's first channel, the block's first query */
    int warp, tile, split;
};

__device__ __forceinline__ Part part_of(const Geometry &geometry, int size) {
    const int warp = static_cast<int>(threadIdx.x / 32);
    return {static_cast<int>(blockIdx.z),
            static_cast<int>(blockIdx.y) * size,
            static_cast<int>(blockIdx.x) * 16 * geometry.tiles,
            warp,
            warp % geometry.tiles,
            warp / geometry.tiles};
}

/* Loads a stage, `keys` keys and their values, to k and v. All threads share the work. */
template <int HD>
__device__ __forceinline__ void load_stage(Bf16 *k, Bf16 *v, int stage, int keys, const Attention<Bf16> &a,
                                           const Part &part, bool together) {
    const int from = stage * keys, left = a.cached + a.fresh - from;
    const int count = left < keys ? (left + 15) / 16 * 16 : keys;
    const auto row = [&](const Rows<const Bf16> &cached, const Rows<const Bf16> &fresh, int i) -> const Bf16 * {
        if (i >= left)
            return nullptr;
        const int key = from + i;
        return (key < a.cached ? cached.row((a.cache_is_shared ? 0 : part.n) * a.cached + key)
                               : fresh.row(part.n * a.fresh + key - a.cached)) +
               part.channel;
    };
    load_rows<HD>(k, count, a.size, together, [&](int i) { return row(a.cached_k, a.k, i); });
    load_rows<HD>(v, count, a.size, together, [&](int i) { return row(a.cached_v, a.v, i); });
    copy_commit();
}

/* Puts the splits' answers together, through `memory`, in the warps of split 0; the others' are then of no use. */
template <int HD>
__device__ __forceinline__ void join_splits(Answer<HD> &answer, float *memory, const Part &part,
                                            const Geometry &geometry) {
    constexpr int WORDS = 32 * ANSWER_WORDS<HD>;
    __syncthreads(); /* nobody works on a stage any more: its memory is free */
    if (part.split > 0)
        put_aside(answer, memory + (part.warp - geometry.tiles) * WORDS);
    __syncthreads();
    if (part.split > 0)
        return;
    for (int i = 1; i < geometry.splits; i++)
        take_in(answer, memory + ((i - 1) * geometry.tiles + part.tile) * WORDS);
}

template <int HD>
__device__ __forceinline__ void store_answer(const Answer<HD> &answer, const Attention<Bf16> &a, const Part &part,
                                             bool together) {
    const int lane = static_cast<int>(lane_id());
    float inverse[2];
    inverse_totals(answer, inverse);
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const int query = part.first + part.tile * 16 + lane / 4 + 8 * half;
        if (query >= a.queries)
            continue;
        Bf16 *dst = a.dst.row(part.n * a.queries + query) + part.channel;
        const float *gate = a.gate ? a.gate.row(part.n) + part.channel : nullptr;
#pragma unroll
        for (int i = 0; i < HD / 8; i++) {
            const int c = 8 * i + lane % 4 * 2, there = a.size - c;
            const float one = gate && there > 0 ? 1.0f + gate[c] : 1.0f;
            const float two = gate && there > 1 ? 1.0f + gate[c + 1] : 1.0f;
            store_pair(dst + c, one * inverse[half] * answer.sums[i][2 * half],
                       two * inverse[half] * answer.sums[i][2 * half + 1], there, together);
        }
    }
}

/* A stage: CHUNK keys for every split. */
template <int HD, int CHUNK>
__global__ void __launch_bounds__(32 * WARPS) attention_kernel(const Attention<Bf16> a, const Geometry geometry) {
    VV_DYNAMIC_SHARED(memory);
    const Part part = part_of(geometry, a.size);
    const int total = a.cached + a.fresh, stage_keys = geometry.splits * CHUNK;
    const int stage_count = (total + stage_keys - 1) / stage_keys, stage_size = stage_keys * STRIDE<HD>;
    Bf16 *const queries_at = reinterpret_cast<Bf16 *>(memory);
    Bf16 *const stages = queries_at + 16 * geometry.tiles * STRIDE<HD>;
    const auto keys_of = [&](int stage) { return stages + stage % 2 * 2 * stage_size; }; /* values lie behind them */
    const auto load = [&](int stage) {
        load_stage<HD>(keys_of(stage), keys_of(stage) + stage_size, stage, stage_keys, a, part, geometry.together);
    };

    load_rows<HD>(queries_at, 16 * geometry.tiles, a.size, geometry.together, [&](int i) -> const Bf16 * {
        return part.first + i < a.queries ? a.q.row(part.n * a.queries + part.first + i) + part.channel : nullptr;
    });
    load(0);

    const float scale = LOG2_E / sqrtf(static_cast<float>(a.size));
    Queries<HD> queries;
    Answer<HD> answer;
    clear(answer);
    for (int stage = 0; stage < stage_count; stage++) {
        copy_wait<0>();
        __syncthreads(); /* the stage is there, and nobody works on the one before it any more */
        if (stage == 0)
            load_queries(queries, queries_at + part.tile * 16 * STRIDE<HD>);
        if (stage + 1 < stage_count)
            load(stage + 1);
        const int left = total - stage * stage_keys - part.split * CHUNK;
        const Bf16 *k = keys_of(stage) + part.split * CHUNK * STRIDE<HD>;
        if (left > 0)
            see<HD, CHUNK>(answer, queries, k, k + stage_size, left < CHUNK ? left : CHUNK, scale, nullptr);
    }

    if (geometry.splits > 1)
        join_splits(answer, reinterpret_cast<float *>(stages), part, geometry);
    if (part.split > 0)
        return;
    store_answer(answer, a, part, geometry.together);
}

/* ---- plain ------------------------------------------------------------------------------------------------------- */

template <typename T> __global__ void __launch_bounds__(32 * WARPS, 1) attention_plain_kernel(const Attention<T> a) {
    VV_SHARED(PlainWork, works, [WARPS]);
    PlainWork &work = works[threadIdx.x / 32];
    const int query = static_cast<int>(blockIdx.x) * WARPS + static_cast<int>(threadIdx.x / 32);
    const int n = static_cast<int>(blockIdx.z), channel = static_cast<int>(blockIdx.y) * a.size;
    if (query >= a.queries)
        return;
    const int row = n * a.queries + query, cached_from = (a.cache_is_shared ? 0 : n) * a.cached;
    plain_query(work, a.q.row(row) + channel, a.size);
    PlainAnswer answer;
    const auto keys = [&](const Rows<const T> &k, const Rows<const T> &v, int from, int count) {
        return Keys<T>{{k.row(from) + channel, k.pitch}, {v.row(from) + channel, v.pitch}, count};
    };
#pragma unroll 1
    for (int set = 0; set < 2; set++)
        plain_see(answer, work,
                  set == 0 ? keys(a.cached_k, a.cached_v, cached_from, a.cached) : keys(a.k, a.v, n * a.fresh, a.fresh),
                  nullptr, a.size);
    const float inverse = 1.0f / answer.total;
#pragma unroll
    for (int i = 0; i < CHANNELS_OF_LANE; i++) {
        const int c = static_cast<int>(lane_id()) + 32 * i;
        if (c < a.size)
            put(a.dst.row(row) + channel + c,
                (a.gate ? 1.0f + a.gate.row(n)[channel + c] : 1.0f) * inverse * answer.sums[i]);
    }
}

/* ---- launching --------------------------------------------------------------------------------------------------- */

template <typename T> Attention<T> described(const VvAttention &a) {
    return {rows_of<const T>(a.q),
            rows_of<const T>(a.cached_k),
            rows_of<const T>(a.cached_v),
            rows_of<const T>(a.k),
            rows_of<const T>(a.v),
            rows_of<const float>(a.gate),
            rows_of<T>(a.dst),
            a.q.shape[1],
            a.cached_k.rank ? a.cached_k.shape[1] : 0,
            a.k.rank ? a.k.shape[1] : 0,
            a.q.shape[2] / a.heads,
            a.cached_k.shape[0] == 1};
}

dim3 grid(const VvAttention &a, int queries_of_block) {
    return dim3(static_cast<unsigned>(divide_up(a.q.shape[1], queries_of_block)), static_cast<unsigned>(a.heads),
                static_cast<unsigned>(a.q.shape[0]));
}

template <int HD, int CHUNK>
VvKernelStatus launch_tensor(VvStream *stream, const VvAttention &a, const Geometry &geometry) {
    return launch(stream, attention_kernel<HD, CHUNK>, grid(a, 16 * geometry.tiles), 32 * WARPS,
                  shared_bytes<HD, CHUNK>(geometry), described<Bf16>(a), geometry);
}

/* Keys are split between warps where there are too few queries for a block on every multiprocessor. */
Geometry choose(const VvStream *stream, const VvAttention &a, int size) {
    const int64_t tiles = static_cast<int64_t>(divide_up(a.q.shape[1], 16)) * a.heads * a.q.shape[0];
    const int of_block = tiles >= 4 * stream->processors ? 4 : tiles >= 2 * stream->processors ? 2 : 1;
    return {of_block, WARPS / of_block,
            size % 8 == 0 && is_aligned(a.q) && is_aligned(a.cached_k) && is_aligned(a.cached_v) && is_aligned(a.k) &&
                is_aligned(a.v) && is_aligned(a.dst)};
}

/* Longer chunks of keys shrink the sums less often; splitting four ways leaves memory for short ones only. */
VvKernelStatus launch_bf16(VvStream *stream, const VvAttention &a, int size) {
    const Geometry geometry = choose(stream, a, size);
    if (size <= 32)
        return geometry.splits == 4 ? launch_tensor<32, 32>(stream, a, geometry)
                                    : launch_tensor<32, 64>(stream, a, geometry);
    if (size <= 64)
        return geometry.splits == 4 ? launch_tensor<64, 32>(stream, a, geometry)
                                    : launch_tensor<64, 64>(stream, a, geometry);
    return geometry.splits == 4 ? launch_tensor<128, 16>(stream, a, geometry)
                                : launch_tensor<128, 32>(stream, a, geometry);
}

} // namespace
} // namespace vv

VvKernelStatus vv_cuda_attention_plan(const VvAttention *attention, size_t *scratch) {
    (void)scratch; /* none needed */
    return vv_check_attention_plan(attention);
}

VvKernelStatus vv_cuda_attention(VvStream *stream, const VvAttention *attention) {
    const VvKernelStatus status = vv_check_attention(VV_CUDA_DEVICE, attention);
    if (status != VV_KERNEL_OK)
        return status;
    const VvAttention &a = *attention;
    const int size = a.q.shape[2] / a.heads;
    if (a.q.type == VV_BF16 && size <= 128)
        return vv::launch_bf16(stream, a, size);
    return vv::with_float_type(a.q.type, [&](auto type) {
        using T = decltype(type);
        return vv::launch(stream, vv::attention_plain_kernel<T>, vv::grid(a, vv::WARPS), 32 * vv::WARPS, 0,
                          vv::described<T>(a));
    });
}
