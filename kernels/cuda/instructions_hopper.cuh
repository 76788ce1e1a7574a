/* Hopper's own instructions: barriers in shared memory that count bytes, copies of many bytes at once, products of a
 * warpgroup (four warps) straight from shared memory. As in instructions.cuh a few lines each, of which the emulator
 * brings its own.
 *
 * What copy_bulk and products touch of shared memory they touch through the async proxy, a door of its own: what
 * ordinary stores and copy_async have written is seen there only when the thread that wrote has called fence_async. */
#ifndef VV_KERNELS_CUDA_INSTRUCTIONS_HOPPER_CUH
#define VV_KERNELS_CUDA_INSTRUCTIONS_HOPPER_CUH

#include "kernels/cuda/instructions.cuh"

#ifdef VV_CUDA_EMULATION
#include "test/cuda-emu/instructions_hopper.h"
#else

/* Defined where a kernel may use them: in the code for sm_90a alone. */
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
#define VV_HOPPER
#endif

namespace vv {

/* ---- barriers ---------------------------------------------------------------------------------------------------- */

/* A barrier of so many arrivals, in shared memory. Its phases are numbered from 0; a phase ends when all have arrived
 * and all the bytes it was told of have come. */
static __device__ __forceinline__ void barrier_init(uint64_t *barrier, unsigned arrivals) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)), "r"(arrivals) : "memory");
}
/* What the thread that made barriers calls before others, and copies, may meet at them. */
static __device__ __forceinline__ void barrier_init_done() {
    asm volatile("fence.mbarrier_init.release.cluster;\nfence.proxy.async.shared::cta;" ::: "memory");
}
static __device__ __forceinline__ void barrier_arrive(uint64_t *barrier) {
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier)) : "memory");
}
/* Arrives, and tells of bytes that copy_bulk will bring in this phase. */
static __device__ __forceinline__ void barrier_arrive_expecting(uint64_t *barrier, unsigned bytes) {
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)), "r"(bytes)
                 : "memory");
}
/* Waits for the end of the current phase if its number is odd or even as `parity`, 1 or 0, is; of an earlier one that
 * has passed already. So 1 passes at once before the first phase has ended. */
static __device__ __forceinline__ void barrier_wait(uint64_t *barrier, unsigned parity) {
    uint32_t done;
    do
        asm volatile("{\n.reg .pred p;\n"
                     "mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n"
                     "selp.u32 %0, 1, 0, p;\n}"
                     : "=r"(done)
                     : "r"(shared_address(barrier)), "r"(parity)
                     : "memory");
    while (!done);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

/* Copies bytes that lie side by side from global to shared memory, beside the computation; the barrier is told when
 * they have come. Addresses and size are multiples of 16. */
static __device__ __forceinline__ void copy_bulk(void *shared, const void *src, unsigned bytes, uint64_t *barrier) {
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
                     shared_address(shared)),
                 "l"(__cvta_generic_to_global(src)), "r"(bytes), "r"(shared_address(barrier))
                 : "memory");
}
/* What this thread has written to shared memory, and what it has waited for of copy_async, is seen by the async proxy.
 */
static __device__ __forceinline__ void fence_async() {
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

/* ---- products of a warpgroup ------------------------------------------------------------------------------------- */

/* The registers of a thread's sums, as text and as operands. */
#define VV_REGISTERS_32                                                                                                \
    "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,"                                                           \
    "%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31"
#define VV_REGISTERS_64                                                                                                \
    VV_REGISTERS_32 ","                                                                                                \
                    "%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,"                                 \
                    "%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63"
#define VV_REGISTERS_96                                                                                                \
    VV_REGISTERS_64 ","                                                                                                \
                    "%64,%65,%66,%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,%77,%78,%79,"                                 \
                    "%80,%81,%82,%83,%84,%85,%86,%87,%88,%89,%90,%91,%92,%93,%94,%95"
#define VV_REGISTERS_128                                                                                               \
    VV_REGISTERS_96 ","                                                                                                \
                    "%96,%97,%98,%99,%100,%101,%102,%103,%104,%105,%106,%107,%108,%109,%110,%111,"                     \
                    "%112,%113,%114,%115,%116,%117,%118,%119,%120,%121,%122,%123,%124,%125,%126,%127"
#define VV_SUMS_8(d, i)                                                                                                \
    "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]),        \
        "+f"(d[i + 7])
#define VV_SUMS_32(d, i) VV_SUMS_8(d, i), VV_SUMS_8(d, i + 8), VV_SUMS_8(d, i + 16), VV_SUMS_8(d, i + 24)

/* d += a b: a is 64 x 16, b 16 x n, bf16, both in shared memory where their descriptors say, b by columns; d 64 x n,
 * f32, n twice the number of a thread's sums. With g = lane / 4 and t = lane % 4 a lane of the warpgroup's warp w holds
 * from d[4j] on, for every j < n / 8: (16w + g, 8j + 2t), (16w + g, 8j + 2t + 1), (16w + g + 8, 8j + 2t), (16w + g + 8,
 * 8j + 2t + 1)
 *
 * A descriptor, of rows (of a) or columns (of b) of 128 bytes: bits 0-13 are the first byte's shared address / 16,
 * 32-45 the bytes from eight rows to the next eight / 16, 62-63 are 1: chunks of 16 bytes change places, bits 4-6 of
 * their addresses are exchanged by bits 7-9. The rest is 0. */
static __device__ __forceinline__ void product_multiply(float (&d)[32], uint64_t a, uint64_t b) {
    asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {" VV_REGISTERS_32 "}, %32, %33, 1, 1, 1, 0, 0;"
                 : VV_SUMS_32(d, 0)
                 : "l"(a), "l"(b));
}
static __device__ __forceinline__ void product_multiply(float (&d)[64], uint64_t a, uint64_t b) {
    asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {" VV_REGISTERS_64 "}, %64, %65, 1, 1, 1, 0, 0;"
                 : VV_SUMS_32(d, 0), VV_SUMS_32(d, 32)
                 : "l"(a), "l"(b));
}
static __device__ __forceinline__ void product_multiply(float (&d)[96], uint64_t a, uint64_t b) {
    asm volatile("wgmma.mma_async.sync.aligned.m64n192k16.f32.bf16.bf16 {" VV_REGISTERS_96 "}, %96, %97, 1, 1, 1, 0, 0;"
                 : VV_SUMS_32(d, 0), VV_SUMS_32(d, 32), VV_SUMS_32(d, 64)
                 : "l"(a), "l"(b));
}
static __device__ __forceinline__ void product_multiply(float (&d)[128], uint64_t a, uint64_t b) {
    asm volatile("wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 {" VV_REGISTERS_128
                 "}, %128, %129, 1, 1, 1, 0, 0;"
                 : VV_SUMS_32(d, 0), VV_SUMS_32(d, 32), VV_SUMS_32(d, 64), VV_SUMS_32(d, 96)
                 : "l"(a), "l"(b));
}

/* Before products: orders them behind what else was done with their sums. */
static __device__ __forceinline__ void product_fence() {
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
/* Ends a group of products. */
static __device__ __forceinline__ void product_commit() {
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
/* Waits for all but the last `groups` groups: they have read their operands. With 0 the sums may be touched, behind
 * product_hold. */
template <int groups> static __device__ __forceinline__ void product_wait() {
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(groups) : "memory");
}
/* Keeps the compiler from moving what is done with sums to the other side of this place. */
template <int COUNT> static __device__ __forceinline__ void product_hold(float (&d)[COUNT]) {
#pragma unroll
    for (int i = 0; i < COUNT; i++)
        asm volatile("" : "+f"(d[i])::"memory");
}

} // namespace vv

#endif
#endif
