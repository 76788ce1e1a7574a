/* What a table's kernels cost, on one core: time, GFLOP/s or GB/s, share of what the core reaches in the plainest case,
 * and ratio to the reference. The shapes are the portrait codec's, and in
 * bench_tokens.c the denoiser's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "test/kernels/bench.h"

/* The thread's own time: what others on the machine take does not count. */
static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

double bench_best(const Job *job, int repeats) {
    double least = 1e9;
    for (int i = 0; i <= repeats; i++) {
        const double start = now();
        job->run(job);
        const double took = now() - start;
        if (took < least && (i || !repeats)) /* the first warms up */
            least = took;
    }
    return least;
}

void bench_must(VvKernelStatus status, const char *what) {
    if (status == VV_KERNEL_OK)
        return;
    fprintf(stderr, "checkkernels: %s: %s\n", what, vv_kernel_status_text(status));
    exit(1);
}

static void fill(VvTensor t) {
    uint32_t random = 1;
    for (size_t row = 0; row < vv_tensor_rows(t); row++)
        for (int i = 0; i < t.shape[t.rank - 1]; i++) {
            random = random * 1664525 + 1013904223;
            check_put(t, row, i, t.type == VV_U8 ? random >> 24 : (double)(random >> 8) / 16777216 - 0.5);
        }
}

VvTensor bench_some(Bench *bench, VvDataType type, int n, int h, int w, int c) {
    const VvTensor t = vv_arena_take_nhwc(&bench->arena, type, n, h, w, c);
    if (!t.data)
        bench_must(VV_KERNEL_MEMORY, "arena");
    fill(t);
    return t;
}

VvTensor bench_tokens(Bench *bench, VvDataType type, int n, int t, int d) {
    const VvTensor tensor = vv_arena_take(&bench->arena, type, 3, (const int[]){n, t, d});
    if (!tensor.data)
        bench_must(VV_KERNEL_MEMORY, "arena");
    fill(tensor);
    return tensor;
}

/* ---- layers ------------------------------------------------------------------------------------------------------ */

static void run_conv(const Job *job) {
    bench_must(job->kernels->conv(job->stream, job->conv, job->a, job->c, job->c), "conv");
}

static void run_linear(const Job *job) {
    bench_must(job->kernels->linear(job->stream, job->linear, job->a, job->c, job->c), "linear");
}

static float *weights_of(size_t count) {
    float *weights = calloc(count, sizeof *weights);
    if (!weights)
        bench_must(VV_KERNEL_MEMORY, "weights");
    for (size_t i = 0; i < count; i++)
        weights[i] = (float)(i % 17) / 170 - 0.05f;
    return weights;
}

void bench_row(Bench *bench, const char *name, int times, double seconds, double ref, double amount, double peak) {
    bench->total += times * seconds;
    printf("%-36s %2d x %8.1f us %8.1f  %5.1f %% %8.0f x\n", name, times, 1e6 * seconds, 1e-9 * amount / seconds,
           100 * amount / seconds / peak, ref / seconds);
}

static double time_conv(const VvKernels *kernels, VvStream *stream, const VvConvSpec *spec, VvTensor src, VvTensor dst,
                        int repeats) {
    Job job = {.kernels = kernels, .stream = stream, .run = run_conv, .a = src, .c = dst};
    size_t scratch = 0;
    bench_must(kernels->conv_open(spec, &job.conv), "conv");
    bench_must(kernels->conv_plan(job.conv, src, dst, &scratch), "conv");
    const double seconds = bench_best(&job, repeats);
    kernels->conv_close(&job.conv);
    return seconds;
}

static void bench_conv(Bench *bench, int times, int n, int size, int in, int out, bool residual) {
    const size_t mark = bench->arena.used;
    const VvDataType type = bench->kernels->compute;
    const VvTensor src = bench_some(bench, type, n, size, size, in), dst = bench_some(bench, type, n, size, size, out);
    float *weights = weights_of((size_t)9 * (size_t)in * (size_t)out);
    const VvConvSpec spec = {.in = in,
                             .out = out,
                             .kernel = 3,
                             .stride = 1,
                             .activation = VV_ACTIVATION_RELU,
                             .residual = residual,
                             .weights = weights,
                             .bias = weights};
    const double seconds = time_conv(bench->kernels, bench->stream, &spec, src, dst, REPEATS);
    const double ref = time_conv(bench->ref, bench->ref_stream, &spec, src, dst, 0);
    char name[64];
    snprintf(name, sizeof name, "conv 3x3 %dx%dx%dx%d to %d%s", n, size, size, in, out, residual ? " +" : "");
    bench_row(bench, name, times, seconds, ref, 18.0 * n * size * size * in * out, bench->peak_flops);
    free(weights);
    vv_arena_rewind(&bench->arena, mark);
}

static double time_linear(const VvKernels *kernels, VvStream *stream, const VvLinearSpec *spec, VvTensor src,
                          VvTensor dst, int repeats) {
    Job job = {.kernels = kernels, .stream = stream, .run = run_linear, .a = src, .c = dst};
    size_t scratch = 0;
    bench_must(kernels->linear_open(spec, &job.linear), "linear");
    bench_must(kernels->linear_plan(job.linear, src, dst, &scratch), "linear");
    const double seconds = bench_best(&job, repeats);
    kernels->linear_close(&job.linear);
    return seconds;
}

/* A matrix product; without a row printed, only its operations a second. */
double bench_linear(Bench *bench, int rows, int in, int out, int repeats, bool print) {
    const size_t mark = bench->arena.used;
    const VvDataType type = bench->kernels->compute;
    const VvTensor src = bench_some(bench, type, 1, 1, rows, in), dst = bench_some(bench, type, 1, 1, rows, out);
    float *weights = weights_of((size_t)in * (size_t)out);
    const VvLinearSpec spec = {.in = in, .out = out, .weights = weights, .bias = weights};
    const double seconds = time_linear(bench->kernels, bench->stream, &spec, src, dst, repeats);
    const double operations = 2.0 * rows * in * out;
    if (print) {
        char name[64];
        snprintf(name, sizeof name, "linear %dx%d to %d", rows, in, out);
        const double ref = time_linear(bench->ref, bench->ref_stream, &spec, src, dst, 0);
        bench_row(bench, name, 0, seconds, ref, operations, bench->peak_flops);
    }
    free(weights);
    vv_arena_rewind(&bench->arena, mark);
    return operations / seconds;
}

/* What the core reaches at best: that, or a convolution with much work for its size. */
static double peak_of(Bench *bench) {
    const size_t mark = bench->arena.used;
    const VvDataType type = bench->kernels->compute;
    const VvTensor src = bench_some(bench, type, 5, 8, 8, 192), dst = bench_some(bench, type, 5, 8, 8, 192);
    float *weights = weights_of((size_t)9 * 192 * 192);
    const VvConvSpec spec = {.in = 192, .out = 192, .kernel = 3, .stride = 1, .weights = weights};
    const double seconds = time_conv(bench->kernels, bench->stream, &spec, src, dst, 10 * REPEATS);
    const double products = bench_linear(bench, 320, 256, 1024, 10 * REPEATS, false),
                 convolutions = 18.0 * 5 * 8 * 8 * 192 * 192 / seconds;
    free(weights);
    vv_arena_rewind(&bench->arena, mark);
    return products > convolutions ? products : convolutions;
}

/* ---- the others ----------------------------------------------------------------------------------------------------
 */

static void run_copy(const Job *job) {
    memcpy(job->c.data, job->a.data, vv_tensor_bytes(job->a));
}

static void run_relu(const Job *job) {
    bench_must(job->kernels->relu(job->stream, job->a, job->c), "relu");
}

static void run_add(const Job *job) {
    bench_must(job->kernels->add(job->stream, job->a, job->b, job->c), "add");
}

static void run_convert(const Job *job) {
    bench_must(job->kernels->convert(job->stream, job->a, job->c), "convert");
}

static void run_upsample2(const Job *job) {
    bench_must(job->kernels->upsample2(job->stream, job->a, job->c), "upsample2");
}

static void run_pixel_shuffle(const Job *job) {
    bench_must(job->kernels->pixel_shuffle(job->stream, 2, job->a, job->c), "pixel_shuffle");
}

static void run_unshuffle2(const Job *job) {
    bench_must(job->kernels->unshuffle2(job->stream, VV_BYTES_SYMMETRIC, job->a, job->c), "unshuffle2");
}

static void run_pool2_bytes(const Job *job) {
    bench_must(job->kernels->pool2_bytes(job->stream, VV_BYTES_SYMMETRIC, job->a, job->c), "pool2_bytes");
}

static void run_warp(const Job *job) {
    bench_must(job->kernels->warp(job->stream, &job->warp), "warp");
}

static void run_blend(const Job *job) {
    bench_must(job->kernels->blend(job->stream, &job->blend), "blend");
}

/* Times a job on both tables; `bytes` is what it reads and writes. */
void bench_bytes(Bench *bench, const char *name, int times, Job job, double bytes) {
    job.kernels = bench->kernels, job.stream = bench->stream;
    const double seconds = bench_best(&job, REPEATS);
    job.kernels = bench->ref, job.stream = bench->ref_stream;
    bench_row(bench, name, times, seconds, bench_best(&job, 0), bytes, bench->peak_bytes);
}

static double peak_of_copies(Bench *bench) {
    const size_t mark = bench->arena.used;
    const Job job = {
        .run = run_copy, .a = bench_some(bench, VV_F32, 1, 64, 64, 16), .c = bench_some(bench, VV_F32, 1, 64, 64, 16)};
    const double seconds = bench_best(&job, 10 * REPEATS);
    vv_arena_rewind(&bench->arena, mark);
    return 2.0 * (double)vv_tensor_bytes(job.a) / seconds;
}

/* Simple operations: sources, destination, what they touch. */
static void bench_simple(Bench *bench, const char *name, int times, void (*run)(const Job *), VvTensor a, VvTensor c) {
    const Job job = {.run = run, .a = a, .b = a, .c = c};
    bench_bytes(bench, name, times, job, (double)(vv_tensor_bytes(a) + vv_tensor_bytes(c)));
}

static void bench_warp(Bench *bench, int times, int size, int channels) {
    const VvDataType type = bench->kernels->compute;
    const VvTensor flow = bench_some(bench, VV_F32, 1, 64, 64, 3);
    Job job = {.run = run_warp};
    job.warp =
        (VvWarp){.src = bench_some(bench, type, 1, size, size, channels),
                 .flow = vv_tensor_channels(flow, 0, 2),
                 .occlusion = vv_tensor_channels(flow, 2, 1),
                 .dst = vv_tensor_channels(bench_some(bench, type, 1, size, size, 2 * channels), channels, channels)};
    char name[64];
    snprintf(name, sizeof name, "warp %dx%dx%d", size, size, channels);
    bench_bytes(bench, name, times, job,
                2.0 * size * size * channels * (double)vv_type_size(type) + (double)vv_tensor_bytes(flow));
}

static void bench_rest(Bench *bench) {
    const VvDataType type = bench->kernels->compute;
    bench_warp(bench, 1, 32, 64);
    bench_warp(bench, 1, 64, 32);
    bench_warp(bench, 1, 128, 16);
    for (int size = 8, channels = 192; size <= 64; size *= 2, channels = size == 16 ? 128 : size == 32 ? 96 : 64) {
        char name[64];
        snprintf(name, sizeof name, "upsample2 %dx%dx%d", size, size, channels);
        const VvTensor wide = bench_some(bench, type, 1, 2 * size, 2 * size, 2 * channels);
        bench_simple(bench, name, 1, run_upsample2, bench_some(bench, type, 1, size, size, channels),
                     vv_tensor_channels(wide, 0, channels));
    }
    bench_simple(bench, "pixel_shuffle 32x32x12 by 2", 1, run_pixel_shuffle, bench_some(bench, VV_F32, 1, 32, 32, 12),
                 bench_some(bench, VV_F32, 1, 64, 64, 3));
    bench_simple(bench, "add 64x64x3", 2, run_add, bench_some(bench, VV_F32, 1, 64, 64, 3),
                 bench_some(bench, VV_F32, 1, 64, 64, 3));
    Job job = {.run = run_blend};
    job.blend = (VvBlend){.portrait = bench_some(bench, VV_U8, 1, 256, 256, 3),
                          .flow = bench_some(bench, VV_F32, 1, 64, 64, 2),
                          .painted = bench_some(bench, type, 1, 128, 128, 16),
                          .planes = vv_arena_take(&bench->arena, VV_U8, 3, (const int[]){1, 384, 256})};
    const double read = 256 * 256 * 3 + 128.0 * 128 * 16 * (double)vv_type_size(type);
    bench_bytes(bench, "blend 256x256x3 to I420", 1, job, read + 384 * 256);
    printf("one frame decoded, all of the above: %.2f ms\n", 1e3 * bench->total);
    printf("not in a frame:\n");
    job.blend.planes = (VvTensor){0};
    job.blend.dst = bench_some(bench, VV_U8, 1, 256, 256, 3);
    bench_bytes(bench, "blend 256x256x3 to RGB", 0, job, read + 256 * 256 * 3);
    bench_conv(bench, 0, 5, 8, 192, 192, false); /* a window of five frames at once */
    bench_conv(bench, 0, 5, 32, 96, 96, false);
    bench_simple(bench, "relu 128x128x32", 0, run_relu, bench_some(bench, type, 1, 128, 128, 32),
                 bench_some(bench, type, 1, 128, 128, 32));
    bench_simple(bench, "convert f32 to bf16 128x128x32", 0, run_convert, bench_some(bench, VV_F32, 1, 128, 128, 32),
                 bench_some(bench, VV_BF16, 1, 128, 128, 32));
    bench_simple(bench, "unshuffle2 256x256x3", 0, run_unshuffle2, job.blend.portrait,
                 bench_some(bench, type, 1, 128, 128, 12));
    bench_simple(bench, "pool2_bytes 256x256x3", 0, run_pool2_bytes, job.blend.portrait,
                 bench_some(bench, VV_F32, 1, 128, 128, 3));
}

/* The decoder's convolutions: times in a frame, side, channels. */
static void bench_layers(Bench *bench) {
    static const int layers[][5] = {
        {1, 8, 208, 192, 0},  {2, 8, 192, 192, 0}, {2, 8, 192, 192, 1}, {1, 16, 320, 128, 0}, {2, 16, 128, 128, 0},
        {2, 16, 128, 128, 1}, {1, 16, 128, 48, 0}, {1, 32, 192, 96, 0}, {2, 32, 96, 96, 0},   {2, 32, 96, 96, 1},
        {1, 32, 96, 12, 0},   {1, 64, 128, 64, 0}, {1, 64, 64, 64, 0},  {1, 64, 64, 64, 1},   {1, 64, 64, 3, 0},
        {1, 128, 96, 32, 0},  {1, 128, 32, 32, 0}, {1, 128, 32, 32, 1}, {1, 128, 32, 16, 0}};
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        bench_conv(bench, layers[i][0], 1, layers[i][1], layers[i][2], layers[i][3], layers[i][4]);
}

int check_bench(const VvKernels *kernels) {
    Bench bench = {.kernels = kernels, .ref = vv_kernels_ref()};
    bench_must(vv_arena_open(&bench.arena, kernels, (size_t)1 << 27), "arena");
    const VvTensor scratch = vv_arena_take(&bench.arena, VV_U8, 1, (const int[]){CHECK_SCRATCH});
    bench_must(kernels->stream_open(scratch, &bench.stream), "stream");
    bench_must(bench.ref->stream_open((VvTensor){0}, &bench.ref_stream), "stream");
    bench.peak_flops = peak_of(&bench);
    bench.peak_bytes = peak_of_copies(&bench);
    printf("%s, one core; peak is the best of a matrix product and a large convolution, %.0f GFLOP/s, and a copy of "
           "256 KiB, "
           "%.0f GB/s\n",
           kernels->name, 1e-9 * bench.peak_flops, 1e-9 * bench.peak_bytes);
    printf("%-36s %4s %11s %8s  %7s %10s\n", "kernel", "", "time", "G../s", "of peak", "to ref");
    bench_layers(&bench);
    bench_rest(&bench);
    bench_window(&bench);
    bench.ref->stream_close(&bench.ref_stream);
    kernels->stream_close(&bench.stream);
    vv_arena_close(&bench.arena);
    return 0;
}
