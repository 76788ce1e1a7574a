/* SDCM's decoupled cross-attention: both branches, their gates and the blend by the mask in one kernel.
 *
 * Tokens of one frame see the same keys, so a block answers some tokens of one frame, for one head. Before it takes
 * them it sorts the frame's tokens by region: those that only hear the context, those that hear both, those that only
 * hear the lips. The 16 queries that a warp takes together are then mostly of one kind, and a branch that none of them
 * needs is not computed: in a face most places have a mask of 0 and never see the lip keys.
 *
 * A warp keeps its queries in registers while the lip keys and then the context's pass through shared memory; what the
 * first branch gave is kept, weighted, until the second is blended in. */
#include "kernels/cuda/attend.cuh"
#include "kernels/cuda/attend_plain.cuh"
#include "kernels/cuda/launch.cuh"

namespace vv {
namespace {

enum {
    WARPS = 4, /* at most; of 16 tokens each */
    NO_TOKEN = -1
};

template <typename T> struct Decoupled {
    Rows<const T> q, lip_k, lip_v, context_k, context_v;
    Rows<const float> lip_prior, lip_gate, context_gate;
    const float *mask;
    Rows<T> dst;
    int tokens, lips, contexts; /* rows of an item */
    int size, first, places, lip_step, lip_span, shared, context_step, context_span;
};

struct Geometry {
    int first_frame, blocks; /* blocks of a frame */
    bool together;           /* rows are multiples of 16 bytes */
};

/* 0: context only, 1: both, 2: lips only. */
__device__ int region_of(float mask) {
    return mask == 0.0f ? 0 : mask == 1.0f ? 2 : 1;
}

/* A frame's tokens in order of their regions: those of ranks `from` to `from + count - 1` go to `order`. One warp calls
 * it; the frame's tokens are `begin` to `begin + size - 1` of the tensor. */
__device__ void sort_by_region(int *order, int from, int count, int begin, int size, const Decoupled<Bf16> &a) {
    const int lane = static_cast<int>(lane_id());
    const unsigned before = (1u << lane) - 1;
    const auto region = [&](int at) {
        return at < size ? region_of(a.mask[(a.first + begin + at) % a.places]) : NO_TOKEN;
    };
    int next[3] = {-from, -from, -from}; /* the rank of each region's next token, from `from` on */
#pragma unroll 1
    for (int i = 0; i < size; i += 32) {
        const int mine = region(i + lane);
        const int of_first = __popc(__ballot_sync(ALL_LANES, mine == 0));
        next[1] += of_first;
        next[2] += of_first + __popc(__ballot_sync(ALL_LANES, mine == 1));
    }
#pragma unroll 1
    for (int i = 0; i < size; i += 32) {
        const int mine = region(i + lane);
#pragma unroll
        for (int r = 0; r < 3; r++) {
            const unsigned votes = __ballot_sync(ALL_LANES, mine == r);
            const int rank = next[r] + __popc(votes & before);
            if (mine == r && rank >= 0 && rank < count)
                order[rank] = begin + i + lane;
            next[r] += __popc(votes);
        }
    }
}

/* Which branches some tokens need. */
struct Need {
    bool lip, context;
};

/* ---- tensor cores ------------------------------------------------------------------------------------------------ */

template <int HD> static constexpr int KEYS = HD <= 64 ? 64 : 32; /* of a stage */

/* Bytes of shared memory: the block's queries, and two stages of keys and values. */
template <int HD> constexpr size_t shared_bytes(int warps) {
    return static_cast<size_t>(16 * warps + 4 * KEYS<HD>) * STRIDE<HD> * sizeof(Bf16);
}

/* blended += weight of the token * (1 + gate) * answer, for tokens whose weight is not 0. */
template <int HD>
__device__ __forceinline__ void blend_in(float (&blended)[HD / 8][4], const Answer<HD> &answer,
                                         const float (&weights)[2], const float *gate, int size) {
    const int pair = static_cast<int>(lane_id()) % 4 * 2;
    float inverse[2];
    inverse_totals(answer, inverse);
#pragma unroll
    for (int i = 0; i < HD / 8; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) {
            const int c = 8 * i + pair + j % 2;
            const float factor = gate && c < size ? 1.0f + gate[c] : 1.0f;
            /* A weight of 0: what was seen may be anything, and does not count. */
            if (weights[j / 2] != 0.0f)
                blended[i][j] += weights[j / 2] * factor * inverse[j / 2] * answer.sums[i][j];
        }
}

/* What a block answers: some tokens of one frame, for one head. */
struct Part {
    int n, head, channel, frame; /* item, head, its first channel */
    int begin, size;             /* the frame's tokens, as rows of q */
    int from, count;             /* the block's, of these in order of their regions; none if count <= 0 */
};

__device__ __forceinline__ Part part_of(const Decoupled<Bf16> &a, const Geometry &geometry, int tokens_of_block) {
    Part part;
    part.n = static_cast<int>(blockIdx.z), part.head = static_cast<int>(blockIdx.y);
    part.channel = part.head * a.size;
    part.frame = geometry.first_frame + static_cast<int>(blockIdx.x) / geometry.blocks;
    /* A frame may begin before the tensor, and end behind it. */
    part.begin = max(part.frame * a.places - a.first, 0);
    part.size = min((part.frame + 1) * a.places - a.first, a.tokens) - part.begin;
    part.from = static_cast<int>(blockIdx.x) % geometry.blocks * tokens_of_block;
    part.count = min(part.size - part.from, tokens_of_block);
    return part;
}

/* Writes down the block's tokens, NO_TOKEN behind them, and their masks. All threads call it. */
__device__ __forceinline__ void take_tokens(int *order, float *masks, int tokens_of_block, const Decoupled<Bf16> &a,
                                            const Part &part) {
    if (threadIdx.x < 32)
        sort_by_region(order, part.from, part.count, part.begin, part.size, a);
    __syncthreads();
    for (int i = static_cast<int>(threadIdx.x); i < tokens_of_block; i += static_cast<int>(blockDim.x)) {
        if (i >= part.count)
            order[i] = NO_TOKEN;
        masks[i] = i < part.count ? a.mask[(a.first + order[i]) % a.places] : 0.0f;
    }
    __syncthreads();
}

/* Which branches the tokens from `first` to `last` need: they are sorted, so that these two say it for all. */
__device__ __forceinline__ Need need_of(const float *masks, int first, int last) {
    return first > last ? Need{false, false} : Need{masks[last] != 0.0f, masks[first] != 1.0f};
}

/* Stages: the lip keys, then the context's; none of a branch that no token of the block needs. */
struct Stages {
    int lip, count; /* of the lip keys; of all */
};

template <int HD> __device__ __forceinline__ Stages stages_of(const Decoupled<Bf16> &a, const Need &need) {
    const int lip = need.lip ? (a.lip_span + KEYS<HD> - 1) / KEYS<HD> : 0;
    return {lip, lip + (need.context ? (a.shared + a.context_span + KEYS<HD> - 1) / KEYS<HD> : 0)};
}

template <int HD> __device__ __forceinline__ int keys_in(int stage, const Stages &stages, const Decoupled<Bf16> &a) {
    const int left = stage < stages.lip ? a.lip_span - stage * KEYS<HD>
                                        : a.shared + a.context_span - (stage - stages.lip) * KEYS<HD>;
    return min(left, KEYS<HD>);
}

/* Loads a stage's keys and values to k and v. All threads share the work. */
template <int HD>
__device__ __forceinline__ void load_stage(Bf16 *k, Bf16 *v, int stage, const Stages &stages, const Decoupled<Bf16> &a,
                                           const Part &part, bool together) {
    const bool lip = stage < stages.lip;
    const int there = keys_in<HD>(stage, stages, a), key = (lip ? stage : stage - stages.lip) * KEYS<HD>;
    const int lip_row = part.n * a.lips + part.frame * a.lip_step + key, context_row = part.n * a.contexts;
    const auto row = [&](const Rows<const Bf16> &lips, const Rows<const Bf16> &context, int i) -> const Bf16 * {
        if (i >= there)
            return nullptr;
        if (lip)
            return lips.row(lip_row + i) + part.channel;
        const int j = key + i, moved = j < a.shared ? 0 : part.frame * a.context_step;
        return context.row(context_row + moved + j) + part.channel;
    };
    const int rounded = (there + 15) / 16 * 16;
    load_rows<HD>(k, rounded, a.size, together, [&](int i) { return row(a.lip_k, a.context_k, i); });
    load_rows<HD>(v, rounded, a.size, together, [&](int i) { return row(a.lip_v, a.context_v, i); });
    copy_commit();
}

/* Stores what a warp's 16 tokens, `order`'s, were given. */
template <int HD>
__device__ __forceinline__ void store_tokens(const float (&blended)[HD / 8][4], const int *order,
                                             const Decoupled<Bf16> &a, const Part &part, bool together) {
    const int row = static_cast<int>(lane_id()) / 4, pair = static_cast<int>(lane_id()) % 4 * 2;
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const int token = order[row + 8 * half];
        if (token == NO_TOKEN)
            continue;
        Bf16 *dst = a.dst.row(part.n * a.tokens + token) + part.channel + pair;
#pragma unroll
        for (int i = 0; i < HD / 8; i++)
            store_pair(dst + 8 * i, blended[i][2 * half], blended[i][2 * half + 1], a.size - 8 * i - pair, together);
    }
}

template <int HD>
__global__ void __launch_bounds__(32 * WARPS) decoupled_kernel(const Decoupled<Bf16> a, const Geometry geometry) {
    VV_DYNAMIC_SHARED(memory);
    VV_SHARED(int, order, [16 * WARPS]);
    VV_SHARED(float, masks, [16 * WARPS]);
    constexpr int STAGE = KEYS<HD> * STRIDE<HD>;
    const int tokens_of_block = static_cast<int>(blockDim.x) / 2;
    const Part part = part_of(a, geometry, tokens_of_block);
    if (part.count <= 0)
        return;
    take_tokens(order, masks, tokens_of_block, a, part);
    const int tile = static_cast<int>(threadIdx.x / 32) * 16; /* the warp's */
    const Need mine = need_of(masks, tile, min(tile + 16, part.count) - 1);
    const Stages stages = stages_of<HD>(a, need_of(masks, 0, part.count - 1));
    Bf16 *const queries_at = reinterpret_cast<Bf16 *>(memory);
    Bf16 *const stages_at = queries_at + tokens_of_block * STRIDE<HD>;
    const auto keys_of = [&](int stage) { return stages_at + stage % 2 * 2 * STAGE; }; /* values lie behind them */
    const auto load = [&](int stage) {
        load_stage<HD>(keys_of(stage), keys_of(stage) + STAGE, stage, stages, a, part, geometry.together);
    };

    load_rows<HD>(queries_at, tokens_of_block, a.size, geometry.together, [&](int i) -> const Bf16 * {
        return order[i] == NO_TOKEN ? nullptr : a.q.row(part.n * a.tokens + order[i]) + part.channel;
    });
    load(0);

    const int row = tile + static_cast<int>(lane_id()) / 4;
    const float scale = LOG2_E / sqrtf(static_cast<float>(a.size));
    const float mask[2] = {masks[row], masks[row + 8]}, rest[2] = {1.0f - mask[0], 1.0f - mask[1]};
    const float *prior = a.lip_prior ? a.lip_prior.row(part.head) : nullptr;
    const float *lip_gate = a.lip_gate ? a.lip_gate.row(part.n) + part.channel : nullptr;
    const float *context_gate = a.context_gate ? a.context_gate.row(part.n) + part.channel : nullptr;
    Queries<HD> queries;
    Answer<HD> answer;
    float blended[HD / 8][4] = {};
    clear(answer);
    for (int stage = 0; stage < stages.count; stage++) {
        copy_wait<0>();
        __syncthreads(); /* the stage is there, and nobody works on the one before it any more */
        if (stage == 0)
            load_queries(queries, queries_at + tile * STRIDE<HD>);
        if (stage + 1 < stages.count)
            load(stage + 1);
        const bool lip = stage < stages.lip;
        if (lip ? mine.lip : mine.context)
            see<HD, KEYS<HD>>(answer, queries, keys_of(stage), keys_of(stage) + STAGE, keys_in<HD>(stage, stages, a),
                              scale, lip && prior ? prior + stage * KEYS<HD> : nullptr);
        if (mine.lip && stage == stages.lip - 1) {
            blend_in(blended, answer, mask, lip_gate, a.size);
            clear(answer);
        }
    }
    if (mine.context)
        blend_in(blended, answer, rest, context_gate, a.size);
    store_tokens<HD>(blended, order + tile, a, part, geometry.together);
}

/* ---- plain ------------------------------------------------------------------------------------------------------- */

template <typename T> __global__ void __launch_bounds__(32 * WARPS, 1) decoupled_plain_kernel(const Decoupled<T> a) {
    VV_SHARED(PlainWork, works, [WARPS]);
    PlainWork &work = works[threadIdx.x / 32];
    const int token = static_cast<int>(blockIdx.x) * WARPS + static_cast<int>(threadIdx.x / 32);
    const int n = static_cast<int>(blockIdx.z), head = static_cast<int>(blockIdx.y), channel = head * a.size;
    if (token >= a.tokens)
        return;
    const int row = n * a.tokens + token, frame = (a.first + token) / a.places;
    const float mask = a.mask[(a.first + token) % a.places], rest = 1.0f - mask;
    const auto keys = [&](const Rows<const T> &k, const Rows<const T> &v, int from, int count) {
        return Keys<T>{{k.row(from) + channel, k.pitch}, {v.row(from) + channel, v.pitch}, count};
    };
    plain_query(work, a.q.row(row) + channel, a.size);
    float blended[CHANNELS_OF_LANE] = {};
    PlainAnswer answer;
    /* The lips, the shared part of the context, the frame's own part. */
#pragma unroll 1
    for (int set = mask == 0.0f; set < (mask == 1.0f ? 1 : 3); set++) {
        const int from = set == 0   ? n * a.lips + frame * a.lip_step
                         : set == 1 ? n * a.contexts
                                    : n * a.contexts + a.shared + frame * a.context_step;
        plain_see(answer, work,
                  set == 0 ? keys(a.lip_k, a.lip_v, from, a.lip_span)
                           : keys(a.context_k, a.context_v, from, set == 1 ? a.shared : a.context_span),
                  set == 0 && a.lip_prior ? a.lip_prior.row(head) : nullptr, a.size);
        if (set == 1)
            continue;
        const Rows<const float> &gate = set == 0 ? a.lip_gate : a.context_gate;
        const float weight = (set == 0 ? mask : rest) / answer.total;
#pragma unroll
        for (int i = 0; i < CHANNELS_OF_LANE; i++) {
            const int c = static_cast<int>(lane_id()) + 32 * i;
            if (c < a.size)
                blended[i] += (gate ? 1.0f + gate.row(n)[channel + c] : 1.0f) * weight * answer.sums[i];
        }
        answer = PlainAnswer();
    }
#pragma unroll
    for (int i = 0; i < CHANNELS_OF_LANE; i++) {
        const int c = static_cast<int>(lane_id()) + 32 * i;
        if (c < a.size)
            put(a.dst.row(row) + channel + c, blended[i]);
    }
}

/* ---- launching --------------------------------------------------------------------------------------------------- */

template <typename T> Decoupled<T> described(const VvDecoupled &a) {
    return {rows_of<const T>(a.q),
            rows_of<const T>(a.lip_k),
            rows_of<const T>(a.lip_v),
            rows_of<const T>(a.context_k),
            rows_of<const T>(a.context_v),
            rows_of<const float>(a.lip_prior),
            rows_of<const float>(a.lip_gate),
            rows_of<const float>(a.context_gate),
            static_cast<const float *>(a.mask.data),
            rows_of<T>(a.dst),
            a.q.shape[1],
            a.lip_k.shape[1],
            a.context_k.shape[1],
            a.q.shape[2] / a.heads,
            a.first,
            a.places,
            a.lip_step,
            a.lip_span,
            a.shared,
            a.context_step,
            a.context_span};
}

dim3 grid(const VvDecoupled &a, int across) {
    return dim3(static_cast<unsigned>(across), static_cast<unsigned>(a.heads), static_cast<unsigned>(a.q.shape[0]));
}

/* Blocks of fewer warps where there are too few tokens for one on every multiprocessor. */
template <int HD> VvKernelStatus launch_tensor(VvStream *stream, const VvDecoupled &a, bool together) {
    const int first_frame = a.first / a.places, last_frame = (a.first + a.q.shape[1] - 1) / a.places;
    const int frames = last_frame - first_frame + 1;
    const int64_t tiles =
        static_cast<int64_t>(frames) * divide_up(a.places, 16) * a.heads * a.q.shape[0]; /* of 16 tokens */
    const int warps = tiles >= 4 * stream->processors ? 4 : tiles >= 2 * stream->processors ? 2 : 1;
    const Geometry geometry = {first_frame, divide_up(a.places, 16 * warps), together};
    return launch(stream, decoupled_kernel<HD>, grid(a, frames * geometry.blocks), 32 * warps, shared_bytes<HD>(warps),
                  described<Bf16>(a), geometry);
}

VvKernelStatus launch_bf16(VvStream *stream, const VvDecoupled &a, int size) {
    const bool together = size % 8 == 0 && is_aligned(a.q) && is_aligned(a.lip_k) && is_aligned(a.lip_v) &&
                          is_aligned(a.context_k) && is_aligned(a.context_v) && is_aligned(a.dst);
    if (size <= 32)
        return launch_tensor<32>(stream, a, together);
    if (size <= 64)
        return launch_tensor<64>(stream, a, together);
    return launch_tensor<128>(stream, a, together);
}

} // namespace
} // namespace vv

VvKernelStatus vv_cuda_decoupled_plan(const VvDecoupled *decoupled, size_t *scratch) {
    (void)scratch; /* none needed */
    return vv_check_decoupled_plan(decoupled);
}

VvKernelStatus vv_cuda_decoupled(VvStream *stream, const VvDecoupled *decoupled) {
    const VvKernelStatus status = vv_check_decoupled(VV_CUDA_DEVICE, decoupled);
    if (status != VV_KERNEL_OK)
        return status;
    const VvDecoupled &a = *decoupled;
    const int size = a.q.shape[2] / a.heads;
    if (a.q.type == VV_BF16 && size <= 128)
        return vv::launch_bf16(stream, a, size);
    return vv::with_float_type(a.q.type, [&](auto type) {
        using T = decltype(type);
        return vv::launch(stream, vv::decoupled_plain_kernel<T>, vv::grid(a, vv::divide_up(a.q.shape[1], vv::WARPS)),
                          32 * vv::WARPS, 0, vv::described<T>(a));
    });
}
