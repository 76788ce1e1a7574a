/* Checks of what is refused, of memory, and of the comparison itself. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "test/kernels/check.h"

/* ---- the comparison must be able to fail ----------------------------------------------------------------------------
 */

static void comparison(Check *check) {
    check_case(check, "within");
    if (!check_within(1, 1, 0, 0) || !check_within(1.1, 1, 0.2, 0) || !check_within(110, 100, 0, 0.2) ||
        !check_within(NAN, NAN, 0, 0) || !check_within(-INFINITY, -INFINITY, 0, 0))
        check_fail(check, "refuses what is within");
    if (check_within(1.1, 1, 0, 0) || check_within(NAN, 1, 1e9, 1e9) || check_within(1, NAN, 1e9, 1e9) ||
        check_within(INFINITY, 1, 1e9, 1e9) || check_within(1, INFINITY, 1e9, 1e9) ||
        check_within(-INFINITY, INFINITY, 1e9, 1e9))
        check_fail(check, "takes what is not within");
}

/* ---- tensors ----------------------------------------------------------------------------------------------------- */

static void expect(Check *check, bool truth, const char *what) {
    if (!truth)
        check_fail(check, "%s", what);
}

static void tensors(Check *check) {
    float numbers[2 * 3 * 4 * 5];
    check_case(check, "views");
    const VvTensor t = vv_tensor_nhwc(numbers, VV_F32, VV_ON_CPU, 2, 3, 4, 5);
    expect(check, vv_tensor_count(t) == 120 && vv_tensor_rows(t) == 24 && vv_tensor_bytes(t) == 480, "sizes");
    expect(check, vv_tensor_is_dense(t) && vv_tensor_is(t, VV_F32, 4, (const int[]){2, 3, 4, 5}), "shape");
    const VvTensor slice = vv_tensor_channels(t, 2, 3);
    expect(check, slice.data == numbers + 2 && slice.pitch == 5 && slice.shape[3] == 3, "channels");
    expect(check, vv_tensor_count(slice) == 72 && vv_tensor_bytes(slice) == 4 * (23 * 5 + 3), "a slice's sizes");
    expect(check, !vv_tensor_is_dense(slice) && !vv_tensor_same_shape(slice, t), "a slice is no dense tensor");
    const VvTensor item = vv_tensor_items(slice, 1, 1);
    expect(check, item.data == numbers + 60 + 2 && item.shape[0] == 1 && item.pitch == 5, "items");
    expect(check,
           vv_tensor_channels(t, 3, 3).rank == 0 && vv_tensor_channels(t, -1, 2).rank == 0 &&
               vv_tensor_channels(t, 0, 0).rank == 0 && vv_tensor_items(t, 1, 2).rank == 0,
           "slices that are not there");
    expect(check,
           vv_tensor(numbers, VV_F32, VV_ON_CPU, 0, t.shape).rank == 0 &&
               vv_tensor(numbers, VV_F32, VV_ON_CPU, 5, (const int[]){1, 1, 1, 1, 1}).rank == 0 &&
               vv_tensor_nhwc(numbers, VV_F32, VV_ON_CPU, 1, 0, 1, 1).rank == 0 &&
               vv_tensor_nhwc(numbers, VV_F32, VV_ON_CPU, 1 << 10, 1 << 10, 1 << 10, 2).rank == 0,
           "shapes that cannot be");
    expect(check, vv_tensor_items(vv_tensor_nhwc(NULL, VV_F32, VV_ON_CPU, 2, 1, 1, 1), 1, 1).data == NULL,
           "a plan's view has no data");
}

static void bf16(Check *check) {
    check_case(check, "every number of 16 bits");
    for (uint32_t i = 0; i <= 0xffff; i++) {
        const float value = vv_f32_from_bf16((uint16_t)i);
        const uint16_t back = vv_bf16_from_f32(value);
        if (isnan(value) ? !isnan(vv_f32_from_bf16(back)) : back != i)
            check_fail(check, "%04x comes back as %04x", i, back);
    }
    check_case(check, "rounding");
    expect(check, vv_bf16_from_f32(1.00390625f) == 0x3f80, "half way, down to even");
    expect(check, vv_bf16_from_f32(1.01171875f) == 0x3f82, "half way, up to even");
    expect(check, vv_bf16_from_f32(1.00390637f) == 0x3f81, "above half way");
    const uint32_t full = 0x7fffffff; /* NaN; rounded up as a number it would be -0 */
    float nan;
    memcpy(&nan, &full, sizeof nan);
    expect(check, isnan(vv_f32_from_bf16(vv_bf16_from_f32(nan))), "NaN stays");
    expect(check, vv_bf16_from_f32(3.4028235e38f) == 0x7f80, "the largest number rounds to infinity");
}

/* ---- the arena --------------------------------------------------------------------------------------------------- */

/* A wiring: run on a plan, then on memory. */
static void wire(VvArena *arena, VvTensor out[3]) {
    out[0] = vv_arena_take_nhwc(arena, VV_F32, 1, 3, 3, 5);
    const size_t mark = arena->used;
    out[1] = vv_arena_take_nhwc(arena, VV_BF16, 1, 9, 9, 7);
    vv_arena_rewind(arena, mark);
    out[2] = vv_arena_take(arena, VV_U8, 1, (const int[]){3});
}

static void arena(Check *check) {
    check_case(check, "plan and memory agree");
    VvTensor planned[3], taken[3];
    VvArena plan = vv_arena_plan(check->kernels), memory;
    wire(&plan, planned);
    expect(check, !plan.failed && plan.peak == 192 + 1152 && plan.used == 192 + 64, "what the plan counts");
    check_status(check, vv_arena_open(&memory, check->kernels, plan.peak), VV_KERNEL_OK);
    wire(&memory, taken);
    expect(check, !memory.failed && memory.used == plan.used && memory.peak == plan.peak, "what the memory counts");
    for (int i = 0; i < 3; i++)
        expect(check,
               planned[i].data == NULL && taken[i].data && (uintptr_t)taken[i].data % VV_ARENA_ALIGN == 0 &&
                   vv_tensor_same_shape(planned[i], taken[i]),
               "tensors of plan and memory");
    expect(check, taken[1].data == taken[2].data, "what is given back is taken again");
    for (size_t row = 0; row < vv_tensor_rows(taken[0]); row++)
        expect(check, check_get(taken[0], row, 4) == 0, "memory is cleared");
    expect(check, vv_arena_take(&memory, VV_U8, 1, (const int[]){2048}).rank == 0 && memory.failed,
           "what does not fit");
    vv_arena_close(&memory);
    vv_arena_close(&memory);
}

static void copies(Check *check) {
    check_case(check, "there and back");
    float from[24], to[24] = {0};
    for (int i = 0; i < 24; i++)
        from[i] = (float)check_between(check, -1, 1);
    VvArena memory;
    check_status(check, vv_arena_open(&memory, check->kernels, sizeof from), VV_KERNEL_OK);
    const VvTensor tensor = vv_arena_take_nhwc(&memory, VV_F32, 1, 2, 3, 4);
    check_status(check, check->kernels->upload(check->stream, from, tensor), VV_KERNEL_OK);
    check_status(check, check->kernels->download(check->stream, tensor, to), VV_KERNEL_OK);
    check_status(check, check->kernels->wait(check->stream), VV_KERNEL_OK);
    for (int i = 0; i < 24; i++)
        expect(check, from[i] == to[i], "other numbers came back");
    check_status(check, check->kernels->upload(check->stream, from, vv_tensor_channels(tensor, 0, 2)), VV_KERNEL_SHAPE);
    check_status(check, check->kernels->upload(check->stream, NULL, tensor), VV_KERNEL_DEVICE);
    vv_arena_close(&memory);
}

/* ---- recordings -------------------------------------------------------------------------------------------------- */

static void expect_relu_of(Check *check, VvTensor src, VvTensor dst) {
    for (size_t row = 0; row < vv_tensor_rows(src); row++)
        for (int c = 0; c < src.shape[3]; c++)
            expect(check, check_get(dst, row, c) == fmax(check_get(src, row, c), 0),
                   "not the recorded operation's result");
}

/* Where a table records: nothing is done until it is replayed, each replay takes the numbers that are there then, and
 * any stream may do it. Elsewhere there is none of the four functions. */
static void recordings(Check *check) {
    const VvKernels *k = check->kernels;
    check_case(check, k->record ? "recorded" : "none");
    if (!k->record) {
        expect(check, !k->recorded && !k->replay && !k->recording_close, "half a recorder");
        return;
    }
    const VvTensor a = check_picture(check, VV_F32, 1, 5, 7, 3), b = check_picture(check, VV_F32, 1, 5, 7, 3);
    const VvTensor c = check_picture(check, VV_F32, 1, 5, 7, 3), before = check_twin(check, b);
    VvRecording *recording = NULL;
    VvStream *other = NULL;
    check_fill(check, a, -1, 1);
    check_status(check, k->record(check->stream), VV_KERNEL_OK);
    check_status(check, k->relu(check->stream, a, b), VV_KERNEL_OK);
    check_status(check, k->relu(check->stream, b, c), VV_KERNEL_OK);
    check_status(check, k->relu(check->stream, b, (VvTensor){0}), VV_KERNEL_SHAPE); /* refused, as ever */
    check_status(check, k->recorded(check->stream, &recording), VV_KERNEL_OK);
    check_status(check, k->wait(check->stream), VV_KERNEL_OK);
    expect(check, memcmp(b.data, before.data, vv_tensor_bytes(b)) == 0, "what was recorded was done");
    check_status(check, k->stream_open((VvTensor){0}, &other), VV_KERNEL_OK);
    for (int i = 0; i < 3; i++) {
        check_fill(check, a, -1, 1);
        VvStream *stream = i == 1 ? other : check->stream;
        check_status(check, k->replay(stream, recording), VV_KERNEL_OK);
        check_status(check, k->wait(stream), VV_KERNEL_OK);
        expect_relu_of(check, a, b);
        expect_relu_of(check, a, c);
    }
    k->stream_close(&other);
    k->recording_close(&recording);
    expect(check, recording == NULL, "a closed recording is there");
    k->recording_close(&recording);
    check_free_all(check);
}

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

static VvTensor picture(Check *check, VvDataType type, int n, int h, int w, int c) {
    return check_picture(check, type, n, h, w, c);
}

static void refuse_elements(Check *check) {
    const VvKernels *k = check->kernels;
    const VvTensor f = picture(check, VV_F32, 1, 4, 4, 8), g = picture(check, VV_F32, 1, 4, 4, 4);
    const VvTensor b = picture(check, VV_BF16, 1, 4, 4, 8), u = picture(check, VV_U8, 1, 4, 4, 8);
    const VvTensor odd = picture(check, VV_U8, 1, 3, 4, 3), none = {0};
    VvTensor empty = f, away = f, narrow = f;
    empty.data = NULL;
    away.device = VV_ON_CUDA;
    narrow.pitch = 4;
    check_case(check, "element by element");
    check_status(check, k->relu(check->stream, f, g), VV_KERNEL_SHAPE);
    check_status(check, k->relu(check->stream, none, none), VV_KERNEL_SHAPE);
    check_status(check, k->relu(check->stream, narrow, f), VV_KERNEL_SHAPE);
    check_status(check, k->relu(check->stream, f, b), VV_KERNEL_TYPE);
    check_status(check, k->relu(check->stream, u, u), VV_KERNEL_TYPE);
    check_status(check, k->relu(check->stream, empty, f), VV_KERNEL_DEVICE);
    check_status(check, k->relu(check->stream, f, away), VV_KERNEL_DEVICE);
    check_status(check, k->add(check->stream, f, g, f), VV_KERNEL_SHAPE);
    check_status(check, k->add(check->stream, f, b, f), VV_KERNEL_TYPE);
    check_status(check, k->convert(check->stream, u, f), VV_KERNEL_TYPE);
    check_status(check, k->upsample2(check->stream, f, f), VV_KERNEL_SHAPE);
    check_status(check, k->pixel_shuffle(check->stream, 3, f, f), VV_KERNEL_SHAPE);
    check_status(check, k->pixel_shuffle(check->stream, 0, f, f), VV_KERNEL_SHAPE);
    check_status(check, k->unshuffle2(check->stream, VV_BYTES_SYMMETRIC, odd, f), VV_KERNEL_SHAPE);
    check_status(check, k->pool2_bytes(check->stream, VV_BYTES_SYMMETRIC, f, picture(check, VV_F32, 1, 2, 2, 8)),
                 VV_KERNEL_TYPE);
}

static void refuse_flow(Check *check) {
    const VvKernels *k = check->kernels;
    const VvTensor src = picture(check, VV_F32, 2, 4, 4, 8), dst = picture(check, VV_F32, 2, 4, 4, 8);
    const VvTensor flow = picture(check, VV_F32, 2, 2, 2, 2);
    const VvWarp good = {.src = src, .flow = flow, .dst = dst};
    VvWarp bad = good;
    check_case(check, "warp");
    check_fill(check, src, -1, 1);
    check_fill(check, flow, -1, 1);
    check_status(check, k->warp(check->stream, &good), VV_KERNEL_OK);
    bad.flow = picture(check, VV_F32, 1, 2, 2, 2);
    check_status(check, k->warp(check->stream, &bad), VV_KERNEL_SHAPE);
    bad = good, bad.occlusion = picture(check, VV_F32, 2, 2, 2, 2);
    check_status(check, k->warp(check->stream, &bad), VV_KERNEL_SHAPE);
    bad = good, bad.src = picture(check, VV_F32, 3, 4, 4, 8); /* three for two, and none chosen */
    check_status(check, k->warp(check->stream, &bad), VV_KERNEL_SHAPE);
    bad = good, bad.which = check_tensor(check, VV_F32, 1, (const int[]){2});
    check_status(check, k->warp(check->stream, &bad), VV_KERNEL_TYPE);
    bad = good, bad.dst = picture(check, VV_BF16, 2, 4, 4, 8);
    check_status(check, k->warp(check->stream, &bad), VV_KERNEL_TYPE);
    bad = good, bad.flow.data = NULL;
    check_status(check, k->warp(check->stream, &bad), VV_KERNEL_DEVICE);
}

static void refuse_blend(Check *check) {
    const VvKernels *k = check->kernels;
    const int planes[] = {2, 9, 6}, odd[] = {2, 9, 5};
    const VvBlend good = {.portrait = picture(check, VV_U8, 1, 6, 6, 3),
                          .flow = picture(check, VV_F32, 2, 2, 2, 2),
                          .painted = picture(check, VV_F32, 2, 3, 3, 4 * 4),
                          .dst = picture(check, VV_U8, 2, 6, 6, 3),
                          .planes = check_tensor(check, VV_U8, 3, planes)};
    VvBlend bad = good;
    check_case(check, "blend");
    check_fill(check, good.portrait, 0, 256);
    check_fill(check, good.flow, -1, 1);
    check_fill(check, good.painted, -1, 1);
    check_status(check, k->blend(check->stream, &good), VV_KERNEL_OK);
    bad.painted = picture(check, VV_F32, 2, 2, 2, 4 * 9); /* by 3 */
    check_status(check, k->blend(check->stream, &bad), VV_KERNEL_SHAPE);
    bad = good, bad.dst = bad.planes = (VvTensor){0};
    check_status(check, k->blend(check->stream, &bad), VV_KERNEL_SHAPE);
    bad = good, bad.dst = picture(check, VV_U8, 2, 6, 6, 4);
    check_status(check, k->blend(check->stream, &bad), VV_KERNEL_SHAPE);
    bad = good, bad.planes = check_tensor(check, VV_U8, 3, odd);
    check_status(check, k->blend(check->stream, &bad), VV_KERNEL_SHAPE);
    bad = good, bad.planes = check_view(check, VV_U8, 1, 3, planes);
    check_status(check, k->blend(check->stream, &bad), VV_KERNEL_SHAPE);
    bad = good, bad.portrait = picture(check, VV_U8, 1, 5, 6, 3), bad.dst = picture(check, VV_U8, 2, 5, 6, 3);
    bad.painted = picture(check, VV_F32, 2, 5, 6, 4),
    bad.planes = check_tensor(check, VV_U8, 3, (const int[]){2, 6, 6});
    check_status(check, k->blend(check->stream, &bad), VV_KERNEL_SHAPE); /* five rows have no chroma */
    bad = good, bad.planes = check_tensor(check, VV_I32, 3, planes);
    check_status(check, k->blend(check->stream, &bad), VV_KERNEL_TYPE);
    bad = good, bad.dst = picture(check, VV_F32, 2, 6, 6, 3);
    check_status(check, k->blend(check->stream, &bad), VV_KERNEL_TYPE);
    bad = good, bad.planes.data = NULL;
    check_status(check, k->blend(check->stream, &bad), VV_KERNEL_DEVICE);
}

static void refuse_layers(Check *check) {
    const VvKernels *k = check->kernels;
    static const float weights[8 * 8];
    const VvConvSpec spec = {.in = 8, .out = 8, .kernel = 1, .stride = 1, .residual = true, .weights = weights};
    const VvTensor f = picture(check, VV_F32, 1, 4, 4, 8), g = picture(check, VV_F32, 1, 4, 4, 4);
    const VvTensor b = picture(check, VV_BF16, 1, 4, 4, 8);
    VvConvSpec bad = spec;
    VvConv *conv = NULL;
    size_t scratch = 0;
    check_case(check, "layers");
    check_fill(check, f, -1, 1);
    bad.kernel = 5;
    check_status(check, k->conv_open(&bad, &conv), VV_KERNEL_SHAPE);
    bad = spec, bad.weights = NULL;
    check_status(check, k->conv_open(&bad, &conv), VV_KERNEL_SHAPE);
    bad = spec, bad.in = 0;
    check_status(check, k->conv_open(&bad, &conv), VV_KERNEL_SHAPE);
    expect(check, conv == NULL, "a refused layer is there");
    check_status(check, k->conv_open(&spec, &conv), VV_KERNEL_OK);
    check_status(check, k->conv_plan(conv, f, g, &scratch), VV_KERNEL_SHAPE);
    check_status(check, k->conv_plan(conv, g, f, &scratch), VV_KERNEL_SHAPE);
    check_status(check, k->conv_plan(conv, f, b, &scratch), VV_KERNEL_TYPE);
    if (k != check->ref)
        check_status(check, k->conv(check->stream, conv, f, f, f), VV_KERNEL_UNPLANNED);
    check_status(check, k->conv_plan(conv, f, f, &scratch), VV_KERNEL_OK);
    const VvTensor out = picture(check, VV_F32, 1, 4, 4, 8);
    check_status(check, k->conv(check->stream, conv, f, g, out), VV_KERNEL_SHAPE);
    check_status(check, k->conv(check->stream, conv, f, b, out), VV_KERNEL_TYPE);
    check_status(check, k->conv(check->stream, conv, f, (VvTensor){0}, out), VV_KERNEL_SHAPE);
    check_status(check, k->conv(check->stream, conv, f, f, out), VV_KERNEL_OK);
    k->conv_close(&conv);
    expect(check, conv == NULL, "a closed layer is there");
    k->conv_close(&conv);
}

/* A slice needs scratch memory; a stream without it says so. */
static void refuse_scratch(Check *check) {
    static const float weights[8 * 8];
    const VvConvSpec spec = {.in = 8, .out = 8, .kernel = 1, .stride = 1, .weights = weights};
    const VvTensor src = check_slice(check, VV_F32, 1, 1, 4, 4, 8), dst = check_slice(check, VV_F32, 1, 1, 4, 4, 8);
    VvConv *conv = NULL;
    VvStream *stream = NULL;
    size_t scratch = 0;
    check_case(check, "no scratch");
    check_fill(check, src, -1, 1);
    check_status(check, check->kernels->conv_open(&spec, &conv), VV_KERNEL_OK);
    check_status(check, check->kernels->conv_plan(conv, src, dst, &scratch), VV_KERNEL_OK);
    check_status(check, check->kernels->stream_open((VvTensor){0}, &stream), VV_KERNEL_OK);
    check_status(check, check->kernels->conv(stream, conv, src, (VvTensor){0}, dst),
                 scratch ? VV_KERNEL_SCRATCH : VV_KERNEL_OK);
    check->kernels->stream_close(&stream);
    check->kernels->stream_close(&stream);
    check->kernels->conv_close(&conv);
}

static void refusals(Check *check) {
    refuse_elements(check);
    check_free_all(check);
    refuse_flow(check);
    check_free_all(check);
    refuse_blend(check);
    check_free_all(check);
    refuse_layers(check);
    check_free_all(check);
    refuse_scratch(check);
    check_free_all(check);
}

static void names(Check *check) {
    check_case(check, "names");
    expect(check, vv_kernels_named("ref") == vv_kernels_ref(), "ref");
    expect(check, vv_kernels_named("cpu") && vv_kernels_named("cpu-f32") && vv_kernels_named("cpu-plain"), "cpu");
    expect(check, !vv_kernels_named("") && !vv_kernels_named("cpu-") && !vv_kernels_named("gpu"), "unknown names");
    expect(check, !vv_kernels_cpu(VV_CPU_AVX512, VV_U8), "a table for bytes");
    expect(check, (vv_kernels_named("cpu-bf16") != NULL) == (vv_cpu_isa() >= VV_CPU_AVX512), "bf16 where AVX-512 is");
    expect(check, (vv_kernels_named("cpu-avx2") != NULL) == (vv_cpu_isa() >= VV_CPU_AVX2), "AVX2 where it is");
    expect(check, vv_kernels_named("cpu")->compute == (vv_cpu_prefers_bf16() ? VV_BF16 : VV_F32), "the preferred type");
    expect(check, !vv_cpu_has_amx() || vv_cpu_prefers_bf16(), "AMX prefers bf16");
    for (int status = VV_KERNEL_OK; status <= VV_KERNEL_BACKEND; status++)
        expect(check, strcmp(vv_kernel_status_text((VvKernelStatus)status), "unknown") != 0, "a status without words");
}

const NamedCheck vv_table_checks[] = {
    {"comparison", comparison}, {"tensors", tensors},       {"bf16", bf16},
    {"arena", arena},           {"copies", copies},         {"refusals", refusals},
    {"names", names},           {"recordings", recordings}, {NULL, NULL},
};
