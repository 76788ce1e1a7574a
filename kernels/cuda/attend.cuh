/* Attention on tensor cores: what a warp does with 16 queries of one head and some keys in shared memory. bf16 in, sums
 * and softmax in f32, the weights rounded to bf16 before they meet the values.
 *
 * Queries, keys and values lie in shared memory as rows of HD channels (a head's channels, and zeros up to a size for
 * which there is an instance), STRIDE apart, so that eight rows touch all banks once. Scores of 16 queries by 8 keys
 * leave the tensor core in the layout in which weights of 16 queries by 16 keys enter it, two side by side: the softmax
 * stays in registers.
 *
 * The softmax is online: weights are relative to the largest logit so far, and sums shrink when a larger one comes. */
#ifndef VV_KERNELS_CUDA_ATTEND_CUH
#define VV_KERNELS_CUDA_ATTEND_CUH

#include "kernels/cuda/common.cuh"

namespace vv {

static constexpr float LOG2_E = 1.4426950408889634f;

/* Elements from one row to the next in shared memory: 16 bytes more than a row, so that the eight rows of a matrix that
 * ldmatrix takes begin in different banks. */
template <int HD> static constexpr int STRIDE = HD + 8;

/* Loads `count` rows of `size` channels to shared memory, row i from row_of(i), NULL for zeros; and zeros up to HD
 * channels. All threads of the block share the work. `together`: rows and the head's size are multiples of 16 bytes,
 * and copies run beside the computation until copy_wait; else they are done before the next barrier. */
template <int HD, typename RowOf>
static __device__ __forceinline__ void load_rows(Bf16 *shared, int count, int size, bool together, RowOf row_of) {
    constexpr int PIECES = HD / 8; /* of 16 bytes */
#pragma unroll 2
    for (int i = static_cast<int>(threadIdx.x); i < count * PIECES; i += static_cast<int>(blockDim.x)) {
        const int row = i / PIECES, column = i % PIECES * 8;
        const Bf16 *src = row_of(row);
        Bf16 *dst = shared + row * STRIDE<HD> + column;
        if (!src || column >= size)
            *reinterpret_cast<uint4 *>(dst) = make_uint4(0, 0, 0, 0);
        else if (together)
            copy_async(dst, src + column);
        else
#pragma unroll
            for (int j = 0; j < 8; j++)
                dst[j] = column + j < size ? src[column + j] : Bf16{0};
    }
}

/* 16 queries as the tensor cores take them. */
template <int HD> struct Queries { uint32_t words[HD / 16][4]; };

template <int HD> static __device__ __forceinline__ void load_queries(Queries<HD> &queries, const Bf16 *shared) {
    const int lane = static_cast<int>(lane_id());
    const Bf16 *row = shared + lane % 16 * STRIDE<HD> + lane / 16 * 8;
#pragma unroll
    for (int i = 0; i < HD / 16; i++)
        load_matrices(queries.words[i], row + 16 * i);
}

/* What 16 queries see, while keys go by. A lane holds rows g and g + 8 (g = lane / 4) of every 8 channels. */
template <int HD> struct Answer {
    float sums[HD / 8][4];
    float most[2];  /* the largest logit so far, times log2(e); the same in the row's four lanes */
    float total[2]; /* of the weights that this lane has seen */
};

template <int HD> static __device__ __forceinline__ void clear(Answer<HD> &answer) {
#pragma unroll
    for (int i = 0; i < HD / 8; i++)
#pragma unroll
        for (int j = 0; j < 4; j++)
            answer.sums[i][j] = 0;
    answer.most[0] = answer.most[1] = -INFINITY;
    answer.total[0] = answer.total[1] = 0;
}

/* -inf stays out of differences: nothing has been seen yet. */
static __device__ __forceinline__ float base_of(float most) {
    return most == -INFINITY ? 0.0f : most;
}

/* Logits of 16 queries by KEYS keys, yet to be multiplied by the scale. */
template <int HD, int KEYS>
static __device__ __forceinline__ void score(float (&scores)[KEYS / 8][4], const Queries<HD> &queries, const Bf16 *k,
                                             int there) {
    const int lane = static_cast<int>(lane_id());
    /* Four matrices: keys 0 to 7 and 8 to 15, channels 0 to 7 and 8 to 15 of each. */
    const Bf16 *key_row = k + (lane / 16 * 8 + lane % 8) * STRIDE<HD> + lane / 8 % 2 * 8;
#pragma unroll
    for (int j = 0; j < KEYS / 16; j++) {
#pragma unroll
        for (int i = 0; i < 4; i++)
            scores[2 * j][i] = scores[2 * j + 1][i] = 16 * j < there ? 0.0f : -INFINITY;
        if (16 * j < there) {
#pragma unroll
            for (int c = 0; c < HD / 16; c++) {
                uint32_t words[4];
                load_matrices(words, key_row + 16 * j * STRIDE<HD> + 16 * c);
                multiply_add(scores[2 * j], queries.words[c], words[0], words[1]);
                multiply_add(scores[2 * j + 1], queries.words[c], words[2], words[3]);
            }
        }
    }
}

/* Multiplies logits by the scale and adds the prior of their keys. */
template <int KEYS>
static __device__ __forceinline__ void add_prior(float (&scores)[KEYS / 8][4], int there, float scale,
                                                 const float *prior) {
    const int pair = static_cast<int>(lane_id()) % 4 * 2;
#pragma unroll
    for (int j = 0; j < KEYS / 8; j++)
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const int key = 8 * j + pair + i % 2;
            if (key < there)
                scores[j][i] = scores[j][i] * scale + prior[key] * LOG2_E;
        }
}

/* What lies behind the keys that are there is not seen. */
template <int KEYS> static __device__ __forceinline__ void hide_rest(float (&scores)[KEYS / 8][4], int there) {
    const int pair = static_cast<int>(lane_id()) % 4 * 2;
#pragma unroll
    for (int j = 0; j < KEYS / 8; j++)
#pragma unroll
        for (int i = 0; i < 4; i++)
            if (8 * j + pair + i % 2 >= there)
                scores[j][i] = -INFINITY;
}

/* Weights become relative to the largest logits so far, those of `factor * scores` among them: `base`, of rows g and
 * g + 8. What the answer has of keys before shrinks accordingly. */
template <int HD, int KEYS>
static __device__ __forceinline__ void rebase(Answer<HD> &answer, float (&base)[2], const float (&scores)[KEYS / 8][4],
                                              float factor) {
    float shrink[2];
#pragma unroll
    for (int half = 0; half < 2; half++) {
        float most = -INFINITY;
#pragma unroll
        for (int j = 0; j < KEYS / 8; j++)
            most = fmaxf(most, fmaxf(scores[j][2 * half], scores[j][2 * half + 1]));
        most = fmaxf(most, __shfl_xor_sync(ALL_LANES, most, 1));
        most = fmaxf(most, __shfl_xor_sync(ALL_LANES, most, 2));
        most = fmaxf(answer.most[half], most * factor);
        base[half] = base_of(most);
        shrink[half] = exp2_fast(answer.most[half] - base[half]);
        answer.most[half] = most;
        answer.total[half] *= shrink[half];
    }
#pragma unroll
    for (int i = 0; i < HD / 8; i++)
#pragma unroll
        for (int j = 0; j < 4; j++)
            answer.sums[i][j] *= shrink[j / 2];
}

/* Adds the values, weighted by two to the power of factor * scores - base. */
template <int HD, int KEYS>
static __device__ __forceinline__ void add_values(Answer<HD> &answer, const float (&base)[2],
                                                  const float (&scores)[KEYS / 8][4], float factor, const Bf16 *v,
                                                  int there) {
    const int lane = static_cast<int>(lane_id());
    /* Four matrices again, transposed on the way: keys 0 to 7 and 8 to 15 of channels 0 to 7, then of 8 to 15. */
    const Bf16 *value_row = v + (lane / 8 % 2 * 8 + lane % 8) * STRIDE<HD> + lane / 16 * 8;
#pragma unroll
    for (int j = 0; j < KEYS / 16; j++) {
        if (16 * j >= there)
            continue;
        uint32_t weights[4];
#pragma unroll
        for (int i = 0; i < 4; i++) { /* rows g and g + 8 of one eight of keys, then of the other */
            const float *pairs = &scores[2 * j + i / 2][i % 2 * 2];
            const float a = exp2_fast(pairs[0] * factor - base[i % 2]), b = exp2_fast(pairs[1] * factor - base[i % 2]);
            answer.total[i % 2] += a + b;
            weights[i] = pack_bf16(a, b);
        }
#pragma unroll
        for (int c = 0; c < HD / 16; c++) {
            uint32_t words[4];
            load_matrices_transposed(words, value_row + 16 * j * STRIDE<HD> + 16 * c);
            multiply_add(answer.sums[2 * c], weights, words[0], words[1]);
            multiply_add(answer.sums[2 * c + 1], weights, words[2], words[3]);
        }
    }
}

/* Goes over `there` of KEYS keys; in shared memory they are followed by zeros up to the next multiple of 16. `scale` is
 * log2(e) / root of the head's size; `prior`, unless NULL, is added to the logits of these keys. */
template <int HD, int KEYS>
static __device__ __forceinline__ void see(Answer<HD> &answer, const Queries<HD> &queries, const Bf16 *k, const Bf16 *v,
                                           int there, float scale, const float *prior) {
    float scores[KEYS / 8][4], base[2], factor = scale; /* what scores remain to be multiplied by */
    score<HD, KEYS>(scores, queries, k, there);
    if (prior) {
        add_prior<KEYS>(scores, there, scale, prior);
        factor = 1;
    }
    if (there < KEYS)
        hide_rest<KEYS>(scores, there);
    rebase<HD, KEYS>(answer, base, scores, factor);
    add_values<HD, KEYS>(answer, base, scores, factor, v, there);
}

/* What the sums are to be multiplied with, of rows g and g + 8. */
template <int HD> static __device__ __forceinline__ void inverse_totals(const Answer<HD> &answer, float (&inverse)[2]) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
        float total = answer.total[half];
        total += __shfl_xor_sync(ALL_LANES, total, 1);
        total += __shfl_xor_sync(ALL_LANES, total, 2);
        inverse[half] = 1.0f / total;
    }
}

/* Answers of two warps that have seen different keys become one, through shared memory: WORDS words of every lane. */
template <int HD> static constexpr int ANSWER_WORDS = HD / 2 + 4;

template <int HD> static __device__ __forceinline__ void put_aside(const Answer<HD> &answer, float *memory) {
    float *at = memory + lane_id();
#pragma unroll
    for (int i = 0; i < HD / 2; i++)
        at[32 * i] = answer.sums[i / 4][i % 4];
#pragma unroll
    for (int half = 0; half < 2; half++) {
        at[32 * (HD / 2 + half)] = answer.most[half];
        at[32 * (HD / 2 + 2 + half)] = answer.total[half];
    }
}

template <int HD> static __device__ __forceinline__ void take_in(Answer<HD> &answer, const float *memory) {
    const float *at = memory + lane_id();
    float mine[2], other[2];
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const float its_most = at[32 * (HD / 2 + half)], most = fmaxf(answer.most[half], its_most),
                    base = base_of(most);
        mine[half] = exp2_fast(answer.most[half] - base);
        other[half] = exp2_fast(its_most - base);
        answer.most[half] = most;
        answer.total[half] = answer.total[half] * mine[half] + at[32 * (HD / 2 + 2 + half)] * other[half];
    }
#pragma unroll
    for (int i = 0; i < HD / 2; i++) {
        float &sum = answer.sums[i / 4][i % 4];
        sum = sum * mine[i % 4 / 2] + at[32 * i] * other[i % 4 / 2];
    }
}

/* Two channels side by side of a row; the second and both only if the head has them. */
static __device__ __forceinline__ void store_pair(Bf16 *at, float a, float b, int there, bool together) {
    if (together && there >= 2) {
        *reinterpret_cast<uint32_t *>(at) = pack_bf16(a, b);
    } else {
        if (there >= 1)
            put(at, a);
        if (there >= 2)
            put(at + 1, b);
    }
}

} // namespace vv

#endif
