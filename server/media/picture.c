/* Pictures: allocation, copies, rectangles, and the BT.709 colour conversion; scale.c has the scaling.
 *
 * The conversion is fixed point in 16-bit factors and 32-bit sums, over blocks of a constant number of pixels that are
 * first taken apart into planes: such loops any compiler turns into vector code without being told how. */
#include "server/media/picture.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 64
#define BLOCK 64 /* pixels of a row that are converted at once; even */

/* ---- memory -------------------------------------------------------------------------------------------- */

static int chroma(int luma) {
    return (luma + 1) / 2;
}

static int aligned(int bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static int plane_width(const VvPicture *picture, int p) {
    return p ? chroma(picture->width) : picture->width;
}

static int plane_height(const VvPicture *picture, int p) {
    return p ? chroma(picture->height) : picture->height;
}

static uint8_t *row_of(const VvPicture *picture, int p, int y) {
    return picture->plane[p] + (ptrdiff_t)y * picture->stride[p];
}

int vv_picture_alloc(VvPicture *picture, int width, int height) {
    *picture = (VvPicture){0};
    if (width < 1 || height < 1 || width > VV_PICTURE_SIZE_MAX || height > VV_PICTURE_SIZE_MAX)
        return -EINVAL;
    const size_t luma_bytes = (size_t)aligned(width) * (size_t)height;
    const size_t chroma_bytes = (size_t)aligned(chroma(width)) * (size_t)chroma(height);
    uint8_t *block = aligned_alloc(ALIGNMENT, luma_bytes + 2 * chroma_bytes);
    if (!block)
        return -ENOMEM;
    picture->width = width;
    picture->height = height;
    picture->plane[0] = block;
    picture->plane[1] = block + luma_bytes;
    picture->plane[2] = block + luma_bytes + chroma_bytes;
    picture->stride[0] = aligned(width);
    picture->stride[1] = picture->stride[2] = aligned(chroma(width));
    return 0;
}

void vv_picture_free(VvPicture *picture) {
    free(picture->plane[0]);
    *picture = (VvPicture){0};
}

/* ---- whole pictures and rectangles --------------------------------------------------------------------- */

void vv_picture_copy(VvPicture *to, const VvPicture *from) {
    for (int p = 0; p < 3; p++)
        for (int y = 0; y < plane_height(to, p); y++)
            memcpy(row_of(to, p, y), row_of(from, p, y), (size_t)plane_width(to, p));
}

VvPicture vv_picture_crop(const VvPicture *of, int x, int y, int width, int height) {
    VvPicture view = *of;
    view.width = width;
    view.height = height;
    for (int p = 0; p < 3; p++)
        view.plane[p] = row_of(of, p, p ? y / 2 : y) + (p ? x / 2 : x);
    return view;
}

/* One dimension of a filled rectangle: where it begins and ends after rounding and clipping to 0..size. */
static void clip(int at, int length, int size, int *begin, int *end) {
    const int64_t last = (int64_t)at + length >= size ? size : (int64_t)(at & ~1) + (length & ~1);
    *begin = at < 0 ? 0 : at & ~1;
    *end = last < 0 ? 0 : (int)last;
}

void vv_picture_fill(VvPicture *picture, int x, int y, int width, int height, VvYuv colour) {
    const uint8_t value[3] = {colour.y, colour.u, colour.v};
    int left, right, top, bottom;
    clip(x, width, picture->width, &left, &right);
    clip(y, height, picture->height, &top, &bottom);
    if (left >= right)
        return;
    for (int p = 0; p < 3; p++) {
        const int from = p ? left / 2 : left;
        const int to = p ? chroma(right) : right;
        for (int line = p ? top / 2 : top; line < (p ? chroma(bottom) : bottom); line++)
            memset(row_of(picture, p, line) + from, value[p], (size_t)(to - from));
    }
}

/* ---- colour --------------------------------------------------------------------------------------------- */

/* Y' = 0.2126 R' + 0.7152 G' + 0.0722 B' scaled by 219/255; Cb = (B' - Y') / 1.8556 and Cr = (R' - Y') / 1.5748 scaled
 * by 224/255: 15-bit fractions. Each chroma row adds up to 0, so that greys have no colour. */
enum {
    TO_BITS = 15,
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

/* Back: 255/219, and 255/224 times 1.5748, 0.1873, 0.4681 and 1.8556: 13-bit fractions. */
enum { BACK_BITS = 13, BY = 9539, RV = 14686, GU = -1747, GV = -4366, BU = 17305 };

/* Small enough to be clamped with two comparisons, which vector code has as saturation. */
static uint8_t to_byte(int32_t value) {
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static uint8_t luma_of(int16_t r, int16_t g, int16_t b) {
    return (uint8_t)((YR * r + YG * g + YB * b + (16 << TO_BITS) + (1 << (TO_BITS - 1))) >> TO_BITS);
}

/* Of the sums of four pixels. */
static uint8_t u_of(int16_t r, int16_t g, int16_t b) {
    return (uint8_t)((UR * r + UG * g + UB * b + (128 << (TO_BITS + 2)) + (1 << (TO_BITS + 1))) >> (TO_BITS + 2));
}

static uint8_t v_of(int16_t r, int16_t g, int16_t b) {
    return (uint8_t)((VR * r + VG * g + VB * b + (128 << (TO_BITS + 2)) + (1 << (TO_BITS + 1))) >> (TO_BITS + 2));
}

static uint8_t red_of(int16_t y, int16_t v) {
    return to_byte((BY * y + RV * v + (1 << (BACK_BITS - 1))) >> BACK_BITS);
}

static uint8_t green_of(int16_t y, int16_t u, int16_t v) {
    return to_byte((BY * y + GU * u + GV * v + (1 << (BACK_BITS - 1))) >> BACK_BITS);
}

static uint8_t blue_of(int16_t y, int16_t u) {
    return to_byte((BY * y + BU * u + (1 << (BACK_BITS - 1))) >> BACK_BITS);
}

VvYuv vv_rgb_to_yuv(uint8_t r, uint8_t g, uint8_t b) {
    const int16_t r4 = (int16_t)(4 * r), g4 = (int16_t)(4 * g), b4 = (int16_t)(4 * b);
    return (VvYuv){luma_of(r, g, b), u_of(r4, g4, b4), v_of(r4, g4, b4)};
}

void vv_yuv_to_rgb(VvYuv colour, uint8_t rgb[3]) {
    const int16_t y = (int16_t)(colour.y - 16), u = (int16_t)(colour.u - 128), v = (int16_t)(colour.v - 128);
    rgb[0] = red_of(y, v);
    rgb[1] = green_of(y, u, v);
    rgb[2] = blue_of(y, u);
}

/* A block of a row, one array a component. */
typedef struct Block {
    int16_t r[BLOCK], g[BLOCK], b[BLOCK];
} Block;

/* Takes `count` pixels apart and repeats the last one, so that whatever follows works on whole blocks. */
static void take_apart(Block *block, const uint8_t *rgb, int count) {
    for (int i = 0; i < count; i++) {
        block->r[i] = rgb[3 * i];
        block->g[i] = rgb[3 * i + 1];
        block->b[i] = rgb[3 * i + 2];
    }
    for (int i = count; i < BLOCK; i++) {
        block->r[i] = block->r[count - 1];
        block->g[i] = block->g[count - 1];
        block->b[i] = block->b[count - 1];
    }
}

static void luma_block(const Block *block, uint8_t out[BLOCK]) {
    for (int i = 0; i < BLOCK; i++)
        out[i] = luma_of(block->r[i], block->g[i], block->b[i]);
}

static void sums_of_four(const int16_t *upper, const int16_t *lower, int16_t *sums) {
    for (int i = 0; i < BLOCK / 2; i++)
        sums[i] = (int16_t)(upper[2 * i] + upper[2 * i + 1] + lower[2 * i] + lower[2 * i + 1]);
}

static void chroma_block(const Block *upper, const Block *lower, uint8_t u[BLOCK / 2], uint8_t v[BLOCK / 2]) {
    int16_t r[BLOCK / 2], g[BLOCK / 2], b[BLOCK / 2];
    sums_of_four(upper->r, lower->r, r);
    sums_of_four(upper->g, lower->g, g);
    sums_of_four(upper->b, lower->b, b);
    for (int i = 0; i < BLOCK / 2; i++)
        u[i] = u_of(r[i], g[i], b[i]);
    for (int i = 0; i < BLOCK / 2; i++)
        v[i] = v_of(r[i], g[i], b[i]);
}

void vv_picture_from_rgb(VvPicture *to, const uint8_t *rgb, int stride) {
    Block upper, lower;
    uint8_t luma[BLOCK], u[BLOCK / 2], v[BLOCK / 2];
    for (int y = 0; y < to->height; y += 2) {
        const bool pair = y + 1 < to->height;
        const uint8_t *line = rgb + (ptrdiff_t)y * stride;
        for (int x = 0; x < to->width; x += BLOCK) {
            const int count = to->width - x < BLOCK ? to->width - x : BLOCK;
            take_apart(&upper, line + 3 * x, count);
            luma_block(&upper, luma);
            memcpy(row_of(to, 0, y) + x, luma, (size_t)count);
            if (pair) {
                take_apart(&lower, line + stride + 3 * x, count);
                luma_block(&lower, luma);
                memcpy(row_of(to, 0, y + 1) + x, luma, (size_t)count);
            }
            chroma_block(&upper, pair ? &lower : &upper, u, v);
            memcpy(row_of(to, 1, y / 2) + x / 2, u, (size_t)chroma(count));
            memcpy(row_of(to, 2, y / 2) + x / 2, v, (size_t)chroma(count));
        }
    }
}

/* Widens `count` bytes less `zero` into `out`, each `1 << twice` times, and fills the block. */
static void widen(const uint8_t *bytes, int count, int zero, int twice, int16_t out[BLOCK]) {
    for (int i = 0; i < count; i++)
        out[i] = (int16_t)(bytes[i >> twice] - zero);
    memset(out + count, 0, (size_t)(BLOCK - count) * sizeof *out);
}

void vv_picture_to_rgb(const VvPicture *from, uint8_t *rgb, int stride) {
    int16_t luma[BLOCK], u[BLOCK], v[BLOCK];
    uint8_t r[BLOCK], g[BLOCK], b[BLOCK];
    for (int y = 0; y < from->height; y++) {
        for (int x = 0; x < from->width; x += BLOCK) {
            const int count = from->width - x < BLOCK ? from->width - x : BLOCK;
            widen(row_of(from, 0, y) + x, count, 16, 0, luma);
            widen(row_of(from, 1, y / 2) + x / 2, count, 128, 1, u);
            widen(row_of(from, 2, y / 2) + x / 2, count, 128, 1, v);
            for (int i = 0; i < BLOCK; i++)
                r[i] = red_of(luma[i], v[i]);
            for (int i = 0; i < BLOCK; i++)
                g[i] = green_of(luma[i], u[i], v[i]);
            for (int i = 0; i < BLOCK; i++)
                b[i] = blue_of(luma[i], u[i]);
            uint8_t *out = rgb + (ptrdiff_t)y * stride + 3 * x;
            for (int i = 0; i < count; i++) {
                out[3 * i] = r[i];
                out[3 * i + 1] = g[i];
                out[3 * i + 2] = b[i];
            }
        }
    }
}
