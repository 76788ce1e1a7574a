/* What the CUDA backend's kernels cost, and whole windows: time, operations or bytes a second, share of the peak.
 *
 * usage: bench [--kernels=cuda] [--batch=32] [--model=FOLDER] [--tflops=N] [--gbytes=N] [--table=FILE]
 * Peaks are the chip's as its maker tells them; without them, the best that a large product and a large copy reach
 * here. A kernel is asked for REPEATS times in one recording, so that what is timed is the device and not the asking.
 * The table has a line for each, with tabs: name, microseconds, percent of the peak; for a window: "window BATCH",
 * the median's microseconds, the p99's, sessions in real time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"
#include "server/avatar/model.h"
#include "server/base/clock.h"

enum { REPEATS = 20, ROUNDS = 5, CHANNELS = 256, HEADS = 4, PLACES = 64, TOKENS = 320, KEPT = 272, SCRATCH = 64 << 20 };

static FILE *table; /* NULL: none is wanted */

typedef struct Bench {
    const VvKernels *kernels;
    VvStream *stream;
    VvArena arena;
    double peak_flops, peak_bytes;
} Bench;

/* One operation. */
typedef struct Job {
    VvKernelStatus (*run)(const Bench *bench, const struct Job *job);
    VvLinear *linear;
    VvConv *conv;
    VvTensor a, b, c;
    VvAttention attention;
    VvDecoupled decoupled;
    VvWarp warp;
    VvBlend blend;
    VvNorm norm;
    const uint64_t *seeds;
} Job;

static void must(VvKernelStatus status, const char *what) {
    if (status == VV_KERNEL_OK)
        return;
    fprintf(stderr, "bench: %s: %s\n", what, vv_kernel_status_text(status));
    exit(1);
}

static VvTensor some(Bench *bench, VvDataType type, int n, int h, int w, int c) {
    const VvTensor tensor = vv_arena_take_nhwc(&bench->arena, type, n, h, w, c);
    if (!tensor.rank)
        must(VV_KERNEL_MEMORY, "a tensor");
    const size_t count = vv_tensor_count(tensor);
    unsigned char *host = malloc(vv_tensor_bytes(tensor));
    if (!host)
        must(VV_KERNEL_MEMORY, "a tensor");
    for (size_t i = 0; i < count; i++) {
        const float value = (float)((i * 2654435761u >> 7) % 2048) / 1024 - 1;
        if (type == VV_F32)
            ((float *)(void *)host)[i] = value;
        else if (type == VV_BF16)
            ((uint16_t *)(void *)host)[i] = vv_bf16_from_f32(value);
        else
            host[i] = (unsigned char)(i % 251);
    }
    must(bench->kernels->upload(bench->stream, host, tensor), "upload");
    must(bench->kernels->wait(bench->stream), "upload");
    free(host);
    return tensor;
}

static VvTensor tokens(Bench *bench, VvDataType type, int n, int t, int d) {
    VvTensor rows = some(bench, type, n, t, 1, d);
    rows.rank = 3;
    rows.shape[2] = d;
    return rows;
}

/* Seconds of one run, the best of some rounds. */
static double time_of(Bench *bench, const Job *job) {
    const VvKernels *k = bench->kernels;
    VvRecording *recording = NULL;
    must(job->run(bench, job), "the first run");
    must(k->wait(bench->stream), "the first run");
    if (k->record) {
        must(k->record(bench->stream), "record");
        for (int i = 0; i < REPEATS; i++)
            must(job->run(bench, job), "a run");
        must(k->recorded(bench->stream, &recording), "recorded");
    }
    double best = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        const VvTime begin = vv_now();
        if (recording)
            must(k->replay(bench->stream, recording), "replay");
        for (int i = 0; i < REPEATS && !recording; i++)
            must(job->run(bench, job), "a run");
        must(k->wait(bench->stream), "wait");
        const double seconds = (double)(vv_now() - begin) / 1e6 / REPEATS;
        best = seconds < best ? seconds : best;
    }
    if (recording)
        k->recording_close(&recording);
    return best;
}

static void row(const char *name, double seconds, double amount, const char *unit, double peak) {
    printf("%-44s %9.1f us %9.2f %s", name, 1e6 * seconds, 1e-12 * amount / seconds, unit);
    if (peak > 0)
        printf(" %6.1f %%", 100 * amount / seconds / peak);
    printf("\n");
    if (table)
        fprintf(table, "%s\t%.2f\t%.1f\n", name, 1e6 * seconds, 100 * amount / seconds / peak);
}

/* ---- operations -------------------------------------------------------------------------------------------------- */

static VvKernelStatus run_linear(const Bench *b, const Job *j) {
    return b->kernels->linear(b->stream, j->linear, j->a, j->c, j->c);
}
static VvKernelStatus run_conv(const Bench *b, const Job *j) {
    return b->kernels->conv(b->stream, j->conv, j->a, j->c, j->c);
}
static VvKernelStatus run_attention(const Bench *b, const Job *j) {
    return b->kernels->attention(b->stream, &j->attention);
}
static VvKernelStatus run_decoupled(const Bench *b, const Job *j) {
    return b->kernels->decoupled(b->stream, &j->decoupled);
}
static VvKernelStatus run_norm(const Bench *b, const Job *j) {
    return b->kernels->norm(b->stream, &j->norm);
}
static VvKernelStatus run_rotary(const Bench *b, const Job *j) {
    return b->kernels->rotary(b->stream, HEADS, j->a, j->b, j->c);
}
static VvKernelStatus run_convert(const Bench *b, const Job *j) {
    return b->kernels->convert(b->stream, j->a, j->c);
}
static VvKernelStatus run_upsample2(const Bench *b, const Job *j) {
    return b->kernels->upsample2(b->stream, j->a, j->c);
}
static VvKernelStatus run_warp(const Bench *b, const Job *j) {
    return b->kernels->warp(b->stream, &j->warp);
}
static VvKernelStatus run_blend(const Bench *b, const Job *j) {
    return b->kernels->blend(b->stream, &j->blend);
}

static float *weights_of(size_t count) {
    float *weights = calloc(count, sizeof *weights);
    if (!weights)
        must(VV_KERNEL_MEMORY, "weights");
    for (size_t i = 0; i < count; i++)
        weights[i] = (float)(i % 17) / 170 - 0.05f;
    return weights;
}

/* Operations a second of a linear layer; prints its line if it has a name. */
static double bench_linear(Bench *bench, const char *name, int rows, int in, int out, VvActivation activation) {
    const size_t mark = bench->arena.used;
    float *weights = weights_of((size_t)in * (size_t)out);
    const VvLinearSpec spec = {.in = in, .out = out, .activation = activation, .weights = weights, .bias = weights};
    Job job = {
        .run = run_linear, .a = some(bench, VV_BF16, 1, 1, rows, in), .c = some(bench, VV_BF16, 1, 1, rows, out)};
    size_t scratch = 0;
    must(bench->kernels->linear_open(&spec, &job.linear), "linear");
    must(bench->kernels->linear_plan(job.linear, job.a, job.c, &scratch), "linear");
    const double seconds = time_of(bench, &job), operations = 2.0 * rows * in * out;
    bench->kernels->linear_close(&job.linear);
    free(weights);
    vv_arena_rewind(&bench->arena, mark);
    if (name)
        row(name, seconds, operations, "TFLOP/s", bench->peak_flops);
    return operations / seconds;
}

static void bench_conv(Bench *bench, int n, int size, int in, int out) {
    const size_t mark = bench->arena.used;
    float *weights = weights_of((size_t)9 * (size_t)in * (size_t)out);
    const VvConvSpec spec = {.in = in,
                             .out = out,
                             .kernel = 3,
                             .stride = 1,
                             .activation = VV_ACTIVATION_RELU,
                             .residual = true,
                             .weights = weights,
                             .bias = weights};
    Job job = {
        .run = run_conv, .a = some(bench, VV_BF16, n, size, size, in), .c = some(bench, VV_BF16, n, size, size, out)};
    size_t scratch = 0;
    char name[80];
    must(bench->kernels->conv_open(&spec, &job.conv), "conv");
    must(bench->kernels->conv_plan(job.conv, job.a, job.c, &scratch), "conv");
    snprintf(name, sizeof name, "conv 3x3 %dx%dx%dx%d to %d", n, size, size, in, out);
    row(name, time_of(bench, &job), 18.0 * n * size * size * in * out, "TFLOP/s", bench->peak_flops);
    bench->kernels->conv_close(&job.conv);
    free(weights);
    vv_arena_rewind(&bench->arena, mark);
}

static void bench_attention(Bench *bench, int n) {
    const size_t mark = bench->arena.used;
    Job job = {.run = run_attention};
    job.attention = (VvAttention){.heads = HEADS,
                                  .q = tokens(bench, VV_BF16, n, TOKENS, CHANNELS),
                                  .cached_k = tokens(bench, VV_BF16, n, KEPT, CHANNELS),
                                  .cached_v = tokens(bench, VV_BF16, n, KEPT, CHANNELS),
                                  .k = tokens(bench, VV_BF16, n, TOKENS, CHANNELS),
                                  .v = tokens(bench, VV_BF16, n, TOKENS, CHANNELS),
                                  .dst = tokens(bench, VV_BF16, n, TOKENS, CHANNELS)};
    size_t scratch = 0;
    must(bench->kernels->attention_plan(&job.attention, &scratch), "attention");
    row("attention 320 of 272 + 320", time_of(bench, &job), 4.0 * n * TOKENS * (KEPT + TOKENS) * CHANNELS, "TFLOP/s",
        bench->peak_flops);
    vv_arena_rewind(&bench->arena, mark);
}

static void bench_decoupled(Bench *bench, int n, int shared) {
    const size_t mark = bench->arena.used;
    float mask[PLACES];
    double with_lips = 0, with_context = 0;
    for (int i = 0; i < PLACES; i++) { /* half see the mouth, a quarter both */
        mask[i] = i < PLACES / 2 ? 0 : i < PLACES * 3 / 4 ? 0.5f : 1;
        with_lips += mask[i] > 0, with_context += mask[i] < 1;
    }
    const VvTensor where = vv_arena_take(&bench->arena, VV_F32, 1, (const int[]){PLACES});
    must(bench->kernels->upload(bench->stream, mask, where), "mask");
    must(bench->kernels->wait(bench->stream), "mask");
    Job job = {.run = run_decoupled};
    job.decoupled = (VvDecoupled){.heads = HEADS,
                                  .places = PLACES,
                                  .q = tokens(bench, VV_BF16, n, TOKENS, CHANNELS),
                                  .mask = where,
                                  .lip_k = tokens(bench, VV_BF16, n, 26, CHANNELS),
                                  .lip_v = tokens(bench, VV_BF16, n, 26, CHANNELS),
                                  .lip_step = 2,
                                  .lip_span = 18,
                                  .context_k = tokens(bench, VV_BF16, n, shared + 13, CHANNELS),
                                  .context_v = tokens(bench, VV_BF16, n, shared + 13, CHANNELS),
                                  .shared = shared,
                                  .context_step = 1,
                                  .context_span = 9,
                                  .dst = tokens(bench, VV_BF16, n, TOKENS, CHANNELS)};
    size_t scratch = 0;
    char name[80];
    must(bench->kernels->decoupled_plan(&job.decoupled, &scratch), "decoupled");
    snprintf(name, sizeof name, "decoupled, lip 18, context %d + 9", shared);
    row(name, time_of(bench, &job),
        4.0 * n * TOKENS / PLACES * (with_lips * 18 + with_context * (shared + 9)) * CHANNELS, "TFLOP/s",
        bench->peak_flops);
    vv_arena_rewind(&bench->arena, mark);
}

static void bench_bytes(Bench *bench, const char *name, Job job, double bytes) {
    row(name, time_of(bench, &job), bytes, "TB/s   ", bench->peak_bytes);
}

static double bytes_of(VvTensor a, VvTensor b, VvTensor c) {
    return (double)(vv_tensor_bytes(a) + vv_tensor_bytes(b) + vv_tensor_bytes(c));
}

/* What the rest reads and writes counts. */
static void bench_rest(Bench *bench, int n) {
    const size_t mark = bench->arena.used;
    const VvTensor h = tokens(bench, VV_F32, n, TOKENS, CHANNELS), x = tokens(bench, VV_BF16, n, TOKENS, CHANNELS);
    VvTensor gate = tokens(bench, VV_F32, 1, n, CHANNELS);
    gate.rank = 2, gate.shape[0] = n, gate.shape[1] = CHANNELS;
    VvTensor angles = tokens(bench, VV_F32, 1, TOKENS, CHANNELS / HEADS);
    angles.rank = 2, angles.shape[0] = TOKENS, angles.shape[1] = CHANNELS / HEADS;
    Job norm = {.run = run_norm, .norm = {.h = h, .scale = gate, .shift = gate, .dst = x}};
    bench_bytes(bench, "norm", norm, bytes_of(h, gate, x));
    norm.norm.y = x, norm.norm.gate = gate;
    bench_bytes(bench, "norm of a sum, in place of what is added", norm, bytes_of(h, x, h) + bytes_of(gate, x, gate));
    bench_bytes(bench, "rotary", (Job){.run = run_rotary, .a = x, .b = angles, .c = x}, bytes_of(x, angles, x));
    vv_arena_rewind(&bench->arena, mark);
    const int frames = n < 16 ? 5 * n : 80;
    const VvTensor flow = some(bench, VV_F32, frames, 64, 64, 2), maps = some(bench, VV_BF16, frames, 128, 128, 16);
    const VvTensor moved = some(bench, VV_BF16, frames, 128, 128, 16), portrait = some(bench, VV_U8, 1, 256, 256, 3);
    const VvTensor planes = vv_arena_take(&bench->arena, VV_U8, 3, (const int[]){frames, 384, 256});
    Job warp = {.run = run_warp}, blend = {.run = run_blend};
    warp.warp = (VvWarp){.src = maps, .flow = flow, .dst = moved};
    blend.blend = (VvBlend){.portrait = portrait, .flow = flow, .painted = moved, .planes = planes};
    printf("of %d frames:\n", frames);
    bench_bytes(bench, "warp 128x128x16", warp, bytes_of(maps, flow, moved));
    bench_bytes(bench, "blend 256x256x3 to I420", blend, bytes_of(moved, flow, planes));
    const VvTensor small = vv_tensor_channels(moved, 0, 16);
    const VvTensor large = some(bench, VV_BF16, frames, 256, 256, 16);
    bench_bytes(bench, "upsample2 128x128x16", (Job){.run = run_upsample2, .a = small, .c = large},
                bytes_of(small, large, portrait));
    vv_arena_rewind(&bench->arena, mark);
}

static double peak_of_copies(Bench *bench, int pictures) {
    const size_t mark = bench->arena.used;
    const VvTensor a = some(bench, VV_F32, pictures, 256, 256, 16), c = some(bench, VV_F32, pictures, 256, 256, 16);
    const Job job = {.run = run_convert, .a = a, .c = c};
    const double seconds = time_of(bench, &job);
    vv_arena_rewind(&bench->arena, mark);
    return 2.0 * (double)vv_tensor_bytes(a) / seconds;
}

/* ---- whole windows ----------------------------------------------------------------------------------------------- */

enum { STEPS = 40 };

static int by_time(const void *a, const void *b) {
    const VvTime x = *(const VvTime *)a, y = *(const VvTime *)b;
    return (x > y) - (x < y);
}

/* Where the time of a step went. */
static void print_parts(const VvModelTimes *t) {
    const int64_t parts[] = {t->head, t->speech, t->denoise, t->decode, t->deliver};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        printf(" %8.2f", (double)parts[i] / 1e3);
    printf("\n");
}

/* Times of steps with `batch` sessions; false if the model takes no such batch. */
static bool bench_batch(VvAvatar *avatar, int batch) {
    VvAvatarItem *items = calloc((size_t)batch, sizeof *items), *pointers[VV_MODEL_BATCH_MAX];
    float *speech = calloc((size_t)VV_SPEECH_ROWS * VV_MEL_BANDS, sizeof *speech);
    VvTime times[STEPS];
    bool good = items && speech && batch <= avatar->info.max_batch;
    for (int i = 0; i < batch && good; i++) {
        items[i] = (VvAvatarItem){.state = avatar->create(avatar, (uint64_t)i),
                                  .seed = (uint64_t)i,
                                  .speech = speech,
                                  .speech_frames = VV_WINDOW_FRAMES};
        pointers[i] = &items[i];
        good = items[i].state != NULL;
        for (int f = 0; f < VV_WINDOW_FRAMES && good; f++)
            good = vv_picture_alloc(&items[i].frames[f], avatar->info.width, avatar->info.height) == 0;
    }
    for (int step = 0; step < STEPS && good; step++) {
        const VvTime begin = vv_now();
        good = avatar->step(avatar, pointers, batch) == 0;
        times[step] = vv_now() - begin;
        for (int i = 0; i < batch; i++) {
            items[i].kept = VV_WINDOW_FRAMES;
            items[i].window++;
        }
    }
    if (good) {
        qsort(times, STEPS, sizeof *times, by_time);
        const double median = (double)times[STEPS / 2] / 1e3, worst = (double)times[STEPS * 99 / 100] / 1e3;
        const VvModelTimes part = vv_model_times(avatar);
        const double sessions = worst < VV_WINDOW_FRAMES * 40 ? batch * VV_WINDOW_FRAMES * 40 / median : 0;
        printf("%5d %8.2f %8.2f %12.0f   ", batch, median, worst, sessions);
        if (table)
            fprintf(table, "window %d\t%.1f\t%.1f\t%.0f\n", batch, 1e3 * median, 1e3 * worst, sessions);
        print_parts(&part);
    }
    for (int i = 0; items && i < batch; i++) {
        if (items[i].state)
            avatar->destroy(avatar, &items[i].state);
        for (int f = 0; f < VV_WINDOW_FRAMES; f++)
            vv_picture_free(&items[i].frames[f]);
    }
    free(items);
    free(speech);
    return good;
}

static bool bench_windows(const VvKernels *kernels, const char *folder) {
    static const int batches[] = {1, 8, 32, 64, 128};
    const VvModelOptions options = {.max_batch = VV_MODEL_BATCH_MAX};
    VvModelProblem problem;
    VvAvatar *avatar;
    bool good = true;
    if (vv_model_open(folder, kernels, &options, &avatar, &problem)) {
        fprintf(stderr, "bench: %s\n", problem.text);
        return false;
    }
    printf("windows of 200 ms, %s, model in %s; ms a step, and its parts in the last of them:\n", kernels->name,
           folder);
    printf("%5s %8s %8s %12s    %8s %8s %8s %8s %8s\n", "batch", "p50", "p99", "in real time", "head", "speech",
           "denoiser", "decoder", "deliver");
    for (size_t i = 0; i < sizeof batches / sizeof *batches && good; i++)
        good = bench_batch(avatar, batches[i]);
    avatar->close(&avatar);
    return good;
}

/* ------------------------------------------------------------------------------------------------------------------ */

static const char *option(int count, char **arguments, const char *name, const char *other) {
    const size_t length = strlen(name);
    for (int i = 1; i < count; i++)
        if (strncmp(arguments[i], name, length) == 0)
            return arguments[i] + length;
    return other;
}

int main(int count, char **arguments) {
    Bench bench = {.kernels = vv_kernels_named(option(count, arguments, "--kernels=", "cuda"))};
    const int n = atoi(option(count, arguments, "--batch=", "32"));
    const char *folder = option(count, arguments, "--model=", "");
    if (!bench.kernels || n < 1) {
        fprintf(stderr, "bench: no such kernels on this machine\n");
        return 77;
    }
    const char *file = option(count, arguments, "--table=", "");
    if (*file && !(table = fopen(file, "w"))) {
        fprintf(stderr, "bench: %s cannot be written\n", file);
        return 1;
    }
    setvbuf(stdout, NULL, _IOLBF, 0); /* what was measured stays if the rest takes too long */
    if (table)
        setvbuf(table, NULL, _IOLBF, 0);
    VvTensor scratch = {0};
    /* A processor's table is only here to try the program: less will do. */
    const int large = bench.kernels->record ? 4096 : 256;
    must(vv_arena_open(&bench.arena, bench.kernels, ((size_t)large << 18) + (size_t)n * ((size_t)64 << 20)), "memory");
    scratch = vv_arena_take(&bench.arena, VV_U8, 1, (const int[]){SCRATCH});
    must(bench.kernels->stream_open(scratch, &bench.stream), "stream");
    const double products = bench_linear(&bench, NULL, 2 * large, large, large, VV_ACTIVATION_NONE);
    const double copies = peak_of_copies(&bench, large / 128);
    bench.peak_flops = 1e12 * atof(option(count, arguments, "--tflops=", "0"));
    bench.peak_bytes = 1e9 * atof(option(count, arguments, "--gbytes=", "0"));
    printf("%s: a product of %d x %d x %d runs at %.2f TFLOP/s, a copy at %.3f TB/s\n", bench.kernels->name, 2 * large,
           large, large, 1e-12 * products, 1e-12 * copies);
    bench.peak_flops = bench.peak_flops > 0 ? bench.peak_flops : products;
    bench.peak_bytes = bench.peak_bytes > 0 ? bench.peak_bytes : copies;
    printf("of peak: %.2f TFLOP/s, %.3f TB/s\nof %d windows:\n", 1e-12 * bench.peak_flops, 1e-12 * bench.peak_bytes, n);
    bench_linear(&bench, "linear 256 to 768", n * TOKENS, CHANNELS, 3 * CHANNELS, VV_ACTIVATION_NONE);
    bench_linear(&bench, "linear 256 to 1024, squared relu", n * TOKENS, CHANNELS, 4 * CHANNELS,
                 VV_ACTIVATION_SQUARED_RELU);
    bench_linear(&bench, "linear 1024 to 256", n * TOKENS, 4 * CHANNELS, CHANNELS, VV_ACTIVATION_NONE);
    bench_attention(&bench, n);
    bench_decoupled(&bench, n, 16);
    bench_decoupled(&bench, n, 200);
    bench_conv(&bench, n, 8, 192, 192);
    bench_conv(&bench, n, 32, 96, 96);
    bench_conv(&bench, n, 64, 64, 64);
    bench_conv(&bench, n, 128, 32, 32);
    bench_rest(&bench, n);
    bench.kernels->stream_close(&bench.stream);
    vv_arena_close(&bench.arena);
    bool good = !*folder || bench_windows(bench.kernels, folder);
    if (table && fclose(table) != 0) {
        fprintf(stderr, "bench: %s cannot be written\n", file);
        good = false;
    }
    return !good;
}
