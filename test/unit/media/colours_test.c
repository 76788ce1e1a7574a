/* Colours of files: known ones by hand in both matrices and ranges, all of them against the definition, there and back
 * at odd sizes, and the call's own conversion where both do the same. */
#include "server/media/colours.h"
#include "server/media/picture.h"
#include "test/unit/media/synth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { FORMS = 4 };

static VvColours form(int i) {
    return (VvColours){.full_range = i & 1, .bt601 = i & 2};
}

/* One pixel of a 4:4:4 picture. */
static VvColourPlanes one(uint8_t yuv[3]) {
    return (VvColourPlanes){1, 1, true, {yuv, yuv + 1, yuv + 2}, {1, 1, 1}};
}

/* Worked by hand: BT.709 has 0.2126, 0.7152 and 0.0722, BT.601 has 0.299, 0.587 and 0.114. */
static void known_colours(void **state) {
    (void)state;
    static const struct {
        uint8_t rgb[3], yuv[FORMS][3];
    } known[] = {
        {{0, 0, 0}, {{16, 128, 128}, {0, 128, 128}, {16, 128, 128}, {0, 128, 128}}},
        {{255, 255, 255}, {{235, 128, 128}, {255, 128, 128}, {235, 128, 128}, {255, 128, 128}}},
        {{255, 0, 0}, {{63, 102, 240}, {54, 99, 255}, {81, 90, 240}, {76, 85, 255}}},
        {{0, 255, 0}, {{173, 42, 26}, {182, 30, 12}, {145, 54, 34}, {150, 44, 21}}},
        {{0, 0, 255}, {{32, 240, 118}, {18, 255, 116}, {41, 240, 110}, {29, 255, 107}}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        for (int f = 0; f < FORMS; f++) {
            uint8_t yuv[3], rgb[3];
            const VvColourPlanes planes = one(yuv);
            vv_colours_from_rgb(&planes, form(f), known[i].rgb);
            for (int c = 0; c < 3; c++)
                assert_int_equal(yuv[c], known[i].yuv[f][c]);
            vv_colours_to_rgb(&planes, form(f), rgb);
            for (int c = 0; c < 3; c++)
                assert_in_range(rgb[c] + 2 - known[i].rgb[c], 0, 4);
        }
}

/* From samples to RGB by the definition, which leaves [0, 255] for most of them. */
static void exact_to_rounding(void **state) {
    (void)state;
    double worst = 0;
    for (int f = 0; f < FORMS; f++) {
        const double kr = f & 2 ? 0.299 : 0.2126, kb = f & 2 ? 0.114 : 0.0722;
        const double black = f & 1 ? 0 : 16, luma = f & 1 ? 255 : 219, chroma = f & 1 ? 255 : 224;
        for (int y = 0; y < 256; y += 3)
            for (int u = 0; u < 256; u += 5)
                for (int v = 0; v < 256; v += 5) {
                    uint8_t yuv[3] = {(uint8_t)y, (uint8_t)u, (uint8_t)v}, rgb[3];
                    const VvColourPlanes planes = one(yuv);
                    vv_colours_to_rgb(&planes, form(f), rgb);
                    const double white = (y - black) / luma;
                    const double r = white + (2 - 2 * kr) * (v - 128) / chroma;
                    const double b = white + (2 - 2 * kb) * (u - 128) / chroma;
                    const double want[3] = {r, (white - kr * r - kb * b) / (1 - kr - kb), b};
                    for (int c = 0; c < 3; c++)
                        worst = fmax(worst, fabs(rgb[c] - fmin(fmax(255 * want[c], 0), 255)));
                }
    }
    assert_true(worst < 0.501);
}

/* Where a call's conversion does the same, it says the same to within its own rounding. */
static void as_in_calls(void **state) {
    (void)state;
    const int sizes[][2] = {{1, 1}, {5, 3}, {64, 48}, {67, 33}};
    for (size_t i = 0; i < 4; i++) {
        const int width = sizes[i][0], height = sizes[i][1], size = 3 * width * height;
        VvPicture call, file;
        uint8_t *a = malloc((size_t)size), *b = malloc((size_t)size);
        assert_true(a && b);
        assert_int_equal(vv_picture_alloc(&call, width, height), 0);
        assert_int_equal(vv_picture_alloc(&file, width, height), 0);
        synth_picture(&call, 3);
        const VvColourPlanes from = {width,
                                     height,
                                     false,
                                     {call.plane[0], call.plane[1], call.plane[2]},
                                     {call.stride[0], call.stride[1], call.stride[2]}};
        const VvColourPlanes to = {width,
                                   height,
                                   false,
                                   {file.plane[0], file.plane[1], file.plane[2]},
                                   {file.stride[0], file.stride[1], file.stride[2]}};
        vv_picture_to_rgb(&call, a, 3 * width);
        vv_colours_to_rgb(&from, form(0), b);
        for (int k = 0; k < size; k++)
            assert_in_range(a[k] + 1 - b[k], 0, 2);
        vv_picture_from_rgb(&call, a, 3 * width);
        vv_colours_from_rgb(&to, form(0), a);
        for (int p = 0; p < 3; p++)
            for (int y = 0; y < (p ? (height + 1) / 2 : height); y++)
                for (int x = 0; x < (p ? (width + 1) / 2 : width); x++)
                    assert_in_range(call.plane[p][y * call.stride[p] + x] + 1 - file.plane[p][y * file.stride[p] + x],
                                    0, 2);
        vv_picture_free(&call);
        vv_picture_free(&file);
        free(a);
        free(b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_colours),
        cmocka_unit_test(exact_to_rounding),
        cmocka_unit_test(as_in_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
