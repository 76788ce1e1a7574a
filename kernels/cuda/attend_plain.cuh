/* Attention without tensor cores: for f32, and for heads that the tensor cores' kernels do not take. A warp answers one
 * query of one head, 32 keys at a time: a lane to a key for the logits, a lane to every 32nd channel for the sums. */
#ifndef VV_KERNELS_CUDA_ATTEND_PLAIN_CUH
#define VV_KERNELS_CUDA_ATTEND_PLAIN_CUH

#include "kernels/cuda/common.cuh"
#include "kernels/cuda/cuda.h"

namespace vv {

static constexpr int CHANNELS_OF_LANE = VV_HEAD_MAX / 32;

/* Keys and values of some tokens, from the first one's first channel of a head on. */
template <typename T> struct Keys {
    Rows<const T> k, v;
    int count;
};

/* A warp's workspace in shared memory. */
struct PlainWork {
    float query[VV_HEAD_MAX]; /* divided by the root of the head's size */
    float weights[32];
};

/* Reads a query; the whole warp calls it. */
template <typename T> static __device__ void plain_query(PlainWork &work, const T *query, int size) {
    const float factor = 1.0f / sqrtf(static_cast<float>(size));
    __syncwarp();
    for (int c = static_cast<int>(lane_id()); c < size; c += 32)
        work.query[c] = to_f32(query[c]) * factor;
    __syncwarp();
}

/* What a query sees, while keys go by. Weights are relative to exp(most). */
struct PlainAnswer {
    float most = -INFINITY, total = 0, sums[CHANNELS_OF_LANE] = {};
};

/* Goes over a set of keys; prior, unless NULL, is added to the logits. */
template <typename T>
static __device__ void plain_see(PlainAnswer &answer, PlainWork &work, const Keys<T> &keys, const float *prior,
                                 int size) {
    const int lane = static_cast<int>(lane_id());
    for (int from = 0; from < keys.count; from += 32) {
        const int key = from + lane;
        float logit = -INFINITY;
        if (key < keys.count) {
            const T *k = keys.k.row(key);
            logit = 0;
            for (int c = 0; c < size; c++)
                logit += work.query[c] * to_f32(k[c]);
            if (prior)
                logit += prior[key];
        }
        const float most = fmaxf(answer.most, warp_max(logit));
        const float base = most == -INFINITY ? 0.0f : most; /* nothing but -inf so far: exp(-inf - 0) is 0, not NaN */
        const float weight = expf(logit - base), shrink = expf(answer.most - base);
        answer.most = most;
        answer.total = answer.total * shrink + warp_sum(weight);
        work.weights[lane] = weight;
        __syncwarp();
        const int count = keys.count - from < 32 ? keys.count - from : 32;
#pragma unroll
        for (int i = 0; i < CHANNELS_OF_LANE; i++)
            answer.sums[i] *= shrink;
#pragma unroll 1
        for (int j = 0; j < count; j++) {
            const float known = work.weights[j];
            const T *v = keys.v.row(from + j);
#pragma unroll
            for (int i = 0; i < CHANNELS_OF_LANE; i++)
                if (lane + 32 * i < size)
                    answer.sums[i] += known * to_f32(v[lane + 32 * i]);
        }
        __syncwarp();
    }
}

} // namespace vv

#endif
