/* The codec against PyTorch, stage by stage, on every CPU backend. The golden file holds a small codec's weights,
 * inputs, and what each stage gives in f32: weights/train/export_codec.py --random 3 --tiny --golden
 * test/golden/codec.safetensors With VISAVIS_GOLDEN=FILE another one is read, such as one with the shipped weights
 * (`make golden-codec`). */
#include "test/unit/avatar/codec_rig.h"

#include "server/media/picture.h"

#include <stdio.h>

#define STAGES ((MAPS + 1) * GOLDEN_FRAMES + OTHERS)
#define MAPS 5    /* and z0, of each character */
#define OTHERS 10 /* z, five times h, three times flow, painted */

typedef struct Backend {
    const char *name;
    double stage; /* allowed of a stage's largest value: f32 sums differ in order, bf16 has 8 bits */
    double frame; /* allowed steps of 255 in a frame, rounding to bytes included */
} Backend;

static Backend backends[] = {
    {"ref", 1e-5, 1}, {"cpu-f32", 1e-5, 1}, {"cpu-avx2", 1e-5, 1}, {"cpu-plain", 1e-5, 1}, {"cpu-bf16", 0.03, 3}};

/* What a watched run is compared with. */
typedef struct Golden {
    const Backend *backend;
    const VvWeights *weights;
    int item; /* which character's appearance is being made; -1: none, frames are */
    int seen; /* stages */
} Golden;

static float element(VvTensor t, size_t row, size_t channel) {
    const size_t at = row * (size_t)t.pitch + channel;
    return t.type == VV_BF16 ? vv_f32_from_bf16(((const uint16_t *)t.data)[at]) : ((const float *)t.data)[at];
}

static void compare_stage(void *ctx, const char *stage, int level, VvTensor value) {
    Golden *g = ctx;
    char name[32];
    const bool appearance = g->item >= 0;
    snprintf(name, sizeof name, level >= 0 ? "%s.%d" : appearance ? "%s0" : "%s", stage, level);
    const VvWeightsTensor wanted = golden(g->weights, name);
    const size_t count = vv_tensor_count(value), channels = (size_t)value.shape[3];
    const size_t skipped = appearance ? (size_t)g->item * count : 0;
    assert_int_equal(wanted.rank, 4);
    for (int i = 1; i < 4; i++)
        assert_int_equal(wanted.shape[i], value.shape[i]);
    assert_true(skipped + count <= wanted.count);
    float *expected = malloc(wanted.count * sizeof *expected);
    assert_non_null(expected);
    assert_int_equal(vv_weights_to_f32(&wanted, expected, NULL), VV_WEIGHTS_OK);
    double largest = 0, worst = 0;
    bool good = true;
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs((double)expected[skipped + i]));
    /* Dumps in half floats have 11 bits. */
    const double allowed = largest * (g->backend->stage + (wanted.type == VV_WEIGHTS_F16 ? 1e-3 : 0));
    for (size_t i = 0; i < count; i++) {
        const double off = fabs((double)element(value, i / channels, i % channels) - (double)expected[skipped + i]);
        good = good && off <= allowed;
        worst = fmax(worst, off);
    }
    free(expected);
    if (getenv("VISAVIS_GOLDEN"))
        print_message("# %-9s %-8s off by %.2g of %.3g\n", g->backend->name, name, worst, largest);
    if (!good)
        fail_msg("%s: %s is off by %g, %g is allowed", g->backend->name, name, worst, allowed);
    g->seen++;
}

static void compare_frames(const Golden *g, const uint8_t *frames) {
    const VvWeightsTensor wanted = golden(g->weights, "decoded");
    float *expected = malloc(wanted.count * sizeof *expected);
    assert_non_null(expected);
    assert_int_equal(vv_weights_to_f32(&wanted, expected, NULL), VV_WEIGHTS_OK);
    double worst = 0, sum = 0;
    for (size_t i = 0; i < wanted.count; i++) {
        const double off = fabs((double)frames[i] - fmin(255, fmax(0, (double)expected[i])));
        worst = fmax(worst, off);
        sum += off;
        if (!(off <= g->backend->frame))
            fail_msg("%s: byte %zu of the frames is off by %g", g->backend->name, i, off);
    }
    print_message("# %-9s frames   off by %.2f at most, %.2f on average, of 255\n", g->backend->name, worst,
                  sum / (double)wanted.count);
    free(expected);
}

/* The planes are what the server's own conversion makes of the frame. */
static void compare_i420(const VvCodec *codec, const uint8_t *rgb, const uint8_t *i420) {
    const int side = vv_codec_info(codec)->picture;
    VvPicture picture;
    assert_int_equal(vv_picture_alloc(&picture, side, side), 0);
    vv_picture_from_rgb(&picture, rgb, 3 * side);
    for (int plane = 0; plane < 3; plane++) {
        const int width = plane ? side / 2 : side;
        for (int y = 0; y < width; y++)
            for (int x = 0; x < width; x++)
                assert_in_range(picture.plane[plane][y * picture.stride[plane] + x] + 1 - *i420++, 0, 2);
    }
    vv_picture_free(&picture);
}

static void matches_pytorch(void **state) {
    Golden g = {.backend = *state};
    const VvKernels *kernels = vv_kernels_named(g.backend->name);
    if (!kernels) {
        print_message("# %s: not on this machine, as it is set up\n", g.backend->name);
        skip();
    }
    const char *path = getenv("VISAVIS_GOLDEN");
    VvWeights *weights = open_golden(path ? path : GOLDEN);
    VvCodec *codec = open_codec(weights, kernels, GOLDEN_FRAMES);
    VvCodecWorker *worker = open_worker(codec);
    const size_t size = frame_size(codec);
    uint8_t *rgb = malloc(GOLDEN_FRAMES * size), *i420 = malloc(GOLDEN_FRAMES * size / 2);
    float *z = golden_z(weights);
    float *encoded = malloc(GOLDEN_FRAMES * (size_t)vv_codec_info(codec)->z_count * sizeof *encoded);
    assert_true(rgb && i420 && encoded);
    g.weights = weights;

    vv_codec_watch(worker, compare_stage, &g);
    const uint8_t *portraits = golden(weights, "portraits").data;
    for (g.item = 0; g.item < GOLDEN_FRAMES; g.item++)
        assert_int_equal(vv_codec_appearance(worker, g.item, portraits + (size_t)g.item * size), VV_KERNEL_OK);
    g.item = -1;
    assert_int_equal(vv_codec_motion(worker, GOLDEN_FRAMES, golden(weights, "frames").data, encoded), VV_KERNEL_OK);
    const VvCodecFrames frames = {
        .count = GOLDEN_FRAMES, .z = z, .characters = golden(weights, "which").data, .rgb = rgb, .i420 = i420};
    assert_int_equal(vv_codec_decode(worker, &frames), VV_KERNEL_OK);
    assert_int_equal(g.seen, STAGES);
    compare_frames(&g, rgb);
    for (int n = 0; n < GOLDEN_FRAMES; n++)
        compare_i420(codec, rgb + (size_t)n * size, i420 + (size_t)n * (size / 2));

    free(encoded);
    free(z);
    free(i420);
    free(rgb);
    vv_codec_worker_close(&worker);
    vv_codec_close(&codec);
    vv_weights_close(&weights);
}

int main(void) {
    struct CMUnitTest tests[sizeof backends / sizeof *backends];
    char names[sizeof backends / sizeof *backends][64];
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++) {
        snprintf(names[i], sizeof names[i], "the codec on %s gives what PyTorch gives", backends[i].name);
        tests[i] = (struct CMUnitTest){names[i], matches_pytorch, NULL, NULL, &backends[i]};
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
