/* What kernels/cuda/instructions_hopper.cuh declares, on the emulator: async.c does it. */
#ifndef VV_TEST_CUDA_EMU_INSTRUCTIONS_HOPPER_H
#define VV_TEST_CUDA_EMU_INSTRUCTIONS_HOPPER_H

#include <cuda_runtime.h>

#define VV_HOPPER

namespace vv {

static inline uint32_t shared_address(const void *shared) {
    return emu_shared_address(shared);
}

static inline void barrier_init(uint64_t *barrier, unsigned arrivals) {
    emu_barrier_init(barrier, arrivals);
}
static inline void barrier_init_done() {
    emu_barrier_init_done();
}
static inline void barrier_arrive(uint64_t *barrier) {
    emu_barrier_arrive(barrier, 0);
}
static inline void barrier_arrive_expecting(uint64_t *barrier, unsigned bytes) {
    emu_barrier_arrive(barrier, bytes);
}
static inline void barrier_wait(uint64_t *barrier, unsigned parity) {
    emu_barrier_wait(barrier, parity);
}

static inline void copy_bulk(void *shared, const void *src, unsigned bytes, uint64_t *barrier) {
    emu_copy_bulk(shared, src, bytes, barrier);
}
static inline void fence_async() {
    emu_async_fence();
}

template <int COUNT> static inline void product_multiply(float (&d)[COUNT], uint64_t a, uint64_t b) {
    static_assert(COUNT == 32 || COUNT == 64 || COUNT == 96 || COUNT == 128, "what the instructions are declared for");
    emu_product_multiply(d, COUNT, a, b);
}
static inline void product_fence() {
    emu_product_fence();
}
static inline void product_commit() {
    emu_product_commit();
}
template <int groups> static inline void product_wait() {
    emu_product_wait(groups);
}
template <int COUNT> static inline void product_hold(float (&)[COUNT]) {
}

} // namespace vv

#endif
