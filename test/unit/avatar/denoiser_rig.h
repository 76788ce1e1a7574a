/* The denoiser of the golden file, opened for tests, with the window that PyTorch was given. */
#ifndef VV_TEST_DENOISER_RIG_H
#define VV_TEST_DENOISER_RIG_H

#include "server/avatar/denoiser.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GOLDEN "test/golden/denoiser.safetensors"
#define GOLDEN_ITEMS 2
#define GOLDEN_STEPS 2
#define GOLDEN_SEED UINT64_C(0x0123456789abcdef) /* of item 0; item 1 has the next, and the next window */
#define GOLDEN_WINDOW UINT64_C(0x100000007)

static inline VvWeights *open_weights(const char *path) {
    VvWeights *weights = NULL;
    VvWeightsProblem problem;
    if (vv_weights_open(path, &weights, &problem) != VV_WEIGHTS_OK)
        fail_msg("%s", problem.text);
    return weights;
}

/* The golden tensor of a stage as floats, to be freed; how many in `count`. */
static inline float *golden(const VvWeights *weights, const char *stage, size_t *count) {
    for (size_t i = 0; i < vv_weights_count(weights); i++) {
        const VvWeightsTensor *tensor = vv_weights_at(weights, i);
        if (strncmp(tensor->name, "golden.", 7) != 0 || strcmp(tensor->name + 7, stage) != 0)
            continue;
        float *values = malloc(tensor->count * sizeof *values);
        assert_non_null(values);
        assert_int_equal(vv_weights_to_f32(tensor, values, NULL), VV_WEIGHTS_OK);
        if (count)
            *count = tensor->count;
        return values;
    }
    fail_msg("golden.%s is not there", stage);
    return NULL;
}

/* The golden window, and room for its result. */
typedef struct Window {
    VvDenoiserWindow given;
    uint64_t seeds[GOLDEN_ITEMS], windows[GOLDEN_ITEMS];
    float *input[7], *fresh;
    size_t fresh_count; /* of one item */
} Window;

static inline Window *open_window(const VvWeights *weights) {
    static const char *stages[] = {"overlap", "reference", "speech", "coarse", "emotion", "told", "mask"};
    Window *w = calloc(1, sizeof *w);
    assert_non_null(w);
    for (int i = 0; i < 7; i++)
        w->input[i] = golden(weights, stages[i], NULL);
    for (int i = 0; i < GOLDEN_ITEMS; i++) {
        w->seeds[i] = GOLDEN_SEED + (uint64_t)i;
        w->windows[i] = GOLDEN_WINDOW + (uint64_t)i;
    }
    float *expected = golden(weights, "fresh", &w->fresh_count);
    w->fresh_count /= GOLDEN_ITEMS;
    free(expected);
    w->fresh = calloc(GOLDEN_ITEMS * w->fresh_count, sizeof *w->fresh);
    assert_non_null(w->fresh);
    w->given = (VvDenoiserWindow){.overlap = w->input[0],
                                  .reference = w->input[1],
                                  .speech = w->input[2],
                                  .coarse = w->input[3],
                                  .emotion = w->input[4],
                                  .told = w->input[5],
                                  .mask = w->input[6],
                                  .seeds = w->seeds,
                                  .windows = w->windows,
                                  .fresh = w->fresh};
    return w;
}

/* The window of one item alone, its result where it belongs among all. */
static inline VvDenoiserWindow item_of(const Window *w, const VvDenoiserInfo *info, int item) {
    const ptrdiff_t n = item, frame = (ptrdiff_t)info->places * info->latent;
    VvDenoiserWindow one = w->given;
    one.overlap += n * info->overlap * frame;
    one.reference += n * frame;
    one.speech += n * info->speech_tokens * info->speech;
    one.coarse += n * info->fresh * info->around * info->coarse;
    one.emotion += n * info->emotion;
    one.told += n * info->fresh * 2 * info->told;
    one.mask += n * info->fresh * info->places;
    one.seeds += n;
    one.windows += n;
    one.fresh += n * info->fresh * frame;
    return one;
}

static inline void close_window(Window **window) {
    for (int i = 0; i < 7; i++)
        free((*window)->input[i]);
    free((*window)->fresh);
    free(*window);
    *window = NULL;
}

static inline VvDenoiser *open_denoiser(const VvWeights *weights, const VvKernels *kernels) {
    VvDenoiser *denoiser = NULL;
    VvModelProblem problem;
    if (vv_denoiser_open(weights, kernels, GOLDEN_STEPS, &denoiser, &problem))
        fail_msg("%s", problem.text);
    return denoiser;
}

static inline VvDenoiserTeam *open_team(VvDenoiser *denoiser, int members, int batch) {
    VvDenoiserTeam *team = NULL;
    assert_int_equal(vv_denoiser_team_open(denoiser, members, batch, &team), VV_KERNEL_OK);
    return team;
}

#endif
