/* RGB to I420, BT.709 in limited range. */
#include "kernels/check.h"
#include "kernels/cpu/vector/vector.h"

enum { BLOCK = 64 }; /* pixels of a row at a time; even */

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

/* Pixels of one row of a block, one array a component. */
typedef struct Row {
    int32_t r[BLOCK], g[BLOCK], b[BLOCK];
} Row;

VV_ALWAYS_INLINE void take_apart(const uint8_t *pixels, int pitch, int count, Row *row) {
    for (int i = 0; i < count; i++) {
        row->r[i] = pixels[(ptrdiff_t)i * pitch];
        row->g[i] = pixels[(ptrdiff_t)i * pitch + 1];
        row->b[i] = pixels[(ptrdiff_t)i * pitch + 2];
    }
}

VV_ALWAYS_INLINE void luma(const Row *row, int count, uint8_t *out) {
    for (int i = 0; i < count; i++)
        out[i] =
            (uint8_t)((YR * row->r[i] + YG * row->g[i] + YB * row->b[i] + (16 << BITS) + (1 << (BITS - 1))) >> BITS);
}

VV_ALWAYS_INLINE int32_t four(const int32_t *upper, const int32_t *lower, int i) {
    return upper[2 * i] + upper[2 * i + 1] + lower[2 * i] + lower[2 * i + 1];
}

VV_ALWAYS_INLINE void chroma(const Row *upper, const Row *lower, int count, uint8_t *u, uint8_t *v) {
    const int32_t half = (128 << (BITS + 2)) + (1 << (BITS + 1));
    for (int i = 0; i < count / 2; i++) {
        const int32_t r = four(upper->r, lower->r, i), g = four(upper->g, lower->g, i), b = four(upper->b, lower->b, i);
        u[i] = (uint8_t)((UR * r + UG * g + UB * b + half) >> (BITS + 2));
        v[i] = (uint8_t)((VR * r + VG * g + VB * b + half) >> (BITS + 2));
    }
}

/* Rows y and y + 1 of item n. */
static void pair_of_rows(const VvTensor *rgb, const VvTensor *dst, int n, int y) {
    const ptrdiff_t h = rgb->shape[1], w = rgb->shape[2], below = w * rgb->pitch;
    uint8_t *to_y = (uint8_t *)dst->data + n * (h / 2) * 3 * w + y * w;
    uint8_t *to_u = (uint8_t *)dst->data + n * (h / 2) * 3 * w + h * w + y / 2 * (w / 2),
            *to_v = to_u + h / 2 * (w / 2);
    const uint8_t *from = (const uint8_t *)rgb->data + row_at(rgb, n, y);
    Row upper, lower;
    for (ptrdiff_t x = 0; x < w; x += BLOCK) {
        const int count = w - x < BLOCK ? (int)(w - x) : BLOCK;
        take_apart(from + x * rgb->pitch, rgb->pitch, count, &upper);
        take_apart(from + below + x * rgb->pitch, rgb->pitch, count, &lower);
        luma(&upper, count, to_y + x);
        luma(&lower, count, to_y + w + x);
        chroma(&upper, &lower, count, to_u + x / 2, to_v + x / 2);
    }
}

VvKernelStatus VV_CPU(vv_i420)(VvStream *stream, VvTensor rgb, VvTensor dst) {
    (void)stream;
    const VvKernelStatus status = vv_check_i420(VV_ON_CPU, rgb, dst);
    if (status != VV_KERNEL_OK)
        return status;
    for (int n = 0; n < rgb.shape[0]; n++)
        for (int y = 0; y < rgb.shape[1]; y += 2)
            pair_of_rows(&rgb, &dst, n, y);
    return VV_KERNEL_OK;
}
