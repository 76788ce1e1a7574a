/* Pictures: sizes, colours against hand-computed vectors and against exact arithmetic, scaling, crops, fills. Odd
 * sizes always, and nothing outside a view may change. */
#include "server/media/picture.h"
#include "test/unit/media/synth.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GUARD 0xa5

static const int sizes[][2] = {{1, 1}, {1, 2}, {2, 1}, {3, 5}, {16, 16}, {63, 65}, {64, 64}, {67, 33}, {129, 7}};
enum { SIZES = sizeof sizes / sizeof *sizes };

static int half(int luma) {
    return (luma + 1) / 2;
}

static uint8_t at(const VvPicture *picture, int p, int x, int y) {
    return picture->plane[p][(ptrdiff_t)y * picture->stride[p] + x];
}

static VvPicture make(int width, int height) {
    VvPicture picture;
    assert_int_equal(vv_picture_alloc(&picture, width, height), 0);
    for (int p = 0; p < 3; p++)
        memset(picture.plane[p], GUARD, (size_t)picture.stride[p] * (size_t)(p ? half(height) : height));
    return picture;
}

/* Fails if anything of `whole` outside the view at (x, y) of that size differs from the guard. */
static void assert_guarded(const VvPicture *whole, int x, int y, int width, int height) {
    for (int p = 0; p < 3; p++) {
        const int w = p ? half(whole->width) : whole->width, h = p ? half(whole->height) : whole->height;
        const int left = p ? x / 2 : x, top = p ? y / 2 : y;
        const int right = left + (p ? half(width) : width), bottom = top + (p ? half(height) : height);
        for (int line = 0; line < h; line++)
            for (int i = 0; i < w; i++)
                if (line < top || line >= bottom || i < left || i >= right)
                    assert_int_equal(at(whole, p, i, line), GUARD);
    }
}

static void allocates_aligned_rows_and_refuses_bad_sizes(void **state) {
    (void)state;
    VvPicture picture;
    const int bad[][2] = {{0, 16}, {16, 0}, {-1, 16}, {16, -1}, {8193, 16}, {16, 8193}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(vv_picture_alloc(&picture, bad[i][0], bad[i][1]), -EINVAL);
        vv_picture_free(&picture);
    }
    for (int i = 0; i < SIZES; i++) {
        picture = make(sizes[i][0], sizes[i][1]);
        for (int p = 0; p < 3; p++) {
            assert_int_equal((uintptr_t)picture.plane[p] % 64, 0);
            assert_int_equal(picture.stride[p] % 64, 0);
            assert_true(picture.stride[p] >= (p ? half(sizes[i][0]) : sizes[i][0]));
        }
        vv_picture_free(&picture);
        assert_null(picture.plane[0]);
        vv_picture_free(&picture);
    }
}

/* Worked by hand from Kr = 0.2126, Kb = 0.0722: Y = 16 + 219 Y', Cb = 128 + 224 (B' - Y') / 1.8556, Cr = 128 + 224
 * (R' - Y') / 1.5748. */
static void known_colours(void **state) {
    (void)state;
    static const struct {
        uint8_t r, g, b;
        VvYuv yuv;
    } known[] = {
        {0, 0, 0, {16, 128, 128}},     {255, 255, 255, {235, 128, 128}}, {128, 128, 128, {126, 128, 128}},
        {255, 0, 0, {63, 102, 240}},   {0, 255, 0, {173, 42, 26}},       {0, 0, 255, {32, 240, 118}},
        {255, 255, 0, {219, 16, 138}}, {0, 255, 255, {188, 154, 16}},    {255, 0, 255, {78, 214, 230}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const VvYuv yuv = vv_rgb_to_yuv(known[i].r, known[i].g, known[i].b);
        assert_int_equal(yuv.y, known[i].yuv.y);
        assert_int_equal(yuv.u, known[i].yuv.u);
        assert_int_equal(yuv.v, known[i].yuv.v);
        uint8_t rgb[3];
        vv_yuv_to_rgb(yuv, rgb);
        assert_in_range(rgb[0] + 2 - known[i].r, 0, 4);
        assert_in_range(rgb[1] + 2 - known[i].g, 0, 4);
        assert_in_range(rgb[2] + 2 - known[i].b, 0, 4);
    }
    for (int grey = 0; grey < 256; grey++) {
        const VvYuv yuv = vv_rgb_to_yuv((uint8_t)grey, (uint8_t)grey, (uint8_t)grey);
        assert_int_equal(yuv.u, 128);
        assert_int_equal(yuv.v, 128);
    }
}

static void exact_yuv(double r, double g, double b, double yuv[3]) {
    const double y = (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
    yuv[0] = 16 + 219 * y;
    yuv[1] = 128 + 224 * (b / 255 - y) / 1.8556;
    yuv[2] = 128 + 224 * (r / 255 - y) / 1.5748;
}

static void exact_rgb(int y, int u, int v, double rgb[3]) {
    const double luma = (y - 16) / 219.0, cb = (u - 128) / 224.0, cr = (v - 128) / 224.0;
    const double r = luma + 1.5748 * cr, b = luma + 1.8556 * cb;
    const double g = (luma - 0.2126 * r - 0.0722 * b) / 0.7152;
    rgb[0] = fmin(fmax(255 * r, 0), 255);
    rgb[1] = fmin(fmax(255 * g, 0), 255);
    rgb[2] = fmin(fmax(255 * b, 0), 255);
}

/* Rounding costs half a step; fixed point may add a little, and never a whole one. */
static void colours_are_exact_to_rounding(void **state) {
    (void)state;
    double worst = 0;
    for (int r = 0; r < 256; r += 5)
        for (int g = 0; g < 256; g += 5)
            for (int b = 0; b < 256; b += 5) {
                double yuv[3], rgb[3];
                const VvYuv got = vv_rgb_to_yuv((uint8_t)r, (uint8_t)g, (uint8_t)b);
                exact_yuv(r, g, b, yuv);
                worst = fmax(worst, fmax(fabs(got.y - yuv[0]), fmax(fabs(got.u - yuv[1]), fabs(got.v - yuv[2]))));
                /* The same grid as Y'CbCr: most of it lies outside what RGB can show, and must be clamped. */
                uint8_t back[3];
                vv_yuv_to_rgb((VvYuv){(uint8_t)r, (uint8_t)g, (uint8_t)b}, back);
                exact_rgb(r, g, b, rgb);
                for (int c = 0; c < 3; c++)
                    worst = fmax(worst, fabs(back[c] - rgb[c]));
            }
    assert_true(worst < 0.55);
}

static void rgb_picture_is_converted_as_defined(void **state) {
    (void)state;
    uint32_t seed = 7;
    for (int i = 0; i < SIZES; i++) {
        const int w = sizes[i][0], h = sizes[i][1], stride = 3 * w + 5;
        uint8_t *rgb = malloc((size_t)(stride * h));
        for (int k = 0; k < stride * h; k++)
            rgb[k] = (uint8_t)synth_next(&seed);
        VvPicture whole = make(w + 6, h + 4);
        VvPicture view = vv_picture_crop(&whole, 2, 2, w, h);
        vv_picture_from_rgb(&view, rgb, stride);
        assert_guarded(&whole, 2, 2, w, h);
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++) {
                double yuv[3], sum[3] = {0};
                const uint8_t *pixel = rgb + y * stride + 3 * x;
                exact_yuv(pixel[0], pixel[1], pixel[2], yuv);
                assert_true(fabs(at(&view, 0, x, y) - yuv[0]) < 0.55);
                if (x % 2 || y % 2)
                    continue;
                int count = 0;
                for (int dy = 0; dy < 2 && y + dy < h; dy++)
                    for (int dx = 0; dx < 2 && x + dx < w; dx++, count++)
                        for (int c = 0; c < 3; c++)
                            sum[c] += pixel[dy * stride + 3 * dx + c];
                exact_yuv(sum[0] / count, sum[1] / count, sum[2] / count, yuv);
                assert_true(fabs(at(&view, 1, x / 2, y / 2) - yuv[1]) < 0.55);
                assert_true(fabs(at(&view, 2, x / 2, y / 2) - yuv[2]) < 0.55);
            }
        free(rgb);
        vv_picture_free(&whole);
    }
}

static void picture_is_converted_back_as_defined(void **state) {
    (void)state;
    uint32_t seed = 11;
    for (int i = 0; i < SIZES; i++) {
        const int w = sizes[i][0], h = sizes[i][1], stride = 3 * w + 4;
        VvPicture picture = make(w, h);
        for (int p = 0; p < 3; p++)
            for (int k = 0; k < picture.stride[p] * (p ? half(h) : h); k++)
                picture.plane[p][k] = (uint8_t)synth_next(&seed);
        uint8_t *rgb = malloc((size_t)(stride * h));
        memset(rgb, GUARD, (size_t)(stride * h));
        vv_picture_to_rgb(&picture, rgb, stride);
        for (int y = 0; y < h; y++) {
            for (int x = 0; x < w; x++) {
                double want[3];
                exact_rgb(at(&picture, 0, x, y), at(&picture, 1, x / 2, y / 2), at(&picture, 2, x / 2, y / 2), want);
                for (int c = 0; c < 3; c++)
                    assert_true(fabs(rgb[y * stride + 3 * x + c] - want[c]) < 0.55);
            }
            for (int k = 3 * w; k < stride; k++)
                assert_int_equal(rgb[y * stride + k], GUARD);
        }
        free(rgb);
        vv_picture_free(&picture);
    }
}

/* Pictures whose 2 x 2 blocks have one colour lose nothing but rounding: 1.64 + 0.5 steps at most, in blue. */
static void colour_round_trip(void **state) {
    (void)state;
    enum { W = 37, H = 21 };
    uint8_t rgb[H][W * 3], back[H][W * 3];
    uint32_t seed = 3;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            for (int c = 0; c < 3; c++)
                rgb[y][3 * x + c] = y % 2   ? rgb[y - 1][3 * x + c]
                                    : x % 2 ? rgb[y][3 * (x - 1) + c]
                                            : (uint8_t)synth_next(&seed);
    VvPicture picture = make(W, H);
    vv_picture_from_rgb(&picture, rgb[0], W * 3);
    vv_picture_to_rgb(&picture, back[0], W * 3);
    for (int y = 0; y < H; y++)
        for (int k = 0; k < W * 3; k++)
            assert_in_range(back[y][k] + 2 - rgb[y][k], 0, 4);
    vv_picture_free(&picture);
}

static void copies_between_strides(void **state) {
    (void)state;
    for (int i = 0; i < SIZES; i++) {
        const int w = sizes[i][0], h = sizes[i][1];
        VvPicture from = make(w, h), whole = make(w + 70, h + 4);
        synth_picture(&from, 3);
        VvPicture to = vv_picture_crop(&whole, 4, 2, w, h);
        vv_picture_copy(&to, &from);
        assert_guarded(&whole, 4, 2, w, h);
        for (int p = 0; p < 3; p++)
            assert_true(synth_psnr(&from, &to, p) > 130);
        vv_picture_free(&from);
        vv_picture_free(&whole);
    }
}

static void crop_shares_bytes(void **state) {
    (void)state;
    VvPicture whole = make(31, 23);
    VvPicture view = vv_picture_crop(&whole, 6, 4, 7, 9);
    assert_int_equal(view.width, 7);
    assert_int_equal(view.height, 9);
    vv_picture_fill(&view, 0, 0, 7, 9, (VvYuv){1, 2, 3});
    assert_guarded(&whole, 6, 4, 7, 9);
    assert_int_equal(at(&whole, 0, 12, 12), 1);
    assert_int_equal(at(&whole, 1, 6, 6), 2);
    assert_int_equal(at(&whole, 2, 3, 2), 3);
    vv_picture_free(&whole);
}

/* Fills and checks that exactly left..right, top..bottom (luma) took the colour. */
static void check_fill(int x, int y, int width, int height, int left, int top, int right, int bottom) {
    VvPicture picture = make(15, 11);
    vv_picture_fill(&picture, x, y, width, height, (VvYuv){10, 20, 30});
    for (int p = 0; p < 3; p++)
        for (int line = 0; line < (p ? 6 : 11); line++)
            for (int i = 0; i < (p ? 8 : 15); i++) {
                const int unit = p ? 2 : 1;
                const bool inside = i * unit >= left && i * unit < right && line * unit >= top && line * unit < bottom;
                assert_int_equal(at(&picture, p, i, line), inside ? 10 * (p + 1) : GUARD);
            }
    vv_picture_free(&picture);
}

static void fill_rounds_and_clips(void **state) {
    (void)state;
    check_fill(2, 4, 6, 2, 2, 4, 8, 6);
    check_fill(3, 5, 7, 3, 2, 4, 8, 6);                           /* rounded down to even */
    check_fill(0, 0, 15, 11, 0, 0, 15, 11);                       /* the whole odd picture */
    check_fill(-4, -2, 8, 6, 0, 0, 4, 4);                         /* clipped before */
    check_fill(12, 8, 100, 100, 12, 8, 15, 11);                   /* clipped behind */
    check_fill(-1000, -1000, INT32_MAX, INT32_MAX, 0, 0, 15, 11); /* everything */
    check_fill(INT32_MAX - 1, 0, INT32_MAX, 4, 0, 0, 0, 0);       /* nothing, and no overflow */
    check_fill(INT32_MIN, INT32_MIN, 4, 4, 0, 0, 0, 0);           /* as well */
    check_fill(4, 4, 0, 6, 0, 0, 0, 0);                           /* no width */
    check_fill(4, 4, -2, 6, 0, 0, 0, 0);                          /* less than none */
    check_fill(4, 4, 1, 1, 0, 0, 0, 0);                           /* rounded away */
}

/* ---- scaling ------------------------------------------------------------------------------------------------ */

/* The weights of `from` samples in sample `at` of `to`: the share of each in the area covered, or the distances from
 * the two nearest centres; by definition, without regard to cost. Returns the first, and their number in *count. */
static int exact_weights(int from, int to, int at, double *weights, int *count) {
    const double ratio = (double)from / to;
    if (ratio > 1) {
        const double begin = at * ratio, end = fmin((at + 1) * ratio, from);
        const int first = (int)begin;
        *count = 0;
        for (int i = first; i < end; i++)
            weights[(*count)++] = (fmin(end, i + 1) - fmax(begin, i)) / ratio;
        return first;
    }
    const double centre = fmin(fmax((at + 0.5) * ratio - 0.5, 0), from - 1);
    const int first = (int)centre;
    *count = first + 1 < from ? 2 : 1;
    weights[0] = first + 1 < from ? 1 - (centre - first) : 1;
    weights[1] = centre - first;
    return first;
}

/* The largest distance of `to` from the exact result, over all planes. */
static double scale_error(const VvPicture *to, const VvPicture *from) {
    static double across[VV_PICTURE_SIZE_MAX], down[VV_PICTURE_SIZE_MAX], column[VV_PICTURE_SIZE_MAX];
    double worst = 0;
    for (int p = 0; p < 3; p++) {
        const int w = p ? half(from->width) : from->width, h = p ? half(from->height) : from->height;
        const int to_w = p ? half(to->width) : to->width, to_h = p ? half(to->height) : to->height;
        for (int y = 0; y < to_h; y++) {
            int rows, columns;
            const int top = exact_weights(h, to_h, y, down, &rows);
            for (int x = 0; x < w; x++) {
                column[x] = 0;
                for (int i = 0; i < rows; i++)
                    column[x] += down[i] * at(from, p, x, top + i);
            }
            for (int x = 0; x < to_w; x++) {
                const int left = exact_weights(w, to_w, x, across, &columns);
                double want = 0;
                for (int i = 0; i < columns; i++)
                    want += across[i] * column[left + i];
                worst = fmax(worst, fabs(at(to, p, x, y) - want));
            }
        }
    }
    return worst;
}

/* Fills the picture's own samples: noise that is often black or white, which errors of a weight show up in. */
static void fill_noise(VvPicture *picture, uint32_t *seed) {
    for (int p = 0; p < 3; p++)
        for (int y = 0; y < (p ? half(picture->height) : picture->height); y++)
            for (int x = 0; x < (p ? half(picture->width) : picture->width); x++) {
                const int value = (int)(synth_next(seed) % 512) - 128;
                picture->plane[p][(ptrdiff_t)y * picture->stride[p] + x] = (uint8_t)(value < 0     ? 0
                                                                                     : value > 255 ? 255
                                                                                                   : value);
            }
}

/* Room for a guard on both sides, where the largest size leaves any. */
static int margin(int length, int want) {
    return length + 2 * want <= VV_PICTURE_SIZE_MAX ? want : 0;
}

/* The error of scaling noise between two views: strides longer than rows, guards all around. */
static double scaled_error(int width, int height, int to_width, int to_height, uint32_t *seed) {
    const int left = margin(width, 4), top = margin(height, 2);
    const int to_left = margin(to_width, 2), to_top = margin(to_height, 4);
    VvPicture from_whole = make(width + 2 * left, height + 2 * top);
    VvPicture to_whole = make(to_width + 2 * to_left, to_height + 2 * to_top);
    VvPicture from = vv_picture_crop(&from_whole, left, top, width, height);
    VvPicture to = vv_picture_crop(&to_whole, to_left, to_top, to_width, to_height);
    fill_noise(&from, seed);
    vv_picture_scale(&to, &from);
    assert_guarded(&from_whole, left, top, width, height);
    assert_guarded(&to_whole, to_left, to_top, to_width, to_height);
    const double error = scale_error(&to, &from);
    vv_picture_free(&from_whole);
    vv_picture_free(&to_whole);
    return error;
}

static void scale_is_exact_to_rounding(void **state) {
    (void)state;
    uint32_t seed = 5;
    double worst = 0;
    for (int i = 0; i < SIZES; i++)
        for (int j = 0; j < SIZES; j++)
            worst = fmax(worst, scaled_error(sizes[i][0], sizes[i][1], sizes[j][0], sizes[j][1], &seed));
    const int known[][4] = {{640, 480, 320, 240}, {640, 480, 96, 72},   {640, 480, 427, 321}, {256, 256, 512, 512},
                            {96, 96, 128, 72},    {320, 180, 180, 320}, {101, 103, 97, 107},  {199, 211, 200, 210},
                            {257, 255, 128, 128}, {258, 254, 129, 127}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        worst = fmax(worst, scaled_error(known[i][0], known[i][1], known[i][2], known[i][3], &seed));
    for (int i = 0; i < 300; i++) {
        int size[4];
        for (int k = 0; k < 4; k++)
            size[k] = 1 + (int)(synth_next(&seed) % (i % 2 ? 40 : 200));
        worst = fmax(worst, scaled_error(size[0], size[1], size[2], size[3], &seed));
    }
    assert_true(worst < 0.55);
}

/* The longest sums, the smallest weights, the last columns: where fixed point has least to spare. */
static void scale_at_the_largest_sizes(void **state) {
    (void)state;
    enum { M = VV_PICTURE_SIZE_MAX };
    const int extreme[][4] = {
        {M, 3, 1, 2},     {3, M, 2, 1},     {M, 2, 7, 1},       {2, M, 1, 7},       {M, 5, M - 1, 4}, {5, M, 4, M - 1},
        {M - 1, 3, M, 5}, {3, M - 1, 5, M}, {1, 1, M, 2},       {1, 1, 2, M},       {5, 4, M, 3},     {4, 5, 3, M},
        {M, 2, M / 2, 3}, {2, M, 3, M / 2}, {9, M - 1, 70, 31}, {M - 1, 9, 31, 70}, {3, 5003, 2, 1},  {4, 513, 4, 2}};
    uint32_t seed = 17;
    for (size_t i = 0; i < sizeof extreme / sizeof *extreme; i++)
        assert_true(scaled_error(extreme[i][0], extreme[i][1], extreme[i][2], extreme[i][3], &seed) < 0.6);
}

static void assert_flat(int width, int height, int to_width, int to_height, VvYuv colour) {
    VvPicture from = make(width, height), to = make(to_width, to_height);
    const int want[3] = {colour.y, colour.u, colour.v};
    vv_picture_fill(&from, 0, 0, width, height, colour);
    vv_picture_scale(&to, &from);
    for (int p = 0; p < 3; p++)
        for (int y = 0; y < (p ? half(to_height) : to_height); y++)
            for (int x = 0; x < (p ? half(to_width) : to_width); x++)
                assert_int_equal(at(&to, p, x, y), want[p]);
    vv_picture_free(&from);
    vv_picture_free(&to);
}

static void scale_keeps_a_flat_picture(void **state) {
    (void)state;
    enum { M = VV_PICTURE_SIZE_MAX };
    uint32_t seed = 23;
    for (int i = 0; i < SIZES; i++)
        for (int j = 0; j < SIZES; j++)
            assert_flat(sizes[i][0], sizes[i][1], sizes[j][0], sizes[j][1], (VvYuv){77, 99, 201});
    for (int value = 0; value < 256; value++) {
        int size[4];
        for (int k = 0; k < 4; k++)
            size[k] = 1 + (int)(synth_next(&seed) % 300);
        const VvYuv colour = {(uint8_t)value, (uint8_t)(255 - value), (uint8_t)(value ^ 85)};
        assert_flat(size[0], size[1], size[2], size[3], colour);
        assert_flat(M - value, 2, 1 + value % 7, 1, colour);
        assert_flat(2, M - value, 1, 1 + value % 7, colour);
    }
    assert_flat(M, M, 3, 5, (VvYuv){255, 255, 0});
    assert_flat(3, 5, M, M, (VvYuv){255, 255, 0});
}

static double mean(const VvPicture *picture, int p) {
    const int w = p ? half(picture->width) : picture->width, h = p ? half(picture->height) : picture->height;
    double sum = 0;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            sum += at(picture, p, x, y);
    return sum / w / h;
}

/* Rounding to bytes averages out over many samples; losing a little in each would not. Only the mean of four bytes is
 * often just between two, and is rounded up then: half a level, every fourth time. */
static void scale_down_keeps_the_mean(void **state) {
    (void)state;
    static const struct {
        int width, height, to_width, to_height;
        double gain;
    } cases[] = {
        {640, 480, 320, 240, 0.125}, {640, 480, 96, 72, 0},   {641, 479, 203, 101, 0},
        {640, 480, 639, 479, 0},     {512, 2048, 256, 40, 0}, {600, 1030, 599, 2, 0},
    };
    uint32_t seed = 29;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        VvPicture from = make(cases[i].width, cases[i].height), to = make(cases[i].to_width, cases[i].to_height);
        fill_noise(&from, &seed);
        vv_picture_scale(&to, &from);
        for (int p = 0; p < 3; p++)
            assert_true(fabs(mean(&to, p) - mean(&from, p) - cases[i].gain) < 0.05);
        vv_picture_free(&from);
        vv_picture_free(&to);
    }
}

/* A ramp stays a ramp at the same place: scaling does not shift the picture. */
static void scale_keeps_places(void **state) {
    (void)state;
    VvPicture from = make(201, 151);
    for (int y = 0; y < 151; y++)
        for (int x = 0; x < 201; x++)
            from.plane[0][y * from.stride[0] + x] = (uint8_t)(20 + x / 2 + y / 2);
    for (int p = 1; p < 3; p++)
        memset(from.plane[p], 128, (size_t)from.stride[p] * 76);
    const int to_sizes[][2] = {{96, 96}, {101, 77}, {201, 151}, {333, 217}};
    for (int i = 0; i < 4; i++) {
        VvPicture to = make(to_sizes[i][0], to_sizes[i][1]);
        vv_picture_scale(&to, &from);
        for (int y = 4; y < to.height - 4; y++)
            for (int x = 4; x < to.width - 4; x++) {
                const double fx = (x + 0.5) * 201 / to.width - 0.5, fy = (y + 0.5) * 151 / to.height - 0.5;
                assert_true(fabs(at(&to, 0, x, y) - (20 + fx / 2 + fy / 2 - 0.5)) < 1.1);
            }
        vv_picture_free(&to);
    }
    vv_picture_free(&from);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocates_aligned_rows_and_refuses_bad_sizes),
        cmocka_unit_test(known_colours),
        cmocka_unit_test(colours_are_exact_to_rounding),
        cmocka_unit_test(rgb_picture_is_converted_as_defined),
        cmocka_unit_test(picture_is_converted_back_as_defined),
        cmocka_unit_test(colour_round_trip),
        cmocka_unit_test(copies_between_strides),
        cmocka_unit_test(crop_shares_bytes),
        cmocka_unit_test(fill_rounds_and_clips),
        cmocka_unit_test(scale_is_exact_to_rounding),
        cmocka_unit_test(scale_at_the_largest_sizes),
        cmocka_unit_test(scale_keeps_a_flat_picture),
        cmocka_unit_test(scale_down_keeps_the_mean),
        cmocka_unit_test(scale_keeps_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
