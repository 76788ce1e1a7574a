/* The decoder's last step: the portrait's warped pixels and the painted ones, blended to bytes. */
#ifdef __AVX2__
#include <immintrin.h>
#endif

#include "kernels/cpu/vector/follow.h"

enum { CHANNELS_MAX = 4 };

/* Loads the four bytes at `at[i] * pitch` of `bytes` for a whole block, lowest first. Where they would reach behind
 * `size`, the last four are loaded and moved down, so that nothing behind the end is touched. `size` is at least 4. */
VV_ALWAYS_INLINE void gather(const uint8_t *bytes, int32_t size, int32_t pitch, const int32_t at[BLOCK],
                             uint32_t out[BLOCK]) {
    int32_t from[BLOCK];
    for (int i = 0; i < BLOCK; i++)
        from[i] = at[i] * pitch < size - 4 ? at[i] * pitch : size - 4;
#if defined(__AVX512F__)
    for (int i = 0; i < BLOCK; i += 16)
        _mm512_storeu_si512(out + i, _mm512_i32gather_epi32(_mm512_loadu_si512(from + i), bytes, 1));
#elif defined(__AVX2__)
    for (int i = 0; i < BLOCK; i += 8) {
        const __m256i index = _mm256_loadu_si256((const __m256i *)(from + i));
        _mm256_storeu_si256((__m256i *)(out + i), _mm256_i32gather_epi32((const int *)(const void *)bytes, index, 1));
    }
#else
    for (int i = 0; i < BLOCK; i++)
        memcpy(out + i, bytes + from[i], sizeof *out);
#endif
    for (int i = 0; i < BLOCK; i++)
        out[i] >>= 8 * (at[i] * pitch - from[i]);
}

/* The portrait's channels at the taps, as numbers. */
static void sample(const uint8_t *item, int32_t size, int32_t pitch, const Taps *taps, int channels,
                   float own[CHANNELS_MAX][BLOCK]) {
    uint32_t pixel[BLOCK];
    memset(own, 0, sizeof(float[CHANNELS_MAX][BLOCK]));
    for (int tap = 0; tap < 4; tap++) {
        gather(item, size, pitch, taps->at[tap], pixel);
        for (int c = 0; c < channels; c++)
            for (int i = 0; i < BLOCK; i++)
                own[c][i] += taps->weight[tap][i] * (float)(int32_t)(pixel[i] >> (8 * c) & 255);
    }
}

/* Pictures of less than four bytes cannot be gathered from. */
static void sample_small(const uint8_t *item, int32_t pitch, const Taps *taps, int channels, int count,
                         float own[CHANNELS_MAX][BLOCK]) {
    for (int c = 0; c < channels; c++)
        for (int i = 0; i < count; i++) {
            own[c][i] = 0;
            for (int tap = 0; tap < 4; tap++)
                own[c][i] += taps->weight[tap][i] * (float)item[taps->at[tap][i] * pitch + c];
        }
}

/* Channel `c` of a block of the painted picture, shuffled to full size. `at` is where its row begins. */
VV_ALWAYS_INLINE void unpack(VvDataType type, const VvTensor *painted, ptrdiff_t at, int r, int line, int x, int count,
                             int c, float *out) {
    at += (ptrdiff_t)(x / r) * painted->pitch + (c * r + line) * r;
    for (int i = 0, j = x % r; i < count; at += painted->pitch, j = 0)
        for (; j < r && i < count; j++)
            out[i++] = load(painted->data, type, at + j);
}

static void unpack_any(const VvTensor *painted, ptrdiff_t at, int r, int line, int x, int count, int c, float *out) {
    const bool single = painted->type == VV_F32;
    /* r as a constant makes its divisions shifts */
    if (r == 1)
        single ? unpack(VV_F32, painted, at, 1, 0, x, count, c, out)
               : unpack(VV_BF16, painted, at, 1, 0, x, count, c, out);
    else if (r == 2)
        single ? unpack(VV_F32, painted, at, 2, line, x, count, c, out)
               : unpack(VV_BF16, painted, at, 2, line, x, count, c, out);
    else
        single ? unpack(VV_F32, painted, at, 4, line, x, count, c, out)
               : unpack(VV_BF16, painted, at, 4, line, x, count, c, out);
}

static void blend_block(const VvBlend *blend, const Taps *taps, int n, int y, int x, int count) {
    const VvTensor *portrait = &blend->portrait, *painted = &blend->painted, *dst = &blend->dst;
    const int channels = dst->shape[3], r = dst->shape[1] / painted->shape[1];
    const ptrdiff_t item = row_at(portrait, chosen(portrait, &blend->which, n), 0);
    const uint8_t *bytes = (const uint8_t *)portrait->data + item;
    /* From this item to the end of the last: what may be read. One item is enough. */
    const ptrdiff_t left = (ptrdiff_t)vv_tensor_bytes(*portrait) - item;
    const ptrdiff_t one = (ptrdiff_t)portrait->shape[1] * portrait->shape[2] * portrait->pitch;
    const int32_t size = (int32_t)(left < one ? left : one);
    float own[CHANNELS_MAX][BLOCK], mask[BLOCK], paint[BLOCK];
    if (size >= 4)
        sample(bytes, size, portrait->pitch, taps, channels, own);
    else
        sample_small(bytes, portrait->pitch, taps, channels, count, own);
    const ptrdiff_t at = row_at(painted, n, y / r);
    unpack_any(painted, at, r, y % r, x, count, channels, mask);
    for (int i = 0; i < count; i++)
        mask[i] = sigmoid_of(mask[i]);
    uint8_t *to = (uint8_t *)dst->data + row_at(dst, n, y) + (ptrdiff_t)x * dst->pitch;
    for (int c = 0; c < channels; c++) {
        uint8_t byte[BLOCK];
        unpack_any(painted, at, r, y % r, x, count, c, paint);
        for (int i = 0; i < count; i++)
            byte[i] = byte_of(mask[i] * own[c][i] + (1 - mask[i]) * (paint[i] + 1) * 127.5f);
        uint8_t *next = to + c;
        for (int i = 0; i < count; i++, next += dst->pitch)
            *next = byte[i];
    }
}

VvKernelStatus VV_CPU(vv_blend)(VvStream *stream, const VvBlend *blend) {
    (void)stream;
    const VvKernelStatus status = vv_check_blend(VV_ON_CPU, blend);
    if (status != VV_KERNEL_OK)
        return status;
    const Course course = course_of(blend->flow, (VvTensor){0}, blend->unit, blend->dst.shape[1], blend->dst.shape[2]);
    Taps taps;
    memset(&taps, 0, sizeof taps); /* a block's rest reads pixel 0 */
    for (int n = 0; n < blend->dst.shape[0]; n++)
        for (int y = 0; y < course.height; y++)
            for (int x = 0; x < course.width; x += course.block) {
                const int count = course.width - x < course.block ? course.width - x : course.block;
                follow(&course, n, y, x, count, &taps);
                blend_block(blend, &taps, n, y, x, count);
            }
    return VV_KERNEL_OK;
}
