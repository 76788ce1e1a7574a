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

/* Whether every sample of a plane is `value`, or at most `less` below it. */
static void assert_plane(const VvPicture *picture, int p, int value, int less) {
    for (int y = 0; y < (p ? half(picture->height) : picture->height); y++)
        for (int x = 0; x < (p ? half(picture->width) : picture->width); x++)
            assert_in_range(at(picture, p, x, y) + less, value, value + less);
}

/* libyuv's box filter divides by a 16-bit reciprocal, cut off: what it loses grows with the box. */
static void scale_keeps_a_constant_and_stays_inside(void **state) {
    (void)state;
    for (int i = 0; i < SIZES; i++)
        for (int j = 0; j < SIZES; j++) {
            VvPicture from = make(sizes[i][0], sizes[i][1]), whole = make(sizes[j][0] + 6, sizes[j][1] + 6);
            vv_picture_fill(&from, 0, 0, from.width, from.height, (VvYuv){77, 99, 201});
            VvPicture to = vv_picture_crop(&whole, 2, 4, sizes[j][0], sizes[j][1]);
            vv_picture_scale(&to, &from);
            assert_guarded(&whole, 2, 4, to.width, to.height);
            const int box = (from.width / to.width + 1) * (from.height / to.height + 1);
            assert_plane(&to, 0, 77, 1 + 77 * box / 65536);
            assert_plane(&to, 1, 99, 1 + 99 * box / 65536);
            assert_plane(&to, 2, 201, 1 + 201 * box / 65536);
            vv_picture_free(&from);
            vv_picture_free(&whole);
        }
}

static void scale_to_half_is_the_mean_of_four(void **state) {
    (void)state;
    VvPicture from = make(128, 96), to = make(64, 48);
    uint32_t seed = 5;
    for (int p = 0; p < 3; p++)
        for (int y = 0; y < (p ? 48 : 96); y++)
            for (int x = 0; x < (p ? 64 : 128); x++)
                from.plane[p][y * from.stride[p] + x] = (uint8_t)synth_next(&seed);
    vv_picture_scale(&to, &from);
    for (int p = 0; p < 3; p++)
        for (int y = 0; y < (p ? 24 : 48); y++)
            for (int x = 0; x < (p ? 32 : 64); x++) {
                const double mean = (at(&from, p, 2 * x, 2 * y) + at(&from, p, 2 * x + 1, 2 * y) +
                                     at(&from, p, 2 * x, 2 * y + 1) + at(&from, p, 2 * x + 1, 2 * y + 1)) /
                                    4.0;
                assert_true(fabs(at(&to, p, x, y) - mean) <= 1);
            }
    vv_picture_free(&from);
    vv_picture_free(&to);
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
                assert_true(fabs(at(&to, 0, x, y) - (20 + fx / 2 + fy / 2 - 0.5)) < 2);
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
        cmocka_unit_test(scale_keeps_a_constant_and_stays_inside),
        cmocka_unit_test(scale_to_half_is_the_mean_of_four),
        cmocka_unit_test(scale_keeps_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
