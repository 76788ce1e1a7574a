/* The codec of the golden file, opened for tests, with the inputs that PyTorch was given. */
#ifndef VV_TEST_CODEC_RIG_H
#define VV_TEST_CODEC_RIG_H

#include "server/avatar/codec.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GOLDEN "test/golden/codec.safetensors"
#define GOLDEN_FRAMES 2 /* and as many characters; frame n is shown by character 1 - n */

static inline VvWeights *open_golden(const char *path) {
    VvWeights *weights = NULL;
    VvWeightsProblem problem;
    if (vv_weights_open(path, &weights, &problem) != VV_WEIGHTS_OK)
        fail_msg("%s", problem.text);
    return weights;
}

static inline VvWeightsTensor golden(const VvWeights *weights, const char *stage) {
    for (size_t i = 0; i < vv_weights_count(weights); i++) {
        const VvWeightsTensor *tensor = vv_weights_at(weights, i);
        if (strncmp(tensor->name, "golden.", 7) == 0 && strcmp(tensor->name + 7, stage) == 0)
            return *tensor;
    }
    fail_msg("golden.%s is not there", stage);
    return (VvWeightsTensor){0};
}

static inline VvCodec *open_codec(const VvWeights *weights, const VvKernels *kernels, int batch) {
    const VvCodecSetup setup = {.kernels = kernels, .characters = GOLDEN_FRAMES, .batch = batch};
    VvCodec *codec = NULL;
    VvCodecProblem problem;
    if (vv_codec_open(weights, &setup, &codec, &problem))
        fail_msg("%s", problem.text);
    return codec;
}

static inline VvCodecWorker *open_worker(VvCodec *codec) {
    VvCodecWorker *worker = NULL;
    assert_int_equal(vv_codec_worker_open(codec, &worker), VV_KERNEL_OK);
    return worker;
}

/* Bytes of a frame. */
static inline size_t frame_size(const VvCodec *codec) {
    const size_t side = (size_t)vv_codec_info(codec)->picture;
    return side * side * 3;
}

static inline void make_appearances(VvCodecWorker *worker, const VvCodec *codec, const VvWeights *weights) {
    const uint8_t *portraits = golden(weights, "portraits").data;
    for (int i = 0; i < GOLDEN_FRAMES; i++)
        assert_int_equal(vv_codec_appearance(worker, i, portraits + (size_t)i * frame_size(codec)), VV_KERNEL_OK);
}

/* The golden z, to be freed. */
static inline float *golden_z(const VvWeights *weights) {
    const VvWeightsTensor z = golden(weights, "z");
    float *values = malloc(z.count * sizeof *values);
    assert_non_null(values);
    assert_int_equal(vv_weights_to_f32(&z, values, NULL), VV_WEIGHTS_OK);
    return values;
}

#endif
