/* The decoder's last step: the portrait's warped pixels and the painted ones, blended to bytes, and those as I420. */
#ifdef __AVX2__
#include <immintrin.h>
#endif

#include "kernels/cpu/vector/colour.h"
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

/* `count` pixels of row y from x on, to a stretch from `at` on. */
static void blend_block(const VvBlend *blend, const Taps *taps, int n, int y, int x, int count, Stretch *to, int at) {
    const VvTensor *portrait = &blend->portrait, *painted = &blend->painted;
    const int channels = portrait->shape[3], r = portrait->shape[1] / painted->shape[1];
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
    const ptrdiff_t row = row_at(painted, n, y / r);
    unpack_any(painted, row, r, y % r, x, count, channels, mask);
    for (int i = 0; i < count; i++)
        mask[i] = sigmoid_of(mask[i]);
    for (int c = 0; c < channels; c++) {
        uint8_t *restrict byte = to->of[c] + at;
        unpack_any(painted, row, r, y % r, x, count, c, paint);
        for (int i = 0; i < count; i++)
            byte[i] = byte_of(mask[i] * own[c][i] + (1 - mask[i]) * (paint[i] + 1) * 127.5f);
    }
}

/* A stretch of row y from x on. */
static void blend_stretch(const VvBlend *blend, const Course *course, Taps *taps, int n, int y, int x, int count,
                          Stretch *to) {
    for (int i = 0; i < count; i += course->block) {
        const int here = count - i < course->block ? count - i : course->block;
        follow(course, n, y, x + i, here, taps);
        blend_block(blend, taps, n, y, x + i, here, to, i);
    }
}

static void put_pixels(const Stretch *row, int count, const VvTensor *dst, int n, int y, int x) {
    uint8_t *to = (uint8_t *)dst->data + row_at(dst, n, y) + (ptrdiff_t)x * dst->pitch;
    for (int i = 0; i < count; i++, to += dst->pitch)
        for (int c = 0; c < dst->shape[3]; c++)
            to[c] = row->of[c][i];
}

typedef struct Workspace {
    Taps taps;
    Stretch rows[2];
} Workspace;

/* Two rows, as chroma wants them, or the last one alone. */
static void blend_rows(const VvBlend *blend, const Course *course, Workspace *work, int n, int y) {
    const int lines = course->height - y < 2 ? course->height - y : 2;
    for (int x = 0; x < course->width; x += STRETCH) {
        const int count = course->width - x < STRETCH ? course->width - x : STRETCH;
        for (int line = 0; line < lines; line++) {
            blend_stretch(blend, course, &work->taps, n, y + line, x, count, &work->rows[line]);
            if (blend->dst.rank)
                put_pixels(&work->rows[line], count, &blend->dst, n, y + line, x);
        }
        if (blend->planes.rank)
            put_planes(work->rows, count, &blend->planes, n, y, x);
    }
}

VvKernelStatus VV_CPU(vv_blend)(VvStream *stream, const VvBlend *blend) {
    (void)stream;
    const VvKernelStatus status = vv_check_blend(VV_ON_CPU, blend);
    if (status != VV_KERNEL_OK)
        return status;
    const int height = blend->portrait.shape[1], width = blend->portrait.shape[2];
    const Course course = course_of(blend->flow, (VvTensor){0}, blend->unit, height, width);
    Workspace work;
    memset(&work, 0, sizeof work); /* a block's rest reads pixel 0 */
    for (int n = 0; n < blend->painted.shape[0]; n++)
        for (int y = 0; y < height; y += 2)
            blend_rows(blend, &course, &work, n, y);
    return VV_KERNEL_OK;
}
