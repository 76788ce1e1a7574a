/* Inside kernels/cpu/vector: RGB to the planes of I420, BT.709 in limited range. */
#ifndef VV_KERNELS_CPU_COLOUR_H
#define VV_KERNELS_CPU_COLOUR_H

#include "kernels/cpu/vector/vector.h"

/* Y' = 0.2126 R' + 0.7152 G' + 0.0722 B' scaled by 219/255; Cb = (B' - Y') / 1.8556 and Cr = (R' - Y') / 1.5748 scaled
 * by 224/255: 15-bit fractions. Each chroma row adds up to 0, so that greys have no colour. */
enum {
    BITS = 15,
    YR = 5983,
    YG = 20127,
    YB = 2032,
    UR = -3298,
    UG = -11094,
    UB = 14392,
    VR = 14392,
    VG = -13072,
    VB = -1320,
};

enum { STRETCH = 128 /* pixels of a row at a time; even */ };

/* Bytes of a stretch, one array a component: red, green, blue, alpha. */
typedef struct Stretch {
    uint8_t of[4][STRETCH];
} Stretch;

VV_ALWAYS_INLINE void luma(const Stretch *row, int count, uint8_t *restrict out) {
    for (int i = 0; i < count; i++)
        out[i] = (uint8_t)((YR * row->of[0][i] + YG * row->of[1][i] + YB * row->of[2][i] + (16 << BITS) +
                            (1 << (BITS - 1))) >>
                           BITS);
}

VV_ALWAYS_INLINE int32_t four(const uint8_t *upper, const uint8_t *lower, int i) {
    return upper[2 * i] + upper[2 * i + 1] + lower[2 * i] + lower[2 * i + 1];
}

VV_ALWAYS_INLINE void chroma(const Stretch *upper, const Stretch *lower, int count, uint8_t *restrict u,
                             uint8_t *restrict v) {
    const int32_t half = (128 << (BITS + 2)) + (1 << (BITS + 1));
    for (int i = 0; i < count / 2; i++) {
        const int32_t r = four(upper->of[0], lower->of[0], i), g = four(upper->of[1], lower->of[1], i),
                      b = four(upper->of[2], lower->of[2], i);
        u[i] = (uint8_t)((UR * r + UG * g + UB * b + half) >> (BITS + 2));
        v[i] = (uint8_t)((VR * r + VG * g + VB * b + half) >> (BITS + 2));
    }
}

/* Rows y and y + 1 from x on to item n of the planes; x, y and count are even. */
VV_ALWAYS_INLINE void put_planes(const Stretch rows[2], int count, const VvTensor *planes, int n, int y, int x) {
    const ptrdiff_t h = planes->shape[1] / 3 * 2, w = planes->shape[2];
    uint8_t *item = (uint8_t *)planes->data + n * (h / 2) * 3 * w, *to_y = item + y * w + x;
    uint8_t *to_u = item + h * w + y / 2 * (w / 2) + x / 2, *to_v = to_u + h / 2 * (w / 2);
    luma(&rows[0], count, to_y);
    luma(&rows[1], count, to_y + w);
    chroma(&rows[0], &rows[1], count, to_u, to_v);
}

#endif
