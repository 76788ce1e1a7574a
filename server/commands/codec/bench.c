/* `visavis codec --bench`: milliseconds to decode a frame, by backend, threads and batch.
 *
 * Each backend is measured in a process of its own, since oneDNN chooses its instructions once in a process's life. The
 * columns are read by weights/eval/bench_torch.py. */
#include "server/base/clock.h"
#include "server/commands/codec/codec.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 10 /* that a row's time is parted into; the best one is least disturbed by other programs */

typedef struct Backend {
    const char *name;
    const char *isa; /* to which oneDNN's layers are lowered; NULL: not at all */
} Backend;

static const Backend backends[] = {{"cpu-bf16", NULL}, {"cpu-f32", NULL}, {"cpu-avx2", "AVX2"}};

/* One thread of a row: it decodes batch after batch, from when all are there until the time is over. */
typedef struct Lane {
    VvCodecWorker *worker;
    pthread_t thread;
    pthread_barrier_t *ready;
    VvCodecFrames frames;
    VvTime length; /* of a round */
    VvTime spent;  /* in a round, to the end of its last batch */
    VvTime cpu;    /* of that, while it had the processor */
    int64_t frames_done;
    VvKernelStatus status;
} Lane;

static void *decode_for_a_round(void *ctx) {
    Lane *lane = ctx;
    pthread_barrier_wait(lane->ready);
    const VvTime begin = vv_now(), cpu = vv_thread_cpu();
    lane->frames_done = 0;
    do {
        lane->status = vv_codec_decode(lane->worker, &lane->frames);
        lane->frames_done += lane->frames.count;
        lane->spent = vv_now() - begin;
    } while (lane->status == VV_KERNEL_OK && lane->spent < lane->length);
    lane->cpu = vv_thread_cpu() - cpu;
    return NULL;
}

/* Milliseconds a frame that `threads` lanes took together, and of processor time; false if decoding failed. */
static bool one_round(Lane *lanes, int threads, double *ms, double *cpu_ms) {
    pthread_barrier_t ready;
    double rate = 0, cpu = 0, frames = 0;
    int started = 0;
    pthread_barrier_init(&ready, NULL, (unsigned)threads);
    for (int i = 0; i < threads; i++)
        lanes[i].ready = &ready;
    while (started + 1 < threads &&
           pthread_create(&lanes[started].thread, NULL, decode_for_a_round, &lanes[started]) == 0)
        started++;
    if (started + 1 < threads) {
        fprintf(stderr, "visavis codec: cannot start %d threads\n", threads);
        exit(1); /* this process is for measuring only */
    }
    decode_for_a_round(&lanes[threads - 1]);
    for (int i = 0; i + 1 < threads; i++)
        pthread_join(lanes[i].thread, NULL);
    pthread_barrier_destroy(&ready);
    for (int i = 0; i < threads; i++) {
        if (lanes[i].status != VV_KERNEL_OK)
            return false;
        cpu += (double)lanes[i].cpu / (double)VV_MS;
        frames += (double)lanes[i].frames_done;
        rate += (double)lanes[i].frames_done / ((double)lanes[i].spent / (double)VV_MS);
    }
    *ms = 1 / rate;
    *cpu_ms = cpu / frames;
    return true;
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int measure(const Backend *backend, const VvKernels *kernels, Lane *lanes, int threads, int batch, int seconds) {
    double ms[ROUNDS], cpu[ROUNDS];
    for (int i = 0; i < threads; i++) {
        lanes[i].frames.count = batch;
        lanes[i].length = seconds * VV_SECOND / ROUNDS;
    }
    for (int round = 0; round < ROUNDS; round++)
        if (!one_round(lanes, threads, &ms[round], &cpu[round])) {
            fprintf(stderr, "visavis codec: decoding failed on %s\n", kernels->name);
            return 1;
        }
    qsort(ms, ROUNDS, sizeof *ms, ascending);
    qsort(cpu, ROUNDS, sizeof *cpu, ascending);
    printf("%-9s %7d %6d %9.2f %9.2f %9.2f   %s\n", backend->name, threads, batch, ms[0], ms[ROUNDS / 2],
           cpu[ROUNDS / 2], kernels->name);
    fflush(stdout);
    return 0;
}

/* Motion that is neither still nor the same everywhere; what it is hardly matters to the time it takes. */
static float *made_up_z(size_t count) {
    float *z = malloc(count * sizeof *z);
    uint32_t random = 1;
    for (size_t i = 0; z && i < count; i++) {
        random = random * 1664525u + 1013904223u;
        z[i] = (float)(random >> 8) / (float)(1 << 23) - 1;
    }
    return z;
}

static uint8_t *made_up_portrait(int side) {
    uint8_t *rgb = malloc((size_t)side * (size_t)side * 3);
    for (int i = 0; rgb && i < side * side * 3; i++)
        rgb[i] = (uint8_t)(i / 3 % side + i / (3 * side) + 80 * (i % 3));
    return rgb;
}

/* All rows of a backend. */
static int measure_backend(const VvCodecOptions *options, const Backend *backend, const VvKernels *kernels) {
    static const int batches[] = {1, VV_CODEC_WINDOW}, threads[] = {1, 2};
    const int batch_most = options->batch ? options->batch : VV_CODEC_WINDOW;
    const int threads_most = options->threads ? options->threads : 2, seconds = options->seconds ? options->seconds : 2;
    Lane lanes[VV_CODEC_THREADS_MAX] = {0};
    int32_t characters[VV_CODEC_BATCH_MAX] = {0};
    VvCodec *codec = vv_codec_command_open(options, kernels, batch_most);
    if (!codec)
        return 1;
    float *z = made_up_z((size_t)vv_codec_info(codec)->z_count * (size_t)batch_most);
    uint8_t *portrait = made_up_portrait(vv_codec_info(codec)->picture);
    bool good = z && portrait;
    for (int i = 0; good && i < threads_most; i++) {
        lanes[i].frames = (VvCodecFrames){.z = z, .characters = characters};
        good = vv_codec_worker_open(codec, &lanes[i].worker) == VV_KERNEL_OK;
    }
    good = good && vv_codec_appearance(lanes[0].worker, 0, portrait) == VV_KERNEL_OK;
    if (!good)
        fprintf(stderr, "visavis codec: cannot prepare %s\n", kernels->name);
    for (int t = 0; t < 2; t++)
        for (int b = 0; b < 2; b++)
            if ((options->threads ? t == 0 : true) && (options->batch ? b == 0 : true))
                good = good && measure(backend, kernels, lanes, options->threads ? options->threads : threads[t],
                                       options->batch ? options->batch : batches[b], seconds) == 0;
    for (int i = 0; i < threads_most; i++)
        vv_codec_worker_close(&lanes[i].worker);
    free(portrait);
    free(z);
    vv_codec_close(&codec);
    return good ? 0 : 1;
}

/* The child's part: 0, 1, or 3 for a backend that is not there. */
static int child(const VvCodecOptions *options, const Backend *backend) {
    if (backend->isa)
        setenv("ONEDNN_MAX_CPU_ISA", backend->isa, 1);
    const VvKernels *kernels = vv_kernels_named(backend->name);
    return kernels ? measure_backend(options, backend, kernels) : 3;
}

static int measure_apart(const VvCodecOptions *options, const Backend *backend) {
    int status = 0;
    fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0)
        _exit(child(options, backend));
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
        return 1;
    if (WEXITSTATUS(status) == 3)
        printf("%-9s       -      -         -         -         -   not on this machine\n", backend->name);
    return WEXITSTATUS(status) == 3 && !options->kernels ? 0 : WEXITSTATUS(status);
}

int vv_codec_bench(const VvCodecOptions *options) {
    int status = 0;
    printf(
        "milliseconds to decode a frame: of %d rounds the best and the one in the middle; processor time, the middle\n",
        ROUNDS);
    printf("%-9s %7s %6s %9s %9s %9s   %s\n", "kernels", "threads", "batch", "best", "middle", "processor", "that is");
    if (options->kernels) {
        const Backend chosen = {options->kernels, strcmp(options->kernels, "cpu-avx2") == 0 ? "AVX2" : NULL};
        status = measure_apart(options, &chosen);
    }
    for (size_t i = 0; !options->kernels && status == 0 && i < sizeof backends / sizeof *backends; i++)
        status = measure_apart(options, &backends[i]);
    return status ? 1 : 0;
}
