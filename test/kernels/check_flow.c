/* Checks of warping and blending. */
#include <math.h>

#include "test/kernels/check.h"

typedef struct FlowCase {
    int m, n, h, w, c; /* items of the source and of the result, their size and channels */
    int rows, cells;   /* of the flow */
} FlowCase;

/* Flow as large as the picture, coarser, finer, odd; widths around the blocks of 128 pixels and 256 cells. */
static const FlowCase flow_cases[] = {
    {1, 1, 1, 1, 1, 1, 1},      {1, 1, 1, 1, 3, 5, 7},     {1, 2, 2, 3, 5, 1, 1},     {2, 2, 7, 5, 16, 7, 5},
    {3, 2, 16, 16, 33, 4, 4},   {1, 1, 9, 31, 17, 3, 8},   {1, 1, 3, 127, 3, 2, 32},  {1, 1, 4, 129, 4, 4, 129},
    {1, 1, 2, 256, 15, 1, 64},  {2, 1, 5, 65, 32, 9, 400}, {1, 1, 3, 300, 2, 3, 900}, {1, 3, 32, 32, 64, 64, 64},
    {1, 1, 64, 64, 16, 16, 16},
};
enum { FLOW_CASES = sizeof flow_cases / sizeof *flow_cases, FLOW_KINDS = 4 };

/* What one unit of flow is, in pixels of the picture. */
static double unit_pixels(VvFlowUnit unit, int size, int cells) {
    return unit == VV_FLOW_HALVES ? 0.5 * size : unit == VV_FLOW_CELLS ? (double)size / cells : 1;
}

/* Small flows, flows over the whole picture, flows far outside, and what is no number. Returns the largest, in pixels
 * of the picture, of those that end inside it. */
static double fill_flow(Check *check, VvTensor flow, VvFlowUnit unit, const FlowCase *c, int kind) {
    static const double special[] = {NAN, INFINITY, -INFINITY, 1e30, -1e30, 3e38};
    const double reach[FLOW_KINDS] = {1.5, 1.2, 40, 1.2};
    const double across = unit_pixels(unit, c->w, c->cells), down = unit_pixels(unit, c->h, c->rows);
    const double size = c->h > c->w ? c->h : c->w;
    const double pixels = kind == 0 ? reach[0] : reach[kind] * size;
    for (size_t row = 0; row < vv_tensor_rows(flow); row++) {
        check_put(flow, row, 0, check_between(check, -pixels, pixels) / across);
        check_put(flow, row, 1, check_between(check, -pixels, pixels) / down);
        if (kind == 3 && check_below(check, 8) == 0)
            check_put(flow, row, check_below(check, 2), special[check_below(check, 6)]);
    }
    return pixels;
}

/* How far off a position may be, in pixels. Positions are computed in float from numbers as large as the flow and the
 * picture, in about eight steps. Where cells lie is known to four roundings of their number, and from cell to cell the
 * flow may turn from one end to the other. */
static double position_error(double pixels, const FlowCase *c) {
    return ldexp(8 * (pixels + c->h + c->w) + 4 * (c->rows + c->cells) * 2 * pixels, -24);
}

/* Between huge numbers, or numbers and none, the least rounding decides where a flow leads. Then it is only asked that
 * nothing is read outside; where every pixel has a cell of its own, that it is the same as the reference's. */
static bool is_defined(const FlowCase *c, int kind) {
    return kind != 3 || (c->rows == c->h && c->cells == c->w);
}

/* What a warp makes of numbers up to `size` is no larger. */
static void expect_up_to(Check *check, VvTensor t, double size) {
    for (size_t row = 0; row < vv_tensor_rows(t); row++)
        for (int c = 0; c < t.shape[3]; c++)
            if (!(fabs(check_get(t, row, c)) <= size))
                check_fail(check, "row %zu, channel %d: got %g", row, c, check_get(t, row, c));
}

/* Chooses items, some outside what there is. */
static VvTensor choose_items(Check *check, const FlowCase *c) {
    if (check_below(check, 2) && (c->m == 1 || c->m == c->n))
        return (VvTensor){0};
    const VvTensor which = check_tensor(check, VV_I32, 1, &c->n);
    for (int i = 0; i < c->n; i++) /* a vector's elements are the columns of one row */
        check_put(which, 0, i, check_below(check, c->m + 2) - 1);
    return which;
}

static void warp_case(Check *check, const FlowCase *c, VvDataType type, VvFlowUnit unit, int kind) {
    VvWarp warp = {.unit = unit, .which = choose_items(check, c)};
    const bool occluded = check_below(check, 2);
    check_case(check, "%d to %dx%dx%dx%d %s, flow %dx%d of kind %d in unit %d%s%s", c->m, c->n, c->h, c->w, c->c,
               vv_type_name(type), c->rows, c->cells, kind, (int)unit, occluded ? ", occlusion" : "",
               warp.which.rank ? ", chosen" : "");
    warp.src = check_slice(check, type, check_below(check, 3), c->m, c->h, c->w, c->c);
    warp.dst = check_slice(check, type, check_below(check, 3), c->n, c->h, c->w, c->c);
    const VvTensor field = check_picture(check, VV_F32, c->n, c->rows, c->cells, 3);
    warp.flow = vv_tensor_channels(field, 0, 2);
    check_fill(check, warp.src, -2, 2);
    check_fill(check, field, -12, 12);
    const double pixels = fill_flow(check, warp.flow, unit, c, kind);
    if (occluded)
        warp.occlusion = vv_tensor_channels(field, 2, 1);
    VvWarp want = warp;
    want.dst = check_twin(check, warp.dst);
    check_status(check, check->kernels->warp(check->stream, &warp), VV_KERNEL_OK);
    check_status(check, check->ref->warp(check->ref_stream, &want), VV_KERNEL_OK);
    /* Neighbours are up to 4 apart, along x and along y. A sigmoid in float is off by 4e-7 at most, and by the
     * occlusion's own error, whose slope is at most 1/4 of 24 a cell; both times the largest number, 2. */
    const double occlusion_error = 4e-7 + 6 * ldexp(4 * (c->rows + c->cells), -24);
    if (is_defined(c, kind))
        check_equal(check, warp.dst, want.dst, 2 * 4 * position_error(pixels, c) + 2 * occlusion_error);
    else
        expect_up_to(check, warp.dst, 2 * (1 + check_epsilon(type)));
    check_free_all(check);
}

static void warp(Check *check) {
    for (int i = 0; i < FLOW_CASES; i++)
        for (int kind = 0; kind < FLOW_KINDS; kind++)
            for (int unit = VV_FLOW_HALVES; unit <= VV_FLOW_CELLS; unit++)
                for (int type = VV_F32; type <= VV_BF16; type++)
                    warp_case(check, &flow_cases[i], (VvDataType)type, (VvFlowUnit)unit, kind);
}

/* Without flow and occlusion, a warp gives the source, and whole pixels of flow shift it: exactly. */
static void warp_exact(Check *check) {
    const FlowCase c = {1, 1, 5, 8, 19, 5, 8};
    for (int shift = -2; shift <= 2; shift++) {
        check_case(check, "shift by %d", shift);
        const VvTensor src = check_picture(check, VV_F32, 1, c.h, c.w, c.c),
                       flow = check_picture(check, VV_F32, 1, c.h, c.w, 2);
        const VvTensor dst = check_picture(check, VV_F32, 1, c.h, c.w, c.c);
        check_fill(check, src, -2, 2);
        for (size_t row = 0; row < vv_tensor_rows(flow); row++) {
            check_put(flow, row, 0, shift);
            check_put(flow, row, 1, -shift);
        }
        const VvWarp warp = {.src = src, .flow = flow, .unit = VV_FLOW_PIXELS, .dst = dst};
        check_status(check, check->kernels->warp(check->stream, &warp), VV_KERNEL_OK);
        for (int y = 0; y < c.h; y++)
            for (int x = 0; x < c.w; x++)
                for (int k = 0; k < c.c; k++) {
                    const int sx = x + shift < 0 ? 0 : x + shift >= c.w ? c.w - 1 : x + shift;
                    const int sy = y - shift < 0 ? 0 : y - shift >= c.h ? c.h - 1 : y - shift;
                    const double got = check_get(dst, (size_t)y * (size_t)c.w + (size_t)x, k);
                    if (!(got == check_get(src, (size_t)sy * (size_t)c.w + (size_t)sx, k)))
                        check_fail(check, "pixel %d %d, channel %d: got %g", y, x, k, got);
                }
        check_free_all(check);
    }
}

/* A portrait that stays as it is, to RGB, or where that is no tensor to I420. */
static VvBlend still(Check *check, VvTensor portrait) {
    const int n = portrait.shape[0], h = portrait.shape[1], w = portrait.shape[2], c = portrait.shape[3];
    VvBlend blend = {.portrait = portrait,
                     .flow = check_picture(check, VV_F32, n, 1, 1, 2),
                     .painted = check_picture(check, VV_F32, n, h, w, c + 1),
                     .planes = check_tensor(check, VV_U8, 3, (const int[]){n, h / 2 * 3, w})};
    check_fill(check, blend.flow, 0, 0);
    check_fill(check, blend.painted, -1, 1);
    check_fill(check, vv_tensor_channels(blend.painted, c, 1), 500, 500);
    return blend;
}

/* Three 15-bit fractions, each half a unit off, of bytes. */
static const double colour_error = 255 * 3 / 65536.0;

static bool chance(Check *check) {
    return check_below(check, 2);
}

/* Planes are those of the bytes, whether these are stored or not. */
static void check_planes(Check *check, const VvBlend *blend) {
    const VvBlend bytes = still(check, blend->dst);
    VvBlend alone = *blend;
    alone.dst = (VvTensor){0};
    alone.planes = check_twin(check, blend->planes);
    check_status(check, check->ref->blend(check->ref_stream, &bytes), VV_KERNEL_OK);
    check_bytes(check, blend->planes, bytes.planes, colour_error);
    check_fill(check, alone.planes, 0, 256);
    check_status(check, check->kernels->blend(check->stream, &alone), VV_KERNEL_OK);
    check_bytes(check, alone.planes, blend->planes, 0);
}

static void blend_case(Check *check, const FlowCase *c, VvDataType type, VvFlowUnit unit, int r, int channels,
                       int kind) {
    const FlowCase whole = {c->m, c->n, c->h * r, c->w * r, channels, c->rows, c->cells};
    VvBlend blend = {.unit = unit, .which = choose_items(check, c)};
    check_case(check, "%d to %dx%dx%dx%d from %s by %d, flow %dx%d of kind %d in unit %d", c->m, c->n, whole.h, whole.w,
               channels, vv_type_name(type), r, c->rows, c->cells, kind, (int)unit);
    blend.portrait = check_slice(check, VV_U8, check_below(check, 2), c->m, whole.h, whole.w, channels);
    blend.dst = check_slice(check, VV_U8, check_below(check, 2), c->n, whole.h, whole.w, channels);
    blend.painted = check_slice(check, type, check_below(check, 3), c->n, c->h, c->w, (channels + 1) * r * r);
    blend.flow = check_picture(check, VV_F32, c->n, c->rows, c->cells, 2);
    check_fill(check, blend.portrait, 0, 256);
    check_fill(check, blend.painted, -1.5, 1.5); /* beyond what fits a byte */
    const double pixels = fill_flow(check, blend.flow, unit, &whole, kind);
    if (kind == 3) { /* masks that are all or nothing, and colours that are no numbers */
        for (size_t row = 0; row < vv_tensor_rows(blend.painted); row++)
            check_put(blend.painted, row, channels * r * r, check_below(check, 2) ? 500 : -500);
        check_put(blend.painted, 0, 0, NAN);
        check_put(blend.painted, 0, 1 % (channels * r * r), INFINITY);
    }
    VvBlend want = blend;
    want.dst = check_twin(check, blend.dst);
    if (whole.h % 2 == 0 && whole.w % 2 == 0 && chance(check))
        blend.planes = check_tensor(check, VV_U8, 3, (const int[]){c->n, whole.h / 2 * 3, whole.w});
    check_status(check, check->kernels->blend(check->stream, &blend), VV_KERNEL_OK);
    check_status(check, check->ref->blend(check->ref_stream, &want), VV_KERNEL_OK);
    if (blend.planes.rank)
        check_planes(check, &blend);
    /* Neighbours are up to 255 apart, along x and along y; the rest of the arithmetic is good for a thousandth. */
    if (is_defined(&whole, kind))
        check_bytes(check, blend.dst, want.dst, 1e-3 + 2 * 255 * position_error(pixels, &whole));
    check_free_all(check);
}

static void blend(Check *check) {
    static const FlowCase sizes[] = {
        {1, 1, 1, 1, 0, 1, 1}, {1, 2, 3, 5, 0, 2, 3}, {3, 2, 16, 16, 0, 4, 4}, {2, 2, 4, 33, 0, 8, 9},
        {2, 2, 5, 7, 0, 5, 7}, {1, 1, 2, 3, 0, 4, 6}, {1, 1, 8, 65, 0, 5, 5},  {1, 1, 3, 129, 0, 3, 400},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int r = 1; r <= 4; r *= 2)
            for (int kind = 0; kind < FLOW_KINDS; kind++)
                for (int k = 0; k < 4; k++)
                    blend_case(check, &sizes[i], k % 2 ? VV_F32 : VV_BF16, (VvFlowUnit)check_below(check, 3), r,
                               3 + k / 2, kind);
}

/* ---- colour ------------------------------------------------------------------------------------------------------ */

static void planes(Check *check) {
    static const int sizes[][3] = {{1, 2, 2},   {2, 4, 6},    {1, 6, 62}, {3, 2, 64},
                                   {1, 4, 130}, {1, 16, 258}, {1, 64, 64}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int channels = 3; channels <= 4; channels++) {
            const int n = sizes[i][0], h = sizes[i][1], w = sizes[i][2];
            check_case(check, "%dx%dx%dx%d", n, h, w, channels);
            const VvTensor rgb = check_slice(check, VV_U8, check_below(check, 2), n, h, w, channels);
            check_fill(check, rgb, 0, 256);
            for (int k = 0; k < channels; k++) { /* the corners of the colours' range */
                check_put(rgb, 0, k, 255);
                check_put(rgb, 1, k, 0);
            }
            const VvBlend got = still(check, rgb);
            VvBlend want = got;
            want.planes = check_twin(check, got.planes);
            check_status(check, check->kernels->blend(check->stream, &got), VV_KERNEL_OK);
            check_status(check, check->ref->blend(check->ref_stream, &want), VV_KERNEL_OK);
            check_bytes(check, got.planes, want.planes, colour_error);
            check_free_all(check);
        }
}

const NamedCheck vv_flow_checks[] = {
    {"warp", warp}, {"warp by whole pixels", warp_exact}, {"blend", blend}, {"planes", planes}, {NULL, NULL},
};
