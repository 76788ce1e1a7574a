/* Small cases worked out by hand, which the reference must meet too: order of channels, padding, rounding, units. */
#include "test/kernels/check.h"

static VvTensor floats(Check *check, int h, int w, int c) {
    const VvTensor t = check_picture(check, VV_F32, 1, h, w, c);
    check_count_up(t);
    return t;
}

static void run_conv(Check *check, const VvConvSpec *spec, VvTensor src, VvTensor residual, VvTensor dst) {
    VvConv *conv = NULL;
    size_t scratch = 0;
    check_status(check, check->kernels->conv_open(spec, &conv), VV_KERNEL_OK);
    check_status(check, check->kernels->conv_plan(conv, src, dst, &scratch), VV_KERNEL_OK);
    check_status(check, check->kernels->conv(check->stream, conv, src, residual, dst), VV_KERNEL_OK);
    check->kernels->conv_close(&conv);
}

static void conv(Check *check) {
    /* Takes the pixel to the upper right: row 0, column 2 of the kernel. */
    static const float upper_right[9] = {0, 0, 1, 0, 0, 0, 0, 0, 0}, minus_two = -2;
    const VvTensor src = floats(check, 3, 3, 1), dst = floats(check, 3, 3, 1), small = floats(check, 2, 2, 1);
    VvConvSpec spec = {.in = 1, .out = 1, .kernel = 3, .stride = 1, .weights = upper_right};
    check_case(check, "zeros around");
    run_conv(check, &spec, src, (VvTensor){0}, dst);
    check_numbers(check, dst, (const double[]){0, 0, 0, 1, 2, 0, 4, 5, 0});
    check_case(check, "every other pixel");
    spec.stride = 2;
    run_conv(check, &spec, src, (VvTensor){0}, small);
    check_numbers(check, small, (const double[]){0, 0, 4, 0});
    check_case(check, "bias, residual, then ReLU");
    spec =
        (VvConvSpec){.in = 1, .out = 1, .kernel = 3, .stride = 1, .activation = VV_ACTIVATION_RELU, .residual = true};
    spec.weights = upper_right, spec.bias = &minus_two;
    run_conv(check, &spec, src, src, dst); /* 0 -2 +0, 0 -2 +1, 0 -2 +2, 1 -2 +3 ... */
    check_numbers(check, dst, (const double[]){0, 0, 0, 2, 4, 3, 8, 10, 6});
    check_free_all(check);
}

static void linear(Check *check) {
    static const float weights[] = {1, 10, 100, -1, 0, 1}, bias[] = {0.5f, 0};
    const VvLinearSpec spec = {.in = 3, .out = 2, .weights = weights, .bias = bias};
    const VvTensor src = check_tensor(check, VV_F32, 2, (const int[]){2, 3}),
                   dst = check_tensor(check, VV_F32, 2, (const int[]){2, 2});
    VvLinear *layer = NULL;
    size_t scratch = 0;
    check_case(check, "two rows");
    check_count_up(src);
    check_status(check, check->kernels->linear_open(&spec, &layer), VV_KERNEL_OK);
    check_status(check, check->kernels->linear_plan(layer, src, dst, &scratch), VV_KERNEL_OK);
    check_status(check, check->kernels->linear(check->stream, layer, src, (VvTensor){0}, dst), VV_KERNEL_OK);
    check_numbers(check, dst, (const double[]){210.5, 2, 543.5, 2});
    check->kernels->linear_close(&layer);
    static const float apart[] = {1, -1, 0, -1, 0, 1};
    const VvLinearSpec squared = {.in = 3, .out = 2, .activation = VV_ACTIVATION_SQUARED_RELU, .weights = apart};
    check_case(check, "squared ReLU of -1 and 2");
    check_status(check, check->kernels->linear_open(&squared, &layer), VV_KERNEL_OK);
    check_status(check, check->kernels->linear_plan(layer, src, dst, &scratch), VV_KERNEL_OK);
    check_status(check, check->kernels->linear(check->stream, layer, src, (VvTensor){0}, dst), VV_KERNEL_OK);
    check_numbers(check, dst, (const double[]){0, 4, 0, 4});
    check->kernels->linear_close(&layer);
    check_free_all(check);
}

static void rearranged(Check *check) {
    const VvKernels *k = check->kernels;
    check_case(check, "pixel shuffle: channels are colour, row, column");
    const VvTensor packed = floats(check, 1, 1, 8), open = floats(check, 2, 2, 2);
    check_status(check, k->pixel_shuffle(check->stream, 2, packed, open), VV_KERNEL_OK);
    check_numbers(check, open, (const double[]){0, 4, 1, 5, 2, 6, 3, 7});
    check_case(check, "pixel unshuffle: and back");
    const VvTensor back = floats(check, 1, 1, 8);
    check_status(check, k->unshuffle2(check->stream, VV_BYTES_SYMMETRIC, open, back), VV_KERNEL_OK);
    check_numbers(check, back, (const double[]){0, 1, 2, 3, 4, 5, 6, 7});
    check_case(check, "bytes from -1 to 1, and their mean");
    const VvTensor bytes = check_picture(check, VV_U8, 1, 2, 2, 1), mean = check_picture(check, VV_U8, 1, 1, 1, 1);
    static const double values[] = {0, 255, 51, 204};
    for (size_t i = 0; i < 4; i++)
        check_put(bytes, i, 0, values[i]);
    const VvTensor numbers = floats(check, 1, 1, 4), scaled = floats(check, 1, 1, 1);
    check_status(check, k->unshuffle2(check->stream, VV_BYTES_SYMMETRIC, bytes, numbers), VV_KERNEL_OK);
    check_numbers(check, numbers, (const double[]){-1, 1, -0.6, 0.6});
    check_status(check, k->pool2_bytes(check->stream, VV_BYTES_SYMMETRIC, bytes, scaled), VV_KERNEL_OK);
    check_numbers(check, scaled, (const double[]){0});
    check_status(check, k->pool2_bytes(check->stream, VV_BYTES_SYMMETRIC, bytes, mean), VV_KERNEL_OK);
    check_numbers(check, mean, (const double[]){128}); /* 127.5 rounds up */
    check_case(check, "upsampling repeats");
    const VvTensor two = floats(check, 1, 2, 1), eight = floats(check, 2, 4, 1);
    check_status(check, k->upsample2(check->stream, two, eight), VV_KERNEL_OK);
    check_numbers(check, eight, (const double[]){0, 0, 1, 1, 0, 0, 1, 1});
    check_free_all(check);
}

/* A ramp of four pixels, moved by a flow of two cells: the flow is 0 at the left cell's centre and 1 at the right's. */
static void warp(Check *check) {
    const VvTensor src = floats(check, 1, 4, 1), dst = floats(check, 1, 4, 1), field = floats(check, 1, 2, 3);
    static const double flow[2][3] = {{0, 7, -2}, {1, 7, -2}};
    for (size_t cell = 0; cell < 2; cell++)
        for (int c = 0; c < 3; c++)
            check_put(field, cell, c, flow[cell][c]);
    VvWarp warp = {.src = src, .flow = vv_tensor_channels(field, 0, 2), .dst = dst, .unit = VV_FLOW_PIXELS};
    check_case(check, "between cells: 0, 1/4, 3/4, 1; in pixels");
    check_status(check, check->kernels->warp(check->stream, &warp), VV_KERNEL_OK);
    check_numbers(check, dst, (const double[]){0, 1.25, 2.75, 3});
    check_case(check, "in cells, of two pixels each");
    warp.unit = VV_FLOW_CELLS;
    check_status(check, check->kernels->warp(check->stream, &warp), VV_KERNEL_OK);
    check_numbers(check, dst, (const double[]){0, 1.5, 3, 3});
    check_case(check, "in half pictures, half visible");
    warp.unit = VV_FLOW_HALVES, warp.occlusion = vv_tensor_channels(field, 2, 1); /* -2 + 2: sigmoid 0 */
    check_status(check, check->kernels->warp(check->stream, &warp), VV_KERNEL_OK);
    check_numbers(check, dst, (const double[]){0, 0.75, 1.5, 1.5});
    check_free_all(check);
}

static void blend(Check *check) {
    const VvTensor portrait = check_picture(check, VV_U8, 1, 1, 3, 3), dst = check_picture(check, VV_U8, 1, 1, 3, 3);
    const VvTensor flow = check_picture(check, VV_F32, 1, 1, 1, 2), painted = check_picture(check, VV_F32, 1, 1, 3, 4);
    static const double paint[3][4] = {
        {-1, 0, 1, 40}, {-1, 0.6, 1, -40}, {-3, 1, 3, 0}}; /* own, painted, half of each */
    for (size_t x = 0; x < 3; x++)
        for (int c = 0; c < 4; c++)
            check_put(painted, x, c, paint[x][c]);
    for (size_t i = 0; i < 9; i++)
        check_put(portrait, i / 3, (int)(i % 3), 10 * (double)i);
    check_put(flow, 0, 0, 0);
    check_put(flow, 0, 1, 0);
    const VvBlend blend = {.portrait = portrait, .flow = flow, .painted = painted, .dst = dst};
    check_case(check, "own, painted, and half of each, clamped");
    check_status(check, check->kernels->blend(check->stream, &blend), VV_KERNEL_OK);
    check_numbers(check, dst, (const double[]){0, 10, 20, 0, 204, 255, 0, 162, 255}); /* 162.5 rounds to even */
    check_free_all(check);
}

/* One colour everywhere, the portrait's own. */
static void planes(Check *check) {
    static const double colours[4][6] = {
        {255, 255, 255, 235, 128, 128}, {0, 0, 0, 16, 128, 128}, {255, 0, 0, 63, 102, 240}, {0, 0, 255, 32, 240, 118}};
    const VvTensor flow = check_picture(check, VV_F32, 1, 1, 1, 2), painted = check_picture(check, VV_F32, 1, 2, 2, 4);
    VvBlend blend = {.portrait = check_picture(check, VV_U8, 1, 2, 2, 3),
                     .flow = flow,
                     .painted = painted,
                     .planes = check_tensor(check, VV_U8, 3, (const int[]){1, 3, 2})};
    check_put_all(flow, (const double[]){0, 0});
    check_put_all(painted, (const double[]){0, 0, 0, 40, 0, 0, 0, 40, 0, 0, 0, 40, 0, 0, 0, 40});
    for (size_t i = 0; i < 4; i++) {
        const double *k = colours[i];
        check_case(check, "colour %zu", i);
        for (size_t row = 0; row < 4; row++)
            for (int c = 0; c < 3; c++)
                check_put(blend.portrait, row, c, k[c]);
        check_status(check, check->kernels->blend(check->stream, &blend), VV_KERNEL_OK);
        check_numbers(check, blend.planes, (const double[]){k[3], k[3], k[3], k[3], k[4], k[5]});
    }
    check_case(check, "red above, black below on the left: half of the red's chroma; and RGB beside it");
    blend.dst = check_picture(check, VV_U8, 1, 2, 2, 3);
    check_put_all(blend.portrait, (const double[]){255, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0, 0});
    check_status(check, check->kernels->blend(check->stream, &blend), VV_KERNEL_OK);
    check_numbers(check, blend.dst, (const double[]){255, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0, 0});
    check_numbers(check, blend.planes, (const double[]){63, 63, 16, 16, 115, 184});
    check_free_all(check);
}

const NamedCheck vv_definition_checks[] = {
    {"conv by hand", conv}, {"linear by hand", linear}, {"rearranged by hand", rearranged},
    {"warp by hand", warp}, {"blend by hand", blend},   {"planes by hand", planes},
    {NULL, NULL},
};
