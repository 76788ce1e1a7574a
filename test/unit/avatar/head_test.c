/* The head generator: what PyTorch gives for the same noise, the same sequence for the same seed, frames that can be
 * taken back, and weights that are refused. The golden file: weights/train/export_denoiser.py --head --random 3 --tiny
 * --golden test/golden/head.safetensors */
#include "server/avatar/head.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GOLDEN "test/golden/head.safetensors"
#define GOLDEN_FRAMES 40
#define GOLDEN_SEED UINT64_C(0x0123456789abcdef)

static VvWeights *open_weights(void) {
    VvWeights *weights = NULL;
    VvWeightsProblem problem;
    if (vv_weights_open(GOLDEN, &weights, &problem) != VV_WEIGHTS_OK)
        fail_msg("%s", problem.text);
    return weights;
}

static VvHead *open_head(const VvWeights *weights) {
    VvHead *head = NULL;
    VvModelProblem problem;
    if (vv_head_open(weights, &head, &problem))
        fail_msg("%s", problem.text);
    return head;
}

/* A golden stage of that many numbers; valid while the weights are open. */
static const float *golden(const VvWeights *weights, const char *stage, size_t count) {
    for (size_t i = 0; i < vv_weights_count(weights); i++) {
        const VvWeightsTensor *tensor = vv_weights_at(weights, i);
        if (strncmp(tensor->name, "golden.", 7) == 0 && strcmp(tensor->name + 7, stage) == 0) {
            assert_int_equal(tensor->type, VV_WEIGHTS_F32);
            assert_int_equal(tensor->count, count);
            return tensor->data;
        }
    }
    fail_msg("golden.%s is not there", stage);
    return NULL;
}

static void assert_close(const float *a, const float *b, int count, float allowed) {
    for (int i = 0; i < count; i++)
        if (!(fabsf(a[i] - b[i]) <= allowed))
            fail_msg("number %d is %g, not %g", i, (double)a[i], (double)b[i]);
}

static void matches_pytorch(void **state) {
    (void)state;
    VvWeights *weights = open_weights();
    VvHead *head = open_head(weights);
    const VvHeadInfo *info = vv_head_info(head);
    const int given_count = info->heard + info->emotion;
    const float *given = golden(weights, "given", (size_t)(GOLDEN_FRAMES * given_count));
    const float *told = golden(weights, "told", (size_t)(GOLDEN_FRAMES * info->told));
    const float *mask = golden(weights, "mask", (size_t)(GOLDEN_FRAMES * info->places));
    const float *memory = golden(weights, "memory", (size_t)info->width);
    VvHeadFrame frame;
    float covered[64];
    assert_in_range(info->places, 1, 64);
    vv_head_rest(head, &frame);
    for (int i = 0; i < GOLDEN_FRAMES; i++, given += given_count, told += info->told, mask += info->places) {
        vv_head_step(head, GOLDEN_SEED, (uint64_t)i, given, given + info->heard, &frame, &frame);
        assert_close(frame.told, told, info->told, 1e-4f);
        vv_head_mask(head, frame.told, covered);
        assert_close(covered, mask, info->places, 1e-5f);
    }
    assert_close(frame.memory, memory, info->width, 1e-4f);
    vv_head_close(&head);
    vv_head_close(&head);
    vv_weights_close(&weights);
}

#define FRAMES 300

/* A sequence of its own for every seed; with loud and strange company if `wild`. */
static void generate(const VvHead *head, uint64_t seed, bool wild, VvHeadFrame frames[FRAMES]) {
    float given[64] = {0};
    VvHeadFrame before;
    vv_head_rest(head, &before);
    for (int i = 0; i < FRAMES; i++) {
        for (int j = 0; wild && j < 64; j++)
            given[j] = (float)((i * 31 + j * 17) % 201 - 100);
        vv_head_step(head, seed, (uint64_t)i, given, given + vv_head_info(head)->heard, i ? &frames[i - 1] : &before,
                     &frames[i]);
    }
}

static void same_seed_same_sequence(void **state) {
    (void)state;
    VvWeights *weights = open_weights();
    VvHead *head = open_head(weights);
    VvHeadFrame *a = calloc(3 * FRAMES, sizeof *a), *b = a + FRAMES, *c = b + FRAMES;
    assert_non_null(a);
    generate(head, 7, false, a);
    generate(head, 7, false, b);
    generate(head, 7 + (UINT64_C(1) << 40), false, c);
    assert_memory_equal(a, b, FRAMES * sizeof *a);
    for (int i = 0; i < FRAMES; i++)
        assert_memory_not_equal(a[i].told, c[i].told, (size_t)vv_head_info(head)->told * sizeof(float));
    free(a);
    vv_head_close(&head);
    vv_weights_close(&weights);
}

/* Frames made again from the memory of an earlier one, with other company, then with the first: as if never made. */
static void frames_can_be_taken_back(void **state) {
    (void)state;
    VvWeights *weights = open_weights();
    VvHead *head = open_head(weights);
    VvHeadFrame *frames = calloc(FRAMES, sizeof *frames), other;
    float quiet[64] = {0}, loud[64];
    assert_non_null(frames);
    for (int i = 0; i < 64; i++)
        loud[i] = 2;
    generate(head, 7, false, frames);
    vv_head_step(head, 7, 100, loud, loud, &frames[99], &other);
    assert_memory_not_equal(&other, &frames[100], sizeof other);
    vv_head_step(head, 7, 100, quiet, quiet, &frames[99], &other);
    assert_memory_equal(&other, &frames[100], sizeof other);
    free(frames);
    vv_head_close(&head);
    vv_weights_close(&weights);
}

static void stays_in_bounds(void **state) {
    (void)state;
    VvWeights *weights = open_weights();
    VvHead *head = open_head(weights);
    const VvHeadInfo *info = vv_head_info(head);
    VvHeadFrame *frames = calloc(FRAMES, sizeof *frames);
    float mask[64];
    int moved = 0;
    assert_non_null(frames);
    generate(head, 9, true, frames);
    for (int i = 0; i < FRAMES; i++) {
        for (int j = 0; j < info->told; j++) {
            assert_true(frames[i].told[j] >= info->low[j] && frames[i].told[j] <= info->high[j]);
            moved += i > 0 && frames[i].told[j] != frames[i - 1].told[j];
        }
        for (int j = 0; j < info->width; j++)
            assert_true(frames[i].memory[j] >= -1 && frames[i].memory[j] <= 1);
        vv_head_mask(head, frames[i].told, mask);
        for (int j = 0; j < info->places; j++)
            assert_true(mask[j] >= 0 && mask[j] <= 1);
    }
    assert_true(moved > FRAMES);
    free(frames);
    vv_head_close(&head);
    vv_weights_close(&weights);
}

typedef struct Damage {
    const char *was, *is;
    VvWeightsError error;
    const char *names;
} Damage;

static const Damage damages[] = {
    {"\\\"width\\\": 20", "\\\"width\\\": 00", VV_WEIGHTS_OK, NULL},
    {"\\\"width\\\": 20", "\\\"width\\\": 21", VV_WEIGHTS_WRONG_SHAPE, "head.enter.weight"},
    {"\\\"told\\\": 9", "\\\"told\\\": 5", VV_WEIGHTS_WRONG_VALUE, "head.told"},
    {"\\\"mixture\\\": 3", "\\\"mixtuna\\\": 3", VV_WEIGHTS_MISSING_KEY, "head.mixture"},
    {"\\\"grid\\\": 4", "\\\"grid\\\": 3", VV_WEIGHTS_WRONG_SHAPE, "head.mask_out.weight"},
    {"\"head.memory.bias_hh_l0\"", "\"head.memory.bias_xx_l0\"", VV_WEIGHTS_MISSING_TENSOR, "head.memory.bias_hh_l0"},
    {"\"head.low\"", "\"head.law\"", VV_WEIGHTS_MISSING_TENSOR, "head.low"},
};

static void refuses_wrong_weights(void **state) {
    (void)state;
    FILE *file = fopen(GOLDEN, "rb");
    assert_non_null(file);
    static _Alignas(8) char bytes[1 << 16];
    const size_t size = fread(bytes, 1, sizeof bytes, file);
    assert_true(size > 0 && size < sizeof bytes);
    fclose(file);
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        const Damage *d = &damages[i];
        char *at = memmem(bytes, size, d->was, strlen(d->was));
        if (!at)
            fail_msg("%s is not in the file", d->was);
        assert_int_equal(strlen(d->is), strlen(d->was));
        memcpy(at, d->is, strlen(d->is));
        VvWeights *weights = NULL;
        VvHead *head = (VvHead *)bytes;
        VvModelProblem problem;
        if (d->error == VV_WEIGHTS_OK) { /* the loader knows better */
            assert_int_not_equal(vv_weights_open_bytes(bytes, size, &weights, NULL), VV_WEIGHTS_OK);
        } else {
            assert_int_equal(vv_weights_open_bytes(bytes, size, &weights, NULL), VV_WEIGHTS_OK);
            assert_int_equal(vv_head_open(weights, &head, &problem), -EINVAL);
            assert_null(head);
            if (problem.weights != d->error || !strstr(problem.text, d->names))
                fail_msg("%s became %s: %s (%s)", d->was, d->is, vv_weights_error_name(problem.weights), problem.text);
            assert_int_equal(vv_head_open(weights, &head, NULL), -EINVAL);
        }
        vv_weights_close(&weights);
        memcpy(at, d->was, strlen(d->was));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_pytorch),          cmocka_unit_test(same_seed_same_sequence),
        cmocka_unit_test(frames_can_be_taken_back), cmocka_unit_test(stays_in_bounds),
        cmocka_unit_test(refuses_wrong_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
