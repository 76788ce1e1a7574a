/* What kernels/cuda/instructions.cuh declares, in plain C++ with the same layouts. */
#ifndef VV_TEST_CUDA_EMU_INSTRUCTIONS_H
#define VV_TEST_CUDA_EMU_INSTRUCTIONS_H

#include <cuda_runtime.h>

namespace vv {

static inline unsigned lane_id() {
    return emu_lane;
}

static inline float exp2_fast(float x) {
    return exp2f(x);
}

static inline float emu_from_bf16(uint32_t bits) {
    return __uint_as_float(bits << 16);
}

/* To nearest even; NaN becomes the device's own. */
static inline uint32_t emu_to_bf16(float value) {
    const uint32_t bits = __float_as_uint(value);
    return value != value ? 0x7fff : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

static inline uint32_t pack_bf16(float low, float high) {
    return emu_to_bf16(low) | emu_to_bf16(high) << 16;
}

/* Words 0 to 3 are a, 4 and 5 b, 6 to 9 d. Sums as the device: the products exact, in an order nobody promises. */
static inline void emu_multiply(EmuPart parts[EMU_LANES]) {
    float a[16][16], b[8][16];
    for (unsigned lane = 0; lane < EMU_LANES; lane++) {
        const unsigned g = lane / 4, t = lane % 4;
        const uint32_t *words = parts[lane].words;
        for (unsigned i = 0; i < 4; i++)
            for (unsigned half = 0; half < 2; half++)
                a[g + i % 2 * 8][2 * t + i / 2 * 8 + half] = emu_from_bf16(words[i] >> 16 * half & 0xffff);
        for (unsigned i = 0; i < 2; i++)
            for (unsigned half = 0; half < 2; half++)
                b[g][2 * t + i * 8 + half] = emu_from_bf16(words[4 + i] >> 16 * half & 0xffff);
    }
    for (unsigned lane = 0; lane < EMU_LANES; lane++)
        for (unsigned i = 0; i < 4; i++) {
            const unsigned row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
            float sum = __uint_as_float(parts[lane].words[6 + i]);
            for (unsigned k = 0; k < 16; k++)
                sum += a[row][k] * b[column][k];
            parts[lane].words[6 + i] = __float_as_uint(sum);
        }
}

static inline void multiply_add(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    EmuPart part = {};
    memcpy(part.words, a, sizeof a);
    part.words[4] = b0;
    part.words[5] = b1;
    memcpy(part.words + 6, d, sizeof d);
    memcpy(d, emu_warp_meets(EMU_MULTIPLY, &part, emu_multiply)[emu_lane].words + 6, sizeof d);
}

/* Reads when the last lane has come, as the device does for all at once. The addresses make way for the words. */
static inline void emu_load_matrices(EmuPart parts[EMU_LANES], bool transposed) {
    uint16_t matrices[4][8][8];
    for (unsigned i = 0; i < EMU_LANES; i++) {
        if (reinterpret_cast<uintptr_t>(parts[i].address) % 16)
            emu_die("the row of lane %u is misaligned", i);
        memcpy(matrices[i / 8][i % 8], parts[i].address, 16);
    }
    for (unsigned lane = 0; lane < EMU_LANES; lane++)
        for (unsigned m = 0; m < 4; m++) {
            const unsigned g = lane / 4, t = lane % 4;
            const uint32_t low = transposed ? matrices[m][2 * t][g] : matrices[m][g][2 * t];
            const uint32_t high = transposed ? matrices[m][2 * t + 1][g] : matrices[m][g][2 * t + 1];
            parts[lane].words[m] = low | high << 16;
        }
}

static inline void load_matrices(uint32_t (&words)[4], const void *row) {
    EmuPart part = {};
    part.address = row;
    const EmuPart *parts =
        emu_warp_meets(EMU_LOAD_MATRIX, &part, [](EmuPart all[EMU_LANES]) { emu_load_matrices(all, false); });
    memcpy(words, parts[emu_lane].words, sizeof words);
}

static inline void load_matrices_transposed(uint32_t (&words)[4], const void *row) {
    EmuPart part = {};
    part.address = row;
    const EmuPart *parts =
        emu_warp_meets(EMU_LOAD_MATRIX, &part, [](EmuPart all[EMU_LANES]) { emu_load_matrices(all, true); });
    memcpy(words, parts[emu_lane].words, sizeof words);
}

static inline void copy_async(void *shared, const void *src) {
    emu_copy(shared, src);
}
static inline void copy_async_or_zeros(void *shared, const void *src, bool there) {
    emu_copy(shared, there ? src : nullptr);
}
static inline void copy_commit() {
    emu_copy_commit();
}
template <int groups> static inline void copy_wait() {
    emu_copy_wait(groups);
}

} // namespace vv

#endif
