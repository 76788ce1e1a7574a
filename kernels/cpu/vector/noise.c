/* Philox noise, a block of counters at a time. */
#include <math.h>

#include "kernels/check.h"
#include "kernels/cpu/vector/vector.h"

enum { COUNTERS = 64 }; /* of a block; four numbers each */

/* What vv_philox does, for the counters from `index` on. */
static void words_of(uint64_t seed, uint64_t window, uint32_t number, uint32_t index, uint32_t words[4][COUNTERS]) {
    for (uint32_t i = 0; i < COUNTERS; i++) {
        uint32_t a = index + i, b = (uint32_t)window, c = (uint32_t)(window >> 32), d = number;
        uint32_t low = (uint32_t)seed, high = (uint32_t)(seed >> 32);
        for (int round = 0; round < 10; round++) {
            const uint64_t p = (uint64_t)0xd2511f53 * a, q = (uint64_t)0xcd9e8d57 * c;
            a = (uint32_t)(q >> 32) ^ b ^ low;
            b = (uint32_t)q;
            c = (uint32_t)(p >> 32) ^ d ^ high;
            d = (uint32_t)p;
            low += 0x9e3779b9;
            high += 0xbb67ae85;
        }
        words[0][i] = a;
        words[1][i] = b;
        words[2][i] = c;
        words[3][i] = d;
    }
}

/* In (0, 1], exactly. */
VV_ALWAYS_INLINE float unit_of(uint32_t word) {
    return (float)((int32_t)(word >> 8) + 1) * (1.0f / 16777216);
}

/* ln u for u in (0, 1]: of u = 2^whole * (1 + part) with part near 0, a series. Relative error below 2e-7. */
VV_ALWAYS_INLINE float log_of(float u) {
    const int32_t middle = 0x3f3504f3; /* sqrt(1/2) */
    const int32_t above = (int32_t)bits_of(u) - middle, whole = above >> 23;
    const float part = float_of((uint32_t)((above & 0x7fffff) + middle)) - 1, square = part * part;
    float value = 7.0376836292e-2f;
    value = value * part - 1.1514610310e-1f;
    value = value * part + 1.1676998740e-1f;
    value = value * part - 1.2420140846e-1f;
    value = value * part + 1.4249322787e-1f;
    value = value * part - 1.6668057665e-1f;
    value = value * part + 2.0000714765e-1f;
    value = value * part - 2.4999993993e-1f;
    value = value * part + 3.3333331174e-1f;
    value = value * part * square - 2.12194440e-4f * (float)whole - 0.5f * square;
    return value + part + 0.693359375f * (float)whole;
}

/* radius times cosine and sine of `turns` of the circle, 0..1: an eighth of it by a series, quarters by exchange. */
VV_ALWAYS_INLINE void around(float radius, float turns, float *x, float *y) {
    const int32_t quarter = (int32_t)(4 * turns + 0.5f);
    const float angle = 6.28318531f * (turns - 0.25f * (float)quarter), square = angle * angle;
    const float sine =
        ((-1.9515295891e-4f * square + 8.3321608736e-3f) * square - 1.6666654611e-1f) * square * angle + angle;
    const float cosine =
        ((2.443315711809948e-5f * square - 1.388731625493765e-3f) * square + 4.166664568298827e-2f) * square * square -
        0.5f * square + 1;
    const float across = quarter & 1 ? sine : cosine, along = quarter & 1 ? cosine : sine;
    *x = (quarter + 1) & 2 ? -radius * across : radius * across;
    *y = quarter & 2 ? -radius * along : radius * along;
}

static void normals_of(uint32_t words[4][COUNTERS], float normals[4 * COUNTERS]) {
    float apart[4][COUNTERS];
    for (int pair = 0; pair < 4; pair += 2)
        for (int i = 0; i < COUNTERS; i++)
            around(sqrtf(-2 * log_of(unit_of(words[pair][i]))), unit_of(words[pair + 1][i]), &apart[pair][i],
                   &apart[pair + 1][i]);
    for (int i = 0; i < COUNTERS; i++)
        for (int j = 0; j < 4; j++)
            normals[4 * i + j] = apart[j][i];
}

/* Element `element` of an item goes where: rows of `columns`, `pitch` apart. */
static void put_normals(float *item, size_t element, size_t columns, size_t pitch, const float *normals, size_t count) {
    while (count > 0) {
        const size_t column = element % columns, left = columns - column, taken = left < count ? left : count;
        memcpy(item + element / columns * pitch + column, normals, taken * sizeof *normals);
        normals += taken;
        element += taken;
        count -= taken;
    }
}

VvKernelStatus VV_CPU(vv_noise)(VvStream *stream, const uint64_t seeds[], const uint64_t windows[], uint32_t number,
                                VvTensor dst) {
    (void)stream;
    const VvKernelStatus status = vv_check_noise(VV_ON_CPU, seeds, windows, dst);
    if (status != VV_KERNEL_OK)
        return status;
    const size_t items = (size_t)dst.shape[0], pitch = (size_t)dst.pitch;
    const bool rows = dst.rank > 1; /* else every item is one element */
    const size_t columns = rows ? (size_t)dst.shape[dst.rank - 1] : 1, count = vv_tensor_count(dst) / items;
    const size_t item = rows ? vv_tensor_rows(dst) / items * pitch : 1;
    for (size_t n = 0; n < items; n++)
        for (size_t e = 0; e < count; e += 4 * COUNTERS) {
            uint32_t words[4][COUNTERS];
            float normals[4 * COUNTERS];
            words_of(seeds[n], windows[n], number, (uint32_t)(e / 4), words);
            normals_of(words, normals);
            put_normals((float *)dst.data + n * item, e, columns, pitch, normals,
                        count - e < 4 * COUNTERS ? count - e : 4 * COUNTERS);
        }
    return VV_KERNEL_OK;
}
