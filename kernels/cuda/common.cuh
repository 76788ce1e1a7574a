/* What kernels share: bf16 and f32 as one, views of tensors, sums over warps and blocks. */
#ifndef VV_KERNELS_CUDA_COMMON_CUH
#define VV_KERNELS_CUDA_COMMON_CUH

#include <cuda_runtime.h>
#include <stdint.h>

#include "kernels/cuda/instructions.cuh"

namespace vv {

static constexpr unsigned ALL_LANES = 0xffffffffu;

/* bfloat16: the upper half of a float. */
struct Bf16 {
    uint16_t bits;
};

static __device__ __forceinline__ float to_f32(float value) {
    return value;
}
static __device__ __forceinline__ float to_f32(Bf16 value) {
    return __uint_as_float(static_cast<uint32_t>(value.bits) << 16);
}
static __device__ __forceinline__ float to_f32(uint8_t value) {
    return static_cast<float>(value);
}

/* Rounds to nearest even; NaN stays NaN. */
static __device__ __forceinline__ void put(float *at, float value) {
    *at = value;
}
static __device__ __forceinline__ void put(Bf16 *at, float value) {
    at->bits = static_cast<uint16_t>(pack_bf16(value, 0.0f));
}

/* The halves of a word of two bf16. */
static __device__ __forceinline__ float low_f32(uint32_t word) {
    return __uint_as_float(word << 16);
}
static __device__ __forceinline__ float high_f32(uint32_t word) {
    return __uint_as_float(word & 0xffff0000u);
}

/* A tensor's rows as a kernel sees them: the last dimension's numbers side by side, a pitch from row to row. */
template <typename T> struct Rows {
    T *data;
    int pitch; /* in elements */

    __device__ __forceinline__ T *row(int i) const {
        return data + static_cast<size_t>(i) * static_cast<size_t>(pitch);
    }
    __device__ __forceinline__ explicit operator bool() const {
        return data != nullptr;
    }
};

static __device__ __forceinline__ float warp_sum(float value) {
    for (int step = 16; step; step /= 2)
        value += __shfl_xor_sync(ALL_LANES, value, step);
    return value;
}

/* NaN is passed over, as by fmaxf. */
static __device__ __forceinline__ float warp_max(float value) {
    for (int step = 16; step; step /= 2)
        value = fmaxf(value, __shfl_xor_sync(ALL_LANES, value, step));
    return value;
}

/* How many numbers of a type are 16 bytes. */
template <typename T> static constexpr int PACK = 16 / static_cast<int>(sizeof(T));

/* Numbers side by side: one, or 4 or 8 at once, which are then aligned to 16 bytes or their size, whichever is less. */
template <int COUNT> static __device__ __forceinline__ void load(float (&numbers)[COUNT], const float *at) {
    if constexpr (COUNT == 1) {
        numbers[0] = *at;
    } else {
#pragma unroll
        for (int i = 0; i < COUNT; i += 4) {
            const float4 v = *reinterpret_cast<const float4 *>(at + i);
            numbers[i] = v.x, numbers[i + 1] = v.y, numbers[i + 2] = v.z, numbers[i + 3] = v.w;
        }
    }
}
template <int COUNT> static __device__ __forceinline__ void load(float (&numbers)[COUNT], const Bf16 *at) {
    if constexpr (COUNT == 1) {
        numbers[0] = to_f32(*at);
    } else if constexpr (COUNT == 4) {
        const uint2 v = *reinterpret_cast<const uint2 *>(at);
        numbers[0] = low_f32(v.x), numbers[1] = high_f32(v.x), numbers[2] = low_f32(v.y), numbers[3] = high_f32(v.y);
    } else {
        static_assert(COUNT == 8, "1, 4 or 8");
        const uint4 v = *reinterpret_cast<const uint4 *>(at);
        numbers[0] = low_f32(v.x), numbers[1] = high_f32(v.x), numbers[2] = low_f32(v.y), numbers[3] = high_f32(v.y);
        numbers[4] = low_f32(v.z), numbers[5] = high_f32(v.z), numbers[6] = low_f32(v.w), numbers[7] = high_f32(v.w);
    }
}
template <int COUNT> static __device__ __forceinline__ void store(float *at, const float (&numbers)[COUNT]) {
    if constexpr (COUNT == 1) {
        *at = numbers[0];
    } else {
#pragma unroll
        for (int i = 0; i < COUNT; i += 4)
            *reinterpret_cast<float4 *>(at + i) =
                make_float4(numbers[i], numbers[i + 1], numbers[i + 2], numbers[i + 3]);
    }
}
template <int COUNT> static __device__ __forceinline__ void store(Bf16 *at, const float (&numbers)[COUNT]) {
    if constexpr (COUNT == 1)
        put(at, numbers[0]);
    else if constexpr (COUNT == 4)
        *reinterpret_cast<uint2 *>(at) =
            make_uint2(pack_bf16(numbers[0], numbers[1]), pack_bf16(numbers[2], numbers[3]));
    else
        *reinterpret_cast<uint4 *>(at) =
            make_uint4(pack_bf16(numbers[0], numbers[1]), pack_bf16(numbers[2], numbers[3]),
                       pack_bf16(numbers[4], numbers[5]), pack_bf16(numbers[6], numbers[7]));
}

} // namespace vv

#endif
