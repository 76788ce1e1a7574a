/* The speech encoder of the golden file, opened for tests, with the rows that PyTorch was given. */
#ifndef VV_TEST_SPEECH_RIG_H
#define VV_TEST_SPEECH_RIG_H

#include "server/avatar/speech.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GOLDEN "test/golden/speech.safetensors"

/* An encoder, a worker, and a golden file's rows. */
typedef struct Rig {
    VvWeights *weights;
    VvSpeechEncoder *encoder;
    VvSpeechWorker *worker;
    VvSpeechEncoderInfo info;
    float *rows;
    int row_count, steps; /* of the rows */
} Rig;

static inline VvWeights *open_golden(const char *path) {
    VvWeights *weights = NULL;
    VvWeightsProblem problem;
    if (vv_weights_open(path, &weights, &problem) != VV_WEIGHTS_OK)
        fail_msg("%s", problem.text);
    return weights;
}

/* A golden tensor as floats, to be freed. */
static inline float *golden(const VvWeights *weights, const char *name, int columns, int *rows) {
    VvWeightsProblem problem;
    VvWeightsTensor tensor;
    char full[64];
    const int64_t shape[] = {VV_WEIGHTS_ANY, columns};
    snprintf(full, sizeof full, "golden.%s", name);
    if (vv_weights_get(weights, full, 2, shape, VV_WEIGHTS_FLOATS, &tensor, &problem) != VV_WEIGHTS_OK)
        fail_msg("%s", problem.text);
    float *values = malloc(tensor.count * sizeof *values);
    assert_non_null(values);
    assert_int_equal(vv_weights_to_f32(&tensor, values, NULL), VV_WEIGHTS_OK);
    *rows = (int)tensor.shape[0];
    return values;
}

static inline Rig open_rig(const char *path, const VvKernels *kernels, int steps) {
    Rig rig = {.weights = open_golden(path)};
    VvModelProblem problem;
    rig.rows = golden(rig.weights, "rows", VV_MEL_BANDS, &rig.row_count);
    rig.steps = rig.row_count / VV_SPEECH_STEP_ROWS;
    if (vv_speech_encoder_open(rig.weights, kernels, steps ? steps : rig.steps, &rig.encoder, &problem))
        fail_msg("%s", problem.text);
    rig.info = *vv_speech_encoder_info(rig.encoder);
    assert_int_equal(vv_speech_worker_open(rig.encoder, &rig.worker), VV_KERNEL_OK);
    return rig;
}

static inline void close_rig(Rig *rig) {
    vv_speech_worker_close(&rig->worker);
    vv_speech_encoder_close(&rig->encoder);
    assert_null(rig->worker);
    assert_null(rig->encoder);
    vv_weights_close(&rig->weights);
    free(rig->rows);
}

static inline float *floats(int rows, int columns) {
    float *values = calloc((size_t)rows * (size_t)columns, sizeof *values);
    assert_non_null(values);
    return values;
}

/* Results of `count` steps from `first` on, to be freed with free_heard. */
typedef struct Heard {
    float *hidden, *mouth, *phone;
} Heard;

static inline Heard hear(const Rig *rig, int first, int count) {
    const Heard heard = {floats(count, rig->info.width), floats(count, rig->info.mouths),
                         floats(count, rig->info.phones)};
    const VvSpeechSteps steps = {.rows = rig->rows,
                                 .row_count = rig->row_count,
                                 .first = first,
                                 .count = count,
                                 .hidden = heard.hidden,
                                 .mouth = heard.mouth,
                                 .phone = heard.phone};
    assert_int_equal(vv_speech_encode(rig->worker, &steps), VV_KERNEL_OK);
    return heard;
}

static inline void free_heard(Heard *heard) {
    free(heard->hidden);
    free(heard->mouth);
    free(heard->phone);
}

/* |got - want| / |want|, over all of them; infinite where something is no number. */
static inline double relative(const float *got, const float *want, int rows, int columns) {
    double off = 0, all = 0;
    for (size_t i = 0; i < (size_t)rows * (size_t)columns; i++) {
        off += ((double)got[i] - (double)want[i]) * ((double)got[i] - (double)want[i]);
        all += (double)want[i] * (double)want[i];
    }
    return isfinite(off) && all > 0 ? sqrt(off / all) : (double)INFINITY;
}

#endif
