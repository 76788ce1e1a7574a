/* The instructions that CUDA C++ has no words for: tensor cores, their loads, copies beside the computation. A few
 * lines each, and nothing else here, for this is what the emulator cannot run: it brings its own (test/cuda-emu). */
#ifndef VV_KERNELS_CUDA_INSTRUCTIONS_CUH
#define VV_KERNELS_CUDA_INSTRUCTIONS_CUH

#include <cuda_runtime.h>
#include <stdint.h>

#ifdef VV_CUDA_EMULATION
#include "test/cuda-emu/instructions.h"
#else

/* A variable of the block, and the block's dynamic memory (bytes, aligned to 1024). Declared this way, not as
 * __shared__, so that the emulator can place and fence it. */
#define VV_SHARED(type, name, dimensions) __shared__ type name dimensions
#define VV_DYNAMIC_SHARED(name) extern __shared__ __align__(1024) unsigned char name[]

namespace vv {

static __device__ __forceinline__ uint32_t shared_address(const void *shared) {
    return static_cast<uint32_t>(__cvta_generic_to_shared(shared));
}

/* The thread's lane in its warp. Blocks are one-dimensional. */
static __device__ __forceinline__ unsigned lane_id() {
    return threadIdx.x % 32;
}

/* 2^x, to 2 units in the last place; NaN stays NaN. */
static __device__ __forceinline__ float exp2_fast(float x) {
    float result;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
    return result;
}

/* Two numbers rounded to bf16, `low` in the lower half. */
static __device__ __forceinline__ uint32_t pack_bf16(float low, float high) {
    uint32_t result;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(result) : "f"(high), "f"(low));
    return result;
}

/* d += a b on the tensor cores: a is 16 x 16, b 16 x 8, bf16; d 16 x 8, f32. With g = lane / 4 and t = lane % 4 a lane
 * holds, two bf16 in a word:
 *   a: (g, 2t..), (g + 8, 2t..), (g, 2t + 8..), (g + 8, 2t + 8..)   b: (2t.., g), (2t + 8.., g)
 *   d: (g, 2t), (g, 2t + 1), (g + 8, 2t), (g + 8, 2t + 1) */
static __device__ __forceinline__ void multiply_add(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/* Four 8 x 8 matrices of 16 bit from shared memory, matrix m to word m: lane l names the row l % 8 of matrix l / 8,
 * aligned to 16 bytes. A lane is given (g, 2t..), or with `transposed` (2t.., g), of each. */
static __device__ __forceinline__ void load_matrices(uint32_t (&words)[4], const void *row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                 : "r"(shared_address(row))
                 : "memory");
}
static __device__ __forceinline__ void load_matrices_transposed(uint32_t (&words)[4], const void *row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                 : "r"(shared_address(row))
                 : "memory");
}

/* Copies 16 bytes from global to shared memory beside the computation; both are aligned to 16 bytes. */
static __device__ __forceinline__ void copy_async(void *shared, const void *src) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;"
                 :
                 : "r"(shared_address(shared)), "l"(__cvta_generic_to_global(src))
                 : "memory");
}
/* The same, or 16 zeros; `src` is an address in any case. */
static __device__ __forceinline__ void copy_async_or_zeros(void *shared, const void *src, bool there) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                 :
                 : "r"(shared_address(shared)), "l"(__cvta_generic_to_global(src)), "r"(there ? 16 : 0)
                 : "memory");
}
/* Ends a group of copies. */
static __device__ __forceinline__ void copy_commit() {
    asm volatile("cp.async.commit_group;" ::: "memory");
}
/* Waits until all but the thread's last `groups` groups have arrived. Others' copies need a barrier besides. */
template <int groups> static __device__ __forceinline__ void copy_wait() {
    asm volatile("cp.async.wait_group %0;" ::"n"(groups) : "memory");
}

} // namespace vv

#endif
#endif
