/* `visavis listen --bench`: what the speech encoder costs in a call, where every window of five frames takes the steps
 * that its lips hear: 13 frames' worth. */
#include "server/base/clock.h"
#include "server/commands/listen/listen.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define WINDOW 26 /* steps */
#define ROWS 140  /* of log-mel that an avatar's item has: 35 frames */
#define FIRST 40  /* step of the window among them */
#define RUNS 300

static int by_time(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Milliseconds of this thread's processor time for each run, ascending: what other programs do counts little. */
static VvKernelStatus measure(VvSpeechWorker *worker, const VvSpeechSteps *steps, double spent[RUNS]) {
    for (int i = 0; i < RUNS; i++) {
        const VvTime began = vv_thread_cpu();
        const VvKernelStatus status = vv_speech_encode(worker, steps);
        if (status != VV_KERNEL_OK)
            return status;
        spent[i] = (double)(vv_thread_cpu() - began) / (double)VV_MS;
    }
    qsort(spent, RUNS, sizeof *spent, by_time);
    return VV_KERNEL_OK;
}

bool vv_listen_bench(const VvListenOptions *options) {
    static float rows[ROWS * VV_MEL_BANDS];
    double spent[RUNS];
    VvHeard h = {0};
    VvSpeechWorker *worker = NULL;
    bool good = vv_listen_open_encoder(options, WINDOW, &h);
    for (int i = 0; i < ROWS * VV_MEL_BANDS; i++)
        rows[i] = -7 + 5 * sinf((float)i * 0.31f);
    float *hidden = good ? malloc(WINDOW * (size_t)h.info->width * sizeof *hidden) : NULL;
    if (good) {
        const VvSpeechSteps steps = {
            .rows = rows, .row_count = ROWS, .first = FIRST, .count = WINDOW, .hidden = hidden};
        VvKernelStatus status = hidden ? vv_speech_worker_open(h.encoder, &worker) : VV_KERNEL_MEMORY;
        if (status == VV_KERNEL_OK)
            status = measure(worker, &steps, spent);
        good = status == VV_KERNEL_OK;
        if (good)
            printf("%s: %.2f ms of one processor's time a window of %d steps, %.2f at best; %.1f M parameters, %.1f "
                   "MiB a worker\n",
                   h.kernels->name, spent[RUNS / 2], WINDOW, spent[0], (double)h.info->parameters / 1e6,
                   (double)h.info->worker_bytes / 1048576);
        else
            fprintf(stderr, "visavis listen: %s\n", vv_kernel_status_text(status));
    }
    vv_speech_worker_close(&worker);
    vv_listen_close(&h);
    free(hidden);
    return good;
}
