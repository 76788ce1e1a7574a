/* Checks of convolution and the linear layer. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "test/kernels/check.h"

/* Sums of K products in f32, in any order, are off by at most K roundings of partial sums, each at most
 * K * |source| * |weight| = sqrt(K) here (sources up to 1, weights up to 1 / sqrt(K)); what is seen stays far below.
 * The result's own rounding comes on top, in check_equal. */
static double sum_rounding(int products) {
    return (1 + sqrt(products)) * sqrt(products) * ldexp(1, -24);
}

/* From bf16 to bf16 a bias, here up to 1, may be rounded as well. */
static double bias_rounding(const float *bias, const VvDataType type[2]) {
    return bias && type[0] == VV_BF16 && type[1] == VV_BF16 ? ldexp(1, -9) : 0;
}

/* A square doubles that relatively: of sums up to 2 + sqrt(K) it makes twice so much as large a difference. */
static double rounding(VvActivation activation, int products, const float *bias, const VvDataType type[2]) {
    const double sum = sum_rounding(products) + bias_rounding(bias, type);
    return activation == VV_ACTIVATION_SQUARED_RELU ? 2 * (2 + sqrt(products)) * sum : sum;
}

/* Source and destination types that layers take. */
static const VvDataType types[][2] = {{VV_F32, VV_F32}, {VV_BF16, VV_BF16}, {VV_BF16, VV_F32}};
enum { TYPES = sizeof types / sizeof *types };

static const char *const activations[] = {"", ", relu", ", squared relu"};

/* Whether the table's layers take this source type on this processor. */
static bool takes(const Check *check, VvDataType type) {
    return type == VV_F32 || check->kernels == check->ref || vv_cpu_isa() >= VV_CPU_AVX512;
}

static float *random_numbers(Check *check, size_t count, double size) {
    float *numbers = malloc(count * sizeof *numbers);
    if (!numbers)
        exit(1);
    for (size_t i = 0; i < count; i++)
        numbers[i] = (float)check_between(check, -size, size);
    return numbers;
}

/* ---- convolution ------------------------------------------------------------------------------------------------- */

typedef struct ConvCase {
    int n, h, w, in, out, kernel, stride;
} ConvCase;

/* Tiles of the fast code are 16 or 32 channels and up to 16 pixels: one, one more, one less; then the codec's; then
 * what fills a large tile of a GPU's but for its end. */
static const ConvCase conv_cases[] = {
    {1, 1, 1, 1, 1, 3, 1},      {1, 1, 1, 1, 1, 1, 2},     {2, 3, 5, 3, 7, 3, 1},      {1, 7, 7, 5, 3, 3, 2},
    {1, 2, 2, 16, 16, 3, 2},    {3, 5, 1, 15, 17, 3, 1},   {1, 1, 9, 17, 15, 3, 2},    {2, 4, 4, 32, 32, 1, 1},
    {1, 6, 5, 31, 33, 1, 2},    {1, 15, 17, 12, 48, 3, 1}, {1, 16, 16, 33, 64, 3, 2},  {2, 8, 8, 48, 16, 3, 1},
    {1, 17, 16, 64, 12, 3, 1},  {1, 8, 8, 208, 192, 3, 1}, {1, 16, 16, 64, 128, 1, 1}, {1, 33, 31, 16, 4, 3, 1},
    {1, 16, 16, 128, 48, 3, 1}, {1, 12, 12, 96, 96, 3, 1}, {1, 64, 64, 16, 3, 3, 1},   {3, 7, 13, 72, 200, 3, 2},
    {1, 9, 15, 8, 264, 3, 1},
};
enum { CONV_CASES = sizeof conv_cases / sizeof *conv_cases };

static VvConvSpec random_spec(Check *check, const ConvCase *c) {
    const size_t weights = (size_t)c->out * (size_t)(c->in * c->kernel * c->kernel);
    return (VvConvSpec){
        .in = c->in,
        .out = c->out,
        .kernel = c->kernel,
        .stride = c->stride,
        .activation = (VvActivation)check_below(check, 3),
        .residual = check_below(check, 2),
        .weights = random_numbers(check, weights, 1 / sqrt(c->in * c->kernel * c->kernel)),
        .bias = check_below(check, 4) ? random_numbers(check, (size_t)c->out, 1) : NULL,
    };
}

static void free_spec(VvConvSpec *spec) {
    free((void *)(uintptr_t)spec->weights);
    free((void *)(uintptr_t)spec->bias);
}

/* One batch size of one layer. The residual is the destination itself, or another tensor. */
static void conv_batch(Check *check, const VvConvSpec *spec, VvConv *conv, VvConv *ref, const ConvCase *c, int batch,
                       int type) {
    const VvDataType from = types[type][0], to = types[type][1];
    const int margin[2] = {check_below(check, 3) ? 0 : 5, check_below(check, 3) ? 0 : 3};
    const bool in_place = check_below(check, 2);
    const int h = (c->h - 1) / c->stride + 1, w = (c->w - 1) / c->stride + 1;
    check_case(check, "%dx%dx%dx%d to %d, %dx%d by %d, %s to %s, margins %d and %d%s%s", batch, c->h, c->w, c->in,
               c->out, c->kernel, c->kernel, c->stride, vv_type_name(from), vv_type_name(to), margin[0], margin[1],
               activations[spec->activation],
               !spec->residual ? ""
               : in_place      ? ", residual in place"
                               : ", residual");
    const VvTensor src = check_slice(check, from, margin[0], batch, c->h, c->w, c->in);
    const VvTensor got = check_slice(check, to, margin[1], batch, h, w, c->out);
    check_fill(check, src, -1, 1);
    check_fill(check, got, -1, 1);
    const VvTensor want = check_twin(check, got),
                   other = check_slice(check, to, check_below(check, 3), batch, h, w, c->out);
    check_fill(check, other, -1, 1);
    size_t scratch = 0, none = 0;
    const VvKernelStatus planned = check->kernels->conv_plan(conv, src, got, &scratch);
    if (!takes(check, from)) {
        check_status(check, planned, VV_KERNEL_UNSUPPORTED);
        check_free_all(check);
        return;
    }
    check_status(check, planned, VV_KERNEL_OK);
    check_status(check, check->ref->conv_plan(ref, src, want, &none), VV_KERNEL_OK);
    if (scratch > CHECK_SCRATCH)
        check_fail(check, "wants %zu bytes of scratch", scratch);
    check_status(check, check->kernels->conv(check->stream, conv, src, in_place ? got : other, got), VV_KERNEL_OK);
    check_status(check, check->ref->conv(check->ref_stream, ref, src, in_place ? want : other, want), VV_KERNEL_OK);
    check_equal(check, got, want, rounding(spec->activation, c->in * c->kernel * c->kernel, spec->bias, types[type]));
    check_free_all(check);
}

/* Every shape with every type; the layer is planned for several batch sizes, and runs the first again at the end. */
static void conv(Check *check) {
    for (int i = 0; i < CONV_CASES * TYPES && !check->failed; i++) {
        const ConvCase *c = &conv_cases[i / TYPES];
        VvConvSpec spec = random_spec(check, c);
        VvConv *conv = NULL, *ref = NULL;
        check_status(check, check->kernels->conv_open(&spec, &conv), VV_KERNEL_OK);
        check_status(check, check->ref->conv_open(&spec, &ref), VV_KERNEL_OK);
        if (conv && ref) {
            conv_batch(check, &spec, conv, ref, c, c->n, i % TYPES);
            if (c->h * c->w <= 64) {
                conv_batch(check, &spec, conv, ref, c, c->n + 2, (i + 1) % TYPES);
                conv_batch(check, &spec, conv, ref, c, c->n, i % TYPES);
            }
        }
        check->kernels->conv_close(&conv);
        check->ref->conv_close(&ref);
        free_spec(&spec);
    }
}

/* ---- linear ------------------------------------------------------------------------------------------------------ */

typedef struct LinearCase {
    int n, t, in, out;
} LinearCase;

static const LinearCase linear_cases[] = {
    {1, 1, 1, 1},    {1, 1, 3, 5},       {2, 3, 15, 17},   {1, 7, 16, 16},   {5, 1, 33, 31},
    {1, 65, 64, 63}, {2, 64, 48, 1},     {1, 64, 256, 64}, {3, 17, 128, 96}, {1, 31, 100, 200},
    {1, 320, 32, 8}, {1, 150, 208, 520}, {3, 43, 8, 136},
};
enum { LINEAR_CASES = sizeof linear_cases / sizeof *linear_cases };

static VvTensor rows_of(Check *check, VvDataType type, int margin, int n, int t, int c) {
    const VvTensor picture = check_slice(check, type, margin, n, t, 1, c);
    VvTensor rows = picture;
    rows.rank = 3;
    rows.shape[2] = c;
    rows.shape[3] = 0;
    check_fill(check, rows, -1, 1);
    return rows;
}

static void linear_case(Check *check, const VvLinearSpec *spec, VvLinear *linear, VvLinear *ref, const LinearCase *c,
                        int type) {
    const VvDataType from = types[type][0], to = types[type][1];
    const int margin[2] = {check_below(check, 2) ? 0 : 7, check_below(check, 2) ? 0 : 1};
    const bool in_place = check_below(check, 2);
    check_case(check, "%dx%dx%d to %d, %s to %s, margins %d and %d%s%s", c->n, c->t, c->in, c->out, vv_type_name(from),
               vv_type_name(to), margin[0], margin[1], activations[spec->activation],
               !spec->residual ? ""
               : in_place      ? ", residual in place"
                               : ", residual");
    const VvTensor src = rows_of(check, from, margin[0], c->n, c->t, c->in);
    const VvTensor got = rows_of(check, to, margin[1], c->n, c->t, c->out);
    const VvTensor want = check_twin(check, got);
    const VvTensor other = rows_of(check, to, check_below(check, 3), c->n, c->t, c->out);
    size_t scratch = 0, none = 0;
    const VvKernelStatus planned = check->kernels->linear_plan(linear, src, got, &scratch);
    if (!takes(check, from)) {
        check_status(check, planned, VV_KERNEL_UNSUPPORTED);
        check_free_all(check);
        return;
    }
    check_status(check, planned, VV_KERNEL_OK);
    check_status(check, check->ref->linear_plan(ref, src, want, &none), VV_KERNEL_OK);
    check_status(check, check->kernels->linear(check->stream, linear, src, in_place ? got : other, got), VV_KERNEL_OK);
    check_status(check, check->ref->linear(check->ref_stream, ref, src, in_place ? want : other, want), VV_KERNEL_OK);
    check_equal(check, got, want, rounding(spec->activation, c->in, spec->bias, types[type]));
    check_free_all(check);
}

static void linear(Check *check) {
    for (int i = 0; i < LINEAR_CASES * TYPES * 2 && !check->failed; i++) {
        const LinearCase *c = &linear_cases[i / (TYPES * 2)];
        float *weights = random_numbers(check, (size_t)c->in * (size_t)c->out, 1 / sqrt(c->in));
        float *bias = check_below(check, 4) ? random_numbers(check, (size_t)c->out, 1) : NULL;
        const VvLinearSpec spec = {.in = c->in,
                                   .out = c->out,
                                   .activation = (VvActivation)check_below(check, 3),
                                   .residual = check_below(check, 2),
                                   .weights = weights,
                                   .bias = bias};
        VvLinear *linear = NULL, *ref = NULL;
        check_status(check, check->kernels->linear_open(&spec, &linear), VV_KERNEL_OK);
        check_status(check, check->ref->linear_open(&spec, &ref), VV_KERNEL_OK);
        if (linear && ref)
            linear_case(check, &spec, linear, ref, c, i / 2 % TYPES);
        check->kernels->linear_close(&linear);
        check->ref->linear_close(&ref);
        free(weights);
        free(bias);
    }
}

/* ---- two threads on one layer
 * ---------------------------------------------------------------------------------------- */

enum { RUNS = 20 };

typedef struct Worker {
    const VvKernels *kernels;
    const VvConv *conv;
    VvTensor src, dst, scratch;
    VvKernelStatus status;
} Worker;

static void *work(void *argument) {
    Worker *worker = argument;
    VvStream *stream = NULL;
    worker->status = worker->kernels->stream_open(worker->scratch, &stream);
    for (int i = 0; i < RUNS && worker->status == VV_KERNEL_OK; i++)
        worker->status = worker->kernels->conv(stream, worker->conv, worker->src, (VvTensor){0}, worker->dst);
    worker->kernels->stream_close(&stream);
    return NULL;
}

/* Both must get what each gets alone, bit for bit. */
static void conv_shared(Check *check) {
    const ConvCase c = {1, 9, 11, 48, 32, 3, 1};
    VvConvSpec spec = random_spec(check, &c);
    spec.residual = false;
    VvConv *conv = NULL;
    Worker worker[2];
    size_t scratch = 0;
    check_case(check, "two threads");
    check_status(check, check->kernels->conv_open(&spec, &conv), VV_KERNEL_OK);
    for (int i = 0; i < 2; i++) {
        /* Slices, so that each works in its own scratch memory. */
        const VvTensor src = check_slice(check, VV_F32, 3, c.n, c.h, c.w, c.in);
        check_fill(check, src, -1, 1);
        worker[i] = (Worker){check->kernels, conv, src, check_slice(check, VV_F32, 2, c.n, c.h, c.w, c.out), {0}, 0};
        check_status(check, check->kernels->conv_plan(conv, worker[i].src, worker[i].dst, &scratch), VV_KERNEL_OK);
    }
    VvTensor alone[2];
    for (int i = 0; i < 2; i++) {
        alone[i] = check_twin(check, worker[i].dst);
        check_status(check, check->kernels->conv(check->stream, conv, worker[i].src, (VvTensor){0}, alone[i]),
                     VV_KERNEL_OK);
    }
    pthread_t thread[2];
    VvArena arena;
    check_status(check, vv_arena_open(&arena, check->kernels, 2 * scratch + 2 * VV_ARENA_ALIGN), VV_KERNEL_OK);
    for (int i = 0; i < 2; i++) {
        if (scratch)
            worker[i].scratch = vv_arena_take(&arena, VV_U8, 1, (const int[]){(int)scratch});
        if (pthread_create(&thread[i], NULL, work, &worker[i]))
            exit(1);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(thread[i], NULL);
        check_status(check, worker[i].status, VV_KERNEL_OK);
        for (size_t row = 0; row < vv_tensor_rows(alone[i]); row++)
            for (int column = 0; column < c.out; column++)
                if (check_get(alone[i], row, column) != check_get(worker[i].dst, row, column))
                    check_fail(check, "thread %d: row %zu, channel %d differs", i, row, column);
    }
    vv_arena_close(&arena);
    check->kernels->conv_close(&conv);
    check_free_all(check);
    free_spec(&spec);
}

/* ---- nothing allocated
 * ------------------------------------------------------------------------------------------------ */

/* After the first run of a layer on a stream, our own code allocates nothing more. */
static void conv_allocations(Check *check) {
    const ConvCase c = {1, 5, 5, 16, 16, 3, 1};
    VvConvSpec spec = random_spec(check, &c);
    VvConv *conv = NULL;
    size_t scratch = 0;
    check_case(check, "repeated runs");
    const VvTensor src = check_slice(check, VV_F32, 1, c.n, c.h, c.w, c.in);
    const VvTensor dst = check_slice(check, VV_F32, 1, c.n, c.h, c.w, c.out);
    check_fill(check, src, -1, 1);
    check_fill(check, dst, -1, 1);
    check_status(check, check->kernels->conv_open(&spec, &conv), VV_KERNEL_OK);
    check_status(check, check->kernels->conv_plan(conv, src, dst, &scratch), VV_KERNEL_OK);
    long before = 0;
    for (int i = 0; i < RUNS; i++) {
        check_status(check, check->kernels->conv(check->stream, conv, src, dst, dst), VV_KERNEL_OK);
        if (i == 0)
            before = check_allocations();
    }
    if (check_allocations() != before)
        check_fail(check, "%ld allocations in %d runs", check_allocations() - before, RUNS - 1);
    if (before == 0)
        check_fail(check, "allocations are not counted");
    check->kernels->conv_close(&conv);
    check_free_all(check);
    free_spec(&spec);
}

const NamedCheck vv_layer_checks[] = {
    {"conv", conv},
    {"linear", linear},
    {"conv shared by threads", conv_shared},
    {"conv allocates nothing", conv_allocations},
    {NULL, NULL},
};
