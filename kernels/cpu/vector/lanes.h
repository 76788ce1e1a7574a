/* Inside kernels/cpu/vector: as many floats as a vector register holds, for what compilers do not find by themselves.
 */
#ifndef VV_KERNELS_CPU_LANES_H
#define VV_KERNELS_CPU_LANES_H

#include "kernels/cpu/vector/vector.h"

#if defined(__AVX512F__)
#include <immintrin.h>
#define LANES 16
#elif defined(__AVX2__)
#define LANES 8
#else
#define LANES 4
#endif

typedef float Lanes __attribute__((vector_size(4 * LANES)));
typedef int32_t LaneBits __attribute__((vector_size(4 * LANES)));

VV_ALWAYS_INLINE Lanes lanes_load(const float *from) {
    Lanes lanes;
    memcpy(&lanes, from, sizeof lanes);
    return lanes;
}

VV_ALWAYS_INLINE void lanes_store(float *to, Lanes lanes) {
    memcpy(to, &lanes, sizeof lanes);
}

VV_ALWAYS_INLINE Lanes lanes_of(float value) {
    return value - (Lanes){0};
}

/* The larger; b where either is no number. */
VV_ALWAYS_INLINE Lanes lanes_larger(Lanes a, Lanes b) {
#if LANES == 16
    return (Lanes)_mm512_max_ps((__m512)a, (__m512)b);
#else
    const LaneBits mask = (LaneBits)(a > b);
    return (Lanes)((mask & (LaneBits)a) | (~mask & (LaneBits)b));
#endif
}

VV_ALWAYS_INLINE float lanes_sum(Lanes lanes) {
#if LANES == 16
    return _mm512_reduce_add_ps((__m512)lanes);
#else
    float sum = 0;
    for (int i = 0; i < LANES; i++)
        sum += lanes[i];
    return sum;
#endif
}

/* The largest; anything if one is no number. */
VV_ALWAYS_INLINE float lanes_most(Lanes lanes) {
#if LANES == 16
    return _mm512_reduce_max_ps((__m512)lanes);
#else
    float most = lanes[0];
    for (int i = 1; i < LANES; i++)
        most = most > lanes[i] ? most : lanes[i];
    return most;
#endif
}

/* 2^x for x up to 127; what is below -126 is as good as 0, NaN stays. Relative error below 1.5e-7, or 1e-4 if `rough`.
 */
VV_ALWAYS_INLINE Lanes lanes_exp2(Lanes x, bool rough) {
    x = lanes_larger(lanes_of(-126), x);
    const Lanes magic = lanes_of(12582912.0f); /* 1.5 * 2^23: adding it rounds to whole numbers */
    const Lanes shifted = x + magic, whole = shifted - magic;
    const Lanes part = x - whole;
    Lanes value;
    if (rough) {
        value = part * 0.0551716239f + 0.242611122f;
        value = value * part + 0.693260986f;
        value = value * part + 0.999928071f;
    } else {
        value = part * 1.32764732e-3f + 9.67554133e-3f;
        value = value * part + 5.55071302e-2f;
        value = value * part + 0.240221197f;
        value = value * part + 0.693146971f;
        value = value * part + 1.00000007f;
    }
#if LANES == 16
    return (Lanes)_mm512_scalef_ps((__m512)value, (__m512)whole);
#else
    return value * (Lanes)(((LaneBits)shifted - (LaneBits)magic + 127) << 23);
#endif
}

#endif
