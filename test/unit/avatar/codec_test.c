/* The codec as a whole: weights that are refused, calls that are refused, frames that do not depend on their
 * neighbours, workers that do not depend on each other, and no allocation once it is open. */
#include "test/unit/avatar/codec_rig.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>

/* ---- weights that are refused ---------------------------------------------------------------------------------- */

/* A change of the file's header that keeps its length, and what is said of it. */
typedef struct Damage {
    const char *was, *is;
    VvWeightsError error;
    const char *names; /* is in the problem's text */
} Damage;

static const Damage damages[] = {
    {"\\\"grid\\\": 3", "\\\"grid\\\": 0", VV_WEIGHTS_WRONG_VALUE, "codec.grid"},
    {"\\\"grid\\\": 3", "\\\"grip\\\": 3", VV_WEIGHTS_MISSING_KEY, "codec.grid"},
    {"\\\"latent\\\": 5", "\\\"latent\\\":-5", VV_WEIGHTS_WRONG_VALUE, "codec.latent"},
    {"\\\"latent\\\": 5", "\\\"latent\\\": 6", VV_WEIGHTS_WRONG_SHAPE, "codec.motion.out.weight"},
    {"[1, 0, 1, 2, 1]", "[1, 0, 1, 2   ]", VV_WEIGHTS_WRONG_VALUE, "codec.residual"},
    {"[1, 0, 1, 2, 1]", "[1, 0, 1, 9, 1]", VV_WEIGHTS_WRONG_VALUE, "codec.residual"},
    {"[1, 0, 1, 2, 1]", "[1, 0, 1, 3, 1]", VV_WEIGHTS_MISSING_TENSOR, "codec.decoder.block.3.2.a.weight"},
    {"[6, 8, 12, 16]", "[6, 8, 0 , 16]", VV_WEIGHTS_WRONG_VALUE, "codec.motion"},
    {"[8, 10, 12, 14, 18]", "[8, 10, 12, 14.18 ]", VV_WEIGHTS_WRONG_VALUE, "codec.decoder"},
    {"\"codec.decoder.out.bias\"", "\"codec.decoder.oak.bias\"", VV_WEIGHTS_MISSING_TENSOR, "codec.decoder.out.bias"},
    {"\"codec.motion.stem.weight\":{\"dtype\":\"BF16\",\"shape\":[6,12,3,3]",
     "\"codec.motion.stem.weight\":{\"dtype\":\"BF16\",\"shape\":[12,6,3,3]", VV_WEIGHTS_WRONG_SHAPE,
     "codec.motion.stem.weight"},
    {"\"codec.appearance.stem.bias\":{\"dtype\":\"F32\"", "\"codec.appearance.stem.bias\":{\"dtype\":\"I32\"",
     VV_WEIGHTS_WRONG_TYPE, "codec.appearance.stem.bias"},
};

/* The golden file's bytes, to be freed; its tensors may be read at 4-byte places. */
static uint8_t *read_golden(size_t *size) {
    FILE *file = fopen(GOLDEN, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*size);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

static void refuses_wrong_weights(void **state) {
    (void)state;
    size_t size;
    uint8_t *bytes = read_golden(&size);
    const VvCodecSetup setup = {.kernels = vv_kernels_ref(), .characters = 1, .batch = 1};
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        const Damage *d = &damages[i];
        uint8_t *at = memmem(bytes, size, d->was, strlen(d->was));
        assert_non_null(at);
        assert_int_equal(strlen(d->is), strlen(d->was));
        memcpy(at, d->is, strlen(d->is));
        VvWeights *weights = NULL;
        VvCodec *codec = (VvCodec *)bytes;
        VvCodecProblem problem;
        assert_int_equal(vv_weights_open_bytes(bytes, size, &weights, NULL), VV_WEIGHTS_OK);
        assert_int_equal(vv_codec_open(weights, &setup, &codec, &problem), -EINVAL);
        assert_null(codec);
        if (problem.weights != d->error || !strstr(problem.text, d->names))
            fail_msg("%s became %s: %s (%s)", d->was, d->is, vv_weights_error_name(problem.weights), problem.text);
        assert_int_equal(vv_codec_open(weights, &setup, &codec, NULL), -EINVAL);
        vv_weights_close(&weights);
        memcpy(at, d->was, strlen(d->was));
    }
    free(bytes);
}

static void refuses_wrong_setups(void **state) {
    (void)state;
    VvWeights *weights = open_golden(GOLDEN);
    const int setups[][2] = {{0, 1}, {-1, 1}, {VV_CODEC_BATCH_MAX + 1, 1},
                             {1, 0}, {1, -1}, {1, VV_CODEC_CHARACTERS_MAX + 1}};
    for (size_t i = 0; i < sizeof setups / sizeof *setups; i++) {
        const VvCodecSetup setup = {.kernels = vv_kernels_ref(), .batch = setups[i][0], .characters = setups[i][1]};
        VvCodec *codec = NULL;
        VvCodecProblem problem;
        assert_int_equal(vv_codec_open(weights, &setup, &codec, &problem), -EINVAL);
        assert_null(codec);
        assert_true(problem.kernels != VV_KERNEL_OK && *problem.text);
    }
    vv_weights_close(&weights);
}

static void tells_its_sizes(void **state) {
    (void)state;
    VvWeights *weights = open_golden(GOLDEN);
    VvCodec *codec = open_codec(weights, vv_kernels_ref(), 1), *larger = open_codec(weights, vv_kernels_ref(), 5);
    const VvCodecInfo *info = vv_codec_info(codec);
    size_t parameters = 0;
    for (size_t i = 0; i < vv_weights_count(weights); i++)
        if (strncmp(vv_weights_at(weights, i)->name, "codec.", 6) == 0)
            parameters += vv_weights_at(weights, i)->count;
    assert_int_equal(info->grid, 3);
    assert_int_equal(info->latent, 5);
    assert_int_equal(info->z_count, 3 * 3 * 5);
    assert_int_equal(info->picture, 96);
    assert_int_equal(info->parameters, parameters);
    assert_true(info->maps_bytes > 96 * 96 * 3);
    assert_true(vv_codec_info(larger)->worker_bytes > 4 * info->worker_bytes);
    vv_codec_close(&larger);
    vv_codec_close(&codec);
    vv_codec_close(&codec);
    vv_weights_close(&weights);
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

#define RUN_FRAMES 13 /* of a batch of 8: 8, 5 */

/* A codec on the fastest f32 backend, whose sums do not depend on the machine's bf16 units. */
typedef struct Run {
    VvWeights *weights;
    VvCodec *codec;
    VvCodecWorker *worker;
    size_t size;                    /* of a frame */
    float *z;                       /* of RUN_FRAMES different frames */
    int32_t characters[RUN_FRAMES]; /* who shows them */
    uint8_t *rgb;                   /* room for them */
} Run;

static Run open_run(int batch) {
    Run run = {.weights = open_golden(GOLDEN)};
    run.codec = open_codec(run.weights, vv_kernels_named("cpu-f32"), batch);
    run.worker = open_worker(run.codec);
    make_appearances(run.worker, run.codec, run.weights);
    run.size = frame_size(run.codec);
    const size_t count = (size_t)vv_codec_info(run.codec)->z_count;
    float *golden = golden_z(run.weights);
    run.z = malloc(RUN_FRAMES * count * sizeof *run.z);
    run.rgb = malloc(RUN_FRAMES * run.size);
    assert_true(run.z && run.rgb);
    for (int n = 0; n < RUN_FRAMES; n++) {
        for (size_t i = 0; i < count; i++)
            run.z[(size_t)n * count + i] = golden[(size_t)(n & 1) * count + i] * (1 + 0.1f * (float)n);
        run.characters[n] = n % 3 == 0;
    }
    free(golden);
    return run;
}

static void close_run(Run *run) {
    free(run->rgb);
    free(run->z);
    vv_codec_worker_close(&run->worker);
    vv_codec_worker_close(&run->worker);
    vv_codec_close(&run->codec);
    vv_weights_close(&run->weights);
}

/* Decodes `count` frames from the one numbered `first`. */
static void decode(Run *run, VvCodecWorker *worker, int first, int count, uint8_t *rgb) {
    const VvCodecFrames frames = {.count = count,
                                  .z = run->z + first * vv_codec_info(run->codec)->z_count,
                                  .characters = run->characters + first,
                                  .rgb = rgb};
    assert_int_equal(vv_codec_decode(worker, &frames), VV_KERNEL_OK);
}

/* z of all frames, on the table's device. */
static VvTensor latents_of(const Run *run) {
    const VvCodecInfo *info = vv_codec_info(run->codec);
    return vv_tensor_nhwc(run->z, VV_F32, VV_ON_CPU, RUN_FRAMES, info->grid, info->grid, info->latent);
}

/* The largest difference of two bytes. */
static int distance(const uint8_t *a, const uint8_t *b, size_t count) {
    int worst = 0;
    for (size_t i = 0; i < count; i++)
        if (abs(a[i] - b[i]) > worst)
            worst = abs(a[i] - b[i]);
    return worst;
}

static void refuses_wrong_calls(void **state) {
    (void)state;
    Run run = open_run(2);
    const uint8_t *portrait = golden(run.weights, "portraits").data;
    assert_int_equal(vv_codec_appearance(run.worker, -1, portrait), VV_KERNEL_SHAPE);
    assert_int_equal(vv_codec_appearance(run.worker, GOLDEN_FRAMES, portrait), VV_KERNEL_SHAPE);
    assert_int_equal(vv_codec_motion(run.worker, 0, portrait, run.z), VV_KERNEL_SHAPE);
    memset(run.rgb, 77, RUN_FRAMES * run.size);
    VvCodecFrames frames = {.count = 0, .z = run.z, .characters = run.characters, .rgb = run.rgb};
    assert_int_equal(vv_codec_decode(run.worker, &frames), VV_KERNEL_SHAPE);
    frames.count = RUN_FRAMES;
    for (int wrong = -1; wrong <= GOLDEN_FRAMES; wrong += GOLDEN_FRAMES + 1) {
        run.characters[RUN_FRAMES - 1] = wrong;
        assert_int_equal(vv_codec_decode(run.worker, &frames), VV_KERNEL_SHAPE);
    }
    run.characters[RUN_FRAMES - 1] = 0;
    frames.latents = latents_of(&run);
    frames.count = RUN_FRAMES - 1; /* there are more latents than frames */
    assert_int_equal(vv_codec_decode(run.worker, &frames), VV_KERNEL_SHAPE);
    for (size_t i = 0; i < RUN_FRAMES * run.size; i++)
        assert_int_equal(run.rgb[i], 77);
    close_run(&run);
}

/* Latents on the device are shown as those that come from the host. */
static void latents_may_be_there(void **state) {
    (void)state;
    Run run = open_run(4);
    uint8_t *rgb = calloc(RUN_FRAMES, run.size);
    assert_non_null(rgb);
    decode(&run, run.worker, 0, RUN_FRAMES, run.rgb);
    const VvCodecFrames frames = {
        .count = RUN_FRAMES, .latents = latents_of(&run), .characters = run.characters, .rgb = rgb};
    assert_int_equal(vv_codec_decode(run.worker, &frames), VV_KERNEL_OK);
    assert_memory_equal(rgb, run.rgb, RUN_FRAMES * run.size);
    free(rgb);
    close_run(&run);
}

/* What is no number gives some picture, not a fault, and leaves the frames beside it alone. */
static void survives_no_numbers(void **state) {
    (void)state;
    Run run = open_run(4);
    const int count = vv_codec_info(run.codec)->z_count;
    uint8_t *before = malloc(RUN_FRAMES * run.size);
    assert_non_null(before);
    decode(&run, run.worker, 0, 4, before);
    for (int i = 0; i < count; i++)
        run.z[2 * count + i] = i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : -INFINITY;
    decode(&run, run.worker, 0, 4, run.rgb);
    assert_memory_equal(run.rgb, before, 2 * run.size);
    assert_memory_equal(run.rgb + 3 * run.size, before + 3 * run.size, run.size);
    free(before);
    close_run(&run);
}

/* A frame is the same whatever is beside it in its batch; and within rounding in batches of other sizes. */
static void frames_do_not_depend_on_neighbours(void **state) {
    (void)state;
    Run run = open_run(8);
    uint8_t *alone = malloc(run.size), *shifted = malloc(RUN_FRAMES * run.size);
    assert_true(alone && shifted);
    decode(&run, run.worker, 0, RUN_FRAMES, run.rgb);
    for (int n = 0; n < RUN_FRAMES; n++) {
        decode(&run, run.worker, n, 1, alone);
        assert_in_range(distance(alone, run.rgb + (size_t)n * run.size, run.size), 0, 1);
    }
    for (int n = 1; n < RUN_FRAMES; n++) /* they do differ from each other */
        assert_true(distance(run.rgb, run.rgb + (size_t)n * run.size, run.size) > 8);
    decode(&run, run.worker, 1, 8, shifted); /* the same size of batch, other places, other neighbours */
    assert_memory_equal(shifted, run.rgb + run.size, 7 * run.size);
    decode(&run, run.worker, 0, RUN_FRAMES, shifted); /* and the same from run to run */
    assert_memory_equal(shifted, run.rgb, RUN_FRAMES * run.size);
    free(shifted);
    free(alone);
    close_run(&run);
}

static void motion_goes_in_batches_too(void **state) {
    (void)state;
    Run run = open_run(4);
    const size_t count = (size_t)vv_codec_info(run.codec)->z_count;
    float *all = malloc(RUN_FRAMES * count * sizeof *all), *one = malloc(count * sizeof *one);
    assert_true(all && one);
    decode(&run, run.worker, 0, RUN_FRAMES, run.rgb);
    assert_int_equal(vv_codec_motion(run.worker, RUN_FRAMES, run.rgb, all), VV_KERNEL_OK);
    for (size_t n = 0; n < RUN_FRAMES; n++) {
        assert_int_equal(vv_codec_motion(run.worker, 1, run.rgb + n * run.size, one), VV_KERNEL_OK);
        for (size_t i = 0; i < count; i++)
            assert_true(fabsf(one[i] - all[n * count + i]) < 1e-4f);
    }
    free(one);
    free(all);
    close_run(&run);
}

/* A character that is made again shows the new portrait, and no other character changes. */
static void characters_are_apart(void **state) {
    (void)state;
    Run run = open_run(4);
    uint8_t *before = malloc(4 * run.size);
    assert_non_null(before);
    decode(&run, run.worker, 0, 4, before); /* shown by 1, 0, 0, 1 */
    const uint8_t *portraits = golden(run.weights, "portraits").data;
    assert_int_equal(vv_codec_appearance(run.worker, 1, portraits), VV_KERNEL_OK);
    decode(&run, run.worker, 0, 4, run.rgb);
    assert_memory_equal(run.rgb + run.size, before + run.size, 2 * run.size);
    assert_true(distance(run.rgb, before, run.size) > 8);
    run.characters[0] = run.characters[3] = 0; /* who now has the same portrait */
    decode(&run, run.worker, 0, 4, before);
    assert_memory_equal(run.rgb, before, 4 * run.size);
    free(before);
    close_run(&run);
}

/* ---- several workers --------------------------------------------------------------------------------------------- */

#define TURNS 20

typedef struct Thread {
    Run *run;
    VvCodecWorker *worker;
    int first, count; /* its frames */
    uint8_t *rgb;
    bool good;
} Thread;

static void *work(void *ctx) {
    Thread *t = ctx;
    const VvCodecFrames frames = {.count = t->count,
                                  .z = t->run->z + t->first * vv_codec_info(t->run->codec)->z_count,
                                  .characters = t->run->characters + t->first,
                                  .rgb = t->rgb};
    t->good = true;
    for (int turn = 0; turn < TURNS; turn++)
        t->good = t->good && vv_codec_decode(t->worker, &frames) == VV_KERNEL_OK &&
                  memcmp(t->rgb, t->run->rgb + (size_t)t->first * t->run->size, (size_t)t->count * t->run->size) == 0;
    return NULL;
}

static void workers_run_at_once(void **state) {
    (void)state;
    Run run = open_run(5);
    Thread threads[2] = {{.run = &run, .first = 0, .count = 5}, {.run = &run, .first = 5, .count = 4}};
    pthread_t ids[2];
    for (int i = 0; i < 2; i++) {
        threads[i].worker = open_worker(run.codec);
        threads[i].rgb = malloc((size_t)threads[i].count * run.size);
        assert_non_null(threads[i].rgb);
        decode(&run, run.worker, threads[i].first, threads[i].count, run.rgb + (size_t)threads[i].first * run.size);
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&ids[i], NULL, work, &threads[i]), 0);
    for (int i = 0; i < 2; i++) {
        pthread_join(ids[i], NULL);
        assert_true(threads[i].good);
        vv_codec_worker_close(&threads[i].worker);
        free(threads[i].rgb);
    }
    close_run(&run);
}

static void nothing_is_allocated_once_open(void **state) {
    (void)state;
    Run run = open_run(8);
    const uint8_t *portraits = golden(run.weights, "portraits").data;
    VvCodecWorker *fresh = open_worker(run.codec);
    const size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    decode(&run, fresh, 0, RUN_FRAMES, run.rgb);
    decode(&run, fresh, 0, 7, run.rgb);
    const VvKernelStatus appearance = vv_codec_appearance(fresh, 0, portraits);
    const VvKernelStatus motion = vv_codec_motion(fresh, 7, run.rgb, run.z);
    const size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
    assert_int_equal(appearance, VV_KERNEL_OK);
    assert_int_equal(motion, VV_KERNEL_OK);
    assert_int_equal(after, before);
    vv_codec_worker_close(&fresh);
    close_run(&run);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_wrong_weights),
        cmocka_unit_test(refuses_wrong_setups),
        cmocka_unit_test(tells_its_sizes),
        cmocka_unit_test(refuses_wrong_calls),
        cmocka_unit_test(latents_may_be_there),
        cmocka_unit_test(survives_no_numbers),
        cmocka_unit_test(frames_do_not_depend_on_neighbours),
        cmocka_unit_test(motion_goes_in_batches_too),
        cmocka_unit_test(characters_are_apart),
        cmocka_unit_test(workers_run_at_once),
        cmocka_unit_test(nothing_is_allocated_once_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
